//! Every interleaving of records, attempts, one overlapping attempt and one crash.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use domain::{BoxFuture, Class, Delivery, Handler, Outcome, Planted};
use emulator::Memory;
use emulator::schedule::{Race, interruptions_max};

use super::{bucket, builder, covers, fold, folded, full, merge, tombstone, upload};
use crate::{Shortcut, SnapshotBuilder};

/// Notes every record that is acknowledged before a snapshot covers it.
struct Watched {
    builder: SnapshotBuilder,
    bucket: Arc<Memory>,
    too_early: Arc<Mutex<Vec<String>>>,
}

impl Handler for Watched {
    fn fed_with(&self) -> &'static [Class] {
        self.builder.fed_with()
    }

    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            let outcomes = self.builder.handle(batch).await;
            for (delivery, outcome) in batch.iter().zip(&outcomes) {
                if outcome.is_ok() && !covers(&self.bucket, delivery) {
                    self.too_early.lock().unwrap().push(format!("{}: {outcome:?}", delivery.name));
                }
            }
            outcomes
        })
    }
}

/// Goes through everything that can happen while these records are written, each delivered in
/// so many attempts; the first thing that is wrong.
fn explore(
    records: &[String],
    attempts: &[usize],
    planted: Planted<Shortcut>,
) -> Result<(), String> {
    let current = RefCell::new(bucket());
    let too_early = Arc::new(Mutex::default());
    let race = Race {
        bucket: &|| {
            current.replace(bucket());
            current.borrow().clone()
        },
        writes: records.len(),
        write: &|bucket, n| upload(bucket, &format!("2025/11/06/x_{n}.json"), records[n].clone()),
        attempts,
        handler: &|store| {
            let builder = SnapshotBuilder { planted, ..builder(store) };
            let bucket = current.borrow().clone();
            Arc::new(Watched { builder, bucket, too_early: Arc::clone(&too_early) })
        },
        constant: &[],
        interruptions_max: interruptions_max(1),
        verdict: &|bucket, messages| {
            let (found, expected) = (folded(bucket), fold(bucket, messages));
            if found.as_ref() == Some(&expected) {
                return Ok(());
            }
            Err(format!("the snapshot is {found:?}, the fold {expected:?}"))
        },
    };
    let (explored, wrong) = race.explore();
    println!("{attempts:?}: {explored:?}");
    match (too_early.lock().unwrap().first(), wrong) {
        (Some(early), _) => Err(format!("acknowledged before it is covered: {early}")),
        (None, Some(wrong)) => Err(wrong),
        (None, None) => Ok(()),
    }
}

/// Two records, the older of which may be written last.
fn check_both_orders(older: String, newer: String) {
    for attempts in [[2, 1], [1, 2]] {
        for records in [[older.clone(), newer.clone()], [newer.clone(), older.clone()]] {
            assert_eq!(explore(&records, &attempts, Planted::NONE), Ok(()), "{records:?}");
        }
    }
}

#[test]
fn a_base_and_a_merge() {
    check_both_orders(full(1, r#","status":"a""#), merge(2, r#","title":"b""#));
}

#[test]
fn two_merges() {
    check_both_orders(merge(1, r#","status":"a""#), merge(2, r#","status":"b""#));
}

#[test]
fn two_full_records() {
    check_both_orders(full(1, r#","status":"a""#), full(2, r#","status":"b""#));
}

#[test]
fn two_records_of_one_instant() {
    check_both_orders(full(1, r#","status":"a""#), merge(1, r#","status":"b""#));
}

#[test]
fn a_full_record_and_its_tombstone() {
    check_both_orders(full(1, r#","status":"a""#), tombstone(2));
}

#[test]
fn a_base_and_two_merges_one_of_them_late() {
    let [base, first, second] =
        [full(1, ""), merge(2, r#","status":"a""#), merge(3, r#","status":"b""#)];
    for records in [[&base, &second, &first], [&second, &base, &first]] {
        let records = records.map(Clone::clone);
        assert_eq!(explore(&records, &[1, 1, 1], Planted::NONE), Ok(()), "{records:?}");
    }
}

fn check_shortcut(shortcut: Shortcut, records: &[String]) {
    let attempts = vec![1; records.len()];
    assert_eq!(explore(records, &attempts, Planted::NONE), Ok(()));
    let found = explore(records, &attempts, Planted::bug(shortcut));
    assert!(found.is_err(), "{shortcut:?} is not seen");
}

#[test]
fn a_late_record_that_is_taken_for_covered_is_seen() {
    let late = merge(2, r#","status":"a""#);
    check_shortcut(
        Shortcut::LateTakenForCovered,
        &[full(1, ""), merge(3, r#","status":"b""#), late],
    );
}

#[test]
fn a_conflict_that_is_taken_for_done_is_seen() {
    check_shortcut(Shortcut::ConflictTakenForDone, &[full(1, ""), full(2, "")]);
}

#[test]
fn a_merge_that_is_skipped_because_its_base_is_missing_is_seen() {
    let records = [merge(2, r#","status":"a""#), full(1, "")];
    check_shortcut(Shortcut::MergeWithoutBaseSkipped, &records);
}
