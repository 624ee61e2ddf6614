//! Every interleaving of snapshots, attempts, one overlapping attempt and one crash.

use std::cell::Cell;
use std::sync::Arc;

use domain::{Delivery, Planted};
use emulator::schedule::{Explored, Race, interruptions_max};
use emulator::{Memory, SeededIds};

use super::{alerts, bucket, engine, write_snapshot};
use crate::Shortcut;

/// The rule holds below this.
const THRESHOLD: u32 = 10;

/// Goes through everything that can happen while snapshots with these values are written, the
/// event of each handled by so many attempts.
fn explore(
    snapshots: &[Option<u32>],
    attempts: &[usize],
    planted: Planted<Shortcut>,
) -> (Explored, Option<String>) {
    let processes = Cell::new(0);
    let race = Race {
        bucket: &|| {
            processes.set(0);
            bucket()
        },
        writes: snapshots.len(),
        write: &|bucket, n| write_snapshot(bucket, u32::try_from(n).unwrap() + 1, snapshots[n]),
        attempts,
        handler: &|store| {
            // Processes draw different ids.
            processes.set(processes.get() + 1);
            let mut engine = engine(store, planted);
            engine.tools.ids = SeededIds::new(processes.get());
            Arc::new(engine)
        },
        constant: &["env/dev/indices/rules/_bundle.json"],
        interruptions_max: interruptions_max(1),
        verdict: &|bucket, messages| verdict(bucket, messages, snapshots),
    };
    race.explore()
}

/// The three promises about alerts.
fn verdict(
    bucket: &Memory,
    messages: &[Delivery],
    snapshots: &[Option<u32>],
) -> Result<(), String> {
    let holds = |n: &Option<u32>| n.is_some_and(|n| n < THRESHOLD);
    let [open, ever_open, written] = alerts(bucket);
    if open.len() != usize::from(snapshots.last().is_some_and(holds)) {
        return Err(format!("{} rules are open at rest", open.len()));
    }
    if let Some(lost) = ever_open.iter().find(|generation| !written.contains(generation)) {
        return Err(format!("the alert that opened with {lost} was never written"));
    }
    let mut openings = written.clone();
    openings.sort_unstable_by_key(|generation| generation.0);
    openings.dedup();
    if openings.len() < written.len() {
        return Err(format!("one opening has several alerts: {written:?}"));
    }
    let of = |generation| messages.iter().position(|message| message.generation == generation);
    match written.iter().find(|generation| !of(**generation).is_some_and(|n| holds(&snapshots[n])))
    {
        Some(generation) => {
            Err(format!("an alert names {generation}, where the rule does not hold"))
        }
        None => Ok(()),
    }
}

#[test]
fn no_interleaving_of_two_snapshots_and_three_attempts_leaves_a_wrong_state() {
    let pairs = [[Some(5), Some(50)], [Some(50), Some(5)], [Some(5), Some(6)], [Some(5), None]];
    for snapshots in pairs {
        for attempts in [[1, 1], [2, 1]] {
            let (explored, wrong) = explore(&snapshots, &attempts, Planted::NONE);
            println!("{snapshots:?} {attempts:?}: {explored:?}");
            assert_eq!(wrong, None, "{snapshots:?} {attempts:?}");
        }
    }
}

#[test]
fn a_resolved_alert_stays_resolved_under_reordering() {
    let (explored, wrong) = explore(&[Some(5), Some(50), Some(60)], &[1, 1, 1], Planted::NONE);
    println!("{explored:?}");
    assert_eq!(wrong, None);
}

fn check_shortcut(shortcut: Shortcut, snapshots: &[Option<u32>], attempts: &[usize]) {
    let (_, wrong) = explore(snapshots, attempts, Planted::bug(shortcut));
    assert!(wrong.is_some(), "{shortcut:?} is not seen");
}

#[test]
fn a_change_without_a_note_before_it_is_seen() {
    check_shortcut(Shortcut::NoNote, &[Some(5), Some(50)], &[1, 1]);
}

#[test]
fn a_note_that_is_left_standing_is_seen() {
    check_shortcut(Shortcut::NoteIgnored, &[Some(5), Some(50)], &[1, 1]);
}

#[test]
fn a_snapshot_that_is_not_read_again_is_seen() {
    check_shortcut(Shortcut::SnapshotNotReadAgain, &[Some(5), Some(50)], &[1, 1]);
}

#[test]
fn an_alert_that_only_its_opener_writes_is_seen() {
    check_shortcut(Shortcut::AlertByOpenerOnly, &[Some(5), Some(6)], &[2, 1]);
}

#[test]
fn an_alert_that_leaves_the_state_unwritten_is_seen() {
    check_shortcut(Shortcut::ClosedUnwritten, &[Some(5), Some(50)], &[1, 1]);
}

#[test]
fn an_event_that_trusts_its_own_version_is_seen() {
    check_shortcut(Shortcut::OwnGenerationTrusted, &[Some(5), Some(50)], &[1, 1]);
}

#[test]
fn an_alert_that_gets_another_id_from_each_who_writes_it_is_seen() {
    check_shortcut(Shortcut::RandomAlertIds, &[Some(5)], &[2]);
}
