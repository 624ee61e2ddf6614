//! The history of an entity, record by record.

use std::sync::Arc;

use bytes::Bytes;
use domain::ObjectName;
use emulator::{Chance, Memory, Upload};
use expect_test::expect;
use serde_json::Value;
use store::Tools;

use super::{bucket, definitions, entity, record, release, run};

fn place() -> (Arc<Memory>, Tools) {
    let bucket = bucket();
    let tools = release(bucket.clone(), &definitions(&["1.0.0"], ""));
    (bucket, tools)
}

/// Records that arrive in another order than they are dated, and some that do not count.
async fn told(bucket: &Arc<Memory>, tools: &Tools) {
    let of = |at: &str, rest: &str| format!(r#"{{"updated_at":"2025-11-06T{at}:00Z",{rest}}}"#);
    let first = of("09:00", r#""op":"merge","n":1"#);
    let full = of(
        "10:00",
        r#""schema_version":"1.0.0","status":"Idea","in":{"a/b":1},"actor":"ada","reason":"begun","origin":"operator""#,
    );
    let merge = of("11:00", r#""op":"merge","status":"Pilot","in":null,"actor":"bob""#);
    let late = of("10:30", r#""op":"merge","status":"Late""#);
    let wrong = of("10:45", r#""schema_version":"1.0.0","n":"one""#);
    let delete = of("11:15", r#""op":"delete","reason":"duplicate""#);
    let after = of("11:30", r#""op":"merge","n":2"#);
    let again = of("11:45", r#""schema_version":"1.0.0","status":"Again""#);
    let all = [full, merge, first, late, wrong, delete, after, again];
    for (at, body) in all.iter().enumerate() {
        record(bucket, tools, "V1", &format!("r_{at}"), body).await;
    }
}

#[tokio::test]
async fn every_record_is_shown_in_order_with_who_wrote_it_and_what_it_changed() {
    let (bucket, tools) = place();
    told(&bucket, &tools).await;
    let (ended, said) = run(&tools, "history venture V1").await;
    assert_eq!(ended, Ok(true));
    expect![[r#"
        2025-11-06T09:00:00Z  merge  2025/11/06/r_2.json
          stored  2025-11-06T12:00:00Z
          counts  yes, and waits for a full record
        2025-11-06T10:00:00Z  full  2025/11/06/r_0.json
          stored  2025-11-06T12:00:00Z
          actor   ada
          reason  begun
          origin  operator
          counts  yes, the entity is live
            + /id: "V1"
            + /entity: "venture"
            + /env: "dev"
            + /updated_at: "2025-11-06T10:00:00Z"
            + /schema_version: "1.0.0"
            + /status: "Idea"
            + /in: {"a/b":1}
        2025-11-06T10:30:00Z  merge  2025/11/06/r_3.json
          stored  2025-11-06T12:00:00Z
          counts  yes, the entity is live
            - /updated_at: "2025-11-06T10:00:00Z"
            + /updated_at: "2025-11-06T10:30:00Z"
            - /status: "Idea"
            + /status: "Late"
        2025-11-06T10:45:00Z  full  2025/11/06/r_4.json
          stored  2025-11-06T12:00:00Z
          counts  no: /n: expected a number, not a text
        2025-11-06T11:00:00Z  merge  2025/11/06/r_1.json
          stored  2025-11-06T12:00:00Z
          actor   bob
          counts  yes, the entity is live
            - /updated_at: "2025-11-06T10:30:00Z"
            + /updated_at: "2025-11-06T11:00:00Z"
            - /status: "Late"
            + /status: "Pilot"
            - /in: {"a/b":1}
        2025-11-06T11:15:00Z  delete  2025/11/06/r_5.json
          stored  2025-11-06T12:00:00Z
          reason  duplicate
          counts  yes, the entity is deleted
        2025-11-06T11:30:00Z  merge  2025/11/06/r_6.json
          stored  2025-11-06T12:00:00Z
          counts  yes, the entity is deleted
        2025-11-06T11:45:00Z  full  2025/11/06/r_7.json
          stored  2025-11-06T12:00:00Z
          counts  yes, the entity is live
            + /id: "V1"
            + /entity: "venture"
            + /env: "dev"
            + /updated_at: "2025-11-06T11:45:00Z"
            + /schema_version: "1.0.0"
            + /status: "Again"
    "#]]
    .assert_eq(&said);
}

#[tokio::test]
async fn the_newest_are_shown_with_what_they_changed_of_those_before() {
    let (bucket, tools) = place();
    told(&bucket, &tools).await;
    let (_, all) = run(&tools, "history venture V1 --json").await;
    let all: Vec<&str> = all.lines().collect();
    assert_eq!(all.len(), 8);
    for limit in 1..=8 {
        let (_, some) = run(&tools, &format!("history venture V1 --json --limit {limit}")).await;
        let some: Vec<&str> = some.lines().take_while(|line| line.starts_with('{')).collect();
        assert_eq!(some, all[8 - limit..], "limit {limit}");
    }
    let merge: Value = serde_json::from_str(all[4]).unwrap();
    assert_eq!(
        merge["changes"][1],
        serde_json::json!({ "path": "/status", "old": "Late", "new": "Pilot" })
    );
    assert_eq!((&merge["actor"], &merge["counts"]), (&"bob".into(), &true.into()));
}

#[tokio::test]
async fn what_is_let_go_of_a_long_history_is_what_nobody_asked_for() {
    for seed in 0..8 {
        let (bucket, tools) = place();
        let chance = Chance::new(seed);
        let prefix = ObjectName::history_prefix(&entity("V1"));
        // In the order of their names they are dated at random, and few are full.
        for at in 0..150 {
            let dated = format!("2025-11-06T{:02}:{:02}:00Z", chance.below(12), chance.below(60));
            let says = match chance.below(12) {
                0 => r#""schema_version":"1.0.0","status":"Idea""#.to_owned(),
                1 => r#""op":"delete""#.to_owned(),
                2 => r#""n":"does not count""#.to_owned(),
                it => format!(r#""op":"merge","f{it}":{at}"#),
            };
            let body = format!(r#"{{"updated_at":"{dated}",{says}}}"#);
            let name = format!("{prefix}2025/11/06/{at:03}_r.json");
            bucket.insert(&name, Bytes::from(body), Upload::default()).unwrap();
        }
        let (_, all) = run(&tools, "history venture V1 --json --limit 1000").await;
        let all: Vec<&str> = all.lines().collect();
        assert_eq!(all.len(), 150);
        for limit in [1, 2, 7, 31, 140] {
            let line = format!("history venture V1 --json --limit {limit}");
            let (_, some) = run(&tools, &line).await;
            let some: Vec<&str> = some.lines().take(limit).collect();
            assert_eq!(some, all[150 - limit..], "seed {seed} limit {limit}");
        }
    }
}

#[tokio::test]
async fn a_large_change_is_cut_and_hostile_text_moves_no_cursor() {
    let (bucket, tools) = place();
    let many: Vec<String> =
        (0..50).map(|at| format!(r#""f{at}":"{}\u001b[2J\n""#, "x".repeat(999))).collect();
    let body = format!(
        r#"{{"schema_version":"1.0.0","updated_at":"2025-11-06T10:00:00Z","reason":"a\nb\u001b[31m","actor":7,{}}}"#,
        many.join(",")
    );
    record(&bucket, &tools, "V1", "a_1", &body).await;
    let name = format!("{}2025/11/06/b_\u{202e}2.json", ObjectName::history_prefix(&entity("V1")));
    bucket.insert(&name, Bytes::from_static(b"\xff\x1b[2J"), Upload::default()).unwrap();
    for line in ["history venture V1", "history venture V1 --json"] {
        let (_, said) = run(&tools, line).await;
        assert!(
            !said.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "{said:?}"
        );
        assert!(said.len() < 80_000, "{}", said.len());
    }
    let (_, said) = run(&tools, "history venture V1").await;
    assert!(said.lines().all(|line| line.chars().count() < 300));
    assert!(said.contains("… 35 more"), "{said}");
}

#[tokio::test]
async fn without_a_record_it_says_so() {
    let (_, tools) = place();
    let (ended, said) = run(&tools, "history venture V1").await;
    assert_eq!((ended, &said[..]), (Ok(false), "there is no record of venture V1 in dev\n"));
}
