//! What rules and alerts promise.

mod bounds;
mod changes;
mod explaining;
mod firing;
mod fuzzing;
mod linting;
mod operators;
mod page;
mod quantifiers;
mod reading;
mod times;

use domain::json::{self, Object};
use domain::{EntityRef, Env, Generation, Instant, OrderKey};
use expect_test::expect;
use serde_json::Value;

use crate::condition::{Condition, Facts, Steps};
use crate::rule::Rule;
use crate::set::RuleSet;
use crate::state::{AlertState, Subject, Transitions, decide};

fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

fn object(text: &str) -> Object {
    value(text).as_object().unwrap().clone()
}

fn instant(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

/// A document as it is, and perhaps as it was.
fn facts<'a>(document: &'a Value, before: Option<&'a Value>) -> Facts<'a> {
    Facts { document, before, now: instant("2026-03-01T12:00:00Z") }
}

fn condition(text: &str) -> Condition {
    Condition::read(&value(text), "").unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
}

/// Whether a condition holds, asked in every way there is.
fn holds(text: &str, document: &str) -> bool {
    holds_after(text, document, None)
}

fn holds_after(text: &str, document: &str, before: Option<&str>) -> bool {
    let (condition, document, before) = (condition(text), value(document), before.map(value));
    let facts = facts(&document, before.as_ref());
    let held = condition.holds(facts, &mut Steps::default()).unwrap();
    assert_eq!(condition.explain(facts).held, Some(held), "{text}");
    let negated = value(&format!(r#"{{"not":{text}}}"#));
    let negated = Condition::read(&negated, "").unwrap();
    assert_eq!(negated.holds(facts, &mut Steps::default()), Ok(!held), "not {text}");
    assert_eq!(
        condition.matched(facts, Steps::default()).as_array().unwrap().is_empty(),
        !held,
        "{text}"
    );
    held
}

const DOCUMENT: &str = r#"{"kpis":{"MRR":12},"n":12}"#;

fn rule(id: &str, threshold: u32, message: &str) -> Rule {
    let text = format!(
        r#"{{"id":"{id}","applies_to":"venture","condition":{{"all":[{{"path":"kpis.MRR","op":"lt","value":{threshold}}}]}},"severity":"warning","message":"{message}"}}"#
    );
    Rule::read(&object(&text)).unwrap()
}

#[test]
fn a_rule_whose_id_no_name_can_have_is_no_rule() {
    for id in ["", "..", "a/b", "a#b"] {
        let text = format!(
            r#"{{"id":"{id}","applies_to":"venture","condition":{{"all":[{{"path":"a","op":"exists"}}]}}}}"#
        );
        assert_eq!(
            Rule::read(&object(&text)).map(|_| ()).map_err(|wrong| wrong[0].at.clone()),
            Err("/id".to_owned()),
            "{id}"
        );
    }
}

fn event(state: &AlertState, second: u8, mrr: u32, rules: &[Rule]) -> Transitions {
    let entity = EntityRef::new(Env::Prod, "ventures", "V1").unwrap();
    let newest = OrderKey::parse(&format!("2025-11-06T10:00:0{second}Z"), "2025/11/06/x_1.json");
    let document = value(&format!(r#"{{"kpis":{{"MRR":{mrr}}}}}"#));
    let subject = Subject {
        entity: &entity,
        kind: "venture",
        generation: Some(Generation(u64::from(second))),
        newest: newest.as_ref(),
        document: Some(&document),
        before: None,
        origin: None,
        now: instant("2025-11-06T10:00:30Z"),
    };
    let transitions = decide(state, subject, &RuleSet::of(rules.to_vec()));
    let body = transitions.next.body(&entity, "venture");
    assert_eq!(AlertState::read(Some(&body)), transitions.next, "a state is read as written");
    transitions
}

#[test]
fn an_alert_opens_once_and_closes_when_the_rule_stops_to_hold() {
    let rules = [rule("low", 100, "x"), rule("very-low", 10, "y")];
    let first = event(&AlertState::default(), 1, 50, &rules);
    assert_eq!((first.opened.len(), first.closed.len()), (1, 0));
    expect![[r#"
        {"alert_id":"01K9C9QQ78PZFF2QNEYD8W2PHW","rule_id":"low","rule_digest":"967eaebe6fb1cb0c","entity":"venture","id":"V1","env":"prod","ptr":"env/prod/snapshots/ventures/V1.json","source_generation":"1","since":{"updated_at":"2025-11-06T10:00:01Z","name":"2025/11/06/x_1.json"},"matched":[{"path":"kpis.MRR","op":"lt","value":100,"found":50}],"status":"open","fired":"enter","evaluated_at":"2025-11-06T10:00:30Z","severity":"warning","message":"x"}
    "#]].assert_eq(std::str::from_utf8(&first.opened[0].line()).unwrap());
    let second = event(&first.next, 2, 5, &rules);
    assert_eq!((second.opened.len(), second.closed.len(), second.next.open.len()), (1, 0, 2));
    assert!(event(&second.next, 3, 6, &rules).is_empty());
    let fourth = event(&second.next, 4, 100, &rules);
    assert_eq!((fourth.opened.len(), fourth.closed.len(), fourth.next.open.len()), (0, 2, 0));
}

#[test]
fn an_alert_has_one_id_for_rule_entity_and_opening() {
    let rules = [rule("low", 100, "x")];
    let opened = |second| event(&AlertState::default(), second, 50, &rules).opened[0].clone();
    assert_eq!(opened(1), opened(1));
    assert_ne!(opened(1), opened(2));
}

#[test]
fn a_rule_opens_again_when_it_asks_something_else_and_not_when_it_says_it_otherwise() {
    let open = event(&AlertState::default(), 1, 50, &[rule("low", 100, "x")]).next;
    assert!(event(&open, 2, 50, &[rule("low", 100, "mended")]).is_empty());
    let changed = event(&open, 2, 50, &[rule("low", 90, "x")]);
    assert_eq!((changed.opened.len(), changed.closed.len()), (1, 1));
    let removed = event(&open, 2, 50, &[]);
    assert_eq!((removed.opened.len(), removed.closed.len()), (0, 1));
}

#[test]
fn a_state_keeps_what_was_opened_for_its_entity_and_nothing_else() {
    let entity = EntityRef::new(Env::Dev, "ventures", "V1").unwrap();
    let rule = Rule::read(&object(
        r#"{"id":"R","applies_to":"venture","condition":{"all":[{"path":"n","op":"gt","value":1}]}}"#,
    ));
    let newest = OrderKey::parse("2025-11-06T10:00:00Z", "2025/11/06/x_1.json");
    let document = value(DOCUMENT);
    let subject = Subject {
        entity: &entity,
        kind: "venture",
        generation: Some(Generation(7)),
        newest: newest.as_ref(),
        document: Some(&document),
        before: None,
        origin: None,
        now: instant("2025-11-06T10:00:30Z"),
    };
    let state = decide(&AlertState::default(), subject, &RuleSet::of(vec![rule.unwrap()])).next;
    assert_eq!(state.open.len(), 1);
    assert_eq!(state.genuine(&entity, "venture"), state);
    let other = EntityRef { id: "V2".to_owned(), ..entity.clone() };
    assert_eq!(state.genuine(&other, "venture").open, []);
    assert_eq!(state.genuine(&entity, "idea").open, []);
    let twice =
        AlertState { open: [state.open.clone(), state.open.clone()].concat(), ..state.clone() };
    assert_eq!(twice.genuine(&entity, "venture"), state);
    let text = String::from_utf8(state.body(&entity, "venture")).unwrap();
    for (from, to) in [
        (r#""source_generation":"7""#, r#""source_generation":"8""#),
        ("2025-11-06T10:00:00Z", "2025-11-06T10:00:01Z"),
        (r#""rule_id":"R""#, r#""rule_id":"S""#),
        (r#""alert_id":"0"#, r#""alert_id":"1"#),
        (r#""env":"dev""#, r#""env":"prod""#),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        let state = AlertState::read(Some(changed.as_bytes()));
        assert_eq!(state.genuine(&entity, "venture").open, [], "{to}");
    }
}
