//! Of what is purged nothing is left, whatever happens meanwhile.

mod races;

use std::sync::Arc;

use bytes::Bytes;
use domain::{Definitions, ObjectName};
use emulator::faulty::{Fault, Faulty, When};
use emulator::intercepted::{Intercepted, Operation};
use emulator::{Memory, Upload};
use expect_test::expect;
use projection::shard::ShardCount;
use store::{Error, ErrorKind, List, Store, Tools};

use super::{body_of, bucket, definitions_of, entity, release, run};
use crate::derive::Deriving;

const INDICES: &str = r#"{"name":"by-status","version":1,"keys":[{"from":["/status"],"transform":"slug"}]},
    {"name":"latest","version":1,"keys":[{"from":["/team"],"transform":"slug"}],"latest_by":["/n"]}"#;
const SCHEMA: &str =
    r#"{"properties":{"status":{"type":"string"},"n":{"type":"number"}},"required":["status"]}"#;
const RULES: &str = r#"{"entity":"rule","members":[{"id":"R1","applies_to":"venture","condition":{"all":[{"path":"n","op":"gte","value":7000}]}}]}"#;

const LINE: &str = "purge venture V1 --reason request-4711 --yes";
const SNAPSHOT: &str = "env/dev/snapshots/ventures/V1.json";

/// What stands in everything that the entity has said, and in nothing else.
const MARKS: [&str; 2] = ["secret", "7777"];

fn known() -> Arc<Definitions> {
    definitions_of(&[("1.0.0", SCHEMA)], INDICES)
}

fn put(bucket: &Memory, name: &str, body: &str) {
    bucket.insert(name, Bytes::from(body.to_owned()), Upload::default()).unwrap();
}

/// Writes a record and has everything derived from it.
async fn written(bucket: &Memory, tools: &Tools, id: &str, file: &str, body: &str) {
    let name = format!("{}2025/11/06/{file}.json", ObjectName::history_prefix(&entity(id)));
    put(bucket, &name, body);
    let generation = bucket.objects()[&name].generation;
    let Ok(ObjectName::History(name)) = ObjectName::parse(&name) else { panic!("{name}") };
    let deriving = Deriving::new(tools);
    deriving.record(name, generation).await.unwrap();
    deriving.snapshot(&entity(id)).await.unwrap();
}

fn record(minute: u32, status: &str, rest: &str) -> String {
    let time = format!("2025-11-06T10:{minute:02}:00Z");
    format!(
        r#"{{"schema_version":"1.0.0","updated_at":"{time}","status":"{status}","team":"Red"{rest}}}"#
    )
}

/// A bucket in which V1 has left something of everything, and V2 beside it.
async fn place() -> (Arc<Memory>, Tools) {
    let bucket = bucket();
    let tools = release(bucket.clone(), &known());
    put(&bucket, "env/dev/indices/rules/_bundle.json", RULES);
    written(&bucket, &tools, "V2", "x_1", &record(1, "Idea", r#","n":1"#)).await;
    written(&bucket, &tools, "V1", "a_1", &record(1, "secret one", r#","n":7777"#)).await;
    written(&bucket, &tools, "V1", "b_2", &record(2, "secret two", r#","n":7777.5"#)).await;
    let root = "env/dev";
    put(&bucket, &format!("{root}/ventures/V1/history/2025/11/06/c_3.json"), "secret, and no JSON");
    let claim = format!("{root}/indices/ventures/_claims/V1/01K9CD6Z00000000000000000B.json");
    put(&bucket, &claim, r#"{"text":"secret"}"#);
    let note = "reports/quarantine/snapshot-builder/ventures/V1/0123.json";
    put(&bucket, &format!("{root}/{note}"), r#"{"reasons":["secret"]}"#);
    put(&bucket, &format!("{root}/indices/_repair/ventures/V1.json"), r#"{"id":"V1"}"#);
    put(&bucket, &format!("{root}/indices/ventures/by-dropped/secret/V1.json"), r#"{"id":"V1"}"#);
    for name in crate::purge::shard_names(&entity("V1")) {
        let other = "{\"id\":\"V2\",\"n\":1}\n";
        put(&bucket, &name, &format!("{{\"id\":\"V1\",\"n\":\"secret\"}}\n{other}"));
        put(&bucket, &name, &format!("{{\"id\":\"V1\",\"n\":7777}}\n{other}"));
    }
    let alert = bucket.objects().into_keys().find(|name| name.contains("/alerts/R1/V1/")).unwrap();
    let alert_id = alert.rsplit('/').next().unwrap().trim_end_matches(".json");
    for (mark, of) in [("sent", "log"), ("sent", "log/heard"), ("ack", "log")] {
        let name = format!("{root}/indices/alerts/{mark}/R1/V1/{alert_id}/{of}.json");
        put(&bucket, &name, r#"{"reason":"secret"}"#);
    }
    // Of another kind, whose entity has the same id.
    put(&bucket, &format!("{root}/reports/alerts/R9/V1/A1.json"), r#"{"entity":"person"}"#);
    put(&bucket, &format!("{root}/indices/alerts/sent/R9/V1/A1/log.json"), "{}");
    (bucket, tools)
}

/// Everything that says something of the entity, in any version.
async fn left(bucket: &Memory) -> Vec<String> {
    let list = List { versions: true, ..List::default() };
    let mut left = Vec::new();
    for item in bucket.list(&list).await.unwrap().items {
        let object = bucket.get(&item.name, Some(item.generation)).await.unwrap().unwrap();
        let says = format!("{} {:?} {:?}", item.name, object.body, object.metadata);
        if MARKS.iter().any(|mark| says.contains(mark)) {
            left.push(says);
        }
    }
    left
}

/// The live objects that are named after the entity.
fn remains(bucket: &Memory) -> Vec<String> {
    let of_kind = |name: &String| name.contains("V1") && !name.contains("R9");
    bucket.objects().into_keys().filter(of_kind).collect()
}

/// What remains, without what differs between runs, and what a delivery that comes after the end
/// writes: that there is nothing.
fn end(bucket: &Memory) -> Vec<String> {
    let digits = |name: String| name.split("01").next().unwrap_or_default().to_owned();
    let written_late = |name: &String| name.contains("/manifests/");
    remains(bucket).into_iter().filter(|name| !written_late(name)).map(digits).collect()
}

#[tokio::test]
async fn a_tombstone_its_snapshot_and_an_audit_record_remain() {
    let (bucket, tools) = place().await;
    assert!(left(&bucket).await.len() > 20);
    let others: Vec<String> =
        bucket.objects().into_keys().filter(|name| !name.contains("V1")).collect();
    let (ended, said) = run(&tools, LINE).await;
    assert_eq!(ended, Ok(true), "{said}");
    assert_eq!(left(&bucket).await, Vec::<String>::new());
    let [audit, snapshot, history] = &remains(&bucket)[..] else {
        panic!("{:#?}", remains(&bucket))
    };
    assert!(audit.starts_with("env/dev/logs/audit/2025/11/06/purge/ventures/V1/"), "{audit}");
    assert_eq!(snapshot, SNAPSHOT);
    let tombstone = body_of(&bucket, history).unwrap();
    let text = serde_json::to_string(&tombstone).unwrap();
    expect![[r#"{"op":"delete","id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T12:00:00.000Z","actor":"ada","reason":"request-4711","origin":"purge"}"#]].assert_eq(&text);
    let versions = Store::versions(&*bucket, snapshot).await.unwrap();
    assert_eq!(versions.len(), 1);
    let kept: Vec<String> =
        bucket.objects().into_keys().filter(|name| !name.contains("V1")).collect();
    assert_eq!(kept, others, "nothing of anybody else is gone");
    assert!(bucket.objects().contains_key("env/dev/indices/alerts/sent/R9/V1/A1/log.json"));
    let register = body_of(&bucket, "env/dev/indices/ventures/latest/red.json").unwrap();
    assert_eq!(register["id"], "V2");
    let audit = serde_json::to_string(&body_of(&bucket, audit).unwrap()).unwrap();
    assert!(audit.contains(r#""actor":"ada","reason":"request-4711""#), "{audit}");
    assert!(said.contains("purged dev/ventures/V1: "), "{said}");
}

#[tokio::test]
async fn a_second_purge_does_nothing_and_says_so() {
    let (bucket, tools) = place().await;
    run(&tools, LINE).await.0.unwrap();
    let before = bucket.objects();
    let (ended, said) = run(&tools, LINE).await;
    assert_eq!(ended, Ok(true));
    assert!(
        said.contains("dev/ventures/V1 is purged, and nothing is left of it: env/dev/logs/audit/"),
        "{said}"
    );
    assert_eq!(bucket.objects(), before);
    let (ended, said) = run(&tools, "purge venture V9 --reason r --yes").await;
    assert_eq!((ended, said.as_str()), (Ok(false), "there is nothing of venture V9 in dev\n"));
}

#[tokio::test]
async fn what_comes_back_is_purged_again_under_a_later_tombstone() {
    let (bucket, tools) = place().await;
    run(&tools, LINE).await.0.unwrap();
    written(&bucket, &tools, "V1", "z_9", &record(59, "secret again", r#","n":7777"#)).await;
    assert!(!left(&bucket).await.is_empty());
    assert_eq!(run(&tools, LINE).await.0, Ok(true));
    assert_eq!(left(&bucket).await, Vec::<String>::new());
    assert_eq!(remains(&bucket).iter().filter(|name| name.contains("/history/")).count(), 1);
}

#[tokio::test]
async fn a_dry_run_counts_and_writes_nothing() {
    let (bucket, tools) = place().await;
    let before = bucket.objects();
    let (ended, said) = run(&tools, "purge venture V1 --reason r --dry-run").await;
    assert_eq!(ended, Ok(true));
    assert_eq!(bucket.objects(), before);
    expect![[r#"
        would erase 40 versions (alert marks 3, alert state 3, alerts 1, claims 1, history 3, indices 6, journal 1, manifest 2, quarantine 1, repair wanted 1, shards and exports 16, snapshot 2, 1 shared objects written without it) of dev/ventures/V1; the look took 0 objects; 28 B + 34 A and 0 notifications, $0.0002
        a purge looks at everything twice at least, 55 s apart
    "#]].assert_eq(&said);
}

#[tokio::test]
async fn a_record_dated_ahead_is_covered_too() {
    let (bucket, tools) = place().await;
    let ahead =
        r#"{"schema_version":"1.0.0","updated_at":"2025-11-07T11:00:00Z","status":"secret"}"#;
    written(&bucket, &tools, "V1", "y_8", ahead).await;
    assert_eq!(run(&tools, LINE).await.0, Ok(true));
    assert_eq!(left(&bucket).await, Vec::<String>::new());
    let snapshot = body_of(&bucket, SNAPSHOT).unwrap();
    assert_eq!(snapshot["updated_at"], "2025-11-07T11:00:00.001Z");
    assert_eq!(snapshot["op"], "delete");
}

#[tokio::test]
async fn killed_at_any_operation_and_run_again_it_comes_to_the_same_end() {
    let (whole, tools) = place().await;
    run(&tools, LINE).await.0.unwrap();
    for when in [When::Before, When::After] {
        for at in 0.. {
            let (bucket, tools) = place().await;
            let old = bucket.objects().into_keys().find(|name| name.ends_with("b_2.json")).unwrap();
            let old_generation = bucket.objects()[&old].generation;
            let fault = Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when };
            let faulty = Faulty::new(bucket.clone(), fault);
            let (ended, _) = run(&Tools { store: faulty.clone(), ..tools.clone() }, LINE).await;
            if !faulty.happened() {
                assert!(at > 60 && ended == Ok(true), "{at}");
                break;
            }
            let problem = ended.unwrap_err();
            // A delivery of an old record comes again in between.
            let Ok(ObjectName::History(name)) = ObjectName::parse(&old) else { panic!("{old}") };
            let deriving = Deriving::new(&tools);
            deriving.record(name, old_generation).await.unwrap();
            deriving.snapshot(&entity("V1")).await.unwrap();
            let (ended, said) = run(&tools, LINE).await;
            assert_eq!(ended, Ok(true), "killed at {at} by {problem}: {said}");
            assert_eq!(left(&bucket).await, Vec::<String>::new(), "killed at {at} {when:?}");
            assert_eq!(end(&bucket), end(&whole), "killed at {at} {when:?}");
            let (ended, said) = run(&tools, LINE).await;
            assert!(ended == Ok(true) && said.contains("nothing is left of it"), "{said}");
        }
    }
}

/// A bucket that refuses to erase what is named so.
fn refusing(bucket: &Arc<Memory>, what: &'static str, reason: &'static str) -> Arc<dyn Store> {
    Intercepted::new(bucket.clone(), move |operation| match operation {
        Operation::Erase(name) if name.contains(what) => {
            let text = format!("erase {name}: answer 403{reason}");
            Err(Error::new(ErrorKind::Unavailable, text))
        }
        Operation::Delete(name) => panic!("delete {name}"),
        _ => Ok(()),
    })
}

#[tokio::test]
async fn who_may_not_delete_is_told_what_it_takes_before_anything_is_written() {
    let (bucket, tools) = place().await;
    let before = bucket.objects();
    let store = refusing(&bucket, "/history/", " (forbidden)");
    let (ended, _) = run(&Tools { store, ..tools }, LINE).await;
    let problem = ended.unwrap_err().to_string();
    assert!(problem.contains("it takes storage.objects.delete on the bucket"), "{problem}");
    assert_eq!(bucket.objects(), before);
}

#[tokio::test]
async fn what_is_held_is_named_and_the_rest_goes() {
    for (reason, word) in [
        (" (retentionPolicyNotMet)", "a retention"),
        (" (objectUnderActiveHold)", "a hold keeps it"),
    ] {
        let (bucket, tools) = place().await;
        let held = Tools { store: refusing(&bucket, "b_2.json", reason), ..tools.clone() };
        let (ended, said) = run(&held, LINE).await;
        assert_eq!(ended, Ok(false));
        assert!(said.contains("1 of its versions are held"), "{said}");
        assert!(said.contains(word) && said.contains("b_2.json#"), "{said}");
        assert_eq!(left(&bucket).await.len(), 1, "only that one is left");
        assert!(!remains(&bucket).iter().any(|name| name.contains("audit")));
        // Released, the same command comes to the end.
        assert_eq!(run(&tools, LINE).await.0, Ok(true));
        assert_eq!(left(&bucket).await, Vec::<String>::new());
    }
}

#[test]
fn a_shard_of_any_count_can_have_the_line() {
    let names = crate::purge::shard_names(&entity("V1"));
    assert_eq!(names.len(), 2 * ShardCount::ALL.len());
}

#[tokio::test]
async fn merges_that_cannot_be_held_together_are_erased_all_the_same() {
    let (bucket, tools) = place().await;
    let merge = format!(
        r#"{{"op":"merge","updated_at":"2025-11-06T10:30:00Z","secret":"{}"}}"#,
        ",".repeat(600_000)
    );
    put(&bucket, "env/dev/ventures/V1/history/2025/11/06/w_1.json", &merge);
    let (ended, said) = run(&tools, LINE).await;
    assert_eq!(ended, Ok(true), "{said}");
    assert!(!remains(&bucket).iter().any(|name| name.ends_with("w_1.json")));
}

#[tokio::test]
async fn history_whose_live_version_is_gone_is_found() {
    let (bucket, tools) = place().await;
    for (name, object) in bucket.objects() {
        if name.contains("/V1/history/") {
            assert!(bucket.delete(&name, object.generation).await.unwrap());
        }
    }
    assert_eq!(run(&tools, LINE).await.0, Ok(true));
    assert_eq!(left(&bucket).await, Vec::<String>::new());
}
