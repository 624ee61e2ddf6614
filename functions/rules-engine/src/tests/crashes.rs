//! Crashes and changes of rules in between.

use std::sync::Arc;
use std::time::Duration;

use domain::{Delivery, Disposition, Handler, ObjectName, Planted};
use emulator::schedule::{Attempt, Gated, Race, Rest};
use emulator::{Memory, SeededIds, TestClock, Upload};
use store::Store;

use super::{RULE, alerts, bucket, engine, engine_with, entity, write_snapshot};
use crate::Shortcut;

const BUNDLE: &str = "env/dev/indices/rules/_bundle.json";

fn write_rules(bucket: &Memory, rules: &[String]) {
    let bundle = format!(r#"{{"entity":"rule","members":[{}]}}"#, rules.join(","));
    bucket.insert(BUNDLE, bundle.into(), Upload::default()).unwrap();
}

/// An attempt that crashes when `crash` says so; whether it was acknowledged.
fn attempt(bucket: &Arc<Memory>, delivery: &Delivery, crash: impl Fn(usize) -> bool) -> bool {
    let store: Arc<dyn Store> = bucket.clone();
    let (store, gate) = Gated::new(store, &[]);
    let (engine, delivery) = (engine(store, Planted::NONE), delivery.clone());
    let future = Box::pin(async move { engine.handle(&[delivery]).await });
    let mut attempt = Attempt::new(gate, future);
    let mut steps = 0;
    while attempt.runs() && !crash(steps) {
        attempt.step();
        steps += 1;
    }
    attempt.result().is_some_and(|outcomes| outcomes[0].is_ok())
}

/// A rule comes between two events: the second one's was handled before, and a late attempt of the
/// first opens an alert with the second's snapshot, and crashes. The bucket and both events.
fn opened_late() -> (Arc<Memory>, [Delivery; 2]) {
    let bucket = Memory::new("test", TestClock::at("2026-01-01T00:00:00Z"), 7);
    let first = write_snapshot(&bucket, 1, Some(5));
    let second = write_snapshot(&bucket, 2, Some(6));
    assert!(attempt(&bucket, &second, |_| false), "no rule yet");
    write_rules(&bucket, &[RULE.to_owned()]);
    assert!(!attempt(&bucket, &first, |_| !alerts(&bucket)[0].is_empty()));
    (bucket, [first, second])
}

/// Whether the alert that opened with the snapshot of `event` is open and written, and no other.
fn check_written(bucket: &Memory, event: &Delivery) {
    let [open, _, written] = alerts(bucket);
    assert_eq!((open, written), (vec![event.generation], vec![event.generation]));
}

#[test]
fn an_alert_that_a_late_attempt_opened_before_it_crashed_is_written() {
    let (bucket, [first, second]) = opened_late();
    assert!(attempt(&bucket, &first, |_| false));
    check_written(&bucket, &second);
}

#[test]
fn an_alert_is_written_that_a_late_attempt_opened_with_a_snapshot_that_is_gone() {
    let (bucket, [first, second]) = opened_late();
    let third = write_snapshot(&bucket, 3, Some(7));
    for delivery in [&third, &first] {
        assert!(attempt(&bucket, delivery, |_| false));
    }
    check_written(&bucket, &second);
}

#[test]
fn an_alert_is_written_whose_opener_dies_after_another_attempt_of_its_message_is_acknowledged() {
    let bucket = Memory::new("test", TestClock::at("2026-01-01T00:00:00Z"), 7);
    let first = write_snapshot(&bucket, 1, Some(5));
    assert!(attempt(&bucket, &first, |_| false), "no rule yet");
    write_rules(&bucket, &[RULE.to_owned()]);
    assert!(!attempt(&bucket, &first, |_| !alerts(&bucket)[0].is_empty()));
    // The message is acknowledged: nobody delivers it again.
    let second = write_snapshot(&bucket, 2, Some(6));
    assert!(attempt(&bucket, &second, |_| false));
    check_written(&bucket, &first);
}

#[test]
fn an_alert_that_late_merges_open_again_is_another_one() {
    let snapshots = [Some(5), Some(50), Some(6)];
    let race = Race {
        bucket: &bucket,
        writes: 3,
        // The newest record stays the same.
        write: &|bucket, n| write_snapshot(bucket, 9, snapshots[n]),
        attempts: &[1, 1, 1],
        handler: &|process| Arc::new(engine_with(process.tools(), Planted::NONE)),
        constant: &[BUNDLE],
        forgets: true,
        past: &[ObjectName::AlertState(entity()).to_string()],
        watch: None,
        verdict: &|rest: &Rest<'_>| {
            let [_, ever_open, written] = alerts(rest.bucket);
            match ever_open.iter().find(|generation| !written.contains(generation)) {
                Some(lost) => Err(format!("opened with {lost}, never written")),
                None => Ok(()),
            }
        },
    };
    assert_eq!(race.explore().1, None);
}

#[test]
fn rules_that_cannot_be_read_are_not_taken_for_none() {
    let bucket = bucket();
    let first = write_snapshot(&bucket, 1, Some(5));
    assert!(attempt(&bucket, &first, |_| false));
    bucket.insert(BUNDLE, "{".into(), Upload::default()).unwrap();
    let second = write_snapshot(&bucket, 2, Some(6));
    assert!(!attempt(&bucket, &second, |_| false));
    assert_eq!(alerts(&bucket)[0], [first.generation], "the alert stays open");
}

#[test]
fn an_alert_opens_where_an_object_takes_one_write_per_second() {
    let clock = TestClock::at("2026-01-01T00:00:00Z");
    let bucket = Memory::new("test", clock.clone(), 7);
    write_rules(&bucket, &[RULE.to_owned()]);
    bucket.limit_write_rate(Some(Duration::from_secs(1)));
    let first = write_snapshot(&bucket, 1, Some(5));
    let (gated, gate) = Gated::new(bucket.clone(), &[]);
    let mut engine = engine(gated, Planted::NONE);
    engine.tools.clock = clock;
    let delivery = first.clone();
    let mut attempt = Attempt::new(gate, Box::pin(async move { engine.handle(&[delivery]).await }));
    assert_eq!(attempt.finish(), Some(&vec![Ok(Disposition::Done)]));
    assert_eq!(alerts(&bucket).map(|alerts| alerts.len()), [1, 1, 1]);
}

#[test]
fn many_alerts_are_written_at_the_same_time() {
    let bucket = bucket();
    let rule = |n| RULE.replace("\"low\"", &format!("\"low{n:03}\""));
    write_rules(&bucket, &(0..100).map(rule).collect::<Vec<_>>());
    let first = write_snapshot(&bucket, 1, Some(5));
    assert!(attempt(&bucket, &first, |_| false));
    assert_eq!(alerts(&bucket)[2].len(), 100);
}

#[test]
fn an_alert_that_gets_another_id_from_each_who_writes_it_is_seen() {
    let written = |planted: Planted<Shortcut>| {
        let bucket = bucket();
        let event = write_snapshot(&bucket, 1, Some(5));
        for process in 0..2 {
            let mut engine = engine(bucket.clone(), planted);
            engine.tools.ids = SeededIds::new(process);
            let event = event.clone();
            let handled = Box::pin(async move { engine.handle(&[event]).await });
            assert!(Attempt::new(Arc::default(), handled).finish().is_some());
        }
        alerts(&bucket)[2].len()
    };
    assert_eq!(written(Planted::NONE), 1);
    assert_eq!(written(Planted::bug(Shortcut::RandomAlertIds)), 2, "one opening, two alerts");
}
