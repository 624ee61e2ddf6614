//! What a person says, and is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use cloud_run::Config;
use emulator::Upload;
use expect_test::expect;
use store::Store as _;

use super::world::{World, lines};
use crate::tests::run;
use crate::{Cli, Command};

const VENTURES: u64 = 40;

fn filled() -> Arc<World> {
    let world = World::new(9);
    for id in 0..VENTURES {
        world.simple(id);
    }
    world.drain();
    world
}

async fn delete(world: &World, name: &str) {
    let generation = world.bucket.objects()[name].generation;
    assert!(world.bucket.delete(name, generation).await.unwrap());
}

fn put(world: &World, name: &str, body: &str) {
    world.bucket.insert(name, body.to_owned().into(), Upload::default()).unwrap();
}

/// Every manifest of the store is gone.
async fn without_manifests() -> Arc<World> {
    let world = filled();
    for id in 0..VENTURES {
        delete(&world, &format!("env/dev/manifests/ventures/by-id/V{id}.json")).await;
    }
    world
}

async fn found(world: &World, line: &str) -> BTreeSet<String> {
    let (_, said) = run(&world.tools(), &format!("reconcile --json {line}")).await;
    lines(&said).0.iter().map(|it| it["object"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_kind_of_finding_is_shown_with_what_mends_it() {
    let world = filled();
    delete(&world, "env/dev/manifests/ventures/by-id/V1.json").await;
    put(&world, "env/dev/indices/ventures/by-status/pilot/V2.json", "{}");
    put(&world, "env/dev/indices/ventures/by-status/idea/V3.json", "{\"id\":\"V3\"}");
    put(&world, "env/dev/snapshots/ventures/readme.md", "hello");
    put(&world, "env/dev/indices/_repair/ventures/V4.json", "{\"id\":\"V4\"}");
    put(&world, "env/dev/indices/alerts/undelivered/R1/V1/A1/pager.json", "{}");
    put(&world, "env/dev/indices/ventures/by-owner/ann/V1.json", "{}");
    put(
        &world,
        "env/dev/reports/quarantine/manifest-writer/ventures/V5/d.json",
        r#"{"object":"","reasons":["as a test"]}"#,
    );
    let (ended, said) = run(&world.tools(), "reconcile").await;
    assert_eq!(ended, Ok(false));
    expect![[r#"
        orphan        env/dev/indices/ventures/by-owner has 1 object of an index that ventures does not declare
                      `operator index drop ventures by-owner`
        missing       env/dev/manifests/ventures/by-id/V1.json is missing
                      `operator reconcile --segment ventures --id V1 --repair`
        stale         env/dev/indices/ventures/by-status/pilot/V2.json says something else than the history
                      `operator reconcile --segment ventures --id V2 --repair`
        orphan        env/dev/indices/ventures/by-status/idea/V3.json is of an entity that has no place there
                      `operator reconcile --segment ventures --id V3 --repair`
        repair-wanted env/dev/indices/_repair/ventures/V4.json asks for it: a version of the snapshot had expired
                      `operator reconcile --segment ventures --id V4 --repair`
        undelivered   env/dev/indices/alerts/undelivered/R1/V1/A1/pager.json says that an alert could not be sent
                      `alerts show` says why; `alerts redeliver` sends it once its target takes it, and `alerts ack` ends it
        quarantined   env/dev/reports/quarantine/manifest-writer/ventures/V5/d.json says that manifest-writer could not go on (open: the note names no object): as a test
                      `operator quarantine show 37745635` says how to mend it, then `operator quarantine retry 37745635`
        garbage       env/dev/snapshots/ventures/readme.md no class of object has this name
                      `operator reconcile --delete-garbage`
        40 entities: 1 missing, 1 stale, 2 orphan, 1 garbage, 1 quarantined, 1 undelivered, 1 repair-wanted
          (no segment): 1 undelivered
          ventures: 1 missing
          ventures: 1 stale
          ventures: 2 orphan
          ventures: 1 garbage
          ventures: 1 quarantined
          ventures: 1 repair-wanted
          wrote 0 objects; 282 B + 73 A and 0 notifications, $0.0005
        4 differ: looking again in 120 s
        1 differ: looking again in 120 s
        reconcile ventures: 40 entities looked at, 0 objects; 281 B + 61 A and 0 notifications, $0.0004
        1 differ: looking again in 120 s
    "#]].assert_eq(&said);
    let (ended, said) = run(&world.tools(), "reconcile --repair --delete-garbage --limit 0").await;
    assert_eq!(ended, Ok(false));
    expect![[r#"
        missing       … 1 more (--limit shows them)
        stale         … 1 more (--limit shows them)
        orphan        … 2 more (--limit shows them)
        garbage       … 1 more (--limit shows them)
        quarantined   … 1 more (--limit shows them)
        undelivered   … 1 more (--limit shows them)
        repair-wanted … 1 more (--limit shows them)
        40 entities: 1 missing, 1 stale, 2 orphan, 1 garbage, 1 quarantined, 1 undelivered, 1 repair-wanted; 5 mended, 3 left
          (no segment): 1 undelivered, 0 mended
          ventures: 1 missing, 1 mended
          ventures: 1 stale, 1 mended
          ventures: 2 orphan, 1 mended
          ventures: 1 garbage, 1 mended
          ventures: 1 quarantined, 0 mended
          ventures: 1 repair-wanted, 1 mended
          wrote 11 objects; 337 B + 87 A + 2 deletes and 14 notifications, $0.0006
        4 differ: looking again in 120 s
        1 differ: looking again in 120 s
        reconcile ventures: 40 entities looked at, 11 objects; 336 B + 75 A + 1 deletes and 14 notifications, $0.0005
        1 differ: looking again in 120 s
    "#]].assert_eq(&said);
}

#[tokio::test]
async fn tasks_and_samples_share_the_entities_between_them() {
    let world = without_manifests().await;
    let all = found(&world, "").await;
    assert_eq!(all.len() as u64, VENTURES);
    let mut parts = Vec::new();
    for task in 0..4 {
        parts.push(found(&world, &format!("--task {task}/4")).await);
    }
    assert!(parts.iter().all(|part| !part.is_empty() && part.len() < all.len()), "{parts:?}");
    assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), all.len());
    assert_eq!(parts.concat_all(), all);
    let sample = found(&world, "--sample 1/4").await;
    assert!(!sample.is_empty() && sample.len() < all.len());
    assert_eq!(found(&world, "--sample 4").await, sample);
    assert_ne!(found(&world, "--task 0/4").await, sample, "they are independent");
}

#[tokio::test]
async fn a_sample_is_another_one_each_week_until_all_was_looked_at() {
    let world = without_manifests().await;
    let all = found(&world, "").await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(found(&world, "--sample 1/4").await);
        world.advance(Duration::from_secs(7 * 24 * 60 * 60));
    }
    assert!(seen.iter().all(|sample| sample.len() < all.len()), "{seen:?}");
    assert_eq!(seen.iter().map(BTreeSet::len).sum::<usize>(), all.len());
    assert_eq!(seen.concat_all(), all);
}

#[tokio::test]
async fn what_asks_for_a_repair_is_looked_at_whatever_the_sample() {
    let world = without_manifests().await;
    for id in found(&world, "").await {
        let id = id.rsplit('/').next().unwrap().trim_end_matches(".json").to_owned();
        put(&world, &format!("env/dev/indices/_repair/ventures/{id}.json"), "{}");
    }
    let all = found(&world, "").await;
    assert_eq!(found(&world, "--sample 1/1000000").await, all);
}

#[tokio::test]
async fn what_cannot_be_folded_is_not_clean() {
    let world = World::new(5);
    world.simple(1);
    world.drain();
    for n in 0..=10_000 {
        let at = "2025-11-07T10:00:00.000Z";
        let name = format!("env/dev/ventures/V1/history/2025/11/07/{at}_{n:05}.json");
        let merge = format!(
            r#"{{"op":"merge","id":"V1","entity":"venture","env":"dev","updated_at":"{at}","note":{n}}}"#
        );
        put(&world, &name, &merge);
    }
    let (ended, said) = run(&world.tools(), "reconcile --segment ventures").await;
    expect![[r#"
        1 entity: all but 1 agrees with the history
          not compared: dev/ventures/V1: list history of dev/ventures/V1: more than 10000 merges since the last full record: write a full one
          wrote 0 objects; 10009 B + 31 A and 0 notifications, $0.0042
    "#]].assert_eq(&said);
    assert_eq!(ended, Ok(false));
}

trait ConcatAll {
    fn concat_all(self) -> BTreeSet<String>;
}

impl ConcatAll for Vec<BTreeSet<String>> {
    fn concat_all(self) -> BTreeSet<String> {
        self.into_iter().flatten().collect()
    }
}

#[tokio::test]
async fn a_task_of_a_job_is_known_from_the_environment() {
    let world = without_manifests().await;
    let of = |line: &str, pairs: &[(&str, &str)]| {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Reconcile(mut options) = cli.command else { panic!("{line}") };
        options.read_task(&Config::fixed(pairs)).map(|()| format!("{options:?}"))
    };
    let pairs = [("CLOUD_RUN_TASK_INDEX", "1"), ("CLOUD_RUN_TASK_COUNT", "4")];
    let said = of("operator reconcile --task 1/4", &[]).unwrap();
    assert_eq!(of("operator reconcile", &pairs).unwrap(), said);
    assert_eq!(
        of("operator reconcile --task 1/4", &[("CLOUD_RUN_TASK_COUNT", "9")]).unwrap(),
        said
    );
    let wrong = of("operator reconcile", &[("CLOUD_RUN_TASK_INDEX", "1")]).unwrap_err();
    assert_eq!(wrong.to_string(), "task 1 of 1: tasks are counted from 0");
    assert_ne!(found(&world, "--task 1/4").await, found(&world, "").await);
}

#[tokio::test]
async fn one_entity_or_what_was_written_since_is_looked_at_alone() {
    let world = without_manifests().await;
    let manifest = |id: &str| format!("env/dev/manifests/ventures/by-id/{id}.json");
    let one = found(&world, "--segment ventures --id V7").await;
    assert_eq!(one, BTreeSet::from([manifest("V7")]));
    assert_eq!(found(&world, "--segment rules").await, BTreeSet::new());
    world.advance(Duration::from_secs(3600));
    let since = "--since 2025-11-06T12:30:00Z";
    assert_eq!(found(&world, since).await, BTreeSet::new());
    world.status_alone("V3", "Idea");
    world.drain();
    put(&world, "env/dev/indices/ventures/by-status/closed/V9.json", "{\"id\":\"V9\"}");
    let orphan = "env/dev/indices/ventures/by-status/closed/V9.json".to_owned();
    assert_eq!(found(&world, since).await, BTreeSet::from([manifest("V9"), orphan]));
}

#[tokio::test]
async fn tombstones_go_when_they_are_a_day_old() {
    let world = filled();
    world.status("V0", "Idea");
    world.write_delete("V1");
    world.drain();
    let pointer = "env/dev/indices/ventures/by-status/pilot/V0.json";
    let manifest = "env/dev/manifests/ventures/by-id/V1.json";
    let snapshot = "env/dev/snapshots/ventures/V1.json";
    let is_there = |name: &str| world.bucket.objects().contains_key(name);
    for (hours, there) in [(0, true), (23, true), (2, false)] {
        world.advance(Duration::from_secs(hours * 3600));
        assert_eq!(run(&world.tools(), "reconcile").await.0, Ok(true));
        assert!(is_there(pointer) || !there, "without --repair nothing is deleted");
        let (ended, said) = run(&world.tools(), "reconcile --repair").await;
        assert_eq!(ended, Ok(true), "{said}");
        assert_eq!((is_there(pointer), is_there(manifest)), (there, there), "{hours} {said}");
        assert!(is_there(snapshot), "the tombstone of an entity is kept for ever");
    }
    assert_eq!(run(&world.tools(), "reconcile").await.0, Ok(true));
}

#[tokio::test]
async fn old_tombstones_leave_registers_too() {
    let world = filled();
    world.status("V0", "Idea");
    world.status("V1", "Idea");
    world.drain();
    world.write_delete("V1");
    world.drain();
    let register = "env/dev/indices/ventures/latest/red.json";
    let text = || String::from_utf8(world.bucket.objects()[register].body.to_vec()).unwrap();
    assert!(text().contains(r#""op":"delete""#), "{}", text());
    assert_eq!(run(&world.tools(), "reconcile --repair").await.0, Ok(true));
    assert!(text().contains(r#""op":"delete""#));
    world.advance(Duration::from_secs(25 * 3600));
    let before = world.contents();
    assert_eq!(run(&world.tools(), "reconcile --repair").await.0, Ok(true));
    assert!(!text().contains(r#""op":"delete""#), "{}", text());
    assert_eq!(world.contents(), before);
}

#[tokio::test]
async fn wrong_words_get_one_line() {
    let world = filled();
    for (line, problem) in [
        (
            "reconcile --segment things",
            "no kind is stored under things; there are: rules, ventures",
        ),
        (
            "reconcile --since yesterday",
            "--since \"yesterday\" is no instant, such as 2025-11-06T00:00:00Z",
        ),
        (
            "reconcile --segment ventures --id a/b",
            "\"a/b\" is no id: id contains '/', '#', '[', ']', '*', '?' or a control character",
        ),
        (
            "reconcile --segment ventures --segment rules --id V1",
            "--id is of one segment: say --segment once",
        ),
    ] {
        let (ended, _) = run(&world.tools(), line).await;
        assert_eq!(ended.unwrap_err().to_string(), problem);
    }
    for line in ["--sample 0", "--sample 1/x", "--task 4/4", "--task 1", "--id V1"] {
        let words = ["operator", "reconcile"].into_iter().chain(line.split(' '));
        assert!(Cli::try_parse_from(words).is_err(), "{line}");
    }
}

#[tokio::test]
async fn a_rule_that_is_not_understood_is_found_with_its_place() {
    let world = filled();
    let never = r#""applies_to":"venture","name":"x","condition":{"path":"status","op":"matches","value":"("}"#;
    world.write("rules", "R9", never);
    world.drain();
    let (ended, said) = run(&world.tools(), "reconcile --segment rules --repair").await;
    assert_eq!(ended, Ok(false));
    expect![[r#"
        never-holds   env/dev/snapshots/rules/R9.json is not understood: /condition/value: is no regular expression that can be used: found open group without closing ')'
                      mend its file and `rules apply` it, or `operator write rule R9 --set enabled=false`
        1 entity: 1 never-holds; 0 mended, 1 left
          rules: 1 never-holds, 0 mended
          wrote 0 objects; 9 B + 11 A and 0 notifications, $0.0001
    "#]].assert_eq(&said);
    let (ended, said) = run(&world.tools(), "reconcile --segment rules --id R1").await;
    assert_eq!(ended, Ok(true), "{said}");
}
