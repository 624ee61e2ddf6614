//! One alert: that a rule began to hold for an entity, that it still does, or that it has ended.

use domain::json::{self, Object};
use domain::{EntityRef, Generation, Instant, ObjectName, OrderKey, digest, ulid};
use serde_json::Value;

use crate::condition::Steps;
use crate::rule::{Rule, When};
use crate::state::Subject;

/// The field of an open alert in the state that its object does not have: [`Told`].
const TOLD: &str = "firing";

/// What the id of a resolution has behind the id of the alert that it ends.
const RESOLVED: &str = "-resolved";

/// An alert, as its object has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    body: Object,
}

/// What the state remembers of an open alert, to fire again.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    /// Until when it is not told of.
    silent_until: Option<Instant>,
    /// When it was last told of; for a rule that fires every so often.
    at: Option<Instant>,
    /// A digest of what was found when it was; for a rule that fires on a change.
    matched: Option<String>,
}

/// Why an alert is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fired {
    Enter,
    Change,
    Every,
    Resolve,
}

impl Fired {
    fn word(self) -> &'static str {
        match self {
            Self::Enter => "enter",
            Self::Change => "change",
            Self::Every => "every",
            Self::Resolve => "resolve",
        }
    }

    fn status(self) -> &'static str {
        if self == Self::Resolve { "resolved" } else { "open" }
    }
}

impl Alert {
    /// That `rule` begins to hold on `subject`. Before `silent_until` nobody is told.
    pub(crate) fn open(
        rule: &Rule,
        subject: Subject<'_>,
        silent_until: Option<Instant>,
        telling: Steps,
    ) -> Option<Self> {
        let mut body = of_version(rule, subject, Fired::Enter, telling)?;
        body.insert("evaluated_at".to_owned(), Value::from(subject.now.to_string()));
        let mut alert = Self { body: with_id(body, subject.entity)? };
        alert.shown(rule, subject);
        let told = Told { silent_until, ..Told::default() };
        alert.remember(told.spoken(rule, subject.now, alert.matched()));
        Some(alert)
    }

    /// That a rule which compares with the version before holds on `subject`. It does not stay
    /// open, so there is one for a version and it is not ended.
    pub(crate) fn momentary(rule: &Rule, subject: Subject<'_>, telling: Steps) -> Option<Self> {
        let body = of_version(rule, subject, Fired::Change, telling)?;
        let mut alert = Self { body: with_id(body, subject.entity)? };
        alert.shown(rule, subject);
        Some(alert)
    }

    /// The open alert after another evaluation in which `rule` holds, and what is told of it.
    pub(crate) fn kept(
        &self,
        rule: &Rule,
        subject: Subject<'_>,
        telling: Steps,
    ) -> (Self, Option<Self>) {
        let unchanged = (self.clone(), None);
        let told = self.told();
        if told.silent_until.is_some_and(|until| until > subject.now) {
            return unchanged;
        }
        let Some(facts) = subject.facts() else { return unchanged };
        let mut next = self.clone();
        if told.silent_until.is_some() {
            // It has lasted longer than nobody was to be told.
            let spoken = Told::default().spoken(rule, subject.now, self.matched());
            next.remember(spoken);
            return (next.clone(), Some(next.object()));
        }
        let matched = || rule.condition.matched(facts, telling);
        let fired = match rule.firing.when {
            When::OnEnter => return unchanged,
            When::OnChange if told.matched.as_ref() != Some(&digest_of(&matched())) => {
                Fired::Change
            }
            When::Every(every) if told.at.is_none_or(|at| at.after(every) <= subject.now) => {
                Fired::Every
            }
            When::OnChange | When::Every(_) => return unchanged,
        };
        let Some(mut body) = of_version(rule, subject, fired, telling) else { return unchanged };
        body.insert("opened".to_owned(), Value::from(self.text("alert_id")));
        body.insert("evaluated_at".to_owned(), Value::from(subject.now.to_string()));
        let Some(body) = with_id(body, subject.entity) else { return unchanged };
        let mut said = Self { body };
        // That time has passed is brought about by no write.
        let origin = subject.origin.filter(|_| fired != Fired::Every);
        said.shown(rule, Subject { origin, ..subject });
        next.remember(Told::default().spoken(rule, subject.now, said.matched()));
        (next, Some(said))
    }

    /// That the alert has ended with `subject`; `None` when nobody was told that it began.
    pub(crate) fn resolved(&self, subject: Subject<'_>) -> Option<Self> {
        if self.told().silent_until.is_some() {
            return None;
        }
        let mut body = self.object().body;
        let id = self.text("alert_id");
        let mut fields = vec![
            ("alert_id", Value::from(format!("{id}{RESOLVED}"))),
            ("status", Value::from(Fired::Resolve.status())),
            ("fired", Value::from(Fired::Resolve.word())),
            ("opened", Value::from(id)),
            ("evaluated_at", Value::from(subject.now.to_string())),
        ];
        // Where there is no snapshot, it is told of the one that it began with.
        if let (Some(generation), Some(newest)) = (subject.generation, subject.newest) {
            fields.push(("source_generation", Value::from(generation.to_string())));
            fields.push(("since", since(newest)));
        }
        body.shift_remove("origin");
        fields.extend(subject.origin.map(|origin| ("origin", Value::from(origin))));
        for (name, value) in fields {
            body.insert(name.to_owned(), value);
        }
        Some(Self { body })
    }

    /// Until when nobody is told, when that is so.
    pub(crate) fn silent_until(&self) -> Option<Instant> {
        self.told().silent_until
    }

    /// Whether its object is to be there: somebody was told.
    pub fn is_told(&self) -> bool {
        self.silent_until().is_none()
    }

    /// Reads the object of an alert; `None` when it is no JSON object.
    pub fn read(body: &[u8]) -> Option<Self> {
        match json::parse(body) {
            Ok(Value::Object(body)) => Some(Self { body }),
            _ => None,
        }
    }

    pub(crate) fn of(body: Object) -> Self {
        Self { body }
    }

    /// As the state has it.
    pub(crate) fn body(&self) -> &Object {
        &self.body
    }

    /// Without what only the state remembers.
    pub(crate) fn object(&self) -> Self {
        let mut body = self.body.clone();
        body.shift_remove(TOLD);
        Self { body }
    }

    /// Whether it is about `entity`, of this kind, and has the id that follows from what it says.
    pub fn is_genuine(&self, entity: &EntityRef, kind: &str) -> bool {
        let snapshot = ObjectName::Snapshot(entity.clone()).to_string();
        let says = [("entity", kind), ("id", &entity.id), ("env", entity.env.as_str())];
        let says = says.into_iter().chain([("ptr", snapshot.as_str())]);
        // A rule that nothing could be named after could not have opened it.
        let could_be = ObjectName::parse(&self.name(entity).to_string()).is_ok();
        let id = self.text("alert_id");
        let is_its_id = match self.text("fired") {
            "resolve" => id.strip_suffix(RESOLVED) == Some(self.text("opened")),
            _ => alert_id(&self.body, entity).as_deref() == Some(id),
        };
        could_be && is_its_id && says.into_iter().all(|(name, says)| self.text(name) == says)
    }

    /// Whether it says that a rule began to hold.
    pub(crate) fn is_opening(&self) -> bool {
        !self.body.contains_key("opened")
    }

    /// Whether it says that a rule has ceased to hold.
    pub fn is_end(&self) -> bool {
        self.text("fired") == Fired::Resolve.word()
    }

    /// The kind of the entity that it is about; nothing when it does not say.
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
        json::to_line(&Value::Object(self.object().body))
    }

    /// The version of the snapshot that it speaks of, as text.
    pub fn generation(&self) -> &str {
        self.text("source_generation")
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.body.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    fn matched(&self) -> &Value {
        self.body.get("matched").unwrap_or(&Value::Null)
    }

    /// Adds where the version comes from and what alerts repeat of a rule.
    fn shown(&mut self, rule: &Rule, subject: Subject<'_>) {
        let origin = subject.origin.map(|origin| ("origin".to_owned(), Value::from(origin)));
        self.body.extend(origin.into_iter().chain(rule.shown.clone()));
    }

    fn told(&self) -> Told {
        let told = self.body.get(TOLD);
        let text = |field: &str| told?.get(field)?.as_str();
        Told {
            silent_until: text("silent_until").and_then(Instant::parse),
            at: text("at").and_then(Instant::parse),
            matched: text("matched").map(str::to_owned),
        }
    }

    fn remember(&mut self, told: Told) {
        let fields = [
            ("silent_until", told.silent_until.map(|until| until.to_string())),
            ("at", told.at.map(|at| at.to_string())),
            ("matched", told.matched),
        ];
        let fields = fields.into_iter().filter_map(|(name, text)| Some((name, text?)));
        let fields: Object =
            fields.map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
        match fields.is_empty() {
            true => drop(self.body.shift_remove(TOLD)),
            false => drop(self.body.insert(TOLD.to_owned(), Value::Object(fields))),
        }
    }
}

impl Told {
    /// The same after somebody was told, as far as `rule` asks for it.
    fn spoken(self, rule: &Rule, now: Instant, matched: &Value) -> Self {
        match rule.firing.when {
            When::OnEnter => self,
            When::OnChange => Self { matched: Some(digest_of(matched)), ..self },
            When::Every(_) => Self { at: Some(now), ..self },
        }
    }
}

fn digest_of(matched: &Value) -> String {
    digest::hex_of(&matched.to_string(), 16)
}

fn since(newest: &OrderKey) -> Value {
    Value::Object(Object::from_iter([
        ("updated_at".to_owned(), Value::from(newest.updated_at.to_string())),
        ("name".to_owned(), Value::from(newest.relative())),
    ]))
}

/// What an alert says of the rule and of the version, with room for its id.
fn of_version(rule: &Rule, subject: Subject<'_>, fired: Fired, telling: Steps) -> Option<Object> {
    let (facts, newest) = (subject.facts()?, subject.newest?);
    let generation = subject.generation?;
    let snapshot = ObjectName::Snapshot(subject.entity.clone()).to_string();
    let fields = [
        ("alert_id", Value::Null),
        ("rule_id", Value::from(rule.id.as_str())),
        ("rule_digest", Value::from(rule.digest.as_str())),
        ("entity", Value::from(subject.kind)),
        ("id", Value::from(subject.entity.id.as_str())),
        ("env", Value::from(subject.entity.env.as_str())),
        ("ptr", Value::from(snapshot)),
        ("source_generation", Value::from(generation.to_string())),
        ("since", since(newest)),
        ("matched", rule.condition.matched(facts, telling)),
        ("status", Value::from(fired.status())),
        ("fired", Value::from(fired.word())),
    ];
    Some(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn with_id(mut body: Object, entity: &EntityRef) -> Option<Object> {
    let id = alert_id(&body, entity)?;
    body.insert("alert_id".to_owned(), Value::from(id));
    Some(body)
}

/// A ULID whose time is that of the newest record and whose randomness is 80 bits of SHA-256 over
/// rule, entity, order key and generation, and over the instant of the evaluation and what it
/// follows, where it says so: whoever writes the alert, and however often, gives it one id. The key
/// alone does not tell two openings apart, since late merges change a snapshot and leave its newest
/// record; nor does the generation, with which a rule can end and begin again that was disabled or
/// depends on time.
fn alert_id(body: &Object, entity: &EntityRef) -> Option<String> {
    let text = |field: &str| body.get(field)?.as_str();
    let since = |field: &str| body.get("since")?.get(field)?.as_str();
    let key = OrderKey::parse(since("updated_at")?, since("name")?)?;
    let generation = Generation::parse(text("source_generation")?)?;
    let (updated_at, relative) = (key.updated_at.to_string(), key.relative());
    let generation = generation.to_string();
    let mut parts = vec![
        text("rule_id")?,
        text("rule_digest")?,
        entity.segment.as_str(),
        entity.id.as_str(),
        &updated_at,
        &relative,
        &generation,
    ];
    parts.extend(["evaluated_at", "opened"].into_iter().filter_map(text));
    if text("opened").is_some() {
        parts.extend(text("fired"));
    }
    let parts: Vec<&[u8]> = parts.into_iter().map(str::as_bytes).collect();
    let digest = digest::sha256(&parts);
    let random = digest[..10].iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    Some(ulid(key.updated_at, random))
}
