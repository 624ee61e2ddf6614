//! Which rules are open for an entity: the state machine of its alerts.

use std::collections::{BTreeMap, BTreeSet};

use domain::json::{self, Object};
use domain::{EntityRef, Generation, Instant, ObjectName, OrderKey, digest, ulid};
use serde_json::Value;

use crate::condition::Facts;
use crate::rule::Rule;
use crate::set::RuleSet;

/// The open rules of one entity. Each entry is the body of its alert, so that the alert can be
/// written from the state alone, by whoever comes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertState {
    /// The open alerts, by rule id.
    pub open: Vec<Alert>,
}

/// An alert: that a rule began to hold for an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    body: Object,
}

/// The version of a snapshot that rules are evaluated on.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Whose.
    pub entity: &'a EntityRef,
    /// Its kind.
    pub kind: &'a str,
    /// The version.
    pub generation: Option<Generation>,
    /// The key of the newest record in it.
    pub newest: Option<&'a OrderKey>,
    /// The document, when the entity is live.
    pub document: Option<&'a Value>,
    /// The document of the version before, when it was live.
    pub before: Option<&'a Value>,
    /// The present.
    pub now: Instant,
}

impl<'a> Subject<'a> {
    /// What rules are asked about, when the entity is live.
    pub fn facts(&self) -> Option<Facts<'a>> {
        let document = self.document?;
        Some(Facts { document, before: self.before, now: self.now })
    }
}

/// What a version of the snapshot changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Transitions {
    /// Alerts that open.
    pub opened: Vec<Alert>,
    /// Alerts that close.
    pub closed: Vec<Alert>,
    /// The state afterwards.
    pub next: AlertState,
    /// The ids of rules that do not hold because they have taken all their steps.
    pub exhausted: Vec<String>,
}

impl Transitions {
    /// Whether nothing opens and nothing closes.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty()
    }
}

/// Decides which alerts open and close when `rules` are in force and the snapshot is `subject`.
/// Afterwards the open rules are exactly those that hold. A rule that asks something else than
/// when it opened closes, and opens again if it holds.
pub fn decide(state: &AlertState, subject: Subject<'_>, rules: &RuleSet) -> Transitions {
    let asked = subject.facts().map(|facts| rules.holding(subject.kind, facts));
    let (holding, exhausted) =
        asked.map(|holding| (holding.rules, holding.exhausted)).unwrap_or_default();
    let digests: BTreeMap<&str, &str> =
        holding.iter().map(|rule| (rule.id.as_str(), rule.digest.as_str())).collect();
    let holds =
        |alert: &Alert| digests.get(alert.text("rule_id")) == Some(&alert.text("rule_digest"));
    let (kept, closed): (Vec<Alert>, Vec<Alert>) = state.open.iter().cloned().partition(holds);
    let open: BTreeSet<&str> = kept.iter().map(|alert| alert.text("rule_id")).collect();
    let new = holding.iter().filter(|rule| !open.contains(rule.id.as_str()));
    let opened: Vec<Alert> = new.filter_map(|rule| Alert::open(rule, subject)).collect();
    let mut open = [kept.clone(), opened.clone()].concat();
    open.sort_by(|left, right| left.text("rule_id").cmp(right.text("rule_id")));
    let exhausted = exhausted.into_iter().map(str::to_owned).collect();
    Transitions { opened, closed, next: AlertState { open }, exhausted }
}

impl AlertState {
    /// Reads a stored state; nothing is open when there is none, or something else.
    pub fn read(body: Option<&[u8]>) -> Self {
        let Some(Ok(Value::Object(mut state))) = body.map(json::parse) else {
            return Self::default();
        };
        let Some(Value::Array(open)) = state.shift_remove("open") else { return Self::default() };
        let alert = |entry: Value| match entry {
            Value::Object(body) => Some(Alert { body }),
            _ => None,
        };
        Self { open: open.into_iter().filter_map(alert).collect() }
    }

    /// The state without what nobody of ours has opened for this entity, and without a second
    /// alert of a rule.
    #[must_use]
    pub fn genuine(&self, entity: &EntityRef, kind: &str) -> Self {
        let mut open: Vec<Alert> =
            self.open.iter().filter(|alert| alert.is_genuine(entity, kind)).cloned().collect();
        open.sort_by(|left, right| left.text("rule_id").cmp(right.text("rule_id")));
        open.dedup_by(|left, right| left.text("rule_id") == right.text("rule_id"));
        Self { open }
    }

    /// The body of the state of `entity`, one line.
    pub fn body(&self, entity: &EntityRef, kind: &str) -> Vec<u8> {
        let open = self.open.iter().map(|alert| Value::Object(alert.body.clone())).collect();
        let state = Object::from_iter([
            ("id".to_owned(), Value::from(entity.id.as_str())),
            ("entity".to_owned(), Value::from(kind)),
            ("open".to_owned(), Value::Array(open)),
        ]);
        json::to_line(&Value::Object(state))
    }
}

impl Alert {
    fn open(rule: &Rule, subject: Subject<'_>) -> Option<Self> {
        let (facts, newest) = (subject.facts()?, subject.newest?);
        let generation = subject.generation?;
        let snapshot = ObjectName::Snapshot(subject.entity.clone()).to_string();
        let since = Object::from_iter([
            ("updated_at".to_owned(), Value::from(newest.updated_at.to_string())),
            ("name".to_owned(), Value::from(newest.relative())),
        ]);
        let asked = (rule.id.as_str(), rule.digest.as_str());
        let fields = [
            ("alert_id", Value::from(alert_id(asked, subject.entity, newest, generation))),
            ("rule_id", Value::from(rule.id.as_str())),
            ("rule_digest", Value::from(rule.digest.as_str())),
            ("entity", Value::from(subject.kind)),
            ("id", Value::from(subject.entity.id.as_str())),
            ("env", Value::from(subject.entity.env.as_str())),
            ("ptr", Value::from(snapshot)),
            ("source_generation", Value::from(generation.to_string())),
            ("since", Value::Object(since)),
            ("matched", rule.condition.matched(facts)),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        Some(Self { body: fields.into_iter().chain(rule.shown.clone()).collect() })
    }

    /// Reads the object of an alert; `None` when it is no JSON object.
    pub fn read(body: &[u8]) -> Option<Self> {
        match json::parse(body) {
            Ok(Value::Object(body)) => Some(Self { body }),
            _ => None,
        }
    }

    /// Whether it says that a rule began to hold for `entity`, of this kind, and has the id that
    /// follows from what it says.
    pub fn is_genuine(&self, entity: &EntityRef, kind: &str) -> bool {
        let snapshot = ObjectName::Snapshot(entity.clone()).to_string();
        let says = [("entity", kind), ("id", &entity.id), ("env", entity.env.as_str())];
        let says = says.into_iter().chain([("ptr", snapshot.as_str())]);
        let since = |field: &str| self.body.get("since")?.get(field)?.as_str();
        let opening = since("updated_at").zip(since("name"));
        let opening = opening.and_then(|(at, name)| OrderKey::parse(at, name));
        let Some((opening, generation)) = opening.zip(Generation::parse(self.generation())) else {
            return false;
        };
        let rule = (self.text("rule_id"), self.text("rule_digest"));
        let id = alert_id(rule, entity, &opening, generation);
        says.into_iter().all(|(field, value)| self.text(field) == value)
            && self.text("alert_id") == id
    }

    /// The kind of its entity, as it says.
    pub fn kind(&self) -> &str {
        self.text("entity")
    }

    /// The name of the alert object of `entity`.
    pub fn name(&self, entity: &EntityRef) -> ObjectName {
        ObjectName::Alert {
            env: entity.env,
            rule_id: self.text("rule_id").to_owned(),
            entity_id: entity.id.clone(),
            alert_id: self.text("alert_id").to_owned(),
        }
    }

    /// The body of the alert object, one line.
    pub fn line(&self) -> Vec<u8> {
        json::to_line(&Value::Object(self.body.clone()))
    }

    /// The version of the snapshot with which the alert opened, as text.
    pub fn generation(&self) -> &str {
        self.text("source_generation")
    }

    fn text(&self, field: &str) -> &str {
        self.body.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A ULID whose time is that of the opening record and whose randomness is 80 bits of SHA-256
/// over rule, entity, opening order key and generation: whoever writes the alert, and however
/// often, gives it one id. The key alone does not tell two openings apart, since late merges
/// change a snapshot and leave its newest record.
fn alert_id(
    (rule, digest): (&str, &str),
    entity: &EntityRef,
    opening: &OrderKey,
    generation: Generation,
) -> String {
    let parts = [
        rule,
        digest,
        entity.segment.as_str(),
        entity.id.as_str(),
        &opening.updated_at.to_string(),
        &opening.relative(),
        &generation.to_string(),
    ];
    let digest = digest::sha256(&parts.map(str::as_bytes));
    let random = digest[..10].iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    ulid(opening.updated_at, random)
}
