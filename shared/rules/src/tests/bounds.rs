//! What is bounded, whatever a rule asks and a document has.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{condition, facts, object, value};
use crate::condition::{Exhausted, Steps};
use crate::rule::Rule;
use crate::set::{RuleSet, STEPS_OF_ALL, STEPS_OF_EACH};

/// A document whose arrays ask for quadratic work.
fn wide() -> Value {
    let row: Value = (0..1000).map(Value::from).collect();
    let text = "a".repeat(100_000);
    let mut document = value("{}");
    document["rows"] = (0..1_500).map(|_| row.clone()).collect();
    document["flat"] = row;
    document["text"] = Value::from(text);
    document
}

const HOSTILE: [&str; 4] = [
    r#"{"all_of":"rows","where":{"all_of":"@","where":{"none_of":"$.flat","where":{"path":"@","op":"eq","value":-1}}}}"#,
    r#"{"path":"text","op":"matches","value":"(x+x+)+y|(a?){50}b"}"#,
    r#"{"all_of":"rows","where":{"path":"@","op":"eq","field":"$.rows.0"}}"#,
    r#"{"all_of":"$.flat","where":{"sum":"$.rows.*.*","op":"gt","value":-1}}"#,
];

#[test]
fn an_evaluation_that_takes_too_much_ends_and_says_so() {
    let document = wide();
    for text in HOSTILE {
        let began = Instant::now();
        let condition = condition(text);
        let facts = facts(&document, None);
        assert_eq!(condition.holds(facts, &mut Steps::default()), Err(Exhausted), "{text}");
        assert_eq!(condition.explain(facts).held, None);
        assert_eq!(condition.matched(facts, Steps::default()), value("[]"));
        // Without the optimizer, on a busy machine.
        assert!(began.elapsed() < Duration::from_secs(20), "{text}: {:?}", began.elapsed());
    }
}

fn rule(id: &str, condition: &str) -> Rule {
    let text = format!(r#"{{"id":"{id}","applies_to":"venture","condition":{condition}}}"#);
    Rule::read(&object(&text)).unwrap()
}

#[test]
fn a_rule_that_takes_all_its_steps_leaves_the_others_theirs() {
    let document = wide();
    let mut rules = vec![rule("zz", r#"{"path":"flat.7","op":"eq","value":7}"#)];
    rules.push(rule("all", r#"{"all_of":"flat","where":{"path":"@","op":"gte","value":0}}"#));
    for n in 0..12 {
        rules.push(rule(&format!("hostile{n:02}"), HOSTILE[n % HOSTILE.len()]));
    }
    let set = RuleSet::of(rules);
    let holding = set.holding("venture", facts(&document, None));
    let ids: Vec<&str> = holding.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["all", "zz"]);
    assert_eq!(holding.exhausted.len(), 12);
    assert_eq!(set.holding("idea", facts(&document, None)).rules.len(), 0);
    // What a rule has for itself is enough for a rule as people write them.
    let mut own = Steps::of(STEPS_OF_EACH);
    let usual = condition(
        r#"{"all":[{"path":"a","op":"eq","value":1},{"any":[{"path":"b","op":"lt","value":2},{"path":"c","op":"older_than","value":"3d"}]},{"ratio":["d","e"],"op":"gt","value":0.9}]}"#,
    );
    let small = value(r#"{"a":1,"b":3,"c":"2020-01-01","d":10,"e":9}"#);
    assert_eq!(usual.holds(facts(&small, None), &mut own), Ok(true));
}

#[test]
fn hostile_regular_expressions_are_refused_or_cheap() {
    let text = Value::from("a".repeat(2_000));
    for pattern in [
        "(?:){999999999}",
        "((((a{9}){9}){9}){9}){9}",
        "(a|a)*b",
        "(a*)*b",
        "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)x",
        "a{0,250}b",
        "[^x]{200}[^y]{40}",
        "(((((((((((((((((((((a)))))))))))))))))))))",
        "\u{0}",
        "(?x) a b # c",
    ] {
        let began = Instant::now();
        let mut document = value("{}");
        document["t"] = text.clone();
        let mut asked = value(r#"{"path":"t","op":"matches","value":""}"#);
        asked["value"] = Value::from(pattern);
        if let Ok(condition) = crate::condition::Condition::read(&asked, "") {
            let _held = condition.holds(facts(&document, None), &mut Steps::default());
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{pattern}: {:?}", began.elapsed());
    }
}

/// Steps that all rules about ventures have to say what matched, of so many.
fn told_with(count: usize) -> usize {
    let hold = r#"{"any":[{"path":"id","op":"exists"},{"any_of":"rows","where":{"path":"@","op":"eq","value":-1}}]}"#;
    let set = RuleSet::of((0..count).map(|n| rule(&format!("r{n}"), hold)).collect());
    count * set.telling("venture").left()
}

#[test]
fn what_is_told_takes_no_more_than_what_is_asked() {
    for count in [1, 3, 4, 7, 1_000, 1_500, 10_000] {
        let most = STEPS_OF_ALL.max(count * STEPS_OF_EACH);
        assert!(told_with(count) <= most, "{count}: {}", told_with(count));
    }
    // Asking is cheap, since the first part decides; telling looks at the others as well.
    let mut document = wide();
    document["id"] = Value::from("V1");
    let condition = condition(
        r#"{"any":[{"path":"id","op":"exists"},{"none_of":"rows","where":{"any_of":"@","where":{"path":"@","op":"eq","value":-1}}}]}"#,
    );
    let facts = facts(&document, None);
    let mut few = Steps::of(STEPS_OF_EACH);
    assert_eq!(condition.holds(facts, &mut few), Ok(true));
    assert!(few.left() > STEPS_OF_EACH / 2, "{few:?}");
    let told = condition.matched(facts, Steps::of(STEPS_OF_EACH));
    assert_eq!(told, value(r#"[{"path":"id","op":"exists","found":"V1"}]"#));
}
