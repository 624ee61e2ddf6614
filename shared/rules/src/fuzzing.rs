//! What holds of any rules, any document and any stored alert state.
//!
//! Behind the feature `fuzzing`: the targets in `fuzz/` call it, and so do the tests.

use std::collections::{BTreeMap, BTreeSet};

use domain::fuzzing::{Choices, assert_one_line};
use domain::json::{self, Object};
use domain::{EntityRef, Env, Generation, Instant, ObjectName, OrderKey, check_id};
use serde_json::Value;

use crate::condition::{Exhausted, Steps, Wrong};
use crate::lint::lint;
use crate::rule::Rule;
use crate::set::RuleSet;
use crate::state::{Alert, AlertState, Subject, Transitions, decide, momentary};

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
const OPERATORS: [&str; 22] = [
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
    "in",
    "between",
    "matches",
    "starts_with",
    "older_than",
    "within",
    "changed",
    "changed_from",
    "changed_to",
    "increased_by",
    "decreased_by",
    "like",
];

/// Firings.
const WHEN: [&str; 4] = ["on_enter", "on_change", "every", "never"];

/// Spans of time.
const SPANS: [&str; 6] = ["0d", "15m", "30d", "-7d", "99999w", "x"];

/// Regular expressions.
const PATTERNS: [&str; 7] =
    ["a", "^.*$", "(a|a)*b", "((a{9}){9}){9}", "[^a]{0,20}", "(", "(?:){999999999}"];

/// Ids of rules, the last two of which are no ids.
const IDS: [&str; 6] = ["low", "high", "%2F", "東京", "a/b", ".."];

/// Paths in documents.
const PATHS: [&str; 9] = ["a", "b", "a.b", "a.0", "a.0.b", "@", "$.a", "", "."];

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
    let mut member = Object::from_iter([
        ("id".to_owned(), Value::from(choices.word(&IDS))),
        (
            "applies_to".to_owned(),
            Value::from(choices.one_of(&["venture", "venture", "venture", "round"])),
        ),
        ("condition".to_owned(), condition(choices, 0)),
    ]);
    member.insert("severity".to_owned(), choices.value(&WORDS));
    if choices.below(3) == 0 {
        let mut fires = Object::new();
        fires.insert("when".to_owned(), Value::from(choices.one_of(&WHEN)));
        for span in ["every", "cooldown"] {
            if choices.flag() {
                fires.insert(span.to_owned(), Value::from(choices.one_of(&SPANS)));
            }
        }
        member.insert("fires".to_owned(), Value::Object(fires));
    }
    member
}

/// A condition that is nearly one.
fn condition(choices: &mut Choices<'_>, depth: usize) -> Value {
    let mut condition = Object::new();
    let kind = if depth < 4 { choices.below(7) } else { 6 };
    match kind {
        0 | 1 => {
            let parts = (0..choices.below(3)).map(|_| self::condition(choices, depth + 1));
            let parts = Value::Array(parts.collect());
            condition.insert(if kind == 0 { "all" } else { "any" }.to_owned(), parts);
        }
        2 => drop(condition.insert("not".to_owned(), self::condition(choices, depth + 1))),
        3 => {
            let quantifier = choices.one_of(&["any_of", "all_of", "none_of"]);
            condition.insert(quantifier.to_owned(), Value::from(choices.word(&PATHS)));
            condition.insert("where".to_owned(), self::condition(choices, depth + 1));
        }
        _ => test(choices, &mut condition),
    }
    Value::Object(condition)
}

fn test(choices: &mut Choices<'_>, test: &mut Object) {
    let path = |choices: &mut Choices<'_>| Value::from(choices.word(&PATHS));
    let left = choices.one_of(&["path", "path", "path", "ratio", "difference", "sum"]);
    let value = match left {
        "path" => path(choices),
        "sum" => Value::from(choices.one_of(&["a.*", "*.*", "@.*.a", "$.a.*.b.*", "a"])),
        _ => Value::Array(vec![path(choices), path(choices)]),
    };
    test.insert(left.to_owned(), value);
    let operator = choices.one_of(&OPERATORS);
    test.insert("op".to_owned(), Value::from(operator));
    if choices.below(4) == 0 {
        test.insert("field".to_owned(), path(choices));
        return;
    }
    let value = match operator {
        "matches" if choices.flag() => Value::from(choices.one_of(&PATTERNS)),
        "older_than" | "within" if choices.flag() => Value::from(choices.one_of(&SPANS)),
        "increased_by" | "decreased_by" if choices.flag() => Value::from("7.5%"),
        "in" | "between" => Value::Array(vec![choices.value(&WORDS), choices.value(&WORDS)]),
        _ => choices.value(&WORDS),
    };
    test.insert("value".to_owned(), value);
}

/// The rules among `members`, one for each id, as a bundle has them.
fn in_force(members: &[Object]) -> Vec<Rule> {
    let mut rules = BTreeMap::new();
    for member in members {
        let told = |rule: &Result<Rule, Vec<Wrong>>| format!("{rule:?}");
        let rule = Rule::read(member);
        assert_eq!(told(&rule), told(&Rule::read(member)), "a rule is read the same again");
        match rule {
            Ok(rule) => {
                assert_eq!(check_id(&rule.id), Ok(()), "the id of a rule is part of names");
                assert_eq!(rule.digest.len(), 16);
                linted(&rule, member);
                rules.insert(rule.id.clone(), rule);
            }
            Err(wrong) => {
                assert!(!wrong.is_empty(), "what is no rule has something wrong");
                let whole = Value::Object(member.clone());
                for wrong in wrong {
                    // What is missing is pointed at where it should be.
                    let parent = wrong.at.rsplit_once('/').map_or("", |(parent, _)| parent);
                    assert!(whole.pointer(parent).is_some(), "{wrong} points at nothing");
                }
            }
        }
    }
    rules.into_values().collect()
}

/// Whatever a schema says, lint points at parts of the rule.
fn linted(rule: &Rule, member: &Object) {
    let whole = Value::Object(member.clone());
    for schema in [None, Some(&whole), member.get("severity")] {
        for finding in lint(rule, schema) {
            let at = &finding.wrong.at;
            assert!(at == "/fires/when" || whole.pointer(at).is_some(), "{finding}");
        }
    }
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
    let now = Instant::from_unix_millis(1_762_423_200_000 + 60_000 * i64::from(second));
    // A version that is like this one, another, or none.
    let before = document.and_then(|document| match second {
        0 => Some(document),
        1 => document.get("a"),
        _ => None,
    });
    let origin = (second == 1).then_some("seed");
    let kind = "venture";
    let subject =
        Subject { entity: &entity, kind, generation, newest, document, before, origin, now };
    let rules = &RuleSet::of(rules.to_vec());
    let transitions = decide(state, subject, rules);
    assert_eq!(transitions, decide(state, subject, rules), "it is decided the same again");

    let holding =
        rules.all().filter(|rule| holds(rule, subject) && !rule.condition.compares_with_before());
    let holding: BTreeSet<_> = holding.map(|rule| (rule.id.clone(), rule.digest.clone())).collect();
    let Transitions { opened, closed, next, exhausted } = &transitions;
    assert_eq!(exhausted, &Vec::<String>::new(), "so few rules have steps enough");
    assert_eq!(next.open.iter().map(rule_of).collect::<BTreeSet<_>>(), holding, "exactly these");
    assert!(closed.iter().all(|alert| state.open.contains(alert)), "what was open closes");
    assert!(opened.iter().all(|alert| next.open.contains(alert)), "what opens is open");
    assert_eq!(state.open.len() + opened.len(), next.open.len() + closed.len());
    assert!(decide(next, subject, rules).is_empty(), "deciding again changes nothing");
    let body = next.body(&entity, "venture");
    assert_eq!(AlertState::read(Some(&body)), *next, "a state is read as it was written");
    let (changes, exhausted) = momentary(subject, rules);
    assert_eq!(exhausted, Vec::<String>::new(), "so few rules have steps enough");
    let told = transitions.told();
    for alert in told.iter().chain(opened).chain(&changes) {
        named(alert, &entity);
        let line = Alert::read(&alert.line()).expect("an alert is an object");
        assert!(line.is_opening() || !opened.contains(alert));
    }
    for alert in told.iter().chain(opened).chain(&changes) {
        assert!(alert.is_genuine(&entity, kind), "{alert:?}");
    }
    assert_eq!(next.genuine(&entity, kind).written().told, []);
    transitions.next
}

fn holds(rule: &Rule, subject: Subject<'_>) -> bool {
    let Some(facts) = subject.facts().filter(|_| rule.applies_to == subject.kind) else {
        return false;
    };
    let holds = rule.holds(facts, &mut Steps::default());
    assert_eq!(holds, rule.holds(facts, &mut Steps::default()), "evaluated the same again");
    for few in [0, 3, 30] {
        let less = rule.holds(facts, &mut Steps::of(few));
        assert!(less == holds || less == Err(Exhausted), "fewer steps decide nothing else");
    }
    for steps in [3, 30, 300].map(Steps::of).into_iter().chain([Steps::default()]) {
        assert_one_line(&rule.condition.matched(facts, steps));
    }
    let reason = rule.condition.explain(facts);
    assert_eq!(reason.held, holds.ok(), "what is explained is what holds");
    assert!(reason.to_string().lines().count() > 0);
    holds == Ok(true)
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
