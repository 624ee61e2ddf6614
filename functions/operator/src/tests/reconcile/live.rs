//! Beside functions that run, nothing is reported that they are going to do, and what is mended
//! stays so.

use std::collections::BTreeMap;

use domain::Planted;

use super::corruptions::{Done, Moment, corrupt};
use super::world::{World, lines};
use crate::Shortcut;
use crate::tests::run_with;

const VENTURES: u64 = 20;

/// Runs a command while records are written and handled; what it found.
async fn beside(seed: u64, line: &str, planted: Planted<Shortcut>) -> (usize, String) {
    let world = World::new(seed);
    world.fill(VENTURES);
    world.write_on(Some(6));
    let (ended, said) = run_with(&world.live_tools(), line, planted).await;
    let (found, summary) = lines(&said);
    assert_eq!(ended, Ok(found.is_empty()), "{said}");
    assert!(summary["entities"].as_u64().unwrap() >= VENTURES, "{said}");
    world.write_on(None);
    world.drain();
    assert_eq!(world.contents(), world.expected(), "seed {seed}");
    (found.len(), said)
}

#[tokio::test]
async fn a_live_store_is_clean() {
    for seed in 0..3 {
        let (found, said) = beside(seed, "reconcile --json", Planted::NONE).await;
        assert_eq!(found, 0, "seed {seed}: {said}");
    }
}

#[tokio::test]
async fn repairing_a_live_store_has_nothing_to_repair() {
    for seed in 0..3 {
        let (found, said) = beside(seed, "reconcile --repair --json", Planted::NONE).await;
        assert_eq!(found, 0, "seed {seed}: {said}");
    }
}

#[tokio::test]
async fn what_is_counted_at_first_look_is_seen_to_be_wrong() {
    let planted = || Planted::bug(Shortcut::CountedAtFirstLook);
    assert!(beside(0, "reconcile --json", planted()).await.0 > 0);
}

#[tokio::test]
async fn what_was_corrupted_is_mended_while_functions_run() {
    for seed in 0..3 {
        let world = World::new(seed);
        world.fill(VENTURES);
        for _ in 0..40 {
            if let Done::Garbage(name) = corrupt(&world, &Moment::of(&world)).await {
                let generation = world.bucket.objects()[&name].generation;
                store::Store::delete(&*world.bucket, &name, generation).await.unwrap();
            }
        }
        // Functions are told of foreign snapshots too, and reject what they cannot read.
        world.forget_events();
        world.write_on(Some(12));
        let line = "reconcile --repair --delete-garbage --json";
        let (_, said) = run_with(&world.live_tools(), line, Planted::NONE).await;
        world.write_on(None);
        world.drain();
        // What was written at every look is left to the next run.
        let (ended, again) = run_with(&world.tools(), line, Planted::NONE).await;
        assert_eq!(ended, Ok(true), "seed {seed}: {again}");
        world.drain();
        let (contents, expected) = (world.contents(), world.expected());
        let left: BTreeMap<_, _> =
            contents.iter().filter(|(name, says)| expected.get(*name) != Some(*says)).collect();
        assert!(left.is_empty(), "seed {seed}: {left:?}\n{said}");
        assert_eq!(contents.len(), expected.len(), "seed {seed}");
        assert_eq!(world.alerts_wrong(), Vec::<String>::new(), "seed {seed}");
    }
}
