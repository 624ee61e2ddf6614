//! Why an entity is what it is: what is out of date is found, and mended by what is said.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use domain::{
    Class, Definitions, Delivery, Disposition, Handler, ObjectName, Overwrote, Planted, json,
};
use emulator::intercepted::{Intercepted, Operation};
use emulator::{Memory, Upload};
use expect_test::expect;
use index_writer::IndexWriter;
use manifest_writer::ManifestWriter;
use rules_engine::{RuleCache, RulesEngine};
use serde_json::Value;
use store::{Store, Tools};

use super::{bucket, builder, definitions_of, entity, push, record, release, run};

const SCHEMA: &str =
    r#"{"properties":{"status":{"type":"string"},"n":{"type":"number"}},"required":["status"]}"#;

const INDICES: &str = r#"{"name":"by-status","version":1,"keys":[{"from":["/status"],"transform":"slug"}]},
    {"name":"latest","version":1,"keys":[{"from":["/team"],"transform":"slug"}],"latest_by":["/n"]}"#;

const SNAPSHOT: &str = "env/dev/snapshots/ventures/V1.json";
const MANIFEST: &str = "env/dev/manifests/ventures/by-id/V1.json";
const POINTER: &str = "env/dev/indices/ventures/by-status/pilot/V1.json";
const LEFT: &str = "env/dev/indices/ventures/by-status/idea/V1.json";
const REGISTER: &str = "env/dev/indices/ventures/latest/red.json";
const STATE: &str = "env/dev/indices/alerts/_state/ventures/V1.json";

const FULL: &str = r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T10:00:00Z","status":"Idea","team":"Red","n":1,"actor":"ada","reason":"begun"}"#;
const MERGE: &str = r#"{"op":"merge","updated_at":"2025-11-06T11:00:00Z","status":"Pilot"}"#;

fn known() -> Arc<Definitions> {
    definitions_of(&[("1.0.0", SCHEMA)], INDICES)
}

/// An entity with two records, of which everything is derived, and a rule that is open.
async fn place() -> (Arc<Memory>, Tools) {
    let bucket = bucket();
    let tools = release(bucket.clone(), &known());
    let rules = r#"{"entity":"rule","members":[{"id":"R1","applies_to":"venture","condition":{"all":[{"path":"status","op":"eq","value":"Pilot"}]}}]}"#;
    put(&bucket, "env/dev/indices/rules/_bundle.json", rules);
    record(&bucket, &tools, "V1", "a_1", FULL).await;
    derive(&bucket, &tools).await;
    record(&bucket, &tools, "V1", "b_2", MERGE).await;
    derive(&bucket, &tools).await;
    (bucket, tools)
}

/// Has the three functions handle the current snapshot, of which nothing is known that it overwrote.
async fn derive(bucket: &Arc<Memory>, tools: &Tools) {
    let (cache, rules_age_max) = (RuleCache::default(), std::time::Duration::ZERO);
    let handlers: [Arc<dyn Handler>; 3] = [
        Arc::new(ManifestWriter { tools: tools.clone(), planted: Planted::NONE }),
        Arc::new(IndexWriter { tools: tools.clone(), planted: Planted::NONE }),
        Arc::new(RulesEngine {
            tools: tools.clone(),
            rules_age_max,
            cache,
            planted: Planted::NONE,
        }),
    ];
    let generation = bucket.objects()[SNAPSHOT].generation;
    let name = ObjectName::parse(SNAPSHOT).unwrap();
    let delivery = Delivery { name, generation, overwrote: Overwrote::Unknown, created_at: None };
    for handler in handlers {
        let ended = handler.handle(std::slice::from_ref(&delivery)).await.pop().unwrap();
        assert!(matches!(ended, Ok(Disposition::Done | Disposition::Skipped(_))), "{ended:?}");
    }
}

fn put(bucket: &Memory, name: &str, body: &str) {
    bucket.insert(name, Bytes::from(body.to_owned()), Upload::default()).unwrap();
}

/// Writes other content below the metadata that is there.
fn damage(bucket: &Memory, name: &str, body: &str) {
    let metadata = bucket.objects()[name].metadata.clone();
    let upload = Upload { metadata, ..Upload::default() };
    bucket.insert(name, Bytes::from(body.to_owned()), upload).unwrap();
}

async fn delete(bucket: &Memory, name: &str) {
    let generation = bucket.objects()[name].generation;
    assert!(bucket.delete(name, generation).await.unwrap());
}

/// What is out of date, and what is said to mend it.
async fn out_of_date(tools: &Tools) -> Vec<(String, String)> {
    let (ended, said) = run(tools, "why venture V1 --json").await;
    let page: Value = serde_json::from_str(&said).unwrap();
    let found = page["out_of_date"].as_array().unwrap();
    assert_eq!(ended, Ok(found.is_empty()), "the exit code says the same");
    let text = |it: &Value, field: &str| it[field].as_str().unwrap().to_owned();
    found.iter().map(|it| (text(it, "what"), text(it, "mend"))).collect()
}

async fn what(tools: &Tools) -> Vec<String> {
    out_of_date(tools).await.into_iter().map(|(what, _)| what).collect()
}

/// The page without what differs from run to run.
async fn page(bucket: &Memory, tools: &Tools, line: &str) -> String {
    let (ended, mut said) = run(tools, line).await;
    for (at, version) in bucket.versions_of(SNAPSHOT).iter().enumerate() {
        said = said.replace(
            &version.generation.to_string(),
            &format!("{:.<16}", format!("VERSION{}", at + 1)),
        );
    }
    let ids = said.replace("env/dev/reports/alerts/R1/V1/", "ALERTS/");
    format!("{ids}{}", if ended == Ok(true) { "" } else { "(1)\n" })
}

#[tokio::test]
async fn where_everything_agrees_the_page_says_what_came_from_what() {
    let (bucket, tools) = place().await;
    expect![[r#"
        venture V1 in dev: live

        records, 2 of 2 count
          DATED                 STORED                OP     ACTOR  RECORD               STANDING
          2025-11-06T10:00:00Z  2025-11-06T12:00:00Z  full   ada    2025/11/06/a_1.json  counts; the snapshot begins with it
          2025-11-06T11:00:00Z  2025-11-06T12:00:00Z  merge  -      2025/11/06/b_2.json  counts; folded

        snapshot
          generation      VERSION2........
          covers          2 of 2 records that count
          begins with     2025-11-06T10:00:00Z  2025/11/06/a_1.json
          newest          2025-11-06T11:00:00Z  2025/11/06/b_2.json
          definitions     of this release
          schema-version  1.0.0

        derived
          FROM VERSION      STANDING           OBJECT
          VERSION2........  current            env/dev/manifests/ventures/by-id/V1.json
          VERSION2........  current            env/dev/indices/ventures/by-status/pilot/V1.json
          VERSION2........  current            env/dev/indices/ventures/latest/red.json
          VERSION2........  current            env/dev/indices/alerts/_state/ventures/V1.json
          VERSION2........  says what it must  ALERTS/01K9CD5HW0DDKDB0TJ254QMXPM.json

        everything agrees
    "#]].assert_eq(&page(&bucket, &tools, "why venture V1").await);
}

/// Runs the command that a finding names.
async fn mend(tools: &Tools, words: &str) {
    let command = words.split('`').nth(1).unwrap();
    assert_eq!(command, "operator reconcile --segment ventures --id V1 --repair", "{words}");
    let (ended, said) = run(tools, command.strip_prefix("operator ").unwrap()).await;
    assert_eq!(ended, Ok(true), "{said}");
}

#[tokio::test]
async fn each_derived_object_that_is_out_of_date_is_found_and_mended() {
    for name in [MANIFEST, POINTER, REGISTER, STATE] {
        for gone in [true, false] {
            let (bucket, tools) = place().await;
            match (gone, name) {
                (true, _) => delete(&bucket, name).await,
                (false, REGISTER) => {
                    put(&bucket, name, r#"{"id":"V1","members":[{"id":"V1","n":7}]}"#)
                }
                (false, STATE) => put(&bucket, name, r#"{"id":"V1","open":[]}"#),
                (false, _) => put(&bucket, name, r#"{"id":"V1","status":"Old"}"#),
            }
            let found = out_of_date(&tools).await;
            assert_eq!(found.len(), 1, "{name} {found:?}");
            assert!(found[0].0.starts_with(name), "{found:?}");
            mend(&tools, &found[0].1).await;
            assert_eq!(what(&tools).await, Vec::<String>::new(), "{name}");
        }
    }
}

#[tokio::test]
async fn what_is_of_the_current_version_and_says_something_else_is_found() {
    let (bucket, tools) = place().await;
    damage(&bucket, MANIFEST, r#"{"id":"V1","entity":"venture","status":"never"}"#);
    let mut found = what(&tools).await;
    let before = bucket.objects()[LEFT].metadata.clone();
    assert!(before.contains_key("source-generation"));
    // It came back where the entity has no place any more.
    put(&bucket, LEFT, r#"{"ptr":"env/dev/snapshots/ventures/V1.json","id":"V1"}"#);
    put(&bucket, POINTER, "not JSON \u{1b}[2J");
    put(&bucket, REGISTER, "[]");
    let all = out_of_date(&tools).await;
    found.extend(all.iter().map(|(what, _)| what.clone()));
    mend(&tools, &all[0].1).await;
    assert_eq!(what(&tools).await, Vec::<String>::new());
    expect![[r#"
        env/dev/manifests/ventures/by-id/V1.json is of this version, and says something else than this release derives
        env/dev/manifests/ventures/by-id/V1.json is of this version, and says something else than this release derives
        env/dev/indices/ventures/by-status/pilot/V1.json is out of date
        env/dev/indices/ventures/latest/red.json is no register: it was not written by us
        env/dev/indices/ventures/by-status/idea/V1.json must not be there any more"#]].assert_eq(&found.join("\n"));
}

#[tokio::test]
async fn an_alert_that_somebody_has_deleted_is_missed() {
    let (bucket, tools) = place().await;
    let alert = bucket.objects().into_keys().find(|name| name.contains("/reports/alerts/"));
    delete(&bucket, &alert.unwrap()).await;
    let found = out_of_date(&tools).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].0.ends_with("is missing, and its rule is open"), "{found:?}");
    mend(&tools, &found[0].1).await;
    assert_eq!(what(&tools).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_place_that_was_left_is_mended_whoever_knows_of_it() {
    let (bucket, tools) = place().await;
    put(&bucket, LEFT, r#"{"ptr":"env/dev/snapshots/ventures/V1.json","id":"V1"}"#);
    let found = out_of_date(&tools).await;
    mend(&tools, &found[0].1).await;
    assert_eq!(what(&tools).await, Vec::<String>::new());
    // Without the version that had it, only the history knows of the place.
    for version in bucket.versions_of(SNAPSHOT) {
        bucket.expire(SNAPSHOT, version.generation);
    }
    put(&bucket, LEFT, r#"{"ptr":"env/dev/snapshots/ventures/V1.json","id":"V1"}"#);
    let found = out_of_date(&tools).await;
    assert!(found[0].0.starts_with(LEFT), "{found:?}");
    mend(&tools, &found[0].1).await;
    assert_eq!(what(&tools).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_record_that_no_snapshot_has_is_mended_by_what_the_history_says() {
    let (bucket, tools) = place().await;
    let prefix = ObjectName::history_prefix(&entity("V1"));
    // A late one and a new one, and nobody has handled them.
    put(
        &bucket,
        &format!("{prefix}2025/11/06/c_3.json"),
        r#"{"op":"merge","updated_at":"2025-11-06T10:30:00Z","n":9}"#,
    );
    put(
        &bucket,
        &format!("{prefix}2025/11/06/d_4.json"),
        r#"{"op":"merge","updated_at":"2025-11-06T11:30:00Z","m":1}"#,
    );
    let found = out_of_date(&tools).await;
    assert_eq!(found[0].0, "the snapshot lacks 2 records that count");
    let told = page(&bucket, &tools, "why venture V1").await;
    assert_eq!(told.matches("counts; the snapshot has not").count(), 2, "{told}");
    mend(&tools, &found[0].1).await;
    assert_eq!(what(&tools).await, Vec::<String>::new());
    let snapshot = json::parse(&bucket.objects()[SNAPSHOT].body).unwrap();
    assert_eq!((&snapshot["n"].to_string()[..], &snapshot["m"].to_string()[..]), ("9", "1"));
}

#[tokio::test]
async fn what_does_not_count_is_shown_with_its_note_and_without_what_moves_a_cursor() {
    let (bucket, tools) = place().await;
    let hostile = "{\"op\":\"\\u001b[2Jx\",\"updated_at\":\"2025-11-06T11:30:00Z\",\"actor\":\"\\u001b[31m\\nnobody\u{202e}\"}";
    record(&bucket, &tools, "V1", "c_\u{202e}3", hostile).await;
    let told = page(&bucket, &tools, "why venture V1").await;
    assert!(!told.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{told:?}");
    let found = out_of_date(&tools).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0.starts_with("snapshot-builder could not handle env/dev/ventures/V1/"));
    assert!(found[0].1.contains("`operator quarantine retry "), "{found:?}");
    // One that nobody has handled.
    let prefix = ObjectName::history_prefix(&entity("V1"));
    put(&bucket, &format!("{prefix}2025/11/06/e_5.json"), "not JSON");
    let found = out_of_date(&tools).await;
    assert!(found[1].0.ends_with("does not count, and nobody has noted it"), "{found:?}");
}

#[tokio::test]
async fn merges_without_a_base_and_what_follows_a_tombstone_are_told_apart() {
    let bucket = bucket();
    let tools = release(bucket.clone(), &known());
    record(&bucket, &tools, "V1", "b_2", MERGE).await;
    derive(&bucket, &tools).await;
    let pending = page(&bucket, &tools, "why venture V1").await;
    assert!(pending.starts_with("venture V1 in dev: pending\n"), "{pending}");
    assert!(pending.contains("counts; waits for a full record"), "{pending}");
    assert!(pending.ends_with("everything agrees\n"), "{pending}");
    let delete = r#"{"op":"delete","updated_at":"2025-11-06T10:00:00Z"}"#;
    record(&bucket, &tools, "V1", "a_1", delete).await;
    derive(&bucket, &tools).await;
    let deleted = page(&bucket, &tools, "why venture V1").await;
    assert!(deleted.starts_with("venture V1 in dev: deleted\n"), "{deleted}");
    assert!(deleted.contains("counts; the entity is deleted"), "{deleted}");
    assert!(deleted.ends_with("everything agrees\n"), "{deleted}");
}

#[tokio::test]
async fn a_wanted_repair_another_release_and_a_snapshot_of_nobody_are_found() {
    let (bucket, tools) = place().await;
    put(&bucket, "env/dev/indices/_repair/ventures/V1.json", r#"{"id":"V1"}"#);
    let mut found = out_of_date(&tools).await;
    delete(&bucket, "env/dev/indices/_repair/ventures/V1.json").await;
    // A release whose schema refuses the base of the snapshot.
    let strict = r#"{"properties":{"n":{"type":"string"}}}"#;
    let other = release(bucket.clone(), &definitions_of(&[("1.0.0", strict)], INDICES));
    found.extend(out_of_date(&other).await);
    put(&bucket, SNAPSHOT, "{}");
    found.extend(out_of_date(&tools).await);
    let found: Vec<String> =
        found.into_iter().map(|(what, mend)| format!("{what}\n  {mend}")).collect();
    expect![[r#"
        a repair is wanted since 2025-11-06T12:00:00Z: a version of the snapshot had expired
          `operator reconcile --segment ventures --id V1 --repair`
        env/dev/ventures/V1/history/2025/11/06/a_1.json does not count, and nobody has noted it
          `operator migrate --run ventures` notes it, if it has counted before
        this release reads the history in another way
          `operator migrate --run ventures`
        the snapshot cannot be read
          `operator reconcile --segment ventures --id V1 --repair`"#]]
    .assert_eq(&found.join("\n"));
    let (ended, said) = run(&tools, "why venture V9").await;
    assert_eq!(ended, Ok(false));
    assert_eq!(said, "there is no venture V9 in dev, and no record of one\n");
}

#[tokio::test]
async fn it_writes_nothing_and_reads_what_the_operator_may_read() {
    let (bucket, tools) = place().await;
    let push_to = ("snapshot-builder", Arc::new(builder(&tools)) as Arc<dyn Handler>);
    push(&bucket, &tools, push_to, ("env/dev/ventures/V1/history/2025/11/06/x_9.json", "{")).await;
    put(&bucket, "env/dev/indices/_repair/ventures/V1.json", r#"{"id":"V1"}"#);
    let read: Arc<Mutex<BTreeSet<&str>>> = Arc::default();
    let noted = Arc::clone(&read);
    let store = Intercepted::new(bucket, move |operation| {
        match operation {
            Operation::Get(name) => {
                let class = ObjectName::parse(name).unwrap().class();
                let (_, word) = Class::NAMES.iter().find(|(known, _)| *known == class).unwrap();
                noted.lock().unwrap().insert(word);
            }
            Operation::List(_) | Operation::Versions(_) => (),
            other => panic!("{other:?}"),
        }
        Ok(())
    });
    let tools = Tools { store, ..tools };
    for line in [
        "get venture V1",
        "get venture V1 --known-at 2025-11-06T12:00:00Z",
        "history venture V1",
        "index ventures by-status pilot --tombstones",
        "index ventures latest red",
        "why venture V1",
    ] {
        run(&tools, line).await.0.unwrap();
    }
    let manifest = include_str!("../../Cargo.toml");
    let granted = manifest.lines().find(|line| line.starts_with("reads = ")).unwrap();
    let read = read.lock().unwrap();
    assert!(read.iter().all(|class| granted.contains(&format!("\"{class}\""))), "{read:?}");
    assert_eq!(read.len(), 9, "{read:?}");
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_mended_whatever_its_metadata_says() {
    let (bucket, tools) = place().await;
    damage(&bucket, SNAPSHOT, "no JSON");
    let found = out_of_date(&tools).await;
    assert_eq!(found[0].0, "the snapshot cannot be read");
    mend(&tools, &found[0].1).await;
    assert_eq!(what(&tools).await, Vec::<String>::new());
    damage(&bucket, SNAPSHOT, "no JSON");
    assert_eq!(run(&tools, "migrate --run ventures --no-wait").await.0, Ok(true));
    derive(&bucket, &tools).await;
    assert_eq!(what(&tools).await, Vec::<String>::new());
}
