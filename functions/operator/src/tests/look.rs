//! What an index says below a key, as a person asks for it.

use std::sync::Arc;

use bytes::Bytes;
use clap::Parser as _;
use domain::{Delivery, Disposition, Handler as _, ObjectName, Overwrote, Planted};
use emulator::{Memory, Upload};
use expect_test::expect;
use index_writer::IndexWriter;
use store::Tools;

use super::{bucket, definitions, record, release};
use crate::{Cli, Operator, Screen, perform};

const INDICES: &str = r#"
    {"name":"by-status","version":2,"keys":[{"from":["/status"],"transform":"slug"}],"show":{"n":["/n"]}},
    {"name":"by-month","version":1,"keys":[{"from":["/status"],"transform":"verbatim"},{"from":["/updated_at"],"transform":"month"}]},
    {"name":"by-n","version":1,"keys":[{"from":["/n"],"transform":"bucket"}]},
    {"name":"latest","version":1,"keys":[{"from":["/team"],"transform":"slug"}],"latest_by":["/n"]},
    {"name":"all","version":1,"bundle":true}"#;

/// Three entities, one of which has left a place.
async fn place() -> (Arc<Memory>, Tools) {
    let bucket = bucket();
    let tools = release(bucket.clone(), &definitions(&["1.0.0"], INDICES));
    let told = [
        ("V1", r#""status":"R&D","n":7,"team":"Red""#),
        ("V2", r#""status":"R&D","n":12.50,"team":"Red""#),
        ("V3", r#""status":"Due Diligence","n":-1,"team":"Red""#),
        ("V3", r#""status":"R&D","n":3,"team":"Blue""#),
    ];
    for (at, (id, rest)) in told.iter().enumerate() {
        let body = format!(
            r#"{{"schema_version":"1.0.0","updated_at":"2025-11-06T0{at}:00:00Z",{rest}}}"#
        );
        record(&bucket, &tools, id, &format!("r_{at}"), &body).await;
        let name = format!("env/dev/snapshots/ventures/{id}.json");
        let generation = bucket.objects()[&name].generation;
        let name = ObjectName::parse(&name).unwrap();
        let overwrote = Overwrote::Unknown;
        let delivery = Delivery { name, generation, overwrote, created_at: None };
        let writer = IndexWriter { tools: tools.clone(), planted: Planted::NONE };
        let ended = writer.handle(&[delivery]).await.pop().unwrap();
        assert!(matches!(ended, Ok(Disposition::Done)), "{ended:?}");
    }
    (bucket, tools)
}

/// Runs the words of a command line; without the generations.
async fn said(bucket: &Memory, tools: &Tools, words: &[&str]) -> String {
    let cli = match Cli::try_parse_from(["operator", "index"].iter().chain(words)) {
        Ok(cli) => cli,
        Err(err) => return err.to_string(),
    };
    let (said, aside) = (super::Printed::default(), super::Printed::default());
    let screen = Screen::on(said.clone(), aside.clone());
    let operator = Operator {
        tools: tools.clone(),
        env: domain::Env::Dev,
        user: None,
        google: &crate::Google::default(),
        screen: &screen,
        planted: Planted::NONE,
    };
    let end = match perform(&cli.command, operator).await {
        Ok(true) => String::new(),
        Ok(false) => "(1)\n".to_owned(),
        Err(problem) => format!("error: {problem}\n"),
    };
    let mut text = said.text() + &aside.text() + &end;
    for id in ["V1", "V2", "V3"] {
        let versions = bucket.versions_of(&format!("env/dev/snapshots/ventures/{id}.json"));
        for (at, version) in versions.iter().enumerate() {
            text = text.replace(
                &version.generation.to_string(),
                &format!("{:.<16}", format!("{id}.{}", at + 1)),
            );
        }
    }
    text
}

#[tokio::test]
async fn a_key_is_said_as_documents_have_it() {
    let (bucket, tools) = place().await;
    let asked: [&[&str]; 12] = [
        &["ventures", "by-status-v2", "R&D"],
        &["ventures", "by-status-v2", "due diligence"],
        &["ventures", "by-status-v2", "due diligence", "--tombstones"],
        &["ventures", "by-month", "R&D", "2025-11"],
        &["ventures", "by-month", "R&D", "2025-11-30"],
        &["ventures", "by-month", "R&D", "--limit", "2"],
        &["ventures", "by-n", "12.9"],
        &["ventures", "by-n", "12"],
        &["ventures", "by-n", "-1", "--tombstones"],
        &["ventures", "latest", "red"],
        &["ventures", "latest", "red", "--tombstones"],
        &["ventures", "_bundle", "--json"],
    ];
    let mut told = String::new();
    for words in asked {
        told += &format!("$ index {}\n{}\n", words.join(" "), said(&bucket, &tools, words).await);
    }
    expect![[r#"
        $ index ventures by-status-v2 R&D
        ID  UPDATED               FROM VERSION      SHOWS        OBJECT
        V1  2025-11-06T00:00:00Z  V1.1............  {"n":7}      env/dev/indices/ventures/by-status-v2/rd-1d168d/V1.json
        V2  2025-11-06T01:00:00Z  V2.1............  {"n":12.50}  env/dev/indices/ventures/by-status-v2/rd-1d168d/V2.json
        V3  2025-11-06T03:00:00Z  V3.2............  {"n":3}      env/dev/indices/ventures/by-status-v2/rd-1d168d/V3.json

        $ index ventures by-status-v2 due diligence
        nothing in env/dev/indices/ventures/by-status-v2/due-diligence/
        (1)

        $ index ventures by-status-v2 due diligence --tombstones
        ID  UPDATED  FROM VERSION      SHOWS                                   OBJECT
        V3  -        V3.2............  a tombstone: it has this place no more  env/dev/indices/ventures/by-status-v2/due-diligence/V3.json

        $ index ventures by-month R&D 2025-11
        ID  UPDATED               FROM VERSION      SHOWS  OBJECT
        V1  2025-11-06T00:00:00Z  V1.1............  {}     env/dev/indices/ventures/by-month/R&D/2025-11/V1.json
        V2  2025-11-06T01:00:00Z  V2.1............  {}     env/dev/indices/ventures/by-month/R&D/2025-11/V2.json
        V3  2025-11-06T03:00:00Z  V3.2............  {}     env/dev/indices/ventures/by-month/R&D/2025-11/V3.json

        $ index ventures by-month R&D 2025-11-30
        ID  UPDATED               FROM VERSION      SHOWS  OBJECT
        V1  2025-11-06T00:00:00Z  V1.1............  {}     env/dev/indices/ventures/by-month/R&D/2025-11/V1.json
        V2  2025-11-06T01:00:00Z  V2.1............  {}     env/dev/indices/ventures/by-month/R&D/2025-11/V2.json
        V3  2025-11-06T03:00:00Z  V3.2............  {}     env/dev/indices/ventures/by-month/R&D/2025-11/V3.json

        $ index ventures by-month R&D --limit 2
        ID  UPDATED               FROM VERSION      SHOWS  OBJECT
        V1  2025-11-06T00:00:00Z  V1.1............  {}     env/dev/indices/ventures/by-month/R&D/2025-11/V1.json
        V2  2025-11-06T01:00:00Z  V2.1............  {}     env/dev/indices/ventures/by-month/R&D/2025-11/V2.json
        the first 2; --limit shows more

        $ index ventures by-n 12.9
        ID  UPDATED               FROM VERSION      SHOWS  OBJECT
        V2  2025-11-06T01:00:00Z  V2.1............  {}     env/dev/indices/ventures/by-n/12/V2.json

        $ index ventures by-n 12
        ID  UPDATED               FROM VERSION      SHOWS  OBJECT
        V2  2025-11-06T01:00:00Z  V2.1............  {}     env/dev/indices/ventures/by-n/12/V2.json

        $ index ventures by-n -1 --tombstones
        ID  UPDATED  FROM VERSION      SHOWS                                   OBJECT
        V3  -        V3.2............  a tombstone: it has this place no more  env/dev/indices/ventures/by-n/below/V3.json

        $ index ventures latest red
        ID  UPDATED               FROM VERSION      SHOWS           OBJECT
        V2  2025-11-06T01:00:00Z  V2.1............  {"sort":12.50}  env/dev/indices/ventures/latest/red.json
        V1  2025-11-06T00:00:00Z  V1.1............  {"sort":7}      env/dev/indices/ventures/latest/red.json

        $ index ventures latest red --tombstones
        ID  UPDATED               FROM VERSION      SHOWS                                   OBJECT
        V2  2025-11-06T01:00:00Z  V2.1............  {"sort":12.50}                          env/dev/indices/ventures/latest/red.json
        V1  2025-11-06T00:00:00Z  V1.1............  {"sort":7}                              env/dev/indices/ventures/latest/red.json
        V3  -                     V3.2............  a tombstone: it has this place no more  env/dev/indices/ventures/latest/red.json

        $ index ventures _bundle --json
        {"object":"env/dev/indices/ventures/_bundle.json","from_generation":"V1.1............","tombstone":false,"says":{"ptr":"env/dev/snapshots/ventures/V1.json","id":"V1","updated_at":"2025-11-06T00:00:00Z","entity":"venture","order":["2025-11-06T00:00:00Z","2025/11/06/r_0.json"],"source":{"source-generation":"V1.1............","run":"01K9CGKDG0BK0VXTWDM5JRXV37","definitions":"35d889f64a95c6b1"}}}
        {"object":"env/dev/indices/ventures/_bundle.json","from_generation":"V2.1............","tombstone":false,"says":{"ptr":"env/dev/snapshots/ventures/V2.json","id":"V2","updated_at":"2025-11-06T01:00:00Z","entity":"venture","order":["2025-11-06T01:00:00Z","2025/11/06/r_1.json"],"source":{"source-generation":"V2.1............","run":"01K9CGKDG0ANF73GC6J3Q45J8B","definitions":"35d889f64a95c6b1"}}}
        {"object":"env/dev/indices/ventures/_bundle.json","from_generation":"V3.2............","tombstone":false,"says":{"ptr":"env/dev/snapshots/ventures/V3.json","id":"V3","updated_at":"2025-11-06T03:00:00Z","entity":"venture","order":["2025-11-06T03:00:00Z","2025/11/06/r_3.json"],"source":{"source-generation":"V3.2............","run":"01K9CGKDG07JJRBSXV1W92F1BN","definitions":"35d889f64a95c6b1"}}}

    "#]].assert_eq(&told);
}

#[tokio::test]
async fn what_cannot_be_shown_is_said_in_one_line() {
    let (bucket, tools) = place().await;
    let asked: [&[&str]; 9] = [
        &["venture", "by-status-v2", "R&D"],
        &["ventures", "by-status", "R&D"],
        &["ventures", "by-month", "R&D", "November"],
        &["ventures", "by-n", "many"],
        &["ventures", "by-status-v2", "a", "b"],
        &["ventures", "latest"],
        &["ventures", "latest", "green"],
        &["ventures", "by-status-v2", ""],
        &["ventures", "by-status-v2", "--", "build"],
    ];
    let mut told = String::new();
    for words in asked {
        told += &format!("$ index {}\n{}", words.join(" "), said(&bucket, &tools, words).await);
    }
    expect![[r#"
        $ index venture by-status-v2 R&D
        error: no kind is stored under venture; there are: ventures
        $ index ventures by-status R&D
        error: ventures declares no index by-status; there are: by-status-v2, by-month, by-n, latest, _bundle
        $ index ventures by-month R&D November
        error: by-month: "November" is no key of it; one is 2025-11
        $ index ventures by-n many
        error: by-n: "many" is no key of it; one is a number, or what the index makes of one: 07, below, above
        $ index ventures by-status-v2 a b
        error: by-status-v2: it has 1 keys, and 2 were said
        $ index ventures latest
        error: latest: it has a register for each key: say which
        $ index ventures latest green
        nothing in env/dev/indices/ventures/latest/green.json
        (1)
        $ index ventures by-status-v2 
        nothing in env/dev/indices/ventures/by-status-v2/-e3b0c4/
        (1)
        $ index ventures by-status-v2 -- build
        nothing in env/dev/indices/ventures/by-status-v2/build/
        (1)
    "#]].assert_eq(&told);
    let words = ["ventures"];
    assert!(said(&bucket, &tools, &words).await.contains("required arguments"));
}

#[tokio::test]
async fn what_others_have_written_is_shown_for_what_it_is() {
    let (bucket, tools) = place().await;
    let pointer = "env/dev/indices/ventures/by-status-v2/idea/V\u{202e}9.json";
    for body in ["no JSON \u{1b}[2J", "[]", "{\"id\":\"\\u001b[2J\u{9b}\",\"n\":{\"\\u001b\":1}}"] {
        bucket.insert(pointer, Bytes::from(body.to_owned()), Upload::default()).unwrap();
        for json in [&[][..], &["--json"]] {
            let words = [&["ventures", "by-status-v2", "Idea"], json].concat();
            let told = said(&bucket, &tools, &words).await;
            assert!(!told.ends_with("(1)\n") && !told.contains("error"), "{told}");
            let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!told.chars().any(harmful), "{told:?}");
        }
    }
    let register = "env/dev/indices/ventures/latest/red.json";
    bucket.insert(register, Bytes::from_static(b"7"), Upload::default()).unwrap();
    let told = said(&bucket, &tools, &["ventures", "latest", "red"]).await;
    assert!(told.contains("is no register: delete the object"), "{told}");
}
