//! Ten thousand corruptions: each is reported, each is mended, and then nothing is written.

use std::collections::BTreeSet;

use domain::Planted;

use super::corruptions::{Done, Moment, corrupt};
use super::world::{World, lines};
use crate::Shortcut;
use crate::tests::{run, run_with};

const VENTURES: u64 = 120;
const BATCH: usize = 500;
const REPAIR: &str = "reconcile --repair --delete-garbage --grace 60 --json";

/// Corrupts a store again and again; how many corruptions there were.
async fn batches(seed: u64, batches: usize) -> usize {
    let world = World::new(seed);
    world.fill(VENTURES);
    let before = world.contents();
    assert_eq!(world.alerts_wrong(), Vec::<String>::new());
    let tools = world.tools();
    let (ended, said) = run(&tools, "reconcile --grace 60 --json").await;
    assert_eq!(ended, Ok(true), "a clean store: {said}");
    let mut corruptions = 0;
    for batch in 0..batches {
        let (mut garbage, mut touched) = (BTreeSet::new(), BTreeSet::new());
        let (mut in_batch, moment) = (0, Moment::of(&world));
        while in_batch < BATCH {
            match corrupt(&world, &moment).await {
                Done::Nothing => continue,
                Done::Garbage(name) => drop(garbage.insert(name)),
                Done::To(name) => drop(touched.insert(name)),
            }
            in_batch += 1;
        }
        corruptions += in_batch;
        world.forget_events();
        let after = world.contents();
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let mut wrong: BTreeSet<String> = names
            .into_iter()
            .filter(|name| before.get(*name) != after.get(*name))
            .cloned()
            .collect();
        // Of a state that nobody of ours has written no alert follows.
        let stated = |alert: &String| {
            let id = alert.split('/').nth(5).unwrap();
            !touched.contains(&format!("env/dev/indices/alerts/_state/ventures/{id}.json"))
        };
        let alerts = world.alerts_wrong().into_iter();
        wrong.extend(alerts.filter(|alert| touched.contains(alert) && stated(alert)));
        let there = world.bucket.objects();
        wrong.extend(garbage.into_iter().filter(|name| there.contains_key(name)));
        let place = format!("seed {seed}, batch {batch}");

        let (ended, said) = run(&tools, "reconcile --grace 60 --json").await;
        assert_eq!(ended, Ok(false), "{place}");
        let found: BTreeSet<String> = objects(&said);
        let missed: Vec<&String> = wrong.difference(&found).collect();
        assert!(missed.is_empty(), "{place}: not reported: {missed:?}");
        let unfounded: Vec<&String> = found
            .difference(&wrong)
            .filter(|name| !touched.contains(*name) && !follows(name))
            .collect();
        assert!(unfounded.is_empty(), "{place}: reported: {unfounded:?}");

        let (ended, said) = run(&tools, REPAIR).await;
        assert_eq!(ended, Ok(true), "{place}: {said}");
        let mended = world.contents();
        let names: BTreeSet<&String> = before.keys().chain(mended.keys()).collect();
        let left: Vec<_> = names
            .into_iter()
            .filter(|name| before.get(*name) != mended.get(*name))
            .map(|name| (name, before.get(name), mended.get(name)))
            .collect();
        assert!(left.is_empty(), "{place}: not mended: {left:?}");
        assert_eq!(world.alerts_wrong(), Vec::<String>::new(), "{place}");
        world.forget_events();

        let (ended, said) = run(&tools, REPAIR).await;
        let (found, summary) = lines(&said);
        assert_eq!((ended, found.len()), (Ok(true), 0), "{place}: {said}");
        assert_eq!((&summary["objects_written"], &summary["deletes"]), (&0.into(), &0.into()));
    }
    corruptions
}

/// Whether something can be wrong about an object because of others: the open rules follow from the
/// bundle, and alerts from the state.
fn follows(name: &str) -> bool {
    name.contains("/_state/") || name.contains("/reports/alerts/")
}

fn objects(said: &str) -> BTreeSet<String> {
    let (found, _) = lines(said);
    found.iter().map(|finding| finding["object"].as_str().unwrap().to_owned()).collect()
}

/// Four tests, so that they run at the same time: ten thousand corruptions in all.
const BATCHES: usize = 5;

#[tokio::test]
async fn every_one_of_ten_thousand_corruptions_is_reported_and_mended_first_quarter() {
    assert_eq!(batches(1, BATCHES).await, 2_500);
}

#[tokio::test]
async fn every_one_of_ten_thousand_corruptions_is_reported_and_mended_second_quarter() {
    assert_eq!(batches(2, BATCHES).await, 2_500);
}

#[tokio::test]
async fn every_one_of_ten_thousand_corruptions_is_reported_and_mended_third_quarter() {
    assert_eq!(batches(3, BATCHES).await, 2_500);
}

#[tokio::test]
async fn every_one_of_ten_thousand_corruptions_is_reported_and_mended_last_quarter() {
    assert_eq!(batches(4, BATCHES).await, 2_500);
}

#[tokio::test]
async fn a_snapshot_that_is_not_renewed_leaves_what_claims_to_come_from_it() {
    for (shortcut, mended) in [(None, true), (Some(Shortcut::SnapshotNotRenewed), false)] {
        let world = World::new(7);
        world.fill(10);
        let before = world.contents();
        let name = before.keys().find(|name| name.contains("/by-id/V")).unwrap();
        let object = world.bucket.objects()[name].clone();
        let upload = emulator::Upload { metadata: object.metadata, ..Default::default() };
        world.bucket.insert(name, "{\"id\":\"V1\",\"status\":\"never\"}\n".into(), upload).unwrap();
        let planted = shortcut.map_or(Planted::NONE, Planted::bug);
        run_with(&world.tools(), "reconcile --repair", planted).await.0.unwrap();
        assert_eq!(world.contents() == before, mended, "{shortcut:?}");
    }
}
