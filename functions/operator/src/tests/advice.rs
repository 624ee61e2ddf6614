//! Every reason that a handler can give has its advice.

use std::sync::Arc;

use domain::Planted;
use index_writer::IndexWriter;
use serde_json::Value;

use super::{BY_STATUS, bucket, builder, definitions, push, release, run};
use crate::quarantine::advice::{UNKNOWN, advice};

/// The reasons that the snapshot-builder gives for a record with this name and body.
async fn reasons(file: &str, body: &str) -> Vec<String> {
    let bucket = bucket();
    let tools = release(bucket.clone(), &definitions(&["1.0.0"], BY_STATUS));
    let name = format!("env/dev/{file}");
    push(&bucket, &tools, ("snapshot-builder", Arc::new(builder(&tools))), (&name, body)).await;
    let (_, said) = run(&tools, "quarantine list --json").await;
    let notes = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let reasons: Vec<Vec<String>> =
        notes.filter_map(|note| serde_json::from_value(note["reasons"].clone()).ok()).collect();
    assert!(!reasons.is_empty(), "{file} {body} is not rejected");
    reasons.concat()
}

#[tokio::test]
async fn no_reason_of_the_snapshot_builder_is_without_advice() {
    let ahead = r#"{"schema_version":"1.0.0","updated_at":"2031-01-01T00:00:00Z"}"#;
    let unknown = r#"{"schema_version":"9.0.0","updated_at":"2025-11-06T10:00:00Z"}"#;
    let other =
        r#"{"id":"V2","env":"prod","schema_version":"1.0.0","updated_at":"2025-11-06T10:00:00Z"}"#;
    let invalid = r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T10:00:00Z","status":7}"#;
    let fine = r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T10:00:00Z"}"#;
    let record = "ventures/V1/history/2025/11/06/a_1.json";
    let cases = [
        (record, ahead, "clock"),
        (record, unknown, "deploy a release that knows this schema version"),
        (record, other, "name of its own entity"),
        (record, invalid, "corrected record"),
        (record, r#"{"op":"eat"}"#, "corrected record"),
        (record, "{", "one JSON object"),
        (record, "[]", "one JSON object"),
        (record, "\u{feff}{}", "one JSON object"),
        (record, r#"{"a":1,"a":2}"#, "one JSON object"),
        ("things/T1/history/2025/11/06/a_1.json", fine, "defines this kind"),
        ("ventures/V1/history/2025/13/06/a_1.json", fine, "grammar of names"),
        ("ventures/V*1/history/2025/11/06/a_1.json", fine, "grammar of names"),
    ];
    for (name, body, expected) in cases {
        for reason in reasons(name, body).await {
            let advice = advice(&reason);
            assert!(advice.contains(expected), "{reason}: {advice}");
        }
    }
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(8 * 1024 * 1024));
    assert!(advice(&reasons(record, &large).await[0]).contains("smaller record"));
    assert!(advice(&reasons(&format!("{record}.gz"), "\u{1f}").await[0]).contains("JSON object"));
}

#[tokio::test]
async fn no_reason_of_the_index_writer_is_without_advice() {
    let bucket = bucket();
    let tools = release(bucket.clone(), &definitions(&["1.0.0"], BY_STATUS));
    let writer = Arc::new(IndexWriter { tools: tools.clone(), planted: Planted::NONE });
    let name = "env/dev/snapshots/ventures/V1.json";
    push(&bucket, &tools, ("index-writer", writer), (name, "by hand")).await;
    let (_, said) = run(&tools, "quarantine list --json").await;
    let note: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    let reason = note["reasons"][0].as_str().unwrap();
    assert!(advice(reason).contains("built again from the history"), "{reason}");

    let refusals = [projection::register::Refusal::Full, projection::register::Refusal::Unreadable];
    for refusal in refusals {
        assert_ne!(advice(&format!("env/dev/indices/x.json {refusal}")), UNKNOWN, "{refusal}");
    }
    assert_eq!(advice("something else"), UNKNOWN);
}
