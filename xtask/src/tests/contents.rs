//! Equality of buckets, and how a difference is shown.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::{Env, Generation};
use expect_test::{Expect, expect};
use store::Object;

use crate::replay::contents::Contents;
use crate::replay::difference::differences;

const POINTER: &str = "env/dev/indices/ventures/by-status/pilot/V1.json";
const SNAPSHOT: &str = "env/dev/snapshots/ventures/V1.json";
const MANIFEST: &str = "env/dev/manifests/ventures/by-id/V1.json";

fn found(objects: &[(&str, &str)]) -> Contents {
    let object = |body: &str| Object {
        body: Bytes::from(format!("{body}\n")),
        generation: Generation(1),
        metadata: BTreeMap::new(),
    };
    let objects = objects.iter().map(|(name, body)| ((*name).to_owned(), object(body))).collect();
    Contents::found(&objects, Env::Dev).unwrap()
}

fn check(expected: &[(&str, &str)], objects: &[(&str, &str)], expect: &Expect) {
    expect.assert_eq(&differences(&found(expected), &found(objects)));
}

#[test]
fn number_texts_and_the_order_of_keys_count() {
    check(
        &[(SNAPSHOT, r#"{"id":"V1","share":0.60}"#)],
        &[(SNAPSHOT, r#"{"id":"V1","share":0.6}"#)],
        &expect![[r#"
            --- expected snapshots/ventures/V1.json
            +++ found snapshots/ventures/V1.json
            @@ -1,4 +1,4 @@
             {
               "id": "V1",
            -  "share": 0.60
            +  "share": 0.6
             }
        "#]],
    );
    check(
        &[(SNAPSHOT, r#"{"a":1,"b":2}"#)],
        &[(SNAPSHOT, r#"{"b":2,"a":1}"#)],
        &expect![[r#"
        --- expected snapshots/ventures/V1.json
        +++ found snapshots/ventures/V1.json
        @@ -1,4 +1,4 @@
         {
        -  "a": 1,
        -  "b": 2
        +  "b": 2,
        +  "a": 1
         }
    "#]],
    );
    check(&[(SNAPSHOT, r#"{"a":1E400}"#)], &[(SNAPSHOT, r#"{"a":1E400}"#)], &expect![""]);
    check(
        &[(SNAPSHOT, r#"{"a":1E400}"#)],
        &[(SNAPSHOT, r#"{"a":1e+400}"#)],
        &expect![[r#"
        --- expected snapshots/ventures/V1.json
        +++ found snapshots/ventures/V1.json
        @@ -1,3 +1,3 @@
         {
        -  "a": 1E400
        +  "a": 1e+400
         }
    "#]],
    );
}

#[test]
fn what_is_missing_or_too_much_is_shown_whole() {
    check(
        &[(SNAPSHOT, r#"{"id":"V1"}"#)],
        &[(MANIFEST, r#"{"id":"V1"}"#)],
        &expect![[r#"
        not expected: manifests/ventures/by-id/V1.json
        +{
        +  "id": "V1"
        +}
        missing: snapshots/ventures/V1.json
        -{
        -  "id": "V1"
        -}
    "#]],
    );
}

#[test]
fn a_derived_tombstone_is_absent_and_a_deleted_snapshot_is_not() {
    let tombstone = r#"{"op":"delete"}"#;
    check(&[], &[(POINTER, tombstone), (MANIFEST, tombstone)], &expect![""]);
    check(
        &[],
        &[(SNAPSHOT, tombstone)],
        &expect![[r#"
        not expected: snapshots/ventures/V1.json
        +{
        +  "op": "delete"
        +}
    "#]],
    );
}

#[test]
fn when_a_pointer_was_written_does_not_count() {
    check(
        &[(POINTER, r#"{"id":"V1","updated_at":"2025-10-01T10:00:00Z"}"#)],
        &[(POINTER, r#"{"id":"V1","updated_at":"2025-10-02T10:00:00Z"}"#)],
        &expect![""],
    );
}

#[test]
fn what_is_written_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let contents = found(&[
        (SNAPSHOT, r#"{"z":0.60,"a":1234567890123456789012345678901234567890,"e":1E400}"#),
        ("env/dev/snapshots/ideas/東京.json", r#"{"id":"東京"}"#),
    ]);
    let then = folder.path().join("then");
    contents.write(&then).unwrap();
    assert_eq!(Contents::expected(&then).unwrap(), contents);
    // What was accepted before does not stay.
    found(&[(MANIFEST, r#"{"id":"V1"}"#)]).write(&then).unwrap();
    assert_eq!(Contents::expected(&then).unwrap(), found(&[(MANIFEST, r#"{"id":"V1"}"#)]));
}

#[test]
fn quarantine_is_compared_by_function_object_and_reasons() {
    let name = "env/dev/reports/quarantine/f/ventures/V1/d.json";
    let body = |at: &str, generation: &str| {
        format!(
            r#"{{"function":"f","object":"o","generation":"{generation}","reasons":["no"],"quarantined_at":"{at}"}}"#
        )
    };
    check(&[(name, &body("a", "1"))], &[(name, &body("b", "2"))], &expect![""]);
    check(
        &[],
        &[(name, &body("b", "2"))],
        &expect![[r#"
        not expected: quarantine.json
        +[
        +  {
        +    "function": "f",
        +    "object": "o",
        +    "reasons": [
        +      "no"
        +    ]
        +  }
        +]
    "#]],
    );
}

#[test]
fn in_any_order_only_open_rules_count() {
    let state = "env/dev/indices/alerts/_state/ventures/V1.json";
    let alert = "env/dev/reports/alerts/low/V1/A1.json";
    let open = r#"{"id":"V1","open":[{"rule_id":"low","alert_id":"A1"}]}"#;
    let in_any_order = |objects: &[(&str, &str)]| found(objects).in_any_order().unwrap();
    // An alert that opened and closed, which another order of deliveries never raises.
    assert_eq!(in_any_order(&[(alert, "{}"), (state, r#"{"id":"V1","open":[]}"#)]), found(&[]));
    assert_eq!(in_any_order(&[(alert, "{}"), (state, open)]), in_any_order(&[(state, open)]));
    assert_ne!(in_any_order(&[(state, open)]), found(&[]));
    assert_ne!(found(&[(alert, "{}"), (state, open)]), found(&[(state, open)]));
}
