//! An operation that fails, whatever became of it, loses and acknowledges nothing.

use std::sync::Arc;

use domain::{Delivery, Disposition, Planted};
use emulator::Memory;
use store::{Counted, ErrorKind};

use super::{agrees, bucket, deliver, manifest_name, write_snapshot, writer};
use emulator::faulty::{Fault, Faulty, KINDS, When};

/// Snapshots written one after the other; all events but the last are handled.
const CASES: [&[Option<u32>]; 6] = [
    &[Some(1)],
    &[None],
    &[Some(1), Some(2)],
    &[Some(1), None],
    &[Some(1), None, Some(3)],
    &[None, None],
];

/// The most operations that one of the cases makes.
const OPERATIONS: usize = 8;

async fn lay_out(case: &[Option<u32>]) -> (Arc<Memory>, Delivery) {
    let bucket = bucket();
    let mut last = None;
    for (n, second) in case.iter().zip(1..) {
        if let Some(event) = last {
            deliver(&writer(bucket.clone(), Planted::NONE), &event).await.unwrap();
        }
        last = Some(write_snapshot(&bucket, second, *n));
    }
    (bucket, last.unwrap())
}

#[tokio::test(flavor = "current_thread")]
async fn any_operation_may_fail_before_or_after_it_happens() {
    for case in CASES {
        let wanted = *case.last().unwrap();
        let mut happened = 0;
        for fault in Fault::all(OPERATIONS) {
            let conflict = fault.kind == ErrorKind::Conflict && matches!(fault.when, When::Before);
            if conflict && case.len() == 1 {
                // Nobody else writes the journal here, so there is nothing it could conflict with.
                continue;
            }
            let (bucket, event) = lay_out(case).await;
            let store = Faulty::new(bucket.clone(), fault);
            let outcome = deliver(&writer(store.clone(), Planted::NONE), &event).await;
            let what = format!("{case:?}: {fault:?}");
            if outcome.is_ok() {
                assert_eq!(agrees(&bucket, wanted), Ok(()), "{what}: acknowledged {outcome:?}");
            }
            happened += usize::from(store.happened());
            let again = deliver(&writer(bucket.clone(), Planted::NONE), &event).await;
            assert!(again.is_ok(), "{what}: {again:?}");
            assert_eq!(agrees(&bucket, wanted), Ok(()), "{what}");
            let once_more = deliver(&writer(bucket.clone(), Planted::NONE), &event).await;
            let skipped = Ok(Disposition::Skipped("manifest came from this snapshot"));
            assert_eq!(once_more, skipped, "{what}");
        }
        println!("{case:?}: {happened} faults");
        assert!(happened < Fault::all(OPERATIONS).count(), "{case:?}: more operations");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn only_a_404_means_missing() {
    for case in CASES {
        for kind in KINDS {
            // The manifest is read first, then the snapshot.
            for at in [0, 1] {
                let (bucket, event) = lay_out(case).await;
                let before = bucket.versions_of(&manifest_name());
                let fault = Fault { at, times: usize::MAX - at, kind, when: When::After };
                let store = Arc::new(Counted::new(Faulty::new(bucket.clone(), fault)));
                let outcome = deliver(&writer(store.clone(), Planted::NONE), &event).await;
                assert!(outcome.is_err(), "{case:?}: {fault:?}: {outcome:?}");
                assert_eq!(store.operations().class_a, 0, "{case:?}: {fault:?}");
                assert_eq!(bucket.versions_of(&manifest_name()), before);
            }
        }
    }
}
