//! Every interleaving of snapshots, attempts, one overlapping attempt and one crash. No manifest
//! may change before the journal has noted it, in any of them.

use std::sync::Arc;

use domain::Planted;
use emulator::schedule::{Event, Explored, Race, Rest, is_long};
use emulator::{Memory, TestClock};
use store::Tools;

use super::{DEFINITIONS, NOW, agrees, noted, write_snapshot};
use crate::{ManifestWriter, Shortcut};

/// Snapshots with these values, written one after the other, and how many attempts handle the
/// event of each.
struct Case<'a> {
    snapshots: &'a [Option<u32>],
    attempts: &'a [usize],
    /// The second of the newest record in the snapshot of a number.
    newest: fn(usize) -> u32,
}

impl<'a> Case<'a> {
    fn new(snapshots: &'a [Option<u32>], attempts: &'a [usize]) -> Self {
        Self { snapshots, attempts, newest: |n| u32::try_from(n).unwrap() + 1 }
    }

    /// Goes through everything that can happen; the first thing that is wrong.
    fn explore(&self, planted: Planted<Shortcut>) -> (Explored, Option<String>) {
        let Self { snapshots, attempts, newest } = *self;
        let race = Race {
            bucket: &|| Memory::new("test", TestClock::at(NOW), 7),
            writes: snapshots.len(),
            write: &|bucket, n| write_snapshot(bucket, newest(n), snapshots[n]),
            attempts,
            handler: &|process| {
                let definitions = Arc::clone(&DEFINITIONS);
                let tools = Tools { definitions, ..process.tools() };
                Arc::new(ManifestWriter { tools, planted })
            },
            constant: &[],
            forgets: true,
            past: &[],
            watch: Some(&|bucket, event| match event {
                Event::Written(name) => noted(bucket, name, &bucket.objects()[name].metadata),
                Event::Ended(..) => Ok(()),
            }),
            verdict: &|rest: &Rest<'_>| agrees(rest.bucket, *snapshots.last().unwrap()),
        };
        race.explore()
    }
}

fn check(snapshots: &[Option<u32>], attempts: &[usize]) {
    let (explored, wrong) = Case::new(snapshots, attempts).explore(Planted::NONE);
    println!("{}", explored.line("manifest-writer", &format!("{snapshots:?} {attempts:?}")));
    assert_eq!(wrong, None);
}

#[test]
fn no_interleaving_of_two_snapshots_and_three_attempts_leaves_a_wrong_manifest() {
    for snapshots in [[Some(1), Some(2)], [Some(1), None], [None, Some(2)]] {
        for attempts in [[2, 1], [1, 2]] {
            check(&snapshots, &attempts);
        }
    }
}

#[test]
fn create_delete_and_recreate_leave_the_manifest_of_the_last() {
    let sequences = [[Some(1), Some(2), None], [None, Some(2), None], [Some(1), None, Some(3)]];
    for snapshots in sequences {
        check(&snapshots, &[1, 1, 1]);
        if is_long() {
            for attempts in [[2, 1, 1], [1, 2, 1], [1, 1, 2]] {
                check(&snapshots, &attempts);
            }
        }
    }
}

fn check_shortcut(shortcut: Shortcut, case: &Case<'_>) {
    assert_eq!(case.explore(Planted::NONE).1, None);
    let (_, found) = case.explore(Planted::bug(shortcut));
    assert!(found.is_some(), "{shortcut:?} is not seen");
}

#[test]
fn a_snapshot_that_is_read_before_the_manifest_is_seen() {
    check_shortcut(Shortcut::SnapshotReadFirst, &Case::new(&[Some(1), Some(2)], &[1, 1]));
}

#[test]
fn a_manifest_of_a_deleted_entity_that_is_deleted_is_seen() {
    check_shortcut(Shortcut::Deleted, &Case::new(&[Some(1), None], &[1, 1]));
    check_shortcut(Shortcut::Deleted, &Case::new(&[Some(1), Some(2), None], &[1, 1, 1]));
}

#[test]
fn a_tombstone_that_is_spared_where_there_is_nothing_is_seen() {
    check_shortcut(Shortcut::NoTombstoneWhereMissing, &Case::new(&[Some(1), None], &[1, 1]));
}

#[test]
fn a_journal_that_comes_after_the_manifest_is_seen() {
    check_shortcut(Shortcut::JournalAfterManifest, &Case::new(&[Some(1), Some(2)], &[1, 1]));
}

#[test]
fn a_newest_record_that_is_taken_for_the_version_is_seen() {
    // A late merge changes the snapshot and leaves its newest record.
    let case = Case { newest: |_| 9, ..Case::new(&[Some(1), Some(2)], &[1, 1]) };
    check_shortcut(Shortcut::OrderKeyTakenForVersion, &case);
}
