//! A rule, as the rule bundle has it.

use domain::json::Object;
use domain::{check_id, digest};
use serde_json::Value;

use crate::condition::Condition;

/// A rule in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// Sixteen hexadecimal digits that change with what the rule asks, and with nothing else: a
    /// mended description re-opens no alert.
    pub digest: String,
    /// The kind of entity it is about.
    pub applies_to: String,
    /// What it asks.
    pub condition: Condition,
    /// What the alert repeats of it: name, severity, message, channels.
    pub shown: Object,
}

/// Fields of a rule that its alerts repeat.
const SHOWN: [&str; 4] = ["name", "severity", "message", "channels"];

impl Rule {
    /// Reads a member of the rule bundle. `None` when it is no rule: a rule that is not understood
    /// never holds. Its snapshot says what is wrong with it.
    pub fn read(member: &Object) -> Option<Self> {
        let text = |field: &str| member.get(field)?.as_str().map(str::to_owned);
        let condition = member.get("condition")?;
        let shown = SHOWN.iter().filter_map(|name| Some((*name, member.get(*name)?)));
        let applies_to = text("applies_to")?;
        let asked = [applies_to.as_bytes(), condition.to_string().as_bytes()].concat();
        Some(Self {
            // The name of an alert has it as a part.
            id: text("id").filter(|id| check_id(id).is_ok())?,
            digest: digest::hex(&digest::sha256(&[&asked]), 16),
            applies_to,
            condition: Condition::read(condition)?,
            shown: shown.map(|(name, value)| (name.to_owned(), value.clone())).collect(),
        })
    }

    /// Whether the rule holds for an entity of kind `entity` that is `document`.
    pub fn holds(&self, entity: &str, document: Option<&Value>) -> bool {
        self.applies_to == entity && document.is_some_and(|document| self.condition.holds(document))
    }
}
