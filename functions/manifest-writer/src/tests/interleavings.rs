//! Every interleaving of snapshots, attempts, one overlapping attempt and one crash. No manifest
//! may change before the journal has noted it, in any of them: the bucket watches.

use std::sync::{Arc, Mutex};

use domain::Planted;
use emulator::schedule::{Race, interruptions_max};
use emulator::{Memory, TestClock};

use super::{NOW, agrees, noted, write_snapshot, writer};
use crate::Shortcut;

/// Goes through everything that can happen while snapshots with these values are written, the
/// event of each handled by so many attempts; the first thing that is wrong.
fn explore(
    snapshots: &[Option<u32>],
    attempts: &[usize],
    planted: Planted<Shortcut>,
) -> Result<(), String> {
    explore_from(|n| u32::try_from(n).unwrap() + 1, snapshots, attempts, planted)
}

/// The same, where the newest record of the snapshot of a number is the one of this second.
fn explore_from(
    newest: impl Fn(usize) -> u32,
    snapshots: &[Option<u32>],
    attempts: &[usize],
    planted: Planted<Shortcut>,
) -> Result<(), String> {
    let not_noted: Arc<Mutex<Option<String>>> = Arc::default();
    let race = Race {
        bucket: &|| watched(&not_noted),
        writes: snapshots.len(),
        write: &|bucket, n| write_snapshot(bucket, newest(n), snapshots[n]),
        attempts,
        handler: &|store| Arc::new(writer(store, planted)),
        constant: &[],
        interruptions_max: interruptions_max(1),
        verdict: &|bucket, _| agrees(bucket, *snapshots.last().unwrap()),
    };
    let (explored, wrong) = race.explore();
    println!("{snapshots:?} {attempts:?}: {explored:?}");
    let not_noted = not_noted.lock().unwrap().take();
    not_noted.or(wrong).map_or(Ok(()), Err)
}

/// A bucket that keeps the first change of a manifest that the journal has not noted.
fn watched(not_noted: &Arc<Mutex<Option<String>>>) -> Arc<Memory> {
    let bucket = Memory::new("test", TestClock::at(NOW), 7);
    let (weak, not_noted) = (Arc::downgrade(&bucket), Arc::clone(not_noted));
    bucket.on_finalize(Box::new(move |stored| {
        if let Err(wrong) = noted(&weak, stored) {
            not_noted.lock().unwrap().get_or_insert(wrong);
        }
    }));
    bucket
}

#[test]
fn no_interleaving_of_two_snapshots_and_three_attempts_leaves_a_wrong_manifest() {
    for snapshots in [[Some(1), Some(2)], [Some(1), None], [None, Some(2)]] {
        for attempts in [[2, 1], [1, 2]] {
            let found = explore(&snapshots, &attempts, Planted::NONE);
            assert_eq!(found, Ok(()), "{snapshots:?} {attempts:?}");
        }
    }
}

#[test]
fn create_delete_and_recreate_leave_the_manifest_of_the_last() {
    let check = |snapshots: [Option<u32>; 3], attempts: [usize; 3]| {
        let found = explore(&snapshots, &attempts, Planted::NONE);
        assert_eq!(found, Ok(()), "{snapshots:?} {attempts:?}");
    };
    check([Some(1), Some(2), None], [1, 1, 1]);
    check([None, Some(2), None], [1, 1, 1]);
    check([Some(1), None, Some(3)], [1, 2, 1]);
}

fn check_shortcut(shortcut: Shortcut, snapshots: &[Option<u32>]) {
    let attempts = vec![1; snapshots.len()];
    assert_eq!(explore(snapshots, &attempts, Planted::NONE), Ok(()));
    let found = explore(snapshots, &attempts, Planted::bug(shortcut));
    println!("{found:?}");
    assert!(found.is_err(), "{shortcut:?} is not seen");
}

#[test]
fn a_snapshot_that_is_read_before_the_manifest_is_seen() {
    check_shortcut(Shortcut::SnapshotReadFirst, &[Some(1), Some(2)]);
}

#[test]
fn a_manifest_of_a_deleted_entity_that_is_deleted_is_seen() {
    check_shortcut(Shortcut::Deleted, &[Some(1), None]);
    check_shortcut(Shortcut::Deleted, &[Some(1), Some(2), None]);
}

#[test]
fn a_tombstone_that_is_spared_where_there_is_nothing_is_seen() {
    check_shortcut(Shortcut::NoTombstoneWhereMissing, &[Some(1), None]);
}

#[test]
fn a_journal_that_comes_after_the_manifest_is_seen() {
    check_shortcut(Shortcut::JournalAfterManifest, &[Some(1), Some(2)]);
}

#[test]
fn a_newest_record_that_is_taken_for_the_version_is_seen() {
    // A late merge changes the snapshot and leaves its newest record.
    let explore = |planted| explore_from(|_| 9, &[Some(1), Some(2)], &[1, 1], planted);
    assert_eq!(explore(Planted::NONE), Ok(()));
    let found = explore(Planted::bug(Shortcut::OrderKeyTakenForVersion));
    assert!(found.is_err(), "it is not seen");
}
