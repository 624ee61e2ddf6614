//! What must hold of any bucket at rest.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use emulator::{Memory, Stored, TestClock, Upload};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::replay::rules::broken;

const SNAPSHOT: &str = "env/dev/snapshots/ventures/V1.json";
const STATE: &str = "env/dev/indices/alerts/_state/ventures/V1.json";
const ALERT: &str = "env/dev/reports/alerts/low/V1/A1.json";

/// A bucket with one version of a snapshot, and its generation.
fn bucket() -> (std::sync::Arc<Memory>, String) {
    let memory = Memory::new("test", TestClock::at("2025-11-06T12:00:00Z"), 1);
    let generation = put(&memory, SNAPSHOT, "{}\n");
    (memory, generation)
}

fn put(memory: &Memory, name: &str, body: &str) -> String {
    let body = Bytes::from(body.to_owned());
    memory.insert(name, body, Upload::default()).unwrap().generation.to_string()
}

fn alert(generation: &str) -> String {
    let body = json!({
        "alert_id": "A1", "rule_id": "low", "rule_digest": "d", "ptr": SNAPSHOT,
        "source_generation": generation, "since": { "updated_at": "t", "name": "n" },
    });
    line(&body)
}

fn line(body: &Value) -> String {
    format!("{body}\n")
}

fn check(memory: &Memory, expect: &Expect) {
    let names = memory.objects().into_keys();
    let versions: BTreeMap<String, Vec<Stored>> =
        names.map(|name| (name.clone(), memory.versions_of(&name))).collect();
    expect.assert_eq(&broken(&versions, &BTreeSet::from(["notes.txt".to_owned()])).join("\n"));
}

#[test]
fn an_alert_of_a_snapshot_that_was_is_fine() {
    let (memory, generation) = bucket();
    put(&memory, SNAPSHOT, "{\"later\":true}\n");
    put(&memory, ALERT, &alert(&generation));
    put(&memory, STATE, &line(&json!({ "open": [{ "rule_id": "low", "alert_id": "A1" }] })));
    put(&memory, "notes.txt", "what a person uploaded");
    check(&memory, &expect![""]);
}

#[test]
fn an_alert_of_a_snapshot_that_never_was_is_found() {
    let (memory, _) = bucket();
    put(&memory, ALERT, &alert("1"));
    check(
        &memory,
        &expect![
            "alert env/dev/reports/alerts/low/V1/A1.json names a state that never was a snapshot"
        ],
    );
}

#[test]
fn a_second_alert_of_one_opening_is_found() {
    let (memory, generation) = bucket();
    put(&memory, ALERT, &alert(&generation));
    put(&memory, "env/dev/reports/alerts/low/V1/A2.json", &alert(&generation));
    check(
        &memory,
        &expect!["alert env/dev/reports/alerts/low/V1/A2.json is the second of one opening"],
    );
}

#[test]
fn an_alert_that_is_written_again_is_found() {
    let (memory, generation) = bucket();
    put(&memory, ALERT, &alert(&generation));
    put(&memory, ALERT, &alert(&generation));
    check(&memory, &expect!["alert env/dev/reports/alerts/low/V1/A1.json was written 2 times"]);
}

#[test]
fn an_open_rule_without_its_alert_is_found() {
    let (memory, _) = bucket();
    put(&memory, STATE, &line(&json!({ "open": [{ "rule_id": "low", "alert_id": "A1" }] })));
    check(
        &memory,
        &expect![
            "env/dev/indices/alerts/_state/ventures/V1.json is open without its alert env/dev/reports/alerts/low/V1/A1.json"
        ],
    );
}

#[test]
fn bodies_and_names_of_no_class_are_found() {
    let (memory, _) = bucket();
    put(&memory, "env/dev/manifests/ventures/by-id/V1.json", "{\n  \"id\": \"V1\"\n}\n");
    put(&memory, "env/dev/manifests/ventures/by-id/V2.json", "{\"id\":\"V2\"}");
    put(&memory, "env/dev/elsewhere/V1.json", "{}\n");
    check(
        &memory,
        &expect![[r#"
        no class of object is called env/dev/elsewhere/V1.json
        env/dev/manifests/ventures/by-id/V1.json is not one line of JSON
        env/dev/manifests/ventures/by-id/V2.json is not one line of JSON"#]],
    );
}
