//! The examples of `docs/rules.md`: each fires, does not, and is clean.

use std::collections::BTreeSet;
use std::fs;

use domain::json::Object;
use serde_json::Value;

use super::{facts, value};
use crate::condition::{Operator, Steps};
use crate::lint::lint;
use crate::rule::Rule;

const PAGE: &str = include_str!("../../../../docs/rules.md");

/// The examples: name, rule, a document that it holds for, and one that it does not.
fn examples() -> Vec<(String, [Object; 3])> {
    let (_, examples) = PAGE.split_once("## Examples").unwrap();
    let sections = examples.split("\n### ").skip(1);
    let section = |section: &str| {
        let blocks = section.split("```json\n").skip(1);
        let block =
            |block: &str| value(block.split("```").next().unwrap()).as_object().unwrap().clone();
        let blocks: Vec<Object> = blocks.map(block).collect();
        (section.lines().next().unwrap().to_owned(), blocks.try_into().unwrap())
    };
    sections.map(section).collect()
}

#[test]
fn every_example_of_the_page_fires_and_is_clean() {
    let examples = examples();
    assert_eq!(examples.len(), 8);
    for (name, [mut rule, fires, not]) in examples {
        rule.insert("id".to_owned(), Value::from("example"));
        let rule = Rule::read(&rule).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
        let schema = format!("../../schemas/{}/v1.0.0.schema.json", rule.applies_to);
        let schema = value(&fs::read_to_string(&schema).unwrap());
        assert_eq!(lint(&rule, Some(&schema)), [], "{name}");
        for (mut document, expected) in [(fires, true), (not, false)] {
            let before = document.shift_remove("before");
            let document = Value::Object(document);
            let facts = facts(&document, before.as_ref());
            let held = rule.holds(facts, &mut Steps::default());
            assert_eq!(held, Ok(expected), "{name}: {}", rule.condition.explain(facts));
        }
    }
}

#[test]
fn the_page_knows_every_operator() {
    let table = PAGE.split("| operator |").nth(1).unwrap().split("###").next().unwrap();
    let first = table.lines().skip(2).filter_map(|row| row.split('|').nth(1));
    let words: BTreeSet<&str> = first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let known: BTreeSet<&str> = Operator::ALL.iter().map(|(word, _)| *word).collect();
    assert_eq!(words, known);
}

#[test]
fn the_page_says_the_bounds_that_there_are() {
    use crate::condition::{
        DEPTH_MAX, NODES_MAX, PATH_BYTES_MAX, PATTERN_BYTES_MAX, STEPS_MAX, VALUES_MAX,
    };
    use crate::set::{STEPS_OF_ALL, STEPS_OF_EACH};
    let page: String = PAGE.split_whitespace().collect::<Vec<_>>().join(" ").replace(',', "");
    for sentence in [
        format!("in one another to {DEPTH_MAX} levels and {NODES_MAX} parts"),
        format!("A path has at most {PATH_BYTES_MAX} bytes"),
        format!("equal to one of at most {VALUES_MAX};"),
        format!("each of at most {PATTERN_BYTES_MAX} bytes"),
        format!("takes at most {STEPS_MAX} steps"),
        format!("together {STEPS_OF_ALL} besides the {STEPS_OF_EACH} that each has"),
        format!("more than {} significant digits", crate::quantity::DIGITS_MAX),
    ] {
        assert!(page.contains(&sentence), "{sentence}");
    }
}
