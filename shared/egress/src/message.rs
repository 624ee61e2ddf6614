//! An alert as people and programs are told of it.

use domain::json::Object;
use serde_json::Value;

use crate::template::{self, line};

/// The most characters of a message.
pub const MESSAGE_CHARS_MAX: usize = 2000;

/// The most characters of a title: that of a message of Slack. (Slack API reference, "Header block".)
pub(crate) const TITLE_CHARS_MAX: usize = 150;

/// An alert, and its message.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The body of the alert.
    pub alert: &'a Object,
    /// The name of its object.
    pub object: &'a str,
}

impl Told<'_> {
    /// What its rule wants said: its `message`, filled in. Without one, what matched.
    pub fn message(&self) -> String {
        let template = self.alert.get("message").and_then(Value::as_str);
        let template = template.filter(|it| !it.trim().is_empty()).unwrap_or("{{matched}}");
        template::render(template, self.alert, MESSAGE_CHARS_MAX)
    }

    /// `CRITICAL: Low runway (venture V1)`, on one line.
    pub(crate) fn title(&self) -> String {
        let name = match self.text("name") {
            name if name.is_empty() => self.text("rule_id"),
            name => name,
        };
        let state = match self.is_over() {
            true => "RESOLVED".to_owned(),
            false => self.severity().to_uppercase(),
        };
        let title = format!("{state}: {name} ({} {})", self.text("entity"), self.text("id"));
        template::cut(&line(&title), TITLE_CHARS_MAX)
    }

    /// Whether it says that an earlier one is over.
    pub(crate) fn is_over(&self) -> bool {
        self.text("status") == "resolved"
    }

    pub(crate) fn severity(&self) -> String {
        match self.text("severity") {
            severity if severity.is_empty() => "info".to_owned(),
            severity => severity,
        }
    }

    /// A field as one line of text; nothing where it is missing.
    pub(crate) fn text(&self, field: &str) -> String {
        self.alert.get(field).map(template::word).unwrap_or_default()
    }

    pub(crate) fn since(&self) -> String {
        let since = self.alert.get("since").and_then(|since| since.get("updated_at"));
        since.map(template::word).unwrap_or_default()
    }

    /// The conditions that matched.
    pub(crate) fn matched(&self) -> &[Value] {
        let matched = self.alert.get("matched").and_then(Value::as_array);
        matched.map(Vec::as_slice).unwrap_or_default()
    }
}
