//! Which rules are open for an entity: the state machine of its alerts.

use domain::json::{self, Object};
use domain::{EntityRef, Generation, Instant, OrderKey};
use serde_json::Value;

pub use crate::alert::Alert;
use crate::condition::Facts;
use crate::rule::Rule;
use crate::set::{Holding, RuleSet};

/// The open rules of one entity. Each entry is the body of its alert, so that the alert can be
/// written from the state alone, by whoever comes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertState {
    /// The open alerts, by rule id.
    pub open: Vec<Alert>,
    /// What was told with the last change besides what opened: objects that perhaps nobody has
    /// written.
    pub told: Vec<Alert>,
    /// Rules that have closed and are not told of again for a while.
    pub cooling: Vec<Cooling>,
    /// The instant of the evaluation that changed it last.
    pub evaluated_at: Option<Instant>,
}

/// A rule that has closed, and until when its opening is not told.
#[derive(Clone, Debug, PartialEq)]
pub struct Cooling {
    rule_id: String,
    rule_digest: String,
    until: Instant,
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
    /// The document of the version before, when it was live and is known.
    pub before: Option<&'a Value>,
    /// Where a bulk write of the version comes from.
    pub origin: Option<&'a str>,
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

/// What an evaluation changes.
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
    /// Whether nothing opens, nothing closes and nothing is told.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty() && self.next.told.is_empty()
    }

    /// The alerts whose objects are to be written.
    pub fn told(&self) -> Vec<Alert> {
        let opened = self.opened.iter().filter(|alert| alert.is_told());
        opened.chain(&self.next.told).cloned().collect()
    }
}

/// Decides which alerts open and close when `rules` are in force and the snapshot is `subject`.
/// Afterwards the open rules are exactly those that hold. A rule that asks something else than
/// when it opened closes, and opens again if it holds. Rules that compare with the version before
/// are never open: [`momentary`].
pub fn decide(state: &AlertState, subject: Subject<'_>, rules: &RuleSet) -> Transitions {
    let asked = subject.facts().map(|facts| rules.holding(subject.kind, facts));
    let (holding, exhausted) =
        asked.map(|holding| (holding.rules, holding.exhausted)).unwrap_or_default();
    let telling = rules.telling(subject.kind);
    let (mut open, mut opened, mut closed, mut told) = (vec![], vec![], vec![], vec![]);
    let mut is_kept = vec![false; holding.len()];
    let mut cooling: Vec<Cooling> =
        state.cooling.iter().filter(|it| it.until > subject.now).cloned().collect();
    for alert in &state.open {
        // Of what somebody else has put into the state nobody is told.
        let is_ours = alert.is_genuine(subject.entity, subject.kind);
        // They are in the order of their ids.
        let place = holding.binary_search_by(|rule| rule.id.as_str().cmp(alert.text("rule_id")));
        match place.ok().filter(|place| is_of(alert, holding[*place])) {
            Some(place) => {
                is_kept[place] = true;
                let (kept, said) = alert.kept(holding[place], subject, telling);
                open.push(kept);
                told.extend(said.filter(|_| is_ours));
            }
            None => {
                told.extend(alert.resolved(subject).filter(|_| is_ours));
                let rule = rules.lasting(subject.kind, alert.text("rule_id"));
                cooling.extend(rule.and_then(|rule| Cooling::of(alert, rule, subject.now)));
                closed.push(alert.clone());
            }
        }
    }
    let new = holding.into_iter().zip(is_kept).filter(|(_, is_kept)| !is_kept);
    for (rule, _) in new {
        let quiet =
            cooling.iter().position(|it| it.rule_id == rule.id && it.rule_digest == rule.digest);
        let until = quiet.map(|place| cooling.remove(place).until);
        opened.extend(Alert::open(rule, subject, until, telling));
    }
    open.extend(opened.iter().cloned());
    let open = by_rule(open);
    let next = AlertState { open, told, cooling, evaluated_at: Some(subject.now) };
    let exhausted = exhausted.into_iter().map(str::to_owned).collect();
    Transitions { opened, closed, next, exhausted }
}

/// The alerts in the order of their rules' ids.
fn by_rule(alerts: Vec<Alert>) -> Vec<Alert> {
    let mut sorted: Vec<Alert> = Vec::with_capacity(alerts.len());
    for alert in alerts {
        let place = sorted.partition_point(|other| other.text("rule_id") <= alert.text("rule_id"));
        sorted.insert(place, alert);
    }
    sorted
}

fn is_of(alert: &Alert, rule: &Rule) -> bool {
    alert.text("rule_id") == rule.id && alert.text("rule_digest") == rule.digest
}

/// The alerts of the rules that compare with the version before and hold on `subject`, and the ids of
/// those that have taken all their steps. The alerts follow from the two versions and are told once for
/// the version: no state knows of them.
pub fn momentary(subject: Subject<'_>, rules: &RuleSet) -> (Vec<Alert>, Vec<String>) {
    let Some(facts) = subject.facts() else { return Default::default() };
    let Holding { rules: holding, exhausted } = rules.changing(subject.kind, facts);
    let telling = rules.telling(subject.kind);
    let alerts = holding.into_iter().filter_map(|rule| Alert::momentary(rule, subject, telling));
    (alerts.collect(), exhausted.into_iter().map(str::to_owned).collect())
}

impl Cooling {
    /// After `alert` of `rule` has closed. What was not told of does not cool for longer.
    fn of(alert: &Alert, rule: &Rule, now: Instant) -> Option<Self> {
        let cooldown = rule.firing.cooldown.filter(|_| is_of(alert, rule))?;
        let until = alert.silent_until().unwrap_or_else(|| now.after(cooldown));
        let (rule_id, rule_digest) = (rule.id.clone(), rule.digest.clone());
        (until > now).then_some(Self { rule_id, rule_digest, until })
    }

    fn read(entry: &Value) -> Option<Self> {
        let text = |field: &str| entry.get(field)?.as_str().map(str::to_owned);
        Some(Self {
            rule_id: text("rule_id")?,
            rule_digest: text("rule_digest")?,
            until: Instant::parse(&text("until")?)?,
        })
    }

    fn body(&self) -> Value {
        let fields = [
            ("rule_id", self.rule_id.clone()),
            ("rule_digest", self.rule_digest.clone()),
            ("until", self.until.to_string()),
        ];
        fields.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect()
    }
}

impl AlertState {
    /// Reads a stored state; nothing is open when there is none, or something else.
    pub fn read(body: Option<&[u8]>) -> Self {
        let Some(Ok(Value::Object(mut state))) = body.map(json::parse) else {
            return Self::default();
        };
        let mut entries = |field: &str| match state.shift_remove(field) {
            Some(Value::Array(entries)) => Some(entries),
            _ => None,
        };
        let Some(open) = entries("open") else { return Self::default() };
        let (told, cooling) = (entries("told"), entries("cooling"));
        let alert = |entry: Value| match entry {
            Value::Object(body) => Some(Alert::of(body)),
            _ => None,
        };
        let evaluated_at = state.get("evaluated_at").and_then(Value::as_str);
        Self {
            open: open.into_iter().filter_map(alert).collect(),
            told: told.unwrap_or_default().into_iter().filter_map(alert).collect(),
            cooling: cooling.unwrap_or_default().iter().filter_map(Cooling::read).collect(),
            evaluated_at: evaluated_at.and_then(Instant::parse),
        }
    }

    /// The state without what nobody of ours has opened for this entity, and without a second
    /// alert of a rule.
    #[must_use]
    pub fn genuine(&self, entity: &EntityRef, kind: &str) -> Self {
        let genuine = |alert: &&Alert| alert.is_genuine(entity, kind);
        let open = self.open.iter().filter(genuine).filter(|it| it.is_opening());
        let mut open = by_rule(open.cloned().collect());
        open.dedup_by(|left, right| left.text("rule_id") == right.text("rule_id"));
        let told = self.told.iter().filter(genuine).cloned().collect();
        Self { open, told, ..self.clone() }
    }

    /// The state when all that it tells of is written.
    #[must_use]
    pub fn written(&self) -> Self {
        Self { told: Vec::new(), ..self.clone() }
    }

    /// The body of the state of `entity`, one line.
    pub fn body(&self, entity: &EntityRef, kind: &str) -> Vec<u8> {
        let alerts = |alerts: &[Alert]| -> Value {
            alerts.iter().map(|alert| Value::Object(alert.body().clone())).collect()
        };
        let mut state = Object::from_iter([
            ("id".to_owned(), Value::from(entity.id.as_str())),
            ("entity".to_owned(), Value::from(kind)),
            ("open".to_owned(), alerts(&self.open)),
        ]);
        if !self.told.is_empty() {
            state.insert("told".to_owned(), alerts(&self.told));
        }
        if !self.cooling.is_empty() {
            let cooling = self.cooling.iter().map(Cooling::body).collect();
            state.insert("cooling".to_owned(), Value::Array(cooling));
        }
        if let Some(at) = self.evaluated_at {
            state.insert("evaluated_at".to_owned(), Value::from(at.to_string()));
        }
        json::to_line(&Value::Object(state))
    }
}
