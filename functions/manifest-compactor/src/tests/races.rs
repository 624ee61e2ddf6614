//! Every interleaving of a compaction with a manifest-writer, and with another compaction. Whoever
//! lists finds every manifest as it is, at every moment.

use domain::{Planted, Version};
use emulator::schedule::{Attempt, Gated};
use projection::shard::ShardCount;
use store::Tools;

use super::{Place, compact, write};
use crate::{Compacted, Mode, Shortcut, Stop};

const RESHARD: Mode = Mode::Full(Some(ShardCount::ALL[0]));

type Run = Attempt<Result<Compacted, Stop>>;

/// The minutes of a race: those who begin early do so in the last minute of an hour, the others
/// when the watermark has left that.
const EARLY: &str = "12:59:45";
const SOON: &str = "13:00:15";
const LATE: &str = "13:15:00";
const AT_LAST: &str = "14:30:00";

async fn begun() -> Place {
    let place = Place::at("2025-11-06T12:40:00Z");
    place.write("V1", Some(1)).await;
    place.compact(Mode::Full(None)).await;
    place.turn(EARLY);
    place
}

fn run(place: &Place, mode: Mode, planted: Planted<Shortcut>, software: &str) -> Run {
    let (store, gate) = Gated::new(place.bucket.clone(), &[]);
    let version = Version { software: software.to_owned(), definitions: "d".to_owned() };
    let tools = Tools { version, ..place.tools_over(store) };
    Attempt::new(gate, Box::pin(compact(tools, mode, planted)))
}

fn writer(place: &Place, id: &'static str, n: Option<u32>) -> Attempt<()> {
    let (store, gate) = Gated::new(place.bucket.clone(), &[]);
    let tools = place.tools_over(store);
    Attempt::new(gate, Box::pin(async move { write(&tools, id, n).await }))
}

/// The changes of a race: of one that has a line, of one in the same shard that has none, and of
/// one that goes.
const CHANGES: [(&str, Option<u32>); 3] = [("V1", Some(2)), ("V656", Some(2)), ("V1", None)];

/// What is wrong with what a reader finds at this moment.
fn seen(place: &Place, what: &str) -> Result<(), String> {
    let (listed, manifests) = (place.listed()?, place.manifests());
    match listed == manifests {
        true => Ok(()),
        false => Err(format!("after {what}: {listed:?}, not {manifests:?}")),
    }
}

/// How many schedules there were, and what was wrong with the first that was.
struct Raced {
    schedules: usize,
    wrong: Option<String>,
}

/// Ends a race: what is settled must be right, too, and stay so.
async fn settle(place: &Place) -> Result<(), String> {
    seen(place, "the race")?;
    place.turn(AT_LAST);
    for _ in 0..2 {
        place.compact(Mode::Delta).await;
        seen(place, "the next delta")?;
    }
    match place.lines() == place.manifests() {
        true => Ok(()),
        false => Err("the shards are behind after the next delta".to_owned()),
    }
}

/// A writer that has made `early` of its operations when the hour ends, and a run that begins
/// soon after; its operations come in between as the bits of `order` say.
async fn with_a_writer(
    mode: Mode,
    planted: Planted<Shortcut>,
    (id, n): (&'static str, Option<u32>),
    (early, order): (usize, &[bool]),
    dies: bool,
) -> Result<(), String> {
    let place = begun().await;
    let mut writer = writer(&place, id, n);
    for _ in 0..early {
        if writer.runs() {
            writer.step();
        }
    }
    place.turn(SOON);
    let mut run = run(&place, mode, planted, "0");
    for turn in order {
        match (turn, writer.runs(), run.runs()) {
            (true, true, _) => writer.step(),
            (false, _, true) => run.step(),
            _ => continue,
        }
        seen(&place, if *turn { "a step of the writer" } else { "a step of the run" })?;
    }
    if dies {
        run.crash();
    }
    writer.finish();
    seen(&place, "the writer")?;
    match run.finish() {
        Some(Err(stop)) if !matches!(stop, Stop::Ahead(_)) => return Err(stop.to_string()),
        _ => (),
    }
    settle(&place).await
}

/// Every order of `ours` and `theirs` steps.
fn orders(ours: usize, theirs: usize) -> Vec<Vec<bool>> {
    if ours == 0 || theirs == 0 {
        return vec![[vec![false; ours], vec![true; theirs]].concat()];
    }
    let begin = |first: bool, rest: Vec<Vec<bool>>| {
        rest.into_iter().map(move |it| [vec![first], it].concat())
    };
    let mut all: Vec<_> = begin(false, orders(ours - 1, theirs)).collect();
    all.extend(begin(true, orders(ours, theirs - 1)));
    all
}

/// Orders in which two runs give way to each other twice: the second makes some steps, the first
/// some of those that it has left, then the second all and the first the rest.
fn turns(left: usize) -> Vec<Vec<bool>> {
    let of = |theirs, ours| [vec![true; theirs], vec![false; ours], vec![true; RUN_STEPS]].concat();
    (0..=RUN_STEPS).flat_map(|theirs| (0..=left).map(move |ours| of(theirs, ours))).collect()
}

/// Operations of a run in a race, at most; and of a writer.
const RUN_STEPS: usize = 9;
const WRITER_STEPS: usize = 3;

async fn race_with_a_writer(mode: Mode, planted: fn() -> Planted<Shortcut>) -> Raced {
    let mut raced = Raced { schedules: 0, wrong: None };
    for change in CHANGES {
        for early in 0..=WRITER_STEPS {
            for order in orders(RUN_STEPS, WRITER_STEPS - early) {
                for dies in [false, true] {
                    raced.schedules += 1;
                    let end = with_a_writer(mode, planted(), change, (early, &order), dies).await;
                    if let Err(wrong) = end {
                        raced.wrong = Some(format!("{change:?}, {early}, {order:?}: {wrong}"));
                        return raced;
                    }
                }
            }
        }
    }
    raced
}

#[tokio::test]
async fn nothing_is_lost_that_is_written_during_a_compaction() {
    for mode in [Mode::Delta, Mode::Full(None), RESHARD] {
        let raced = race_with_a_writer(mode, || Planted::NONE).await;
        println!("{mode:?}: {} schedules", raced.schedules);
        assert_eq!(raced.wrong, None);
        assert!(raced.schedules > 1_000);
    }
}

/// A run that has made `early` operations in the old hour, a change, and another run that begins
/// when the watermark leaves that hour; the rest of both in the order of the bits.
async fn with_another(
    modes: (Mode, Mode),
    planted: fn() -> Planted<Shortcut>,
    (id, n): (&'static str, Option<u32>),
    (early, order): (usize, &[bool]),
) -> Result<(), String> {
    let place = begun().await;
    // In the shard of V1, so that there is something to write for who comes first.
    place.write("V443", Some(1)).await;
    let mut first = run(&place, modes.0, planted(), "first");
    for _ in 0..early {
        if first.runs() {
            first.step();
            seen(&place, "a step of the first")?;
        }
    }
    place.write(id, n).await;
    place.turn(LATE);
    let mut second = run(&place, modes.1, planted(), "second");
    for turn in order {
        match (turn, second.runs(), first.runs()) {
            (true, true, _) => second.step(),
            (false, _, true) => first.step(),
            _ => continue,
        }
        seen(&place, if *turn { "a step of the second" } else { "a step of the first" })?;
    }
    for run in [&mut first, &mut second] {
        match run.finish() {
            Some(Err(stop)) if !matches!(stop, Stop::Ahead(_)) => return Err(stop.to_string()),
            _ => (),
        }
        seen(&place, "the end of a run")?;
    }
    settle(&place).await
}

async fn race_of_two(modes: (Mode, Mode), planted: fn() -> Planted<Shortcut>) -> Raced {
    let mut raced = Raced { schedules: 0, wrong: None };
    for change in CHANGES {
        for early in 0..=RUN_STEPS {
            for order in turns(RUN_STEPS - early) {
                raced.schedules += 1;
                let end = with_another(modes, planted, change, (early, &order)).await;
                if let Err(wrong) = end {
                    raced.wrong = Some(format!("{change:?}, {early}, {order:?}: {wrong}"));
                    return raced;
                }
            }
        }
    }
    raced
}

#[tokio::test]
async fn nothing_is_lost_when_two_compact_at_the_same_time() {
    for first in super::MODES {
        for second in super::MODES {
            let raced = race_of_two((first, second), || Planted::NONE).await;
            println!("{first:?}, {second:?}: {} schedules", raced.schedules);
            assert_eq!(raced.wrong, None);
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_when_the_count_changes_beside_another_run() {
    for modes in [(RESHARD, Mode::Delta), (Mode::Delta, RESHARD), (RESHARD, RESHARD)] {
        let raced = race_of_two(modes, || Planted::NONE).await;
        println!("{modes:?}: {} schedules", raced.schedules);
        assert_eq!(raced.wrong, None);
    }
}

#[tokio::test]
async fn wrong_turns_are_seen_beside_a_writer() {
    let seen = |raced: Raced| raced.wrong.is_some();
    let lag = || Planted::bug(Shortcut::WatermarkWithoutLag);
    assert!(seen(race_with_a_writer(Mode::Delta, lag).await));
    assert!(seen(race_with_a_writer(Mode::Full(None), lag).await));
    let at_once = || Planted::bug(Shortcut::JournalDeletedAtOnce);
    assert!(seen(race_with_a_writer(Mode::Delta, at_once).await));
}

#[tokio::test]
async fn wrong_turns_are_seen_beside_another_run() {
    let seen = |raced: Raced| raced.wrong.is_some();
    let deltas = (Mode::Delta, Mode::Delta);
    assert!(seen(race_of_two(deltas, || Planted::bug(Shortcut::ShardReadLast)).await));
    assert!(seen(race_of_two(deltas, || Planted::bug(Shortcut::ConflictTakenForDone)).await));
    assert!(seen(race_of_two(deltas, || Planted::bug(Shortcut::IndexFirst)).await));
    let full = (Mode::Full(None), Mode::Delta);
    let not_compared = || Planted::bug(Shortcut::ListedShardNotCompared);
    assert!(seen(race_of_two(full, not_compared).await));
}

#[tokio::test]
async fn who_is_behind_says_so() {
    let place = begun().await;
    place.write("V1", Some(3)).await;
    let mut first = run(&place, Mode::Delta, Planted::NONE, "first");
    // The index, the journal, the shard.
    (0..3).for_each(|_| first.step());
    let version = Version { software: "second".to_owned(), definitions: "d".to_owned() };
    let second = Tools { version, ..place.tools() };
    compact(second, Mode::Delta, Planted::NONE).await.unwrap();
    let stop = first.finish().unwrap().clone().unwrap_err();
    expect_test::expect!["another run is ahead of this one: it has written env/dev/manifests/ventures/_index_shard=c1.ndjson. Nothing is lost, and nothing has to be done"]
        .assert_eq(&stop.to_string());
    assert_eq!(place.lines(), place.manifests());
}
