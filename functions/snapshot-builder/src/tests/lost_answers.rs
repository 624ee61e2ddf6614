//! An operation that fails, whatever became of it, loses and acknowledges nothing.

use std::sync::Arc;

use domain::{Delivery, Disposition, Failure, Outcome};
use emulator::Memory;
use emulator::intercepted::{Intercepted, Operation};
use store::{Counted, Error, ErrorKind};

use super::{
    bucket, builder, covers, deliver, fold, folded, full, merge, snapshot_of, tombstone, upload,
};
use emulator::faulty::{Fault, Faulty, KINDS, When};

/// What lies in the bucket, is folded, and arrives.
struct Case {
    name: &'static str,
    folded: Vec<String>,
    undelivered: Vec<String>,
    arrives: String,
}

fn cases() -> Vec<Case> {
    let case = |name, folded: &[String], undelivered: &[String], arrives| Case {
        name,
        folded: folded.to_vec(),
        undelivered: undelivered.to_vec(),
        arrives,
    };
    let merged = merge(3, r#","status":"b""#);
    vec![
        case("create", &[], &[], full(1, "")),
        case("create, a newer one is there", &[], &[full(9, "")], full(1, "")),
        case("replace", &[full(1, "")], &[], full(2, "")),
        case("covered", &[full(3, "")], &[], full(2, "")),
        case("merge", &[full(1, "")], &[], merged.clone()),
        case("late", &[full(1, ""), merged.clone()], &[], merge(2, r#","status":"a""#)),
        case("tombstone", &[full(1, "")], &[merge(2, "")], tombstone(4)),
    ]
}

/// The bucket of `case` and all its deliveries, that of what arrives last.
async fn lay_out(case: &Case) -> (Arc<Memory>, Vec<Delivery>) {
    let bucket = bucket();
    let mut deliveries = Vec::new();
    for (n, text) in case.folded.iter().enumerate() {
        let delivery = upload(&bucket, &format!("2025/11/06/f_{n}.json"), text.clone());
        deliver(&builder(bucket.clone()), &delivery).await.unwrap();
        deliveries.push(delivery);
    }
    for (n, text) in case.undelivered.iter().enumerate() {
        let relative = format!("2025/11/06/u_{n}.json");
        deliveries.push(upload(&bucket, &relative, text.clone()));
    }
    deliveries.push(upload(&bucket, "2025/11/06/a_1.json", case.arrives.clone()));
    (bucket, deliveries)
}

/// Nothing but a snapshot that covers the record is an acknowledgement.
fn check_outcome(bucket: &Memory, delivery: &Delivery, outcome: &Outcome, what: &str) {
    match outcome {
        Ok(Disposition::Done | Disposition::Skipped("snapshot covers the record")) => {
            assert!(covers(bucket, delivery), "{what}: acknowledged, not covered");
        }
        Ok(other) => panic!("{what}: {other:?}"),
        Err(Failure::Retry(_) | Failure::Throttled(_)) => (),
    }
}

/// Delivers everything and checks that it ends in the fold.
async fn check_recovery(bucket: &Arc<Memory>, deliveries: &[Delivery], what: &str) {
    for delivery in deliveries {
        let outcome = deliver(&builder(bucket.clone()), delivery).await;
        assert!(outcome.is_ok(), "{what}: {outcome:?}");
    }
    assert_eq!(folded(bucket), Some(fold(bucket, deliveries)), "{what}");
}

/// The most operations that one of the cases makes.
const OPERATIONS: usize = 8;

#[tokio::test(flavor = "current_thread")]
async fn any_operation_may_fail_before_or_after_it_happens() {
    for case in cases() {
        let (mut happened, mut acknowledged) = (0, 0);
        for fault in Fault::all(OPERATIONS) {
            let (bucket, deliveries) = lay_out(&case).await;
            let delivery = deliveries.last().unwrap();
            let store = Faulty::new(bucket.clone(), fault);
            let outcome = deliver(&builder(store.clone()), delivery).await;
            let what = format!("{}: {fault:?}", case.name);
            check_outcome(&bucket, delivery, &outcome, &what);
            happened += usize::from(store.happened());
            acknowledged += usize::from(store.happened() && outcome.is_ok());
            check_recovery(&bucket, &deliveries, &what).await;
        }
        println!("{}: {happened} faults, {acknowledged} made good in place", case.name);
        assert!(happened < Fault::all(OPERATIONS).count(), "{}: more operations", case.name);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_crash_after_any_operation_is_made_good_by_the_next_delivery() {
    for case in cases() {
        for crash in 0..OPERATIONS {
            let (bucket, deliveries) = lay_out(&case).await;
            // Everything fails from there on: for the bucket that is a crash.
            let fault = Fault {
                at: crash,
                times: usize::MAX - crash,
                kind: ErrorKind::Unavailable,
                when: When::Before,
            };
            let store = Faulty::new(bucket.clone(), fault);
            let outcome = deliver(&builder(store), deliveries.last().unwrap()).await;
            let what = format!("{}: crash before operation {crash}", case.name);
            check_outcome(&bucket, deliveries.last().unwrap(), &outcome, &what);
            check_recovery(&bucket, &deliveries, &what).await;
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn only_a_404_means_missing() {
    for case in cases() {
        for kind in KINDS {
            for when in [When::Before, When::After] {
                // The record is read first, then the snapshot: whichever fails, nothing is known.
                for at in [0, 1] {
                    let (bucket, deliveries) = lay_out(&case).await;
                    let before = snapshot_of(&bucket);
                    let fault = Fault { at, times: usize::MAX - at, kind, when };
                    let store = Arc::new(Counted::new(Faulty::new(bucket.clone(), fault)));
                    let builder = builder(store.clone());
                    let outcome = deliver(&builder, deliveries.last().unwrap()).await;
                    let what = format!("{}: {fault:?}", case.name);
                    assert!(outcome.is_err(), "{what}: {outcome:?}");
                    assert_eq!(store.operations().class_a, 0, "{what}");
                    assert_eq!(snapshot_of(&bucket), before, "{what}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_store_that_asks_to_slow_down_makes_the_delivery_throttled() {
    let bucket = bucket();
    let delivery = upload(&bucket, "2025/11/06/x_1.json", full(1, ""));
    let fault = Fault { at: 0, times: 1, kind: ErrorKind::Throttled, when: When::Before };
    let outcome = deliver(&builder(Faulty::new(bucket, fault)), &delivery).await;
    assert!(matches!(outcome, Err(Failure::Throttled(_))), "{outcome:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_snapshot_that_others_keep_writing_is_given_up_after_a_number_of_attempts() {
    let bucket = bucket();
    let delivery = upload(&bucket, "2025/11/06/x_1.json", full(1, ""));
    for kind in [ErrorKind::Conflict, ErrorKind::Throttled] {
        // Reads and lists work, writes do not.
        let refusing = Intercepted::new(bucket.clone(), move |operation| match operation {
            Operation::Get(_) | Operation::List(_) | Operation::Versions(_) => Ok(()),
            Operation::Put(_) | Operation::Delete(_) | Operation::Erase(_) => {
                Err(Error::new(kind, "no write succeeds"))
            }
        });
        let store = Arc::new(Counted::new(refusing));
        let outcome = deliver(&builder(store.clone()), &delivery).await;
        assert!(matches!(outcome, Err(Failure::Retry(_))), "{outcome:?}");
        let log = store.take_log();
        let writes = log.iter().filter(|call| call.starts_with("put ")).count();
        assert_eq!(writes, domain::limits::ATTEMPTS_MAX);
    }
}
