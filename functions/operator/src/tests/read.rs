//! What an entity is, was and was known to be.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{Instant, ObjectName};
use emulator::{Chance, Memory, TestClock, Upload};
use store::Tools;

use super::{builder, entity, record, release, run, strict, strict_place, tell};

const BEGUN: &str = "2025-11-06T00:00:00Z";

/// What a command said, and whether it ended well; why it did not begin.
async fn said(tools: &Tools, line: &str) -> String {
    match run(tools, line).await {
        (Ok(well), said) => format!("{said}{}", if well { "" } else { "(1)\n" }),
        (Err(problem), said) => format!("{said}error: {problem}\n"),
    }
}

/// A record of a generated history: when it is stored, where, and what it says.
struct Told {
    stored_at: Instant,
    dated: Instant,
    name: String,
    body: String,
}

/// Which records of a history are wanted.
type Wanted = Box<dyn Fn(&Told) -> bool>;

fn at(minutes: u64) -> Instant {
    Instant::parse(BEGUN).unwrap().after(Duration::from_secs(60 * minutes))
}

/// Full records, merges, tombstones and what does not count, of few instants so that many are
/// equal, in an order that has nothing to do with how they are dated.
fn history(seed: u64) -> Vec<Told> {
    let chance = Chance::new(seed);
    let count = 1 + chance.below(14);
    let told = (0..count).map(|place| {
        let stored_at = at(60 * 12 + place);
        let dated = at(10 * chance.below(6));
        let field = ["status", "n", "more", "gone"][chance.below(4) as usize];
        let value = match (field, chance.below(3)) {
            ("status", 0) => "7".to_owned(),
            ("status", it) => format!(r#""s{it}""#),
            ("n", it) => it.to_string(),
            (_, 0) => "null".to_owned(),
            (_, it) => format!(r#"{{"a":{it},"b":[{it}]}}"#),
        };
        let says = match chance.below(10) {
            0..4 => format!(r#""schema_version":"1.0.0","status":"Idea","{field}x":{value}"#),
            4..8 => format!(r#""op":"merge","{field}":{value}"#),
            8 => r#""op":"delete""#.to_owned(),
            _ => r#""schema_version":"1.0.0","n":"no status""#.to_owned(),
        };
        let prefix = ObjectName::history_prefix(&entity("V1"));
        let day = 4 + chance.below(3);
        Told {
            stored_at,
            dated,
            name: format!("{prefix}2025/11/{day:02}/t_{}{place}.json", chance.below(3)),
            body: format!(r#"{{"updated_at":"{dated}",{says}}}"#),
        }
    });
    told.collect()
}

/// A bucket in which those records were stored at their times that `wanted` takes, and handled.
async fn handled(history: &[Told], wanted: impl Fn(&Told) -> bool) -> Tools {
    let clock = TestClock::at(BEGUN);
    let bucket = Memory::new("test", clock.clone(), 7);
    let tools = release(bucket.clone(), &strict());
    let mut now = at(0);
    for told in history.iter().filter(|told| wanted(told)) {
        let passed = told.stored_at.unix_millis() - now.unix_millis();
        clock.advance(Duration::from_millis(passed.try_into().unwrap()));
        now = told.stored_at;
        bucket.insert(&told.name, Bytes::from(told.body.clone()), Upload::default()).unwrap();
        tell(&bucket, &tools, ("snapshot-builder", Arc::new(builder(&tools))), &told.name).await;
    }
    tools
}

#[tokio::test]
async fn what_was_is_what_the_history_until_then_would_have_become() {
    let mut states = [0; 3];
    for seed in 0..60 {
        let history = history(seed);
        let whole = handled(&history, |_| true).await;
        let chance = Chance::new(seed + 1000);
        let as_of = at(10 * chance.below(6) + chance.below(2));
        let known_at = at(60 * 12 + chance.below(15));
        let cases: [(String, Wanted); 3] = [
            (format!("--as-of {as_of}"), Box::new(move |told| told.dated <= as_of)),
            (format!("--known-at {known_at}"), Box::new(move |told| told.stored_at <= known_at)),
            (
                format!("--as-of {as_of} --known-at {known_at}"),
                Box::new(move |told| told.dated <= as_of && told.stored_at <= known_at),
            ),
        ];
        for (until, wanted) in cases {
            let (ended, folded) = run(&whole, &format!("get venture V1 --json {until}")).await;
            let part = handled(&history, wanted).await;
            let (live, expected) = run(&part, "get venture V1 --json").await;
            if live.is_err() {
                // Records are there, and none counts.
                assert_eq!(ended, Ok(false), "seed {seed} {until}");
                continue;
            }
            assert_eq!(ended, live, "seed {seed} {until}");
            // Where there is nothing, each says so in its way.
            let nothing = |text: &str| match text.contains("no record of") {
                true => "nothing".to_owned(),
                false => text.to_owned(),
            };
            assert_eq!(nothing(&folded), nothing(&expected), "seed {seed} {until}");
            states[usize::from(ended == Ok(true))] += 1;
            states[2] += usize::from(expected.contains("merges wait"));
        }
    }
    assert!(states.iter().all(|seen| *seen > 3), "each state is seen: {states:?}");
}

#[tokio::test]
async fn the_current_snapshot_says_where_it_comes_from() {
    let (bucket, tools) = strict_place();
    let full = r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T10:00:00Z","status":"Idea","n":0.50}"#;
    record(&bucket, &tools, "V1", "a_1", full).await;
    let merge = r#"{"op":"merge","updated_at":"2025-11-06T11:00:00Z","status":"Pilot"}"#;
    record(&bucket, &tools, "V1", "b_2", merge).await;
    let generation = bucket.objects()["env/dev/snapshots/ventures/V1.json"].generation.to_string();
    let digest = tools.version.definitions.clone();
    let told = said(&tools, "get venture V1 --metadata").await;
    let told = told.replace(&generation, "GENERATION").replace(&digest, "DIGEST");
    let told: Vec<&str> = told.lines().filter(|line| !line.starts_with("run ")).collect();
    expect_test::expect![[r#"
        entity                dev/ventures/V1
        state                 live
        newest record         2025-11-06T11:00:00Z  2025/11/06/b_2.json
        base                  2025-11-06T10:00:00Z  2025/11/06/a_1.json
        etag                  e1e56827c19a04a79ee3aa682d3e4094
        generation            GENERATION
        schema version        1.0.0
        definitions           DIGEST
        definitions are ours  true
        software              0

        {
          "id": "V1",
          "entity": "venture",
          "env": "dev",
          "schema_version": "1.0.0",
          "updated_at": "2025-11-06T11:00:00Z",
          "status": "Pilot",
          "n": 0.50
        }"#]]
    .assert_eq(&told.join("\n"));
    let line = said(&tools, "get venture V1 --metadata --json").await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["document"]["n"].to_string(), "0.50");
    assert_eq!(line["generation"], generation);
    assert_eq!(line["state"], "live");
    assert_eq!(line["newest"]["name"], "2025/11/06/b_2.json");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_one_line() {
    let (bucket, tools) = strict_place();
    let mut told = String::new();
    told += &said(&tools, "get company V1").await;
    told += &said(&tools, "get venture a/b").await;
    told += &said(&tools, "get venture V1").await;
    told += &said(&tools, "get venture V1 --known-at 2025-11-06T12:00:00Z").await;
    let merge = r#"{"op":"merge","updated_at":"2025-11-06T11:00:00Z","status":"Pilot"}"#;
    record(&bucket, &tools, "V1", "b_2", merge).await;
    told += &said(&tools, "get venture V1").await;
    record(&bucket, &tools, "V1", "c_3", r#"{"op":"delete","updated_at":"2025-11-06T11:30:00Z"}"#)
        .await;
    told += &said(&tools, "get venture V1").await;
    let name = format!("{}2025/11/06/a_1.json", ObjectName::history_prefix(&entity("V2")));
    bucket.insert(&name, Bytes::from("{}"), Upload::default()).unwrap();
    told += &said(&tools, "get venture V2").await;
    expect_test::expect![[r#"
        error: no kind "company"; there are venture
        error: "a/b" is no id: id contains '/', '#', '[', ']', '*', '?' or a control character
        there is no venture V1 in dev, and no record of one
        (1)
        no record of venture V1 in dev counts until then: `history venture V1` shows what there is
        (1)
        venture V1 in dev: not there yet: merges wait for a full record
        (1)
        venture V1 in dev: deleted
        (1)
        error: dev/ventures/V2 has records and no snapshot: `why venture V2` says why
    "#]]
    .assert_eq(&told);
}

#[tokio::test]
async fn content_of_others_moves_no_cursor() {
    let (bucket, tools) = strict_place();
    let hostile = "{\"schema_version\":\"1.0.0\",\"updated_at\":\"2025-11-06T10:00:00Z\",\"status\":\"a\\u001b[31m\\n\u{9b}31m\u{202e}\u{7f}é東\"}";
    record(&bucket, &tools, "V1", "a_1", hostile).await;
    for line in
        ["get venture V1", "get venture V1 --json", "get venture V1 --as-of 2026-01-01T00:00:00Z"]
    {
        let told = said(&tools, line).await;
        assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{told:?}");
        assert!(!told.contains('\u{202e}'), "{told:?}");
        let read: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(read["status"], "a\u{1b}[31m\n\u{9b}31m\u{202e}\u{7f}é東");
    }
}
