//! Every interleaving of snapshots, attempts and one crash, and the shortcuts that it finds.

use std::sync::Arc;

use domain::{Delivery, Handler, Overwrote, Planted, Version};
use emulator::schedule::{Attempt, Explored, Race, Rest, is_long};

use projection::snapshot;

use super::{bucket, indices, write_snapshot, write_snapshot_with, writer, writer_with};
use crate::Shortcut;

const A: &str = r#"{"status":"A"}"#;
const B: &str = r#"{"status":"B"}"#;
const B_NOTED: &str = r#"{"status":"B","note":"shown"}"#;
const B_LONGER: &str = r#"{"status":"B","description":"not shown"}"#;
const GONE: &str = "";

/// Writes these snapshots, each an id and a document; at rest the indices must say `expected`.
fn explore(
    snapshots: &[(&str, &str)],
    attempts: &[usize],
    expected: &[(&str, &str)],
    planted: Planted<Shortcut>,
) -> (Explored, Option<String>) {
    explore_told(|told| told, snapshots, attempts, expected, planted)
}

/// The same, where the pushes say of what was overwritten what `told` makes of it.
fn explore_told(
    told: impl Fn(Overwrote) -> Overwrote,
    snapshots: &[(&str, &str)],
    attempts: &[usize],
    expected: &[(&str, &str)],
    planted: Planted<Shortcut>,
) -> (Explored, Option<String>) {
    let race = Race {
        bucket: &bucket,
        writes: snapshots.len(),
        write: &|bucket, n| {
            let delivery = write_snapshot(bucket, snapshots[n].0, n + 1, snapshots[n].1);
            Delivery { overwrote: told(delivery.overwrote), ..delivery }
        },
        attempts,
        handler: &|process| Arc::new(writer_with(process.tools(), planted)),
        constant: &[],
        // What a push does not say is asked once for all attempts.
        forgets: told(Overwrote::Nothing) != Overwrote::Unknown,
        past: &[],
        watch: None,
        verdict: &|rest: &Rest<'_>| {
            let expected = expected.iter().map(|(name, says)| (name.to_string(), says.to_string()));
            let (found, expected) = (indices(rest.bucket), expected.collect());
            if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
        },
    };
    race.explore()
}

fn check(snapshots: &[(&str, &str)], attempts: &[usize], expected: &[(&str, &str)]) {
    let (explored, wrong) = explore(snapshots, attempts, expected, Planted::NONE);
    let words = snapshots.iter().map(|(id, document)| match *document {
        GONE => format!("{id} gone"),
        document => format!("{id} {}", document.replace(['{', '}', '"'], "")),
    });
    let case = format!("{}, {attempts:?}", words.collect::<Vec<_>>().join("; "));
    println!("{}", explored.line("index-writer", &case));
    assert_eq!(wrong, None);
}

/// Two snapshots, and an attempt of either's event that overlaps another.
fn check_pair(snapshots: &[(&str, &str); 2], expected: &[(&str, &str)]) {
    [[2, 1], [1, 2]].iter().for_each(|attempts| check(snapshots, attempts, expected));
}

/// Three snapshots, and in the long check an attempt that overlaps another.
fn check_triple(snapshots: &[(&str, &str); 3], expected: &[(&str, &str)]) {
    check(snapshots, &[1, 1, 1], expected);
    if is_long() {
        let overlapping = [[2, 1, 1], [1, 2, 1], [1, 1, 2]];
        overlapping.iter().for_each(|attempts| check(snapshots, attempts, expected));
    }
}

fn check_shortcut(
    shortcut: Shortcut,
    snapshots: &[(&str, &str)],
    attempts: &[usize],
    expected: &[(&str, &str)],
) {
    let (_, wrong) = explore(snapshots, attempts, expected, Planted::bug(shortcut));
    assert!(wrong.is_some(), "{shortcut:?} is not seen");
}

/// V1 through these documents.
fn v1<const N: usize>(documents: [&'static str; N]) -> [(&'static str, &'static str); N] {
    documents.map(|document| ("V1", document))
}

const AT_A: &[(&str, &str)] = &[("by-status/a/V1.json", "")];
const AT_B: &[(&str, &str)] = &[("by-status/b/V1.json", "")];
const AT_B_NOTED: &[(&str, &str)] = &[("by-status/b/V1.json", "shown")];

#[test]
fn a_change_with_an_overlapping_attempt() {
    check_pair(&v1([A, B]), AT_B);
    check_pair(&v1([A, GONE]), &[]);
    check_pair(&v1([GONE, B]), AT_B);
    check_pair(&v1([B, B_NOTED]), AT_B_NOTED);
    check_pair(&v1([B, B_LONGER]), AT_B);
}

#[test]
fn a_burst_a_b_b_with_another_note() {
    check_triple(&v1([A, B, B_NOTED]), AT_B_NOTED);
    check_triple(&v1([A, B, B_LONGER]), AT_B);
}

#[test]
fn a_flip_a_b_a() {
    check_triple(&v1([A, B, A]), AT_A);
}

#[test]
fn a_deletion_and_a_recreation() {
    check_triple(&v1([A, GONE, A]), AT_A);
    check_triple(&v1([A, GONE, B]), AT_B);
}

#[test]
fn an_unchanged_pointer_that_is_skipped_against_the_overwritten_version_is_seen() {
    check_shortcut(Shortcut::UnchangedSkipped, &v1([A, B, B_LONGER]), &[1, 1, 1], AT_B);
}

#[test]
fn a_delete_under_a_precondition_is_seen() {
    check_shortcut(Shortcut::Deleted, &v1([A, B, A]), &[1, 1, 1], AT_A);
}

#[test]
fn no_tombstone_where_a_pointer_is_missing_is_seen() {
    check_shortcut(Shortcut::NoTombstoneWhereMissing, &v1([A, B]), &[2, 1], AT_B);
}

#[test]
fn a_final_verify_instead_of_reading_the_pointer_first_is_seen() {
    check_shortcut(Shortcut::FinalVerify, &v1([A, B]), &[2, 1], AT_B);
}

#[test]
fn an_overwritten_version_that_is_not_used_is_seen() {
    check_shortcut(Shortcut::OverwrittenIgnored, &v1([A, B]), &[1, 1], AT_B);
}

#[test]
fn a_delete_and_a_pointer_that_is_left_alone_because_it_says_the_same_are_seen() {
    check_shortcut(Shortcut::DeletedAndReaddSkipped, &v1([A, B, A]), &[1, 1, 1], AT_A);
}

#[test]
fn a_push_that_does_not_say_what_was_overwritten_and_is_taken_for_a_first_one_is_seen() {
    let explore =
        |planted| explore_told(|_| Overwrote::Unknown, &v1([A, B]), &[1, 1], AT_B, planted).1;
    assert_eq!(explore(Planted::NONE), None);
    let found = explore(Planted::bug(Shortcut::UnknownTakenForNothing));
    assert!(found.is_some(), "it is not seen");
}

/// Each version's places are looked at by the event of the one that overwrote it, so no schedule
/// needs the event's own. `outcomes.rs` has what does.
#[test]
fn an_own_version_that_is_not_used_makes_no_difference_to_any_interleaving() {
    let explore = |snapshots: &[(&str, &str)], attempts: &[usize], expected: &[(&str, &str)]| {
        let planted = Planted::bug(Shortcut::OwnIgnored);
        assert_eq!(explore(snapshots, attempts, expected, planted).1, None, "{snapshots:?}");
    };
    for attempts in [[2, 2], [3, 1], [1, 3]] {
        explore(&v1([A, B]), &attempts, AT_B);
        explore(&v1([A, GONE]), &attempts, &[]);
    }
    let overlapping = [[1, 1, 1], [2, 1, 1], [1, 2, 1], [1, 1, 2]];
    for attempts in &overlapping[..if is_long() { 4 } else { 1 }] {
        explore(&v1([A, B, A]), attempts, AT_A);
        explore(&v1([A, B, B_LONGER]), attempts, AT_B);
        explore(&v1([A, GONE, B]), attempts, AT_B);
    }
}

#[test]
fn a_run_kept_by_other_definitions_says_nothing() {
    // A, B, A in one run: the snapshot-builder has not heard of the index yet. A is indexed.
    let another = [(snapshot::RUN, "one run"), (Version::DEFINITIONS, "another release")];
    let indexed = || {
        let bucket = bucket();
        let first = write_snapshot_with(&bucket, "V1", 0, A, &another);
        let writer = writer(bucket.clone(), Planted::NONE);
        let handled = Box::pin(async move { writer.handle(&[first]).await });
        assert!(Attempt::new(Arc::default(), handled).finish().is_some());
        bucket
    };
    let race = Race {
        bucket: &indexed,
        writes: 2,
        write: &|bucket, n| write_snapshot_with(bucket, "V1", n + 1, [B, A][n], &another),
        attempts: &[2, 1],
        handler: &|process| Arc::new(writer_with(process.tools(), Planted::NONE)),
        constant: &[],
        forgets: true,
        past: &[],
        watch: None,
        verdict: &|rest: &Rest<'_>| match indices(rest.bucket) {
            found if found.keys().eq(["by-status/a/V1.json"]) => Ok(()),
            found => Err(format!("{found:?}")),
        },
    };
    assert_eq!(race.explore().1, None);
}

const CT1: &str = r#"{"group":"G","asOf":"2025-01-01"}"#;
const CT2: &str = r#"{"group":"G","asOf":"2025-02-01"}"#;
const CT2_CORRECTED: &str = r#"{"group":"G","asOf":"2024-12-01"}"#;
const CT2_MOVED: &str = r#"{"group":"H","asOf":"2025-02-01"}"#;

#[test]
fn the_latest_of_a_group_falls() {
    let moved = [("CT1", CT1), ("CT2", CT2), ("CT2", CT2_MOVED)];
    check_triple(&moved, &[("latest/G.json", "CT1"), ("latest/H.json", "CT2")]);
    let corrected = [("CT1", CT1), ("CT2", CT2), ("CT2", CT2_CORRECTED)];
    check_triple(&corrected, &[("latest/G.json", "CT1 CT2")]);
    let deleted = [("CT1", CT1), ("CT2", CT2), ("CT2", GONE)];
    check_triple(&deleted, &[("latest/G.json", "CT1")]);
    check_pair(&[("CT2", CT2), ("CT2", CT2_MOVED)], &[("latest/H.json", "CT2")]);
}

#[test]
fn two_members_join_at_once() {
    check_pair(&[("CT1", CT1), ("CT2", CT2)], &[("latest/G.json", "CT2 CT1")]);
}

#[test]
fn a_register_that_keeps_only_its_winner_is_seen() {
    let snapshots = [("CT1", CT1), ("CT2", CT2), ("CT2", GONE)];
    check_shortcut(Shortcut::WinnerOnly, &snapshots, &[1, 1, 1], &[("latest/G.json", "CT1")]);
}
