//! A rule, as the rule bundle has it.

use std::time::Duration;

use domain::json::Object;
use domain::{check_id, digest};
use serde_json::Value;

use crate::condition::{Condition, Exhausted, Facts, Steps, Wrong, pointed};
use crate::duration::Span;

/// A rule in force.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// Sixteen hexadecimal digits that change with what the rule asks and when it fires, and with
    /// nothing else: a mended description re-opens no alert.
    pub digest: String,
    /// The kind of entity it is about.
    pub applies_to: String,
    /// What it asks.
    pub condition: Condition,
    /// When it fires.
    pub firing: Firing,
    /// What the alert repeats of it: name, severity, message, channels.
    pub shown: Object,
}

/// When a rule fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Firing {
    /// At what.
    pub when: When,
    /// For so long after it has closed, opening again is not told.
    pub cooldown: Option<Duration>,
}

/// At what a rule fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// When it begins to hold.
    #[default]
    OnEnter,
    /// Besides, when what it found changes while it holds.
    OnChange,
    /// Besides, each time that so long has passed while it holds.
    Every(Duration),
}

/// Fields of a rule that its alerts repeat.
const SHOWN: [&str; 5] = ["name", "severity", "message", "channels", "notify_bulk"];

/// The shortest time between two alerts of a rule that fires `every` so often.
pub const EVERY_MIN: Duration = Duration::from_secs(15 * 60);

impl Rule {
    /// Reads a rule: a member of the rule bundle, or the document of an entity of kind rule.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with the JSON pointer to it. A rule that is not
    /// understood never holds.
    pub fn read(member: &Object) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut text = |field: &str| {
            let text = member.get(field).and_then(Value::as_str);
            if text.is_none() {
                wrong.push(Wrong { at: pointed("", field), what: "is no text".to_owned() });
            }
            text.unwrap_or_default().to_owned()
        };
        let (id, applies_to) = (text("id"), text("applies_to"));
        // The name of an alert has it as a part.
        if let Err(err) = check_id(&id) {
            wrong.push(Wrong { at: "/id".to_owned(), what: err.to_string() });
        }
        let firing = Firing::read(member.get("fires"), &mut wrong);
        let asked = member.get("condition").unwrap_or(&Value::Null);
        let condition = match Condition::read(asked, "/condition") {
            Ok(condition) if wrong.is_empty() => condition,
            condition => {
                wrong.extend(condition.err().unwrap_or_default());
                return Err(wrong);
            }
        };
        let shown = SHOWN.iter().filter_map(|name| Some((*name, member.get(*name)?)));
        let asked = [applies_to.as_bytes(), asked.to_string().as_bytes()].concat();
        let fires = firing.text();
        // What fires as rules do that say nothing of it has their digest.
        let parts = [&asked[..], fires.as_bytes()];
        let parts = if firing == Firing::default() { &parts[..1] } else { &parts[..] };
        Ok(Self {
            id,
            digest: digest::hex(&digest::sha256(parts), 16),
            applies_to,
            condition,
            firing,
            shown: shown.map(|(name, value)| (name.to_owned(), value.clone())).collect(),
        })
    }

    /// Whether it holds for what `facts` say of an entity of the kind that it is about.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] when that takes more than `steps`; then it does not hold.
    pub fn holds(&self, facts: Facts<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
        self.condition.holds(facts, steps)
    }
}

impl Firing {
    fn read(fires: Option<&Value>, wrong: &mut Vec<Wrong>) -> Self {
        let mut refuse = |field: &str, what: &str| {
            let at = if field.is_empty() { "/fires".to_owned() } else { pointed("/fires", field) };
            wrong.push(Wrong { at, what: what.to_owned() });
        };
        let fires = match fires {
            None => return Self::default(),
            Some(Value::Object(fires)) => fires,
            Some(_) => {
                refuse("", "is no object");
                return Self::default();
            }
        };
        if let Some(key) =
            fires.keys().find(|it| !["when", "every", "cooldown"].contains(&it.as_str()))
        {
            refuse(key, "is not known here");
        }
        let mut span = |field: &str| {
            let text = fires.get(field)?;
            let span = text.as_str().and_then(Span::parse_positive);
            if span.is_none() {
                refuse(field, "is no span of time above nothing: 15m, 12h, 30d, 2w");
            }
            span
        };
        let (every, cooldown) = (span("every"), span("cooldown"));
        let when = match (fires.get("when").map(|when| when.as_str().unwrap_or_default()), every) {
            (Some("every"), Some(every)) if every < EVERY_MIN => {
                refuse("every", "is less than 15m");
                When::OnEnter
            }
            (Some("every"), Some(every)) => When::Every(every),
            (Some("every"), None) => {
                if !fires.contains_key("every") {
                    refuse("", "needs \"every\": a span of time");
                }
                When::OnEnter
            }
            (_, Some(_)) => {
                refuse("every", "has no place without \"when\": \"every\"");
                When::OnEnter
            }
            (None | Some("on_enter"), None) => When::OnEnter,
            (Some("on_change"), None) => When::OnChange,
            (Some(_), None) => {
                refuse("when", "is none of on_enter, on_change, every");
                When::OnEnter
            }
        };
        Self { when, cooldown }
    }

    /// One text for each firing.
    fn text(self) -> String {
        let seconds = |span: Option<Duration>| span.map_or(0, |span| span.as_secs());
        let (when, every) = match self.when {
            When::OnEnter => ("on_enter", None),
            When::OnChange => ("on_change", None),
            When::Every(every) => ("every", Some(every)),
        };
        format!("{when} {} {}", seconds(every), seconds(self.cooldown))
    }
}
