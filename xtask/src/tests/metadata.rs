//! What functions may say about themselves.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::metadata::Function;

fn check(change: &Value, expect: &Expect) {
    let mut table = json!({
        "kind": "push", "fed-with": ["snapshot"], "reads": ["snapshot"], "writes": ["manifest"],
        "secrets": [], "memory-mib": 512, "concurrency": 80,
    });
    for (field, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(table.as_object_mut().unwrap().shift_remove(field)),
            value => table[field] = value.clone(),
        }
    }
    let said = Function::read("f", &json!({ "function": table }));
    expect.assert_eq(&said.map_or_else(|err| format!("{err:#}"), |_| "fine".to_owned()));
}

#[test]
fn mistakes_in_metadata_are_explained() {
    check(&json!({}), &expect!["fine"]);
    check(
        &json!({ "kind": "daemon" }),
        &expect![
            "f: [package.metadata.function]: unknown variant `daemon`, expected `push` or `job`"
        ],
    );
    check(
        &json!({ "writes": ["manifests"] }),
        &expect![[
            r#"f: [package.metadata.function]: no class "manifests"; there are history, snapshot, manifest, journal, shard, shard-index, export, pointer, register, bundle, repair-wanted, claim, alert-state, alert, alert-mark, alert-silence, quarantine, schema, definition, job-progress, audit"#
        ]],
    );
    check(
        &json!({ "fed-with": ["history"] }),
        &expect!["f: [package.metadata.function]: it is fed with history and does not read it"],
    );
    check(
        &json!({ "memory-mib": 64 }),
        &expect![
            "f: [package.metadata.function]: memory-mib is not in 128..=32768 or concurrency not in 1..=1000"
        ],
    );
    check(
        &json!({ "concurrency": 0 }),
        &expect![
            "f: [package.metadata.function]: memory-mib is not in 128..=32768 or concurrency not in 1..=1000"
        ],
    );
    check(
        &json!({ "secrets": ["a/b"] }),
        &expect![[r#"f: [package.metadata.function]: "a/b" is no name of a secret"#]],
    );
    check(
        &json!({ "writes": null }),
        &expect!["f: [package.metadata.function]: missing field `writes`"],
    );
    check(
        &json!({ "memory": 512 }),
        &expect![
            "f: [package.metadata.function]: unknown field `memory`, expected one of `kind`, `fed-with`, `reads`, `writes`, `deletes`, `secrets`, `needed-by`, `tzdata`, `args`, `schedules`, `memory-mib`, `concurrency`"
        ],
    );
    check(
        &json!({ "writes": ["journal"], "deletes": ["journal"] }),
        &expect![
            "f: [package.metadata.function]: who writes journal may delete it: it needs no deletes"
        ],
    );
    check(
        &json!({ "kind": "push", "args": ["--full"] }),
        &expect!["f: [package.metadata.function]: only a job has args and schedules"],
    );
    check(
        &json!({ "kind": "job", "schedules": { "hourly": { "cron": "hourly", "args": [] } } }),
        &expect![[
            r#"f: [package.metadata.function]: "hourly" is no cron of five fields, such as 15 * * * *"#
        ]],
    );
    check(
        &json!({ "needed-by": { "reads": { "snapshot": "a" } } }),
        &expect![
            "f: [package.metadata.function]: unknown field `reads`, expected one of `list`, `read`, `write`, `replace`"
        ],
    );
}
