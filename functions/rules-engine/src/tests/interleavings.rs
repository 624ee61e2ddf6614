//! Every interleaving of snapshots, attempts, one overlapping attempt and one crash.

use std::sync::Arc;

use domain::{Delivery, ObjectName, Planted};
use emulator::Memory;
use emulator::schedule::{Explored, Race, Rest, is_long};

use super::{alerts, bucket, check_endings, engine_with, entity, write_snapshot, written};
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
    let race = Race {
        bucket: &bucket,
        writes: snapshots.len(),
        write: &|bucket, n| write_snapshot(bucket, u32::try_from(n).unwrap() + 1, snapshots[n]),
        attempts,
        handler: &|process| Arc::new(engine_with(process.tools(), planted)),
        constant: &["env/dev/indices/rules/_bundle.json"],
        forgets: true,
        past: &[ObjectName::AlertState(entity()).to_string()],
        watch: None,
        verdict: &|rest: &Rest<'_>| verdict(rest.bucket, rest.messages, snapshots),
    };
    race.explore()
}

fn check(snapshots: &[Option<u32>], attempts: &[usize]) {
    let (explored, wrong) = explore(snapshots, attempts, Planted::NONE);
    println!("{}", explored.line("rules-engine", &format!("{snapshots:?} {attempts:?}")));
    assert_eq!(wrong, None);
}

/// The promises about alerts.
fn verdict(
    bucket: &Memory,
    messages: &[Delivery],
    snapshots: &[Option<u32>],
) -> Result<(), String> {
    let holds = |n: &Option<u32>| n.is_some_and(|n| n < THRESHOLD);
    check_endings(bucket)?;
    for ended in written(bucket).iter().filter(|alert| alert["status"] == "resolved") {
        let generation = ended["source_generation"].as_str().unwrap_or_default();
        let of = messages.iter().position(|it| it.generation.to_string() == generation);
        if of.is_none_or(|n| holds(&snapshots[n])) {
            return Err(format!("an alert ended with {generation}, where the rule holds"));
        }
    }
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
        [[2, 1], [1, 2]].iter().for_each(|attempts| check(&snapshots, attempts));
        if is_long() {
            check(&snapshots, &[2, 2]);
        }
    }
}

#[test]
fn a_resolved_alert_stays_resolved_under_reordering() {
    for snapshots in [[5, 50, 60], [5, 50, 6], [50, 5, 60], [5, 6, 50]] {
        let snapshots = snapshots.map(Some);
        check(&snapshots, &[1, 1, 1]);
        if is_long() {
            [[2, 1, 1], [1, 2, 1], [1, 1, 2]].iter().for_each(|it| check(&snapshots, it));
        }
    }
    if is_long() {
        check(&[Some(5), Some(6), Some(7)], &[1, 1, 1]);
    }
}

#[test]
fn an_alert_that_opens_between_two_readings_of_another_attempt_is_written() {
    // The first event's attempts overlap, and the others wait until all is quiet.
    check(&[Some(5), Some(50), Some(6)], &[2, 0, 0]);
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
fn an_opening_that_is_not_noted_is_seen() {
    check_shortcut(Shortcut::OpenedUnnoted, &[Some(5), Some(6)], &[1, 1]);
}

#[test]
fn an_ending_that_only_its_closer_writes_is_seen() {
    check_shortcut(Shortcut::ResolvedByCloserOnly, &[Some(5), Some(50)], &[1, 1]);
}

#[test]
fn an_ending_that_is_forgotten_before_it_is_written_is_seen() {
    check_shortcut(Shortcut::ToldForgotten, &[Some(5), Some(50)], &[1, 1]);
}

#[test]
fn an_event_that_trusts_its_own_version_is_seen() {
    check_shortcut(Shortcut::OwnGenerationTrusted, &[Some(5), Some(50)], &[1, 1]);
}
