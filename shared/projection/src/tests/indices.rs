//! Where an entity has a place, and what stands there.

use domain::{Generation, Version};
use expect_test::{Expect, expect};
use serde_json::Value;

use super::{definitions, document, entity};
use crate::plan::{Place, places};
use crate::pointer;
use crate::source::Source;

fn check(body: &str, expect: Expect) {
    let definitions = definitions();
    let definition = definitions.entity("venture").unwrap();
    let places = places(definition, &entity("V1"), Some(&document(body))).unwrap();
    let line = |(name, place): (&domain::ObjectName, &Place)| {
        let name = name.to_string();
        let name = name.strip_prefix("env/dev/indices/ventures/").unwrap();
        format!("{name} {}\n", Value::Object(place.shown.clone()))
    };
    expect.assert_eq(&places.iter().map(line).collect::<String>());
}

#[test]
fn keys_come_from_documents_as_declared() {
    check(
        r#"{"status":"In Review","tags":["ai","a/b","ai",null],"score":{"overall":8.1},"stage":"Seed","owner":"bob@x.com","group":"G 1","asOf":"2025-01-01",
            "milestones":[{"dueDate":"2026-03-01","status":"Open"},{"dueDate":"2026-02-01","status":"Done"},{"dueDate":"2026-02-28T23:30:00-02:00"}]}"#,
        expect![[r#"
            by-next-due/2026-03/V1.json {}
            by-score/08/V1.json {}
            by-stage-owner/seed/bobxcom-581d5f/V1.json {}
            by-status/in-review/V1.json {"status":"In Review"}
            by-tag-v2/a%2Fb/V1.json {}
            by-tag-v2/ai/V1.json {}
            by-group/G 1.json {"asOf":"2025-01-01"}
        "#]],
    );
}

#[test]
fn a_missing_or_unfit_value_gives_no_key() {
    check(
        r#"{"status":null,"tags":"ai","score":"high","stage":"Seed","milestones":[{"dueDate":"soon"}],"group":""}"#,
        expect![""],
    );
    check(r#"{"stage":"Seed","owner":"bob","archived":true}"#, expect![""]);
    check(
        r#"{"score":-1,"milestones":[{"status":"Done","dueDate":"2026-01-01"}]}"#,
        expect![[r#"
        by-score/below/V1.json {}
    "#]],
    );
    check(
        r#"{"score":1E400}"#,
        expect![[r#"
        by-score/above/V1.json {}
    "#]],
    );
}

#[test]
fn slugs_keep_values_apart_that_lose_characters() {
    for (status, slug) in [
        ("Pilot", "pilot"),
        ("under_Review", "under-review"),
        ("R&D", "rd-1d168d"),
        ("東京", "-130016"),
        ("", "-e3b0c4"),
    ] {
        let body = format!(r#"{{"status":"{status}"}}"#);
        let definitions = definitions();
        let definition = definitions.entity("venture").unwrap();
        let places = places(definition, &entity("V1"), Some(&document(&body))).unwrap();
        let name = places.keys().next().unwrap().to_string();
        assert_eq!(name, format!("env/dev/indices/ventures/by-status/{slug}/V1.json"));
    }
}

#[test]
fn a_long_value_is_cut_and_keeps_its_digest() {
    let [left, right] = ["a", "b"].map(|end| {
        let body = format!(r#"{{"group":"{}{end}"}}"#, "ü".repeat(100));
        let definitions = definitions();
        let places =
            places(definitions.entity("venture").unwrap(), &entity("V1"), Some(&document(&body)));
        places.unwrap().keys().next().unwrap().clone()
    });
    assert_ne!(left, right);
    assert_eq!(domain::ObjectName::parse(&left.to_string()), Ok(left));
}

#[test]
fn what_a_document_can_make_us_write_is_bounded() {
    let tags = |n: usize| {
        format!(r#"{{"tags":[{}"x"]}}"#, (0..n).map(|n| format!("\"{n}\",")).collect::<String>())
    };
    let definitions = definitions();
    let definition = definitions.entity("venture").unwrap();
    assert!(places(definition, &entity("V1"), Some(&document(&tags(900)))).is_ok());
    assert!(places(definition, &entity("V1"), Some(&document(&tags(1001)))).is_err());
}

fn source(generation: u64, run: &str, body: &str) -> Source {
    Source {
        entity: entity("V1"),
        generation: Some(Generation(generation)),
        document: Some(document(body)),
        run: run.to_owned(),
        definitions: "d1".to_owned(),
        newest: None,
    }
}

#[test]
fn a_pointer_is_written_unless_its_version_or_its_run_says_the_same() {
    let definitions = definitions();
    let definition = definitions.entity("venture").unwrap();
    let version = Version { definitions: "d1".to_owned(), software: "0".to_owned() };
    let decide = |stored: Option<&crate::Write>, source: &Source, there: bool| {
        let places = places(definition, &source.entity, source.document.as_ref()).unwrap();
        let wanted = places.values().next().filter(|_| there);
        let stored = stored.map(|write| (write.body.as_slice(), &write.metadata));
        pointer::decide(stored, wanted, source, definition, &version)
    };
    let first = source(7, "r1", r#"{"status":"A","updated_at":"t1"}"#);
    let written = decide(None, &first, true).unwrap();
    expect![[r#"
        {"ptr":"env/dev/snapshots/ventures/V1.json","id":"V1","updated_at":"t1","entity":"venture","status":"A"}
    "#]].assert_eq(std::str::from_utf8(&written.body).unwrap());

    let redelivered = decide(Some(&written), &first, true);
    assert_eq!(redelivered, None);
    let same_run =
        decide(Some(&written), &source(3, "r1", r#"{"status":"A","updated_at":"t2"}"#), true);
    assert_eq!(same_run, None);
    let back_again =
        decide(Some(&written), &source(3, "r3", r#"{"status":"A","updated_at":"t1"}"#), true);
    assert!(back_again.is_some(), "equal content of another run is written: A, B, A");
    let gone = decide(None, &source(3, "r2", r#"{"status":"B"}"#), false).unwrap();
    expect![[r#"
        {"id":"V1","entity":"venture","op":"delete"}
    "#]]
    .assert_eq(std::str::from_utf8(&gone.body).unwrap());
    let absent = Source::absent(&entity("V1"));
    assert!(decide(decide(None, &absent, false).as_ref(), &absent, false).is_some());
}
