//! Shards are the same bytes for the same entities, and say what they have seen.

use std::collections::BTreeMap;

use domain::{Env, Generation, Instant};
use expect_test::expect;

use crate::Metadata;
use crate::shard::{self, Lines, SEEN, SEEN_MAX, ShardCount, fingerprint};
use crate::shard_index::{Replaced, ShardIndex};
use crate::snapshot;

fn count(number: u64) -> ShardCount {
    ShardCount::of(number).unwrap()
}

#[test]
fn the_shard_of_an_id_is_how_its_sha1_begins() {
    // `printf V1 | sha1sum` begins with c14e3dde, that of `東京` with 681ee300.
    for (number, v1, tokyo) in
        [(16, "c", "6"), (256, "c1", "68"), (4096, "c14", "681"), (65_536, "c14e", "681e")]
    {
        let name = |id: &str| {
            let count = count(number);
            count.name(Env::Dev, "ventures", count.shard_of(id)).hex
        };
        assert_eq!((name("V1").as_str(), name("東京").as_str()), (v1, tokyo));
        assert_eq!(ShardCount::of_hex(v1), Some(count(number)));
        assert_eq!(count(number).number() as u64, number);
    }
    assert_eq!(count(256).name(Env::Dev, "ventures", 10).hex, "0a");
    assert_eq!(ShardCount::default().number(), 256);
    assert_eq!(count(4096).next(), Some(count(65_536)));
    assert_eq!(count(65_536).next(), None);
    let none = [0, 1, 17, 100, 1 << 20].map(ShardCount::of);
    assert_eq!(none, [None; 5]);
    expect!["there can be 16, 256, 4096 or 65536 shards"]
        .assert_eq(&"100".parse::<ShardCount>().unwrap_err());
}

fn line(id: &str) -> String {
    format!("{{\"id\":\"{id}\",\"n\":0.60}}\n")
}

fn metadata(lines: &Lines) -> Metadata {
    BTreeMap::from([(SEEN.to_owned(), lines.seen_text())])
}

#[test]
fn lines_stand_in_the_order_of_ids_and_are_read_as_they_were_written() {
    let mut lines = Lines::default();
    // In names, where `.json` follows, `a-b` comes before `a`.
    for id in ["a-b", "東京", "a", "B"] {
        lines.set(id, Some(line(id)));
    }
    lines.see([1, 0, (1 << 48) - 1]);
    let body = lines.body();
    assert_eq!(
        String::from_utf8(body.clone()).unwrap(),
        ["B", "a", "a-b", "東京"].map(line).concat()
    );
    assert_eq!(Lines::read(&body, &metadata(&lines)).unwrap(), lines);
    lines.retain(&["B", "a-b"]);
    lines.set("B", None);
    assert_eq!(lines.body(), line("a-b").into_bytes());
    assert_eq!(lines.len(), 1);
    assert_eq!(Lines::read(b"", &Metadata::new()).unwrap(), Lines::default());
}

#[test]
fn what_is_no_shard_of_ours_is_told() {
    let check = |body: &str, seen: &str, expect: &expect_test::Expect| {
        let metadata = BTreeMap::from([(SEEN.to_owned(), seen.to_owned())]);
        expect.assert_eq(&Lines::read(body.as_bytes(), &metadata).unwrap_err());
    };
    check("{\"id\":\"a\"}", "", &expect!["its last line is cut short"]);
    check("{\"id\":\"a\"}\n{\"n\":1}\n", "", &expect!["line 2: it has no id"]);
    check(&[line("b"), line("a")].concat(), "", &expect!["line 2: it is not in the order of ids"]);
    check(&[line("a"), line("a")].concat(), "", &expect!["line 2: it is not in the order of ids"]);
    check("", "AAAA", &expect!["its metadata does not say what it has seen"]);
    check("", "AAAA AAA", &expect!["its metadata does not say what it has seen"]);
    let err = Lines::read(b"\xff\n", &Metadata::new()).unwrap_err();
    expect!["it is not UTF-8"].assert_eq(&err);
}

#[test]
fn the_newest_versions_are_remembered_and_fit_into_metadata() {
    let mut lines = Lines::default();
    let many = SEEN_MAX as u64 + 10;
    lines.see(0..many);
    lines.see([many - 1, many]);
    let seen = lines.seen();
    assert_eq!(seen.len(), SEEN_MAX);
    assert!(seen.contains(&many) && seen.contains(&(many - 1)) && !seen.contains(&10));
    assert!(lines.seen_text().len() + SEEN.len() < 7_500);
    lines.forget();
    assert!(lines.seen().is_empty());
}

#[test]
fn versions_of_different_entities_and_generations_differ() {
    let of = |id: &str, generation| fingerprint(id, Generation(generation));
    assert_eq!(of("a", 1), of("a", 1));
    assert!(of("a", 1) != of("a", 2) && of("a", 1) != of("b", 1) && of("a1", 1) != of("a", 11));
    assert!(of("a", 1) < 1 << 48);
}

#[test]
fn a_line_is_the_record_on_one_line_and_a_tombstone_has_none() {
    let of = |body: &str| shard::of_manifest("V1", body.as_bytes());
    let spread = of("{\n \"id\": \"V1\",\n \"z\": 0.60, \"a\": 1e3 }\n");
    assert_eq!(spread, Ok(Some("{\"id\":\"V1\",\"z\":0.60,\"a\":1e3}\n".to_owned())));
    assert_eq!(of(r#"{"id":"V1","entity":"venture","op":"delete"}"#), Ok(None));
    assert_eq!(of(r#"{"id":"V2"}"#), Err("it does not have the id of its name".to_owned()));
    assert!(of("[]").is_err() && of("{").is_err());
}

#[test]
fn an_export_has_live_documents_whole() {
    let of = |state: &str, body: &str| {
        let metadata = BTreeMap::from([(snapshot::STATE.to_owned(), state.to_owned())]);
        shard::of_snapshot("V1", body.as_bytes(), &metadata)
    };
    let body = r#"{"id":"V1","entity":"venture","kpis":{"MRR":12000.0}}"#;
    assert_eq!(of("live", body), Ok(Some(body.to_owned() + "\n")));
    assert_eq!(of("deleted", body), Ok(None));
    assert_eq!(of("pending", body), Ok(None));
    assert!(of("", body).is_err() && of("live", r#"{"id":"V2"}"#).is_err());
}

#[test]
fn an_index_is_read_as_it_was_written() {
    let at = Instant::parse("2025-11-06T11:50:00.250Z").unwrap();
    let mut index = ShardIndex { count: count(256), watermark: at, replaced: None };
    assert_eq!(ShardIndex::read(&index.body()), Some(index.clone()));
    index.replaced = Some(Replaced { count: count(16), at });
    assert_eq!(ShardIndex::read(&index.body()), Some(index.clone()));
    expect![[r#"
        {"count":256,"watermark":"2025-11-06T11:50:00.250Z","replaced":{"count":16,"at":"2025-11-06T11:50:00.250Z"}}
    "#]]
    .assert_eq(&String::from_utf8(index.body()).unwrap());
    for wrong in
        ["", "{}", r#"{"count":100,"watermark":"2025-11-06T11:50:00Z"}"#, r#"{"count":16}"#]
    {
        assert_eq!(ShardIndex::read(wrong.as_bytes()), None, "{wrong}");
    }
}
