//! A batch does to an entity what its lines do, one after the other.

use std::fs;

use domain::Ids as _;
use domain::json::{self, Object};
use emulator::SeededIds;
use projection::fold::merge;
use serde_json::Value;
use tempfile::NamedTempFile;

use super::{body_of, run, strict, strict_place};
use crate::write::batch;

/// Chance, by a seed.
struct Dice(std::sync::Arc<SeededIds>);

impl Dice {
    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.random() % bound as u128).unwrap()
    }

    /// A value of few keys and few shapes, so that patches meet.
    fn value(&self, depth: usize, nulls: bool) -> Value {
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0 if nulls => Value::Null,
            0 | 1 => Value::from(self.below(3)),
            2 => Value::from("text"),
            3 => Value::Array(vec![Value::Null, Value::from(self.below(2))]),
            _ => Value::Object(self.object(depth - 1, nulls)),
        }
    }

    fn object(&self, depth: usize, nulls: bool) -> Object {
        let keys = ["a", "b", "c", "actor", "schema_version"];
        let number = self.below(4);
        let member = |_| {
            // What holds for a record as a whole comes seldom, and is a text.
            let key = keys[self.below(if self.below(8) == 0 { 5 } else { 3 })];
            match key {
                "actor" => (key.to_owned(), Value::from(["ada", "bob"][self.below(2)])),
                "schema_version" => (key.to_owned(), Value::from("1.0.0")),
                _ => (key.to_owned(), self.value(depth, nulls)),
            }
        };
        (0..number).map(member).collect()
    }
}

fn text(object: &Object) -> String {
    Value::Object(object.clone()).to_string()
}

#[test]
fn what_is_folded_does_to_any_document_what_its_lines_do() {
    let definitions = strict();
    let definition = definitions.entity("venture").unwrap();
    let (mut lines_all, mut records_all, mut longest) = (0, 0, 0);
    for seed in 0..20_000 {
        let dice = Dice(SeededIds::new(seed));
        let lines: Vec<Object> = (0..1 + dice.below(6)).map(|_| dice.object(2, true)).collect();
        let file = lines.iter().map(|line| text(line) + "\n").collect::<String>();
        let folded = batch::read(file.as_bytes(), definition).unwrap();
        assert_eq!(folded.lines, lines.len());
        lines_all += lines.len();
        records_all += folded.patches.len();
        if folded.patches.len() == 1 {
            longest = longest.max(lines.len());
        }
        for _ in 0..4 {
            let document = dice.object(3, false);
            let (mut one_by_one, mut at_once) = (document.clone(), document.clone());
            lines.iter().for_each(|line| merge(&mut one_by_one, line.clone()));
            folded.patches.iter().for_each(|patch| merge(&mut at_once, patch.clone()));
            assert!(
                json::same_text(&one_by_one, &at_once),
                "seed {seed}: {} with\n{file}is {}, and {} by {:?}",
                text(&document),
                text(&one_by_one),
                text(&at_once),
                folded.patches
            );
        }
    }
    println!("{lines_all} lines in {records_all} records");
    assert!(records_all * 3 < lines_all * 2 && longest == 6, "{records_all} of {lines_all}");
}

#[test]
fn a_record_begins_only_where_no_patch_says_what_two_do() {
    let definitions = strict();
    let definition = definitions.entity("venture").unwrap();
    let cases = [
        (r#"{"k":{"a":1}} {"k":{"b":2}} {"k":{"a":null}} {"k":3} {"k":[{}]} {"k":null}"#, 1),
        (r#"{"k":null} {"k":null}"#, 1),
        (r#"{"k":null} {"k":{"b":2}}"#, 2),
        (r#"{"k":1} {"k":{"b":2}}"#, 2),
        (r#"{"k":[]} {"k":{}}"#, 2),
        (r#"{"k":{"a":null}} {"k":{"a":{"b":1}}}"#, 2),
        // The key would keep its place.
        (r#"{"k":null} {"k":1}"#, 2),
        (r#"{"a":1,"actor":"ada"} {"a":2,"actor":"ada"} {"a":3,"actor":"bob"} {"a":4}"#, 3),
        (r#"{"a":1} {"a":2,"schema_version":"1.0.0"} {"a":3,"schema_version":"0.9.0"}"#, 3),
    ];
    for (lines, records) in cases {
        let file = lines.replace("} {", "}\n\n{");
        let folded = batch::read(file.as_bytes(), definition).unwrap();
        assert_eq!(folded.patches.len(), records, "{lines}: {:?}", folded.patches);
    }
}

#[test]
fn lines_that_are_too_much_for_one_record_become_several() {
    let definitions = strict();
    let definition = definitions.entity("venture").unwrap();
    let long = "x".repeat(3 << 20);
    let file = (0..3).map(|n| format!("{{\"k{n}\":\"{long}\"}}\n")).collect::<String>();
    assert_eq!(batch::read(file.as_bytes(), definition).unwrap().patches.len(), 3);
    let many = vec!["1"; 30_000].join(",");
    let file = (0..4).map(|n| format!("{{\"k{n}\":[{many}]}}\n")).collect::<String>();
    assert_eq!(batch::read(file.as_bytes(), definition).unwrap().patches.len(), 4);
}

#[tokio::test]
async fn a_batch_is_written_in_its_order_or_not_at_all() {
    let (bucket, tools) = strict_place();
    let write = async |lines: &str, more: &str| {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), lines).unwrap();
        let line = format!("write venture V1 --batch --file {} {more}", file.path().display());
        let (ended, said) = run(&tools, &line).await;
        let path = file.path().display().to_string();
        (ended.map_err(|problem| problem.to_string().replace(&path, "FILE")), said)
    };
    let records = || bucket.objects().keys().filter(|name| name.contains("/history/")).count();
    let (ended, _) = run(&tools, "write venture V1 --delete --fold").await;
    assert_eq!(ended, Ok(true));
    let full = NamedTempFile::new().unwrap();
    fs::write(full.path(), r#"{"status":"Idea","k":1}"#).unwrap();
    let line = format!("write venture V1 --file {} --fold", full.path().display());
    assert_eq!(run(&tools, &line).await.0, Ok(true));

    let lines = "{\"n\":1}\n{\"n\":2}\n{\"k\":null}\n{\"k\":{\"b\":2}}\n";
    let (ended, said) = write(lines, "--dry-run").await;
    assert_eq!((ended, said.matches("would write").count()), (Ok(true), 2));
    assert_eq!(records(), 2);
    let (ended, said) = write(lines, "--fold").await;
    assert_eq!((ended, said.matches("wrote").count(), records()), (Ok(true), 2, 4));
    let snapshot = body_of(&bucket, "env/dev/snapshots/ventures/V1.json").unwrap();
    assert_eq!((snapshot["n"].as_u64(), &snapshot["k"]["b"]), (Some(2), &Value::from(2)));

    // The second record is refused, so that the first is not written.
    let refusals = [
        ("{\"k\":null}\n{\"k\":{}}\n{\"k\":1}\n{\"k\":{},\"n\":\"x\"}\n", ""),
        ("{\"n\":1}\n\n[1]\n", ""),
        ("{\"n\":1}\n{\"op\":\"delete\"}\n", ""),
        ("\n \n", ""),
        (lines, "--if-current none"),
    ];
    let mut told = String::new();
    for (lines, more) in refusals {
        told += &format!("{}\n", write(lines, more).await.0.unwrap_err());
    }
    expect_test::expect![[r#"
        refused, nothing is written:
          /n: expected a number, not a text
        FILE: line 3: a merge patch is a JSON object
        FILE: line 2: the reserved field "op": leave it out, each line is a merge
        FILE: no line with a merge patch
        the batch makes 2 records, and --if-current holds for one: write it without, or in parts
    "#]]
    .assert_eq(&told);
    assert_eq!(records(), 4);
    let etag = super::said_etag(&said);
    let (ended, said) = write("{\"n\":1}\n{\"n\":3}\n", &format!("--if-current {etag}")).await;
    assert_eq!((ended, said.matches("wrote").count(), records()), (Ok(true), 1, 5));
}
