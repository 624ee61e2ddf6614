//! Every interleaving of records, attempts, one overlapping attempt and one crash.

use std::sync::Arc;

use domain::Planted;
use emulator::schedule::{Event, Explored, Race, Rest, is_long};

use super::{bucket, builder_of, covers, fold, folded, full, merge, tombstone, upload};
use crate::{Shortcut, SnapshotBuilder};

const STATUS_A: &str = r#","status":"a""#;
const STATUS_B: &str = r#","status":"b""#;

/// Goes through everything that can happen while these records are written, each delivered in
/// so many attempts; the first thing that is wrong.
fn explore(
    records: &[String],
    attempts: &[usize],
    planted: Planted<Shortcut>,
) -> (Explored, Option<String>) {
    let race = Race {
        bucket: &bucket,
        writes: records.len(),
        write: &|bucket, n| upload(bucket, &format!("2025/11/06/x_{n}.json"), records[n].clone()),
        attempts,
        handler: &|process| Arc::new(SnapshotBuilder { planted, ..builder_of(process.tools()) }),
        constant: &[],
        // It lists the history after some conflicts.
        forgets: false,
        past: &[],
        watch: Some(&|bucket, event| match event {
            Event::Ended(delivery, outcome) if outcome.is_ok() && !covers(bucket, delivery) => {
                Err(format!("{outcome:?}, and {} is not covered", delivery.name))
            }
            _ => Ok(()),
        }),
        verdict: &|rest: &Rest<'_>| {
            let found = folded(rest.bucket);
            let expected = fold(rest.bucket, rest.messages);
            match found.as_ref() == Some(&expected) {
                true => Ok(()),
                false => Err(format!("the snapshot is {found:?}, the fold {expected:?}")),
            }
        },
    };
    race.explore()
}

fn check(what: &str, records: &[String], attempts: &[usize]) {
    let (explored, wrong) = explore(records, attempts, Planted::NONE);
    println!("{}", explored.line("snapshot-builder", &format!("{what}, {attempts:?}")));
    assert_eq!(wrong, None);
}

/// Two records, the older of which may be written last.
fn check_both_orders(what: &str, older: String, newer: String) {
    for attempts in [[2, 1], [1, 2]] {
        check(what, &[older.clone(), newer.clone()], &attempts);
        check(&format!("{what}, the newer first"), &[newer.clone(), older.clone()], &attempts);
    }
}

#[test]
fn a_base_and_a_merge() {
    check_both_orders("base and merge", full(1, STATUS_A), merge(2, r#","title":"b""#));
}

#[test]
fn two_merges() {
    check_both_orders("two merges", merge(1, STATUS_A), merge(2, STATUS_B));
}

#[test]
fn two_full_records() {
    check_both_orders("two full records", full(1, STATUS_A), full(2, STATUS_B));
}

#[test]
fn two_records_of_one_instant() {
    check_both_orders("base and merge of one instant", full(1, STATUS_A), merge(1, STATUS_B));
}

#[test]
fn a_full_record_and_its_tombstone() {
    check_both_orders("full record and tombstone", full(1, STATUS_A), tombstone(2));
}

/// Three records in any order.
fn check_all_orders(what: &str, records: [String; 3]) {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (what, records) = (format!("{what} {order:?}"), order.map(|n| records[n].clone()));
        check(&what, &records, &[1, 1, 1]);
        if is_long() {
            [[2, 1, 1], [1, 2, 1], [1, 1, 2]].iter().for_each(|it| check(&what, &records, it));
        }
    }
}

#[test]
fn a_base_and_two_merges_one_of_them_late() {
    let records = [full(1, ""), merge(2, STATUS_A), merge(3, STATUS_B)];
    check_all_orders("base and two merges", records);
}

#[test]
fn a_tombstone_between_a_full_record_and_a_merge() {
    let records = [full(1, STATUS_A), tombstone(2), merge(3, STATUS_B)];
    check_all_orders("full record, tombstone and merge", records);
}

fn check_shortcut(shortcut: Shortcut, records: &[String]) {
    let attempts = vec![1; records.len()];
    assert_eq!(explore(records, &attempts, Planted::NONE).1, None);
    let (_, found) = explore(records, &attempts, Planted::bug(shortcut));
    assert!(found.is_some(), "{shortcut:?} is not seen");
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
