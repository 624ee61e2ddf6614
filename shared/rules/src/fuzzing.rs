//! What holds of any rules, any document and any stored alert state.
//!
//! Behind the feature `fuzzing`: the targets in `fuzz/` call it, and so do the tests.

use std::collections::{BTreeMap, BTreeSet};

use domain::fuzzing::{Choices, assert_one_line};
use domain::json::{self, Object};
use domain::{EntityRef, Env, Generation, ObjectName, OrderKey, check_id};
use serde_json::Value;

use crate::condition::Condition;
use crate::rule::Rule;
use crate::state::{Alert, AlertState, Subject, Transitions, decide};

/// The most rules that are in force.
const RULES_MAX: usize = 6;

/// Fields of rules, of states and of documents, and what stands in them.
const WORDS: [&str; 28] = [
    "id",
    "low",
    "high",
    "applies_to",
    "venture",
    "condition",
    "all",
    "path",
    "op",
    "value",
    "eq",
    "neq",
    "lt",
    "gte",
    "includes",
    "not_includes",
    "exists",
    "missing",
    "a",
    "a.b",
    "a.0",
    "b",
    "name",
    "severity",
    "message",
    "open",
    "rule_id",
    "rule_digest",
];

/// Operators: every one, those again that often hold, and one that is none.
const OPERATORS: [&str; 15] = [
    "eq",
    "neq",
    "lt",
    "lte",
    "gt",
    "gte",
    "includes",
    "not_includes",
    "exists",
    "missing",
    "neq",
    "not_includes",
    "missing",
    "missing",
    "like",
];

/// Ids of rules, the last two of which are no ids.
const IDS: [&str; 6] = ["low", "high", "%2F", "東京", "a/b", ".."];

/// Paths in documents.
const PATHS: [&str; 7] = ["a", "b", "a.b", "a.0", "a.0.b", "", "."];

/// Asserts what holds of the bytes as a rule, as a document and as a state, and of rules,
/// documents and states made of choices.
pub fn rules(bytes: &[u8]) {
    let raw = json::parse(bytes).ok();
    let mut choices = Choices::new(bytes);
    let mut members: Vec<Object> = raw.iter().filter_map(Value::as_object).cloned().collect();
    for _ in 0..choices.below(RULES_MAX) {
        let mut member = member(&mut choices);
        // Two rules can ask the same, and one can ask something else later.
        let repeated = choices.one_of(&["", "", "condition", "id"]);
        if let Some(value) = members.last().and_then(|last| last.get(repeated)) {
            member.insert(repeated.to_owned(), value.clone());
        }
        members.push(member);
    }
    // Of two rules with one id, the later one is what the other has become.
    let bundles = [in_force(&members[..members.len() / 2]), in_force(&members)];
    let stored = stored(&mut choices);
    let mut state = AlertState::read(Some(bytes));
    for stored in [None, stored.as_deref()] {
        if stored.is_some() {
            state = AlertState::read(stored);
        }
        for second in 0..3 {
            let document = match second {
                0 => raw.clone(),
                _ => (choices.below(8) != 1).then(|| choices.value(&WORDS)),
            };
            let rules = &bundles[usize::from(choices.flag() == (second == 1))];
            state = event(&state, second, document.as_ref(), rules);
        }
    }
}

/// A rule that is nearly one, or any object.
fn member(choices: &mut Choices<'_>) -> Object {
    if choices.below(8) == 0 {
        return choices.object(&WORDS);
    }
    let test = |choices: &mut Choices<'_>| {
        let mut test = Object::new();
        test.insert("path".to_owned(), Value::from(choices.word(&PATHS)));
        test.insert("op".to_owned(), Value::from(choices.one_of(&OPERATORS)));
        test.insert("value".to_owned(), choices.value(&WORDS));
        Value::Object(test)
    };
    let tests: Vec<Value> = (0..choices.below(3)).map(|_| test(choices)).collect();
    let condition = Object::from_iter([("all".to_owned(), Value::Array(tests))]);
    let mut member = Object::from_iter([
        ("id".to_owned(), Value::from(choices.word(&IDS))),
        (
            "applies_to".to_owned(),
            Value::from(choices.one_of(&["venture", "venture", "venture", "round"])),
        ),
        ("condition".to_owned(), Value::Object(condition)),
    ]);
    member.insert("severity".to_owned(), choices.value(&WORDS));
    member
}

/// The rules among `members`, one for each id, as a bundle has them.
fn in_force(members: &[Object]) -> Vec<Rule> {
    let mut rules = BTreeMap::new();
    for member in members {
        let rule = Rule::read(member);
        assert_eq!(rule, Rule::read(member), "a rule is read the same again");
        let condition = member.get("condition").and_then(Condition::read);
        assert!(rule.is_none() || condition.is_some(), "what is not understood is no rule");
        if let Some(rule) = rule {
            assert_eq!(check_id(&rule.id), Ok(()), "the id of a rule is part of names");
            assert_eq!(rule.digest.len(), 16);
            rules.insert(rule.id.clone(), rule);
        }
    }
    rules.into_values().collect()
}

/// A state that somebody else has written, or none.
fn stored(choices: &mut Choices<'_>) -> Option<Vec<u8>> {
    let open = choices.flag().then(|| choices.value(&WORDS))?;
    let state = Object::from_iter([("open".to_owned(), open)]);
    Some(json::to_line(&Value::Object(state)))
}

/// Decides about a version of the snapshot of V1, and returns the state afterwards.
fn event(state: &AlertState, second: u8, document: Option<&Value>, rules: &[Rule]) -> AlertState {
    let entity = EntityRef::new(Env::Prod, "ventures", "V1").expect("V1 is an entity");
    let newest = OrderKey::parse(&format!("2025-11-06T10:00:0{second}Z"), "2025/11/06/x_1.json");
    let generation = Some(Generation(u64::from(second)));
    let newest = newest.as_ref();
    let subject = Subject { entity: &entity, kind: "venture", generation, newest, document };
    let transitions = decide(state, subject, rules);
    assert_eq!(transitions, decide(state, subject, rules), "it is decided the same again");

    let holding = rules.iter().filter(|rule| holds(rule, document));
    let holding: BTreeSet<_> = holding.map(|rule| (rule.id.clone(), rule.digest.clone())).collect();
    let Transitions { opened, closed, next } = &transitions;
    assert_eq!(next.open.iter().map(rule_of).collect::<BTreeSet<_>>(), holding, "exactly these");
    assert!(closed.iter().all(|alert| state.open.contains(alert)), "what was open closes");
    assert!(opened.iter().all(|alert| next.open.contains(alert)), "what opens is open");
    assert_eq!(state.open.len() + opened.len(), next.open.len() + closed.len());
    assert!(decide(next, subject, rules).is_empty(), "deciding again changes nothing");
    let body = next.body(&entity, "venture");
    assert_eq!(AlertState::read(Some(&body)), *next, "a state is read as it was written");
    opened.iter().for_each(|alert| named(alert, &entity));
    transitions.next
}

fn holds(rule: &Rule, document: Option<&Value>) -> bool {
    let holds = rule.holds("venture", document);
    assert_eq!(holds, rule.holds("venture", document), "it is evaluated the same again");
    assert!(!holds || (rule.applies_to == "venture" && document.is_some()));
    if let Some(document) = document {
        assert_one_line(&rule.condition.matched(document));
    }
    holds
}

/// Rule and digest of an alert.
fn rule_of(alert: &Alert) -> (String, String) {
    let body = body(alert);
    let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("rule_id"), text("rule_digest"))
}

/// An alert that opens lies where alerts are looked for.
fn named(alert: &Alert, entity: &EntityRef) {
    let name = alert.name(entity);
    assert_eq!(ObjectName::parse(&name.to_string()), Ok(name));
}

fn body(alert: &Alert) -> Object {
    match json::parse(&alert.line()) {
        Ok(Value::Object(body)) => body,
        other => panic!("an alert is an object, not {other:?}"),
    }
}
