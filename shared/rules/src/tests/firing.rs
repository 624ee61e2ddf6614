//! When rules fire: on entering, on a change, again and again, after a cooldown, and at the end.

use domain::{EntityRef, Env, Generation, Instant, OrderKey};
use expect_test::{Expect, expect};
use serde_json::Value;

use super::{instant, object, value};
use crate::rule::Rule;
use crate::set::RuleSet;
use crate::state::{AlertState, Subject, decide, momentary};

fn rules(fires: &str) -> RuleSet {
    let text = format!(
        r#"{{"id":"low","applies_to":"venture","severity":"warning","condition":{{"all":[{{"path":"n","op":"lt","value":10}}]}},"fires":{fires}}}"#
    );
    RuleSet::of(vec![Rule::read(&object(&text)).unwrap()])
}

fn entity() -> EntityRef {
    EntityRef::new(Env::Prod, "ventures", "V1").unwrap()
}

/// A line for each evaluation: which rules are open, and what is told.
struct Run {
    state: AlertState,
    rules: RuleSet,
    generation: u64,
    lines: Vec<String>,
    ids: Vec<String>,
}

impl Run {
    fn new(fires: &str) -> Self {
        let (state, rules) = (AlertState::default(), rules(fires));
        Self { state, rules, generation: 0, lines: Vec::new(), ids: Vec::new() }
    }

    /// A new snapshot, or none but a look at the same one.
    fn at(&mut self, minute: u32, n: Option<u32>, is_new: bool) {
        self.generation += u64::from(is_new);
        let entity = entity();
        let now = instant(&format!("2026-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60));
        let newest = OrderKey::parse("2026-01-01T00:00:00Z", "2026/01/01/x_1.json");
        let document = n.map(|n| value(&format!(r#"{{"n":{n}}}"#)));
        let subject = subject(&entity, now, self.generation, newest.as_ref(), document.as_ref());
        let transitions = decide(&self.state, subject, &self.rules);
        assert!(decide(&transitions.next, subject, &self.rules).is_empty(), "said once");
        let told: Vec<String> = transitions
            .told()
            .iter()
            .map(|alert| {
                assert!(alert.is_genuine(&entity, "venture"), "{alert:?}");
                let body: Value = serde_json::from_slice(&alert.line()).unwrap();
                assert!(body.get("firing").is_none(), "only the state has it");
                let id = body["alert_id"].as_str().unwrap().to_owned();
                assert!(!self.ids.contains(&id), "each has an id of its own");
                self.ids.push(id);
                format!("{} {}", body["status"].as_str().unwrap(), body["fired"].as_str().unwrap())
            })
            .collect();
        let open = transitions.next.open.len();
        self.lines.push(format!("{minute}: {open} open, told {told:?}"));
        let body = transitions.next.body(&entity, "venture");
        assert_eq!(AlertState::read(Some(&body)), transitions.next);
        assert_eq!(transitions.next.genuine(&entity, "venture"), transitions.next);
        if !transitions.is_empty() {
            self.state = transitions.next;
        }
    }

    fn check(&self, expected: Expect) {
        expected.assert_eq(&self.lines.join("\n"));
    }
}

fn subject<'a>(
    entity: &'a EntityRef,
    now: Instant,
    generation: u64,
    newest: Option<&'a OrderKey>,
    document: Option<&'a Value>,
) -> Subject<'a> {
    let generation = Some(Generation(generation));
    Subject {
        entity,
        kind: "venture",
        generation,
        newest,
        document,
        before: None,
        origin: Some("seed"),
        now,
    }
}

#[test]
fn a_rule_tells_that_it_begins_and_that_it_ends() {
    let mut run = Run::new("{}");
    run.at(0, Some(5), true);
    run.at(1, Some(6), true);
    run.at(2, Some(50), true);
    run.at(3, Some(50), true);
    run.at(4, Some(5), true);
    run.at(5, None, true);
    run.check(expect![[r#"
          0: 1 open, told ["open enter"]
          1: 1 open, told []
          2: 0 open, told ["resolved resolve"]
          3: 0 open, told []
          4: 1 open, told ["open enter"]
          5: 0 open, told ["resolved resolve"]"#]]);
}

#[test]
fn a_rule_that_fires_on_a_change_tells_what_it_finds_now() {
    let mut run = Run::new(r#"{"when":"on_change"}"#);
    run.at(0, Some(5), true);
    run.at(1, Some(5), true);
    run.at(2, Some(6), true);
    run.at(3, Some(6), false);
    run.at(4, Some(5), true);
    run.at(5, Some(50), true);
    run.check(expect![[r#"
          0: 1 open, told ["open enter"]
          1: 1 open, told []
          2: 1 open, told ["open change"]
          3: 1 open, told []
          4: 1 open, told ["open change"]
          5: 0 open, told ["resolved resolve"]"#]]);
}

#[test]
fn a_rule_that_fires_every_so_often_tells_at_the_next_evaluation() {
    let mut run = Run::new(r#"{"when":"every","every":"30m"}"#);
    run.at(0, Some(5), true);
    run.at(29, Some(5), false);
    run.at(30, Some(5), false);
    run.at(31, Some(4), true);
    run.at(200, Some(4), false);
    run.at(201, Some(50), true);
    run.check(expect![[r#"
        0: 1 open, told ["open enter"]
        29: 1 open, told []
        30: 1 open, told ["open every"]
        31: 1 open, told []
        200: 1 open, told ["open every"]
        201: 0 open, told ["resolved resolve"]"#]]);
}

#[test]
fn a_rule_that_opens_again_while_it_cools_is_open_and_told_of_only_if_it_lasts() {
    let mut run = Run::new(r#"{"cooldown":"1h"}"#);
    run.at(0, Some(5), true);
    run.at(1, Some(50), true);
    run.at(2, Some(5), true);
    run.at(3, Some(50), true);
    run.at(4, Some(5), true);
    run.at(60, Some(5), false);
    run.at(61, Some(5), false);
    run.at(62, Some(50), true);
    run.at(200, Some(5), true);
    run.at(201, Some(50), true);
    run.check(expect![[r#"
        0: 1 open, told ["open enter"]
        1: 0 open, told ["resolved resolve"]
        2: 1 open, told []
        3: 0 open, told []
        4: 1 open, told []
        60: 1 open, told []
        61: 1 open, told ["open enter"]
        62: 0 open, told ["resolved resolve"]
        200: 1 open, told ["open enter"]
        201: 0 open, told ["resolved resolve"]"#]]);
}

#[test]
fn what_has_ended_says_what_it_was_and_what_ended_it() {
    let mut run = Run::new("{}");
    run.at(0, Some(5), true);
    let opened = run.state.open[0].line();
    run.at(1, Some(50), true);
    expect![[r#"
        {"alert_id":"01KDVDNA00AAT37CQZXEQHXPQ9","rule_id":"low","rule_digest":"787067f4b2f29709","entity":"venture","id":"V1","env":"prod","ptr":"env/prod/snapshots/ventures/V1.json","source_generation":"1","since":{"updated_at":"2026-01-01T00:00:00Z","name":"2026/01/01/x_1.json"},"matched":[{"path":"n","op":"lt","value":10,"found":5}],"status":"open","fired":"enter","evaluated_at":"2026-01-01T00:00:00Z","origin":"seed","severity":"warning"}
    "#]].assert_eq(std::str::from_utf8(&opened).unwrap());
    expect![[r#"
        {"alert_id":"01KDVDNA00AAT37CQZXEQHXPQ9-resolved","rule_id":"low","rule_digest":"787067f4b2f29709","entity":"venture","id":"V1","env":"prod","ptr":"env/prod/snapshots/ventures/V1.json","source_generation":"2","since":{"updated_at":"2026-01-01T00:00:00Z","name":"2026/01/01/x_1.json"},"matched":[{"path":"n","op":"lt","value":10,"found":5}],"status":"resolved","fired":"resolve","evaluated_at":"2026-01-01T00:01:00Z","severity":"warning","opened":"01KDVDNA00AAT37CQZXEQHXPQ9","origin":"seed"}
    "#]].assert_eq(std::str::from_utf8(&run.state.told[0].line()).unwrap());
    // A rule that is gone ends what it has opened.
    let mut gone = Run::new("{}");
    gone.at(0, Some(5), true);
    gone.rules = RuleSet::default();
    gone.at(1, Some(5), false);
    gone.rules = rules("{}");
    gone.at(2, Some(5), false);
    gone.check(expect![[r#"
          0: 1 open, told ["open enter"]
          1: 0 open, told ["resolved resolve"]
          2: 1 open, told ["open enter"]"#]]);
}

#[test]
fn an_alert_of_a_release_before_is_ours_and_ends() {
    let old = r#"{"id":"V1","entity":"venture","open":[{"alert_id":"01K9C9QQ784HB8JJHXXHVG2GQX","rule_id":"low","rule_digest":"967eaebe6fb1cb0c","entity":"venture","id":"V1","env":"prod","ptr":"env/prod/snapshots/ventures/V1.json","source_generation":"1","since":{"updated_at":"2025-11-06T10:00:01Z","name":"2025/11/06/x_1.json"},"matched":[{"path":"kpis.MRR","op":"lt","value":100,"found":50}],"severity":"warning","message":"x"}]}"#;
    let state = AlertState::read(Some(old.as_bytes()));
    assert_eq!(state.open.len(), 1);
    assert_eq!(state.genuine(&entity(), "venture"), state);
    let mut run = Run::new("{}");
    run.state = state;
    run.at(0, Some(50), true);
    run.check(expect![[r#"0: 0 open, told ["resolved resolve"]"#]]);
}

#[test]
fn a_change_is_told_once_for_a_version_and_leaves_nothing_open() {
    let text = r#"{"id":"moved","applies_to":"venture","condition":{"path":"n","op":"increased_by","value":2}}"#;
    let rules = RuleSet::of(vec![Rule::read(&object(text)).unwrap()]);
    let (entity, newest) =
        (entity(), OrderKey::parse("2026-01-01T00:00:00Z", "2026/01/01/x_1.json"));
    let (now, before, document) =
        (instant("2026-01-01T00:00:00Z"), value(r#"{"n":1}"#), value(r#"{"n":3}"#));
    let subject = subject(&entity, now, 7, newest.as_ref(), Some(&document));
    assert_eq!(momentary(subject, &rules).0, []);
    let subject = Subject { before: Some(&before), ..subject };
    assert!(decide(&AlertState::default(), subject, &rules).is_empty());
    let told = momentary(subject, &rules).0;
    let later = Subject { now: instant("2026-01-02T00:00:00Z"), ..subject };
    assert_eq!(momentary(later, &rules).0, told, "whoever tells it, and whenever");
    assert!(told[0].is_genuine(&entity, "venture"));
    expect![[r#"
        {"alert_id":"01KDVDNA0011P74TGGY5R8DP9F","rule_id":"moved","rule_digest":"53cf1676867cd7bf","entity":"venture","id":"V1","env":"prod","ptr":"env/prod/snapshots/ventures/V1.json","source_generation":"7","since":{"updated_at":"2026-01-01T00:00:00Z","name":"2026/01/01/x_1.json"},"matched":[{"path":"n","op":"increased_by","value":2,"found":3,"before":1}],"status":"open","fired":"change","origin":"seed"}
    "#]].assert_eq(std::str::from_utf8(&told[0].line()).unwrap());
}
