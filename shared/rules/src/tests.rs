//! What rules and alerts promise.

mod fuzzing;

use domain::json::{self, Object};
use domain::{EntityRef, Env, Generation, OrderKey};
use expect_test::expect;
use serde_json::Value;

use crate::condition::Condition;
use crate::rule::Rule;
use crate::state::{AlertState, Subject, Transitions, decide};

fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

fn object(text: &str) -> Object {
    value(text).as_object().unwrap().clone()
}

const DOCUMENT: &str = r#"{"status":"Pilot","n":12,"big":9007199254740993,"share":0.60,"tags":["ai","ops",3.0],
    "due":"2026-02-01","at":"2026-02-01T00:00:00.5Z","no":null,"flag":false,"kpis":{"MRR":12000,"名":"値"},"list":[{"x":1}]}"#;

fn holds(path: &str, operator: &str, operand: &str) -> bool {
    let operand = if operand.is_empty() { String::new() } else { format!(r#","value":{operand}"#) };
    let condition = format!(r#"{{"all":[{{"path":"{path}","op":"{operator}"{operand}}}]}}"#);
    Condition::read(&value(&condition)).unwrap().holds(&value(DOCUMENT))
}

#[test]
fn operators_hold_as_documented() {
    for (path, operator, operand, expected) in [
        ("status", "eq", r#""Pilot""#, true),
        ("status", "eq", r#""pilot""#, false),
        ("share", "eq", "0.6", true),
        ("big", "eq", "9007199254740992", false),
        ("flag", "eq", "false", true),
        ("absent", "eq", "1", false),
        ("status", "neq", r#""Done""#, true),
        ("absent", "neq", "1", true),
        ("no", "neq", "1", true),
        ("n", "neq", "12.0", false),
        ("n", "lt", "12.000001", true),
        ("n", "lt", "12", false),
        ("n", "lt", r#""13""#, false),
        ("n", "lte", "12e0", true),
        ("n", "gt", "-1E400", true),
        ("big", "gt", "9007199254740992", true),
        ("n", "gte", "12", true),
        ("absent", "lt", "1", false),
        ("absent", "gte", "1", false),
        ("due", "lt", r#""2026-02-01T00:00:00.1Z""#, true),
        ("at", "gt", r#""2026-02-01T01:00:00+01:00""#, true),
        ("status", "gt", r#""Open""#, true),
        ("flag", "lt", "true", false),
        ("tags", "includes", r#""ops""#, true),
        ("tags", "includes", "3", true),
        ("status", "includes", r#""ilo""#, true),
        ("n", "includes", "1", false),
        ("absent", "includes", "1", false),
        ("tags", "not_includes", r#""x""#, true),
        ("absent", "not_includes", "1", true),
        ("kpis.MRR", "exists", "", true),
        ("kpis.名", "exists", "", true),
        ("list.0.x", "exists", "", true),
        ("list.1.x", "exists", "", false),
        ("status.x", "exists", "", false),
        ("no", "exists", "", false),
        ("no", "missing", "", true),
        ("flag", "missing", "", false),
    ] {
        assert_eq!(holds(path, operator, operand), expected, "{path} {operator} {operand}");
    }
}

#[test]
fn what_is_not_understood_is_no_condition() {
    for text in [
        "7",
        "{}",
        r#"{"all":[]}"#,
        r#"{"any":[{"path":"a","op":"exists"}]}"#,
        r#"{"all":[{"path":"a","op":"exists"}],"any":[]}"#,
        r#"{"all":[{"path":"a","op":"like","value":1}]}"#,
        r#"{"all":[{"path":"a","op":"eq"}]}"#,
        r#"{"all":[{"op":"exists"}]}"#,
        r#"{"all":[7]}"#,
    ] {
        assert_eq!(Condition::read(&value(text)), None, "{text}");
    }
}

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
        assert_eq!(Rule::read(&object(&text)), None, "{id}");
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
    };
    let transitions = decide(state, subject, rules);
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
        {"alert_id":"01K9C9QQ784HB8JJHXXHVG2GQX","rule_id":"low","rule_digest":"967eaebe6fb1cb0c","entity":"venture","id":"V1","env":"prod","ptr":"env/prod/snapshots/ventures/V1.json","source_generation":"1","since":{"updated_at":"2025-11-06T10:00:01Z","name":"2025/11/06/x_1.json"},"matched":[{"path":"kpis.MRR","op":"lt","value":100,"found":50}],"severity":"warning","message":"x"}
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
    };
    let state = decide(&AlertState::default(), subject, &[rule.unwrap()]).next;
    assert_eq!(state.open.len(), 1);
    assert_eq!(state.genuine(&entity, "venture"), state);
    let other = EntityRef { id: "V2".to_owned(), ..entity.clone() };
    assert_eq!(state.genuine(&other, "venture"), AlertState::default());
    assert_eq!(state.genuine(&entity, "idea"), AlertState::default());
    let twice = AlertState { open: [state.open.clone(), state.open.clone()].concat() };
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
        assert_eq!(state.genuine(&entity, "venture"), AlertState::default(), "{to}");
    }
}
