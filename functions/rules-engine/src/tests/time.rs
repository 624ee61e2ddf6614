//! Rules that depend on the present: every schedule of two attempts in which the clock moves, and
//! one crash.

use std::sync::Arc;
use std::time::Duration;

use domain::json::Object;
use domain::{Clock, Delivery, Disposition, Handler, Instant, ObjectName, Planted};
use emulator::schedule::{Attempt, Gated};
use emulator::{Memory, TestClock, Upload};
use serde_json::Value;

use super::{check_endings, engine, entity, insert_snapshot, open_ids, write_document, written};
use crate::{ORIGIN, Shortcut};

const BUNDLE: &str = "env/dev/indices/rules/_bundle.json";

/// When everything begins. The clock moves once, by an hour.
const BEGINS: &str = "2026-01-01T00:00:00Z";

const STEP: Duration = Duration::from_secs(3600);

/// Holds until the clock has moved, or from then on.
const RULES: [&str; 2] = [
    r#"{"path":"at","op":"within","value":"1h"}"#,
    r#"{"path":"at","op":"older_than","value":"0d"}"#,
];

fn bucket(clock: &Arc<TestClock>, condition: &str) -> (Arc<Memory>, Delivery) {
    let bucket = Memory::new("test", clock.clone(), 7);
    let rule = format!(r#"{{"id":"low","applies_to":"venture","condition":{condition}}}"#);
    let bundle = format!(r#"{{"entity":"rule","members":[{rule}]}}"#);
    bucket.insert(BUNDLE, bundle.into(), Upload::default()).unwrap();
    let at = Object::from_iter([("at".to_owned(), Value::from("2026-01-01T00:30:00Z"))]);
    let delivery = write_document(&bucket, 1, Some(at));
    (bucket, delivery)
}

type Running = Attempt<Vec<domain::Outcome>>;

fn attempt(
    bucket: &Arc<Memory>,
    clock: Arc<dyn Clock>,
    delivery: &Delivery,
    planted: Planted<Shortcut>,
) -> Running {
    let (store, gate) = Gated::new(bucket.clone(), &[BUNDLE]);
    let mut engine = engine(store, planted);
    engine.tools.clock = clock;
    let delivery = delivery.clone();
    Attempt::new(gate, Box::pin(async move { engine.handle(&[delivery]).await }))
}

/// How two attempts take turns: the first makes so many steps, the second so many, the first so
/// many, then the second ends, and the first does. The clock moves before one of the turns.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    turns: [usize; 3],
    moves_before: usize,
    /// Whether the first dies after its turns instead of ending.
    crashes: bool,
}

fn run(condition: &str, schedule: Schedule, planted: Planted<Shortcut>) -> Result<(), String> {
    let clock = TestClock::at(BEGINS);
    let (bucket, delivery) = bucket(&clock, condition);
    // An attempt reads the clock as soon as it is there.
    let mut attempts: [Option<Running>; 3] = [None, None, None];
    let late = Instant::parse(BEGINS).unwrap().after(STEP / 2);
    let mut began = Vec::new();
    let mut go = |attempts: &mut [Option<Running>], which: usize, steps: usize| {
        if steps == 0 {
            return;
        }
        let running = attempts[which].get_or_insert_with(|| {
            began.push(clock.now());
            attempt(&bucket, clock.clone(), &delivery, planted)
        });
        for _ in 0..steps {
            if running.runs() {
                running.step();
            }
        }
    };
    for turn in 0..5 {
        if schedule.moves_before == turn {
            clock.advance(STEP);
        }
        match schedule.turns.get(turn) {
            Some(steps) => go(&mut attempts, turn % 2, *steps),
            None if turn == 4 && schedule.crashes => {
                attempts[0].iter_mut().for_each(Attempt::crash);
            }
            None => go(&mut attempts, turn % 2, 500),
        }
    }
    let is_acknowledged = |attempt: &Option<Running>| {
        let result = attempt.as_ref().and_then(Attempt::result);
        result.is_some_and(|outcomes| outcomes[0].is_ok())
    };
    // Whatever is not acknowledged comes again.
    if !attempts[..2].iter().all(is_acknowledged) {
        go(&mut attempts, 2, 500);
        if !is_acknowledged(&attempts[2]) {
            return Err("it does not end".to_owned());
        }
    }
    check_endings(&bucket)?;
    let is_open = !open_ids(&bucket).is_empty();
    let holds_late = condition == RULES[1];
    let some_late = began.iter().any(|at| *at > late);
    match some_late && is_open != holds_late {
        true => Err(format!("open: {is_open}, and an attempt began when it was late")),
        false => Ok(()),
    }
}

/// Every schedule; the first that leaves something wrong.
fn explore(planted: Planted<Shortcut>) -> (usize, Option<String>) {
    const STEPS_MAX: usize = 9;
    let mut runs = 0;
    for condition in RULES {
        for code in 0..STEPS_MAX.pow(3) * 10 {
            let (turns, rest) = (code % STEPS_MAX.pow(3), code / STEPS_MAX.pow(3));
            let turns = [1, STEPS_MAX, STEPS_MAX.pow(2)].map(|power| turns / power % STEPS_MAX);
            let schedule = Schedule { turns, moves_before: rest % 5, crashes: rest >= 5 };
            runs += 1;
            if let Err(wrong) = run(condition, schedule, planted) {
                return (runs, Some(format!("{condition} {schedule:?}: {wrong}")));
            }
        }
    }
    (runs, None)
}

#[test]
fn no_schedule_leaves_what_an_earlier_instant_says() {
    let (runs, wrong) = explore(Planted::NONE);
    assert_eq!(wrong, None);
    println!("explored rules-engine: time: {runs} states, {runs} runs");
}

#[test]
fn a_clock_that_is_not_read_again_is_seen() {
    assert!(explore(Planted::bug(Shortcut::ClockNotReadAgain)).1.is_some());
}

/// What an attempt by a clock that is half an hour behind leaves of what another has opened.
fn behind(planted: Planted<Shortcut>) -> usize {
    let clock = TestClock::at("2026-01-01T00:45:00Z");
    let (bucket, delivery) = bucket(&clock, RULES[1]);
    for at in ["2026-01-01T00:45:00Z", "2026-01-01T00:15:00Z"] {
        attempt(&bucket, TestClock::at(at), &delivery, planted).finish();
    }
    open_ids(&bucket).len()
}

#[test]
fn a_clock_that_is_behind_undoes_nothing() {
    assert_eq!(behind(Planted::NONE), 1);
    assert_eq!(behind(Planted::bug(Shortcut::StateInstantIgnored)), 0);
}

#[test]
fn a_state_that_is_far_ahead_was_decided_by_no_clock() {
    let clock = TestClock::at("2026-01-01T00:00:00Z");
    let (bucket, delivery) = bucket(&clock, RULES[1]);
    attempt(&bucket, TestClock::at("2027-01-01T00:00:00Z"), &delivery, Planted::NONE).finish();
    assert_eq!(open_ids(&bucket).len(), 1);
    attempt(&bucket, clock, &delivery, Planted::NONE).finish();
    assert_eq!(open_ids(&bucket).len(), 0);
}

#[tokio::test]
async fn a_sweep_tells_what_time_alone_has_brought_about() {
    let clock = TestClock::at(BEGINS);
    let (bucket, delivery) = bucket(&clock, RULES[1]);
    let mut engine = engine(bucket.clone(), Planted::NONE);
    engine.tools.clock = clock.clone();
    let nothing = Disposition::Skipped("no rule begins or ceases to hold");
    assert_eq!(engine.handle(std::slice::from_ref(&delivery)).await, [Ok(nothing.clone())]);
    assert_eq!(engine.sweep(&entity(), clock.now()).await, Ok(nothing.clone()));
    clock.advance(STEP);
    assert_eq!(engine.sweep(&entity(), clock.now()).await, Ok(Disposition::Done));
    assert_eq!(engine.sweep(&entity(), clock.now()).await, Ok(nothing));
    assert_eq!((open_ids(&bucket).len(), written(&bucket).len()), (1, 1));
}

/// The snapshot once more, as a seed leaves it.
fn seeded(bucket: &Memory) -> Delivery {
    let name = ObjectName::Snapshot(entity()).to_string();
    let current = bucket.objects().remove(&name).unwrap();
    let mut metadata = current.metadata;
    metadata.insert(ORIGIN.to_owned(), "seed".to_owned());
    insert_snapshot(bucket, current.body, metadata)
}

#[tokio::test]
async fn what_time_brings_about_is_of_no_bulk_write() {
    // Of one that has just been made the event may be under way: what a sweep opens is of the seed.
    for (sweeps_after, origin) in [(STEP / 2, Some("seed")), (STEP, None)] {
        let clock = TestClock::at(BEGINS);
        let (bucket, _) = bucket(&clock, r#"{"path":"at","op":"older_than","value":"-1h"}"#);
        seeded(&bucket);
        let mut engine = engine(bucket.clone(), Planted::NONE);
        engine.tools.clock = clock.clone();
        let written_at = clock.now();
        clock.advance(sweeps_after);
        assert_eq!(engine.sweep(&entity(), written_at).await, Ok(Disposition::Done));
        assert_eq!(written(&bucket)[0]["origin"].as_str(), origin);
    }
}

#[tokio::test]
async fn a_reminder_is_of_no_bulk_write() {
    let clock = TestClock::at(BEGINS);
    let condition = r#"{"path":"at","op":"exists"},"fires":{"when":"every","every":"1h"}"#;
    let (bucket, _) = bucket(&clock, condition);
    let mut engine = engine(bucket.clone(), Planted::NONE);
    engine.tools.clock = clock.clone();
    for _ in 0..2 {
        engine.handle(&[seeded(&bucket)]).await[0].as_ref().unwrap();
        clock.advance(STEP);
    }
    let told = written(&bucket).into_iter().map(|alert| {
        let text = |field: &str| alert[field].as_str().unwrap_or("none").to_owned();
        (text("fired"), text("origin"))
    });
    let mut told: Vec<(String, String)> = told.collect();
    told.sort();
    let of = |fired: &str, origin: &str| (fired.to_owned(), origin.to_owned());
    assert_eq!(told, [of("enter", "seed"), of("every", "none")]);
}
