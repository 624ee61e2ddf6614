//! What alerts say of the examples of `docs/rules.md`.

use ::rules::condition::{Facts, Steps};
use ::rules::rule::Rule;
use domain::Instant;
use egress::{MESSAGE_CHARS_MAX, render};
use expect_test::expect;
use serde_json::Value;

use super::*;

const PAGE: &str = include_str!("../../../../docs/rules.md");

/// The examples: name, rule, and a document that it holds for.
fn examples() -> Vec<(String, [Json; 2])> {
    let (_, examples) = PAGE.split_once("## Examples").unwrap();
    let section = |section: &str| {
        let blocks = section.split("```json\n").skip(1).take(2);
        let block = |block: &str| serde_json::from_str(block.split("```").next().unwrap()).unwrap();
        let blocks: Vec<Json> = blocks.map(block).collect();
        (section.lines().next().unwrap().to_owned(), blocks.try_into().unwrap())
    };
    examples.split("\n### ").skip(1).map(section).collect()
}

#[test]
fn every_example_of_the_page_says_what_matched() {
    let mut said = Vec::new();
    for (name, [mut rule, mut document]) in examples() {
        rule.insert("id".to_owned(), Value::from("example"));
        let rule = Rule::read(&rule).unwrap();
        let before = document.shift_remove("before");
        let document = Value::Object(document);
        let now = Instant::parse("2026-03-01T12:00:00Z").unwrap();
        let facts = Facts { document: &document, before: before.as_ref(), now };
        let matched = rule.condition.matched(facts, Steps::default());
        let alert = Json::from_iter([("matched".to_owned(), matched.clone())]);
        let line = render("{{matched}}", &alert, MESSAGE_CHARS_MAX);
        said.push(format!("{name}: {line}"));
        for (at, entry) in matched.as_array().unwrap().iter().enumerate() {
            let template = format!(
                "{{{{matched.{at}.path}}}}|{{{{matched.{at}.op}}}}|{{{{matched.{at}.found}}}}"
            );
            let parts = render(&template, &alert, MESSAGE_CHARS_MAX);
            let parts: Vec<&str> = parts.split('|').collect();
            assert!(parts.iter().all(|part| !part.is_empty()), "{name}: {parts:?}");
            assert_eq!(parts[1].starts_with("not "), entry.get("not").is_some(), "{name}");
        }
        assert!(!line.contains("{{") && !line.starts_with(' '), "{name}: {line}");
    }
    expect![[r#"
        Low MRR in pilot: status is Pilot (eq Pilot); kpis.MRR is 14999.99 (lt 15000)
        Burn over plan: status is Approved (neq Closed); spentUSD / plannedUSD is 0.900000033333 (gt 0.9)
        Overdue milestone: milestones: 1 matches (any_of)
        Stale idea: updated_at is 2026-01-29T23:59:59Z (older_than 30d); status is Screening (not in ["Archived","Rejected"])
        Score under threshold: score.overall is 0.59 (lt 0.6)
        Cap table not summing to one: sum of holders.*.pctFullyDiluted is 0.9999995 (exists); sum of holders.*.pctFullyDiluted is 0.9999995 (neq 1)
        Runway under six months: outputs.cashUSD / outputs.monthlyBurnUSD is 5.99999 (lt 6)
        MRR that falls: kpis.MRR is 8000, was 10000 (decreased_by 20%)"#]]
    .assert_eq(&said.join("\n"));
}
