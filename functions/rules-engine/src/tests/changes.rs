//! Rules that compare with the version before: any order of events, any repetition, any crash.

use std::sync::Arc;

use domain::{Delivery, Planted};
use emulator::schedule::{Race, Rest, is_long};
use emulator::{Memory, TestClock, Upload};

use super::{engine_with, write_snapshot, written};
use crate::Shortcut;

const BUNDLE: &str = "env/dev/indices/rules/_bundle.json";

const RULE: &str =
    r#"{"id":"up","applies_to":"venture","condition":{"path":"n","op":"increased_by","value":10}}"#;

fn bucket() -> Arc<Memory> {
    let bucket = Memory::new("test", TestClock::at("2026-01-01T00:00:00Z"), 7);
    let bundle = format!(r#"{{"entity":"rule","members":[{RULE}]}}"#);
    bucket.insert(BUNDLE, bundle.into(), Upload::default()).unwrap();
    bucket
}

/// One alert for each version that is ten above the one before, and no other.
fn verdict(
    bucket: &Memory,
    messages: &[Delivery],
    snapshots: &[Option<u32>],
) -> Result<(), String> {
    let rises = |pair: &[Option<u32>]| pair[0].zip(pair[1]).is_some_and(|(was, is)| is >= was + 10);
    let expected = snapshots.windows(2).zip(&messages[1..]).filter(|(pair, _)| rises(pair));
    let mut expected: Vec<String> =
        expected.map(|(_, message)| message.generation.to_string()).collect();
    let found = written(bucket);
    let mut found: Vec<&str> =
        found.iter().map(|alert| alert["source_generation"].as_str().unwrap()).collect();
    found.sort_unstable();
    expected.sort_unstable();
    if found != expected {
        return Err(format!("told of {found:?} instead of {expected:?}"));
    }
    Ok(())
}

fn explore(
    snapshots: &[Option<u32>],
    attempts: &[usize],
    planted: Planted<Shortcut>,
) -> Option<String> {
    let race = Race {
        bucket: &bucket,
        writes: snapshots.len(),
        write: &|bucket, n| write_snapshot(bucket, u32::try_from(n).unwrap() + 1, snapshots[n]),
        attempts,
        handler: &|process| Arc::new(engine_with(process.tools(), planted)),
        constant: &[BUNDLE],
        forgets: true,
        past: &[],
        watch: None,
        verdict: &|rest: &Rest<'_>| verdict(rest.bucket, rest.messages, snapshots),
    };
    let (explored, wrong) = race.explore();
    println!("{}", explored.line("rules-engine", &format!("changes {snapshots:?} {attempts:?}")));
    wrong
}

#[test]
fn every_version_that_changes_as_asked_is_told_of_once() {
    for snapshots in [
        [Some(5), Some(50), Some(5)],
        [Some(5), Some(50), Some(60)],
        [Some(5), Some(6), Some(50)],
        [Some(5), None, Some(50)],
        [None, Some(5), Some(15)],
    ] {
        assert_eq!(explore(&snapshots, &[1, 1, 1], Planted::NONE), None, "{snapshots:?}");
        assert_eq!(explore(&snapshots[..2], &[2, 1], Planted::NONE), None, "{snapshots:?}");
        if is_long() {
            assert_eq!(explore(&snapshots, &[1, 2, 1], Planted::NONE), None, "{snapshots:?}");
        }
    }
}

#[test]
fn a_change_that_is_asked_of_the_current_version_is_seen() {
    let planted = Planted::bug(Shortcut::ChangeOfCurrentVersion);
    assert!(explore(&[Some(5), Some(50), Some(51)], &[1, 1, 1], planted).is_some());
}
