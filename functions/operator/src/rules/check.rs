//! What is wrong with a rule: by its schema, by the language, and by the kind that it is about.

use std::collections::BTreeMap;

use domain::json::{self, Object};
use domain::{Definitions, EntityDefinition};
use egress::{CHANNELS_MAX, Channel, Named};
use rules::condition::Wrong;
use rules::lint::{Level, lint};
use rules::rule::Rule;
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;

use super::file::File;
use crate::{Operator, Problem, legible, subject};

/// The kind of entity that a rule is.
pub(super) const RULE: &str = "rule";

/// A file, and what is to be said of it.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) file: File,
    /// The rule, where it is understood.
    pub(super) rule: Option<Rule>,
    /// The rule as an entity, envelope complete.
    pub(super) document: Object,
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Checked {
    /// A line for each thing that is wrong.
    pub(super) fn lines(&self) -> Vec<String> {
        let path = &self.file.path;
        let line = |level: &str, what: &String| format!("{level} {path}: {}", legible::line(what));
        let errors = self.errors.iter().map(|what| line("error  ", what));
        errors.chain(self.warnings.iter().map(|what| line("warning", what))).collect()
    }
}

/// Looks at rules.
pub(super) struct Checker<'a> {
    operator: &'a Operator<'a>,
    definition: &'a EntityDefinition,
    builder: SnapshotBuilder,
}

impl<'a> Checker<'a> {
    pub(super) fn new(operator: &'a Operator<'_>) -> Result<Self, Problem> {
        let definition = subject::definition(operator, RULE)?;
        let builder = SnapshotBuilder::new(operator.tools.clone());
        Ok(Self { operator, definition, builder })
    }

    /// Everything that is wrong with the rule of a file, and what is probably not meant.
    pub(super) fn check(&self, file: File) -> Checked {
        let (written, unreadable) = match &file.document {
            Ok(document) => (document.clone(), None),
            Err(why) => (Object::new(), Some(why.clone())),
        };
        let document = self.completed(written, &file.id);
        let mut checked =
            Checked { file, rule: None, document, errors: Vec::new(), warnings: Vec::new() };
        if let Some(why) = unreadable {
            checked.errors.push(why);
            return checked;
        }
        if let Err(problem) = subject::entity(self.operator, self.definition, &checked.file.id) {
            checked.errors.push(problem.to_string());
        }
        match Rule::read(&checked.document) {
            Ok(rule) => {
                self.about(&rule, &mut checked);
                checked.rule = Some(rule);
            }
            Err(wrong) => checked.errors.extend(wrong.iter().map(Wrong::to_string)),
        }
        sending(&mut checked);
        let document = Value::Object(checked.document.clone());
        let violations = self.builder.violations(&document, self.definition);
        // What is wrong at one place has been said better than by the schema.
        let said = |violation: &String| checked.errors.iter().any(|it| are_of_one(it, violation));
        let further: Vec<String> = violations.into_iter().filter(|it| !said(it)).collect();
        checked.errors.extend(further);
        checked
    }

    /// What the kind that the rule is about says to it.
    fn about(&self, rule: &Rule, checked: &mut Checked) {
        let definitions = &self.operator.tools.definitions;
        let Some(schema) = schema(definitions, &rule.applies_to) else {
            let known: Vec<&str> = definitions.names().collect();
            let (kind, known) = (&rule.applies_to, known.join(", "));
            checked.errors.push(format!("/applies_to: no kind {kind:?}; there are {known}"));
            return;
        };
        for finding in lint(rule, Some(&schema)) {
            let what = finding.wrong.to_string();
            match finding.level {
                Level::Error => checked.errors.push(what),
                Level::Warning => checked.warnings.push(what),
            }
        }
    }

    /// The document with what need not be said.
    fn completed(&self, mut written: Object, id: &str) -> Object {
        let now = self.operator.tools.clock.now().to_millis_text();
        let envelope = [
            ("id", id),
            ("entity", RULE),
            ("env", self.operator.env.as_str()),
            ("schema_version", self.definition.newest_version()),
            ("created_at", &now),
            ("updated_at", &now),
        ];
        let mut document = Object::new();
        for (field, value) in envelope {
            let said = written.shift_remove(field);
            document.insert(field.to_owned(), said.unwrap_or_else(|| Value::from(value)));
        }
        document.extend(written);
        document
    }
}

/// Why a document is a rule that would never hold, if it is one that would be in force.
pub(crate) fn not_understood(document: &Object, definition: &EntityDefinition) -> Vec<String> {
    if definition.entity != RULE || document.get("enabled") == Some(&Value::Bool(false)) {
        return Vec::new();
    }
    let wrong = Rule::read(document).err().unwrap_or_default();
    wrong.iter().map(Wrong::to_string).collect()
}

/// What the alerts of a rule could not say, and whom they would not reach.
fn sending(checked: &mut Checked) {
    let mut places = BTreeMap::new();
    let listed = checked.document.get("channels").and_then(Value::as_array);
    for (at, value) in listed.into_iter().flatten().enumerate() {
        let place = format!("/channels/{at}");
        let Named { channel, word, .. } = Named::read(value);
        if let Channel::Unknown(why) = channel {
            checked.errors.push(format!("{place}: {why}"));
        }
        if let Some(first) = places.get(&word) {
            checked.warnings.push(format!("{place}: is {first} again"));
        }
        places.entry(word).or_insert(place);
    }
    if places.len() > CHANNELS_MAX {
        let what = format!("/channels: only {CHANNELS_MAX} channels are sent to");
        checked.warnings.push(what);
    }
    let message = checked.document.get("message").and_then(Value::as_str).unwrap_or_default();
    for name in egress::unknown(message) {
        let what = format!("/message: {name:?} is no variable, and stays as it is");
        checked.warnings.push(what);
    }
}

/// Whether two messages, each after a JSON pointer, are about one part of a document.
fn are_of_one(left: &str, right: &str) -> bool {
    let [left, right] = [left, right].map(|it| it.split(": ").next().unwrap_or_default());
    let is_within = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer).filter(|_| !outer.is_empty());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_within(left, right) || is_within(right, left)
}

/// The schema of the newest version of a kind.
fn schema(definitions: &Definitions, kind: &str) -> Option<Value> {
    let version = definitions.entity(kind)?.newest_version();
    json::parse(definitions.schema_text(kind, version)?.as_bytes()).ok()
}
