//! What the simulation promises of itself, and seeds that have found something.

use std::sync::Arc;

use simulation::{Mix, Outside, Plan, Profile, definitions};
use store::{Store, Tools};

use crate::{Bug, FUNCTIONS, Seeds, Shipped, Stage, explore};

fn stage(bug: Option<&str>) -> Stage {
    Stage::new(Profile::Swarm, bug.map(|name| Bug::parse(name).unwrap()))
}

fn seeds(first: u64, count: u64) -> Seeds {
    let (time_max, twice_every, divergences_max, threads) = (None, 0, 1, 2);
    Seeds { first, count, time_max, twice_every, divergences_max, threads }
}

#[test]
fn every_profile_ends_as_its_histories_say() {
    for (profile, word) in Profile::NAMES {
        let found = explore(&Stage::new(profile, None), seeds(0, 30), |_| ());
        assert_eq!(found.divergences, [], "{word}");
        assert_eq!(found.seeds, 30);
    }
}

/// What an event costs, and that nobody is told to come again for nothing.
#[test]
fn where_nothing_fails_every_push_is_acknowledged_within_its_budget() {
    for profile in [Profile::Calm, Profile::Burst] {
        let found = explore(&Stage::new(profile, None), seeds(0, 60), |_| ());
        assert_eq!((found.divergences, found.counts.nacks), (vec![], 0), "{profile}");
        // A snapshot, a manifest, its journal, some pointers, now and then a register or an alert,
        // which is claimed, sent to a target, and marked.
        let per_record = |count: u64| count as f64 / found.counts.records as f64;
        let operations = found.counts.operations;
        let (a, b) = (per_record(operations.class_a), per_record(operations.class_b));
        println!("{profile}: {a:.2} A + {b:.2} B per record");
        assert!(a <= 8.0 && b <= 17.0, "{profile}: {a:.2} A + {b:.2} B per record");
    }
}

#[test]
fn a_seed_has_one_trace() {
    let stage = stage(None);
    let hashes = |seed| [(); 2].map(|()| stage.run(seed, false).trace_hash);
    let hashes: Vec<_> = (0..20).map(hashes).collect();
    assert!(hashes.iter().all(|[first, second]| first == second), "{hashes:x?}");
    let different: std::collections::BTreeSet<_> = hashes.iter().map(|[hash, _]| hash).collect();
    assert_eq!(different.len(), hashes.len(), "and no other seed has it");
}

#[test]
fn a_readable_trace_is_the_same_run() {
    let stage = stage(None);
    let (read, unread) = (stage.run(3, true), stage.run(3, false));
    assert_eq!((read.trace_hash, unread.lines.len()), (unread.trace_hash, 0));
    assert!(read.lines.len() > 100);
}

#[test]
fn a_planted_bug_is_found_and_its_history_shrinks() {
    let stage = stage(Some("index-writer/overwritten-ignored"));
    let found = explore(&stage, seeds(0, 30), |_| ());
    let (seed, _) = found.divergences.first().expect("it is found at once");
    let (plan, report) = stage.shrink(*seed);
    println!("{:#?}\n{}", plan.mix, report.lines.join("\n"));
    assert!(report.wrong.is_some(), "the smaller history shows it too");
    // A state that moves needs two records; where the second of them does not, one more.
    assert!(plan.records.len() <= 3, "{} records", plan.records.len());
    assert_eq!(plan.mix, Mix { instances: 1, ..plan.mix.clone() });
    let faults = Mix::DIMENSIONS.map(|(_, dimension, ..)| *dimension(&mut plan.mix.clone()));
    assert!(faults.iter().all(|rate| *rate == 0), "no fault is needed: {faults:?}");
}

/// Each runs well, and did not before what the named bug takes out again was mended.
#[test]
fn seeds_that_have_found_something() {
    for (bug, seed) in FOUND {
        assert_eq!(stage(None).run(seed, false).wrong, None, "{bug} {seed}");
        assert!(stage(Some(bug)).run(seed, false).wrong.is_some(), "{bug} {seed}");
    }
}

const FOUND: [(&str, u64); 7] = [
    // The first write of the change of an alert state is followed by the second within a second.
    ("rules-engine/throttled-given-up", 4),
    // Whoever opens an alert dies before it is written, and nobody else knows of it.
    ("rules-engine/opened-unnoted", 1),
    // Whoever closes an alert dies before its end is written, and nobody else knows of it.
    ("rules-engine/told-forgotten", 31),
    // The snapshot-builder is replaced by a release that knows a newer schema version.
    ("snapshot-builder/older-snapshot-patched", 295),
    // The owner changes with the record after which a snapshot is at the newer version.
    ("index-writer/old-versions-not-upgraded", 11),
    // A request to the release before is under way when the second pass has seen the entity.
    ("operator/older-release-not-awaited", 345),
    // The release before is told of a change after the first pass has seen the entity.
    ("operator/second-pass-skipped", 357),
];

#[test]
fn every_bug_has_a_name_of_its_own() {
    let all = Bug::all();
    assert!(all.iter().all(|bug| Bug::parse(&bug.to_string()) == Some(*bug)));
    assert_eq!(Bug::parse("index-writer/no-such-thing"), None);
}

#[test]
fn functions_are_fed_with_what_they_handle() {
    let definitions = Arc::new(definitions());
    let shipped = Shipped::new(&definitions, None);
    for (name, class) in FUNCTIONS {
        let store: Arc<dyn Store> = emulator::Memory::new("simulated", clock(), 1);
        let tools = Tools { definitions: Arc::clone(&definitions), ..emulator::tools(store) };
        assert_eq!(shipped.handler(name, tools, Outside::nobody()).fed_with(), [class], "{name}");
    }
}

fn clock() -> Arc<emulator::TestClock> {
    emulator::TestClock::at(emulator::NOW)
}

#[test]
fn plans_are_drawn_from_the_seed_alone() {
    let text = |seed| format!("{:?}", Plan::of(seed, Profile::Swarm));
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}
