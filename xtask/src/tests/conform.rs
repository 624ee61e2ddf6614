//! How stores and emulators are held against each other.

use std::sync::Arc;

use axum::http::HeaderMap;
use clap::Parser as _;
use emulator::{Emulator, Memory, SystemClock};
use expect_test::{Expect, expect};
use store::Counted;
use store::conformance::{self, Subject};

use crate::conform::calls::{self, Caller};
use crate::conform::real::{CLASS_A, CLASS_B};
use crate::conform::shape::Shape;
use crate::conform::suite::row;
use crate::http::{Answer, Server};

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    _options: crate::conform::Options,
}

fn check(arguments: &[&str], accepted: bool) {
    let parsed = Cli::try_parse_from(["conform"].iter().chain(arguments));
    assert_eq!(parsed.is_ok(), accepted, "{arguments:?}");
}

#[test]
fn what_excludes_each_other_is_refused() {
    check(&[], true);
    check(&["--random", "100000", "--seed", "7"], true);
    check(&["--url", "http://127.0.0.1:1", "--random", "5"], true);
    check(&["--bucket", "name", "--yes"], true);
    check(&["--random", "0"], false);
    check(&["--random", "-1"], false);
    check(&["--seed", "x"], false);
    check(&["--yes"], false);
    check(&["--bucket", "name", "--url", "http://127.0.0.1:1"], false);
    check(&["--bucket", "name", "--random", "5"], false);
}

#[test]
fn only_an_origin_is_an_address() {
    for url in ["http://127.0.0.1:9000", "http://localhost:9000/", "http://[::1]:80"] {
        assert!(Server::at(url).is_ok(), "{url}");
    }
    for url in ["", "127.0.0.1:9000", "https://127.0.0.1", "http://", "http://a/b", "http://a?b"] {
        assert!(Server::at(url).is_err(), "{url}");
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> Answer {
    let headers = headers
        .iter()
        .map(|(name, value)| (axum::http::HeaderName::from_static(name), value.parse().unwrap()));
    Answer { status, headers: HeaderMap::from_iter(headers), body: body.into() }
}

fn differences(ours: &Answer, theirs: &Answer, expect: &Expect) {
    let differences = Shape::of(ours).differences(&Shape::of(theirs));
    expect.assert_eq(&differences.join("\n"));
}

const JSON: (&str, &str) = ("content-type", "application/json; charset=UTF-8");

#[test]
fn fields_are_compared_and_values_that_cannot_differ() {
    let ours = r#"{"kind":"storage#object","name":"a","generation":"1","etag":"x","size":"5"}"#;
    let theirs =
        r#"{"kind":"storage#object","name":"b","generation":"2","size":5,"acl":[],"z":{"y":1}}"#;
    differences(
        &answer(200, &[JSON], ours),
        &answer(200, &[JSON, ("etag", "x")], theirs),
        &expect![[r#"
            lacks etag
            adds header etag z.y
            name is "b" instead of "a"
            size is 5 instead of "5""#]],
    );
    differences(&answer(200, &[JSON], ours), &answer(200, &[JSON], ours), &expect![""]);
}

#[test]
fn a_page_is_compared_item_by_item() {
    let ours = r#"{"items":[{"name":"a","size":"1"},{"name":"b","size":"2"}],"prefixes":["c/"]}"#;
    let theirs = r#"{"items":[{"name":"b","size":"2"},{"name":"a","size":"1"}]}"#;
    differences(
        &answer(200, &[JSON], ours),
        &answer(200, &[JSON], theirs),
        &expect![[r#"
            lacks prefixes
            items[].name is "b" "a" instead of "a" "b"
            items[].size is "2" "1" instead of "1" "2""#]],
    );
}

#[test]
fn errors_are_compared_by_status_and_reason_and_content_by_bytes() {
    let missing = r#"{"error":{"code":404,"errors":[{"reason":"notFound"}]}}"#;
    differences(
        &answer(404, &[JSON], missing),
        &answer(404, &[], "Not Found"),
        &expect!["reason none instead of notFound"],
    );
    differences(
        &answer(404, &[JSON], missing),
        &answer(200, &[JSON], "{}"),
        &expect!["status 200 instead of 404"],
    );
    let stored = [("x-goog-generation", "1"), ("x-goog-hash", "crc32c=AAAAAA==")];
    differences(
        &answer(200, &stored, "whole"),
        &answer(200, &stored[..1], "who"),
        &expect![[r#"
            content "who" instead of "whole"
            lacks header x-goog-hash"#]],
    );
}

#[test]
fn a_row_has_no_blanks_at_its_end() {
    expect!["a statement                                                                 ok       DIFFERS"]
        .assert_eq(&row("a statement", &["ok", "DIFFERS"], &[7, 9]));
}

#[tokio::test]
async fn our_emulator_answers_every_call_as_documented() {
    let emulator = Emulator::start(emulator::Options::default()).await.unwrap();
    let mut caller = Caller::new(Server::at(&emulator.url()).unwrap(), "conform");
    let mut wrong = Vec::new();
    for call in calls::all() {
        match caller.call(&call).await {
            Ok(answer) if answer.status == call.status => (),
            Ok(answer) => wrong.push(format!("{}: {}", call.name, answer.status)),
            Err(why) => wrong.push(format!("{}: {why}", call.name)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_checks_take_no_more_than_is_warned_of() {
    let memory = Memory::new("bucket", Arc::new(SystemClock), 1);
    let counted = Counted::new(memory.clone());
    conformance::run(Subject::shared(&counted, &*memory), "conformance/").await;
    let operations = counted.operations();
    assert!(operations.class_a <= CLASS_A, "{operations}");
    assert!(operations.class_b <= CLASS_B, "{operations}");
}
