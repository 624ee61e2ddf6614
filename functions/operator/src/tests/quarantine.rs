//! Which notes are open, and what can be done about them.

use std::sync::Arc;

use domain::Planted;
use emulator::Memory;
use index_writer::IndexWriter;
use manifest_writer::ManifestWriter;
use projection::fold::FOLDED_IDS_MAX;
use serde_json::Value;
use store::{List, Store as _, Tools};

use super::{BY_STATUS, bucket, builder, definitions, push, record, release, run};
use crate::quarantine::note;

const V1: &str = "env/dev/snapshots/ventures/V1.json";

fn venture() -> (Arc<Memory>, Tools) {
    let bucket = bucket();
    let tools = release(bucket.clone(), &definitions(&["1.0.0"], BY_STATUS));
    (bucket, tools)
}

fn at(minute: u32, rest: &str) -> String {
    format!(r#"{{"schema_version":"1.0.0","updated_at":"2025-11-06T10:{minute:02}:00Z"{rest}}}"#)
}

/// State and reason of each note, as `list --all --json` says.
async fn states(tools: &Tools) -> Vec<String> {
    let (ended, said) = run(tools, "quarantine list --all --json").await;
    assert_eq!(ended, Ok(true));
    let lines = said.lines().filter(|line| line.starts_with('{'));
    let notes = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |note: &Value, field: &str| note[field].as_str().unwrap().to_owned();
    notes.map(|note| format!("{}: {}", text(&note, "state"), text(&note, "why"))).collect()
}

async fn only_note(bucket: &Memory) -> String {
    let prefix = "env/dev/reports/quarantine/".to_owned();
    let page = bucket.list(&List { prefix, ..List::default() }).await.unwrap();
    assert_eq!(page.items.len(), 1);
    note::id(&page.items[0].name)
}

#[tokio::test]
async fn a_note_about_a_record_is_open_until_the_snapshot_begins_with_a_later_one() {
    let (bucket, tools) = venture();
    record(&bucket, &tools, "V1", "a_1", &at(1, r#","status":"Draft""#)).await;
    record(&bucket, &tools, "V1", "a_2", &at(2, r#","status":7"#)).await;
    assert_eq!(states(&tools).await, ["open: no snapshot covers it"]);
    // A merge is no correction: the fold does not begin there.
    record(&bucket, &tools, "V1", "a_3", &at(3, r#","op":"merge","n":1"#)).await;
    assert_eq!(states(&tools).await, ["open: no snapshot covers it"]);
    record(&bucket, &tools, "V1", "a_4", &at(4, r#","status":"Pilot""#)).await;
    assert_eq!(states(&tools).await, ["resolved: the snapshot begins with a later record"]);
}

#[tokio::test]
async fn an_earlier_full_record_resolves_nothing() {
    let (bucket, tools) = venture();
    record(&bucket, &tools, "V1", "a_2", &at(2, r#","status":7"#)).await;
    assert_eq!(states(&tools).await, ["open: there is no snapshot"]);
    record(&bucket, &tools, "V1", "a_1", &at(1, r#","status":"Draft""#)).await;
    assert_eq!(states(&tools).await, ["open: no snapshot covers it"]);
}

#[tokio::test]
async fn a_record_without_a_time_of_its_own_has_that_of_its_name_or_of_the_note() {
    let (bucket, tools) = venture();
    record(&bucket, &tools, "V1", "2025-11-06T10:05:00Z_1", "no JSON").await;
    record(&bucket, &tools, "V2", "x_1", "no JSON").await;
    record(&bucket, &tools, "V1", "a_2", &at(4, "")).await;
    record(&bucket, &tools, "V2", "a_2", &at(6, "")).await;
    let open = "open: no snapshot covers it";
    assert_eq!(states(&tools).await, [open, open]);
    record(&bucket, &tools, "V1", "a_3", &at(6, "")).await;
    let resolved = "resolved: the snapshot begins with a later record";
    assert_eq!(states(&tools).await, [resolved, open]);
    let late = r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T12:00:01Z"}"#;
    record(&bucket, &tools, "V2", "a_3", late).await;
    assert_eq!(states(&tools).await, [resolved, resolved]);
}

#[tokio::test]
async fn a_record_of_a_clock_that_is_ahead_is_resolved_by_one_of_a_clock_that_is_not() {
    let (bucket, tools) = venture();
    let ahead = r#"{"schema_version":"1.0.0","updated_at":"2031-01-01T00:00:00Z"}"#;
    record(&bucket, &tools, "V1", "a_1", ahead).await;
    record(&bucket, &tools, "V1", "a_2", &at(59, "")).await;
    assert_eq!(states(&tools).await, ["open: no snapshot covers it"]);
    let after = r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T12:00:01Z"}"#;
    record(&bucket, &tools, "V1", "a_3", after).await;
    assert_eq!(states(&tools).await, ["resolved: the snapshot begins with a later record"]);
}

#[tokio::test]
async fn a_record_that_is_gone_needs_nothing() {
    let (bucket, tools) = venture();
    let name = record(&bucket, &tools, "V1", "a_1", "no JSON").await;
    let generation = bucket.objects()[&name].generation;
    bucket.delete(&name, generation).await.unwrap();
    assert_eq!(states(&tools).await, ["resolved: the object is gone"]);
}

#[tokio::test]
async fn a_note_about_a_snapshot_is_open_while_it_is_the_version() {
    let (bucket, tools) = venture();
    let writer = Arc::new(IndexWriter { tools: tools.clone(), planted: Planted::NONE });
    push(&bucket, &tools, ("index-writer", writer), (V1, "by hand")).await;
    assert_eq!(states(&tools).await, ["open: the object is still this version"]);
    record(&bucket, &tools, "V1", "a_1", &at(1, "")).await;
    assert_eq!(states(&tools).await, ["resolved: the object has another version"]);
}

#[tokio::test]
async fn two_functions_notes_about_one_version_have_ids_of_their_own() {
    let (bucket, tools) = venture();
    let index = Arc::new(IndexWriter { tools: tools.clone(), planted: Planted::NONE });
    let manifest = Arc::new(ManifestWriter { tools: tools.clone(), planted: Planted::NONE });
    bucket.insert(V1, "by hand".into(), emulator::Upload::default()).unwrap();
    super::tell(&bucket, &tools, ("index-writer", index), V1).await;
    super::tell(&bucket, &tools, ("manifest-writer", manifest), V1).await;
    let (_, said) = run(&tools, "quarantine list --json").await;
    let notes = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let notes: Vec<Value> = notes.collect();
    assert_eq!(notes.len(), 2);
    let digest =
        |note: &Value| note["note"].as_str().unwrap().rsplit('/').next().map(str::to_owned);
    assert_eq!(digest(&notes[0]), digest(&notes[1]));
    assert_ne!(notes[0]["id"], notes[1]["id"]);
}

#[tokio::test]
async fn a_retry_under_a_release_that_knows_the_version_folds_the_record() {
    let (bucket, tools) = venture();
    let newer = r#"{"schema_version":"2.0.0","updated_at":"2025-11-06T10:01:00Z","status":"New"}"#;
    record(&bucket, &tools, "V1", "a_1", newer).await;
    let id = only_note(&bucket).await;
    let line = format!("quarantine retry {}", &id[..8]);

    let (ended, said) = run(&tools, &line).await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("still rejected\n  /schema_version: expected one of 1.0.0"), "{said}");
    assert_eq!(states(&tools).await, ["open: there is no snapshot"]);

    let tools = release(bucket.clone(), &definitions(&["1.0.0", "2.0.0"], BY_STATUS));
    let (ended, said) = run(&tools, &line).await;
    assert_eq!(ended, Ok(true));
    assert!(said.contains(": done"), "{said}");
    assert_eq!(states(&tools).await, ["resolved: the snapshot has folded it"]);
    assert_eq!(super::body_of(&bucket, V1).unwrap()["status"], "New");
}

#[tokio::test]
async fn a_merge_that_was_folded_after_all_is_resolved() {
    let (bucket, tools) = venture();
    record(&bucket, &tools, "V1", "a_1", &at(1, "")).await;
    // Not the object's own fault: the release knew no such kind.
    let none = release(bucket.clone(), &Arc::new(domain::Definitions::from_files([]).unwrap()));
    record(&bucket, &none, "V1", "a_2", &at(2, r#","op":"merge","status":"Pilot""#)).await;
    assert_eq!(states(&tools).await, ["open: no snapshot covers it"]);
    let (ended, _) = run(&tools, &format!("quarantine retry {}", only_note(&bucket).await)).await;
    assert_eq!(ended, Ok(true));
    assert_eq!(states(&tools).await, ["resolved: the snapshot has folded it"]);
}

#[tokio::test]
async fn a_merge_from_before_what_a_snapshot_remembers_is_open_and_its_retry_tells() {
    let (bucket, tools) = venture();
    record(&bucket, &tools, "V1", "a_1", &at(1, "")).await;
    let none = release(bucket.clone(), &Arc::new(domain::Definitions::from_files([]).unwrap()));
    record(&bucket, &none, "V1", "a_2", &at(2, r#","op":"merge","status":"Pilot""#)).await;
    let retry = format!("quarantine retry {}", only_note(&bucket).await);
    run(&tools, &retry).await.0.unwrap();
    for merge in 0..FOLDED_IDS_MAX {
        let body = at(3, &format!(r#","op":"merge","n":{merge}"#));
        record(&bucket, &tools, "V1", &format!("b_{merge:03}"), &body).await;
    }
    let open = "open: the snapshot does not remember that far back: a retry tells";
    assert_eq!(states(&tools).await, [open]);
    let (ended, said) = run(&tools, &retry).await;
    assert_eq!(ended, Ok(true));
    assert!(said.contains("nothing to do: snapshot covers the record"), "{said}");
}

#[tokio::test]
async fn a_refused_name_is_rejected_again() {
    let (bucket, tools) = venture();
    let name = "env/dev/ventures/V1/history/2025/13/40/a_1.json";
    push(&bucket, &tools, ("snapshot-builder", Arc::new(builder(&tools))), (name, "{}")).await;
    assert_eq!(states(&tools).await, ["open: the object is still this version"]);
    let (ended, said) =
        run(&tools, &format!("quarantine retry {}", only_note(&bucket).await)).await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("the folders of a history record are not a day"), "{said}");
}

#[tokio::test]
async fn an_open_note_is_dropped_only_on_demand_and_a_resolved_one_at_once() {
    let (bucket, tools) = venture();
    record(&bucket, &tools, "V1", "a_1", "no JSON").await;
    let id = only_note(&bucket).await;
    let (ended, said) = run(&tools, &format!("quarantine drop {id}")).await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("left alone; --open drops it"), "{said}");
    assert_eq!(states(&tools).await.len(), 1);
    let (ended, _) = run(&tools, &format!("quarantine drop {id} --open")).await;
    assert_eq!(ended, Ok(true));
    assert!(states(&tools).await.is_empty());

    record(&bucket, &tools, "V2", "a_1", r#"{"schema_version":7}"#).await;
    record(&bucket, &tools, "V2", "a_2", &at(59, "")).await;
    let late = r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T12:00:01Z"}"#;
    record(&bucket, &tools, "V2", "a_3", late).await;
    let (ended, _) = run(&tools, &format!("quarantine drop {}", only_note(&bucket).await)).await;
    assert_eq!(ended, Ok(true));
    assert!(states(&tools).await.is_empty());
}

#[tokio::test]
async fn list_shows_what_is_open_and_counts_the_rest() {
    let (bucket, tools) = venture();
    record(&bucket, &tools, "V1", "a_1", &at(1, r#","status":7"#)).await;
    record(&bucket, &tools, "V1", "a_2", &at(2, "")).await;
    record(&bucket, &tools, "V2", "a_1", &at(1, r#","status":7,"n":"x""#)).await;
    let (_, said) = run(&tools, "quarantine list").await;
    expect_test::expect![[r#"
        ID        STATE                       FUNCTION          ENTITY       WHEN                      OBJECT                                           FIRST REASON
        93877249  open: there is no snapshot  snapshot-builder  ventures/V2  2025-11-06T12:00:00.000Z  env/dev/ventures/V2/history/2025/11/06/a_1.json  /status: expected a text, not a number
        1 open, 1 resolved (--all shows them) in dev
    "#]]
    .assert_eq(&said);
}

#[tokio::test]
async fn show_says_every_reason_and_how_to_mend_it() {
    let (bucket, tools) = venture();
    record(&bucket, &tools, "V2", "a_1", &at(1, r#","status":7,"n":"x""#)).await;
    let (_, said) = run(&tools, &format!("quarantine show {}", only_note(&bucket).await)).await;
    expect_test::expect![[r#"
        id          3f0e110e28ac35cc7265e81f9211a473
        state       open: there is no snapshot
        function    snapshot-builder
        entity      ventures/V2
        object      env/dev/ventures/V2/history/2025/11/06/a_1.json
        generation  1689600892374487
        when        2025-11-06T12:00:00.000Z
        note        env/dev/reports/quarantine/snapshot-builder/ventures/V2/2006b9f142c7a1ef49121995de35e062.json

        reason      /status: expected a text, not a number
        to mend it  write a corrected record that is valid in this place

        reason      /n: expected a number, not a text
        to mend it  write a corrected record that is valid in this place
    "#]].assert_eq(&said);
}

#[tokio::test]
async fn an_id_that_names_no_note_or_several_is_an_error_that_says_what_to_do() {
    let (bucket, tools) = venture();
    let (ended, _) = run(&tools, "quarantine show zz").await;
    expect_test::expect![[
        r#"no note in dev has an id that begins with "zz": `quarantine list --all` shows them"#
    ]]
    .assert_eq(&ended.unwrap_err().to_string());
    for id in 0..17 {
        record(&bucket, &tools, &format!("V{id}"), "a_1", "no JSON").await;
    }
    // Of seventeen ids two begin with the same digit.
    let ids = states(&tools).await;
    assert_eq!(ids.len(), 17);
    let mut ambiguous = 0;
    for digit in "0123456789abcdef".chars() {
        let (ended, _) = run(&tools, &format!("quarantine show {digit}")).await;
        ambiguous += usize::from(
            ended.is_err_and(|problem| problem.to_string().contains("begins more than one id: ")),
        );
    }
    assert!(ambiguous > 0);
}

#[tokio::test]
async fn a_note_that_nobody_of_ours_wrote_is_listed() {
    let (bucket, tools) = venture();
    let name = "env/dev/reports/quarantine/snapshot-builder/ventures/V1/d.json";
    bucket.insert(name, "by hand".into(), emulator::Upload::default()).unwrap();
    let states = states(&tools).await;
    assert_eq!(states, ["open: the note names no object"]);
}
