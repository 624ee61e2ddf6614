//! The examples in `fixtures/entities/{entity}/`: what is called valid is, and what is called
//! invalid is so for one reason.

use std::fs;
use std::path::Path;

use expect_test::expect;

use super::{document, embedded, report, validate};
use crate::Validators;

/// What is said about each example whose name begins with `outcome`, by `{entity}/{file}`.
fn examples(validators: &Validators, outcome: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/entities");
    let mut examples = Vec::new();
    for kind in fs::read_dir(folder).unwrap() {
        let kind = kind.unwrap();
        for file in fs::read_dir(kind.path()).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            if name.starts_with(outcome) {
                let example = document(&fs::read_to_string(file.path()).unwrap());
                let kind = kind.file_name().into_string().unwrap();
                examples.push((format!("{kind}/{name}"), report(validate(validators, &example))));
            }
        }
    }
    examples.sort();
    assert!(!examples.is_empty());
    examples
}

#[test]
fn valid_examples_are_valid() {
    for (name, report) in examples(&embedded(), "valid-") {
        assert_eq!(report, "valid\n", "{name}");
    }
}

#[test]
fn invalid_examples_are_invalid_for_one_reason() {
    for (name, report) in examples(&embedded(), "invalid-") {
        assert_ne!(report, "valid\n", "{name}");
        assert_eq!(report.lines().count(), 1, "{name}: {report}");
    }
}

/// The rules and the documents of `docs/rules.md`, with what every document has.
#[test]
fn the_examples_of_the_page_of_rules_are_valid() {
    let page = include_str!("../../../../docs/rules.md");
    let mut kind = String::new();
    let mut valid = 0;
    for block in page.split("```json\n").skip(1) {
        let mut example = document(block.split("```").next().unwrap());
        let example = example.as_object_mut().unwrap();
        example.shift_remove("before");
        let applies_to = example.get("applies_to").and_then(|it| it.as_str()).map(str::to_owned);
        let entity = if applies_to.is_some() { "rule".to_owned() } else { kind.clone() };
        kind = applies_to.unwrap_or(kind);
        let version = if entity == "rule" { "1.1.0" } else { "1.0.0" };
        for (field, text) in [
            ("id", "example"),
            ("entity", &entity),
            ("env", "dev"),
            ("schema_version", version),
            ("created_at", "2025-11-01T00:00:00Z"),
            ("updated_at", "2026-02-01T00:00:00Z"),
            ("name", "Example"),
            ("severity", "warning"),
        ] {
            example.entry(field).or_insert_with(|| text.into());
        }
        let example = serde_json::Value::Object(example.clone());
        assert_eq!(report(validate(&embedded(), &example)), "valid\n", "{example}");
        valid += 1;
    }
    assert_eq!(valid, 24);
}

/// One example for each form of check that a kind uses.
const CHECKS: [&str; 9] = [
    "budget/invalid-lines-do-not-add-up.json",
    "cap_table/invalid-holding-twice.json",
    "cap_table/invalid-shares-above-one.json",
    "model/invalid-formula-without-output.json",
    "partner/invalid-engagement-of-another-venture.json",
    "resource/invalid-month-twice.json",
    "round/invalid-close-before-open.json",
    "round/invalid-lead-not-an-investor.json",
    "venture/invalid-request-due-before-it-was-made.json",
];

#[test]
fn what_breaks_a_check_says_so() {
    let broken =
        examples(&embedded(), "invalid-").into_iter().filter(|(name, _)| CHECKS.contains(&&**name));
    let lines: String = broken.map(|(name, report)| format!("{name}\n  {report}")).collect();
    expect![[r#"
        budget/invalid-lines-do-not-add-up.json
          /plannedUSD: expected the sum of /lines/*/plannedUSD, within 0.01
        cap_table/invalid-holding-twice.json
          /holders/1: expected another holderId, security, shareClass than /holders/0 has
        cap_table/invalid-shares-above-one.json
          /holders: expected a sum of 1 at /holders/*/pctFullyDiluted, within 1e-6
        model/invalid-formula-without-output.json
          /formulas/monthsOfRunway: expected a name that stands at /outputs/*/name
        partner/invalid-engagement-of-another-venture.json
          /engagements/0/ventureId: expected one of the values at /ventureIds/*
        resource/invalid-month-twice.json
          /availability/2: expected another month than /availability/1 has
        round/invalid-close-before-open.json
          /closeDate: expected at least what is at /openDate
        round/invalid-lead-not-an-investor.json
          /leadInvestorId: expected one of the values at /investors/*
        venture/invalid-request-due-before-it-was-made.json
          /serviceRequests/0/dueDate: expected at least what is at /serviceRequests/0/requestedDate
    "#]]
    .assert_eq(&lines);
}

#[test]
fn a_schema_that_is_known_to_be_sound_says_the_same() {
    let held = embedded();
    held.compile_all().unwrap();
    assert_eq!(examples(&embedded(), ""), examples(&held, ""));
}
