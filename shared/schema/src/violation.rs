//! One thing that is wrong with a document, and all of them.

use std::fmt;

use domain::definitions::Check;
use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use crate::expectation::expected;

/// How many violations are listed one by one.
pub const VIOLATIONS_MAX: usize = 20;

/// How many values a document may hold for all its violations to be looked for. Each violation
/// takes some hundred bytes before it is counted.
const VALUES_MAX: usize = 50_000;

/// How long each half of a message may be, in characters.
const CHARS_MAX: usize = 160;

/// One place in a document that is not as its schema says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer of the place, also of one where something is missing; empty for the document.
    /// (RFC 6901, JSON Pointer.)
    pub pointer: String,
    /// What was expected there. It quotes the schema, not the document.
    pub expected: String,
}

impl Violation {
    pub(crate) fn new(pointer: &str, expected: &str) -> Self {
        Self { pointer: short(pointer), expected: short(expected) }
    }
}

impl fmt::Display for Violation {
    /// `/holders/0/security: expected one of COMMON, PREF`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the document" } else { &self.pointer };
        write!(f, "{place}: expected {}", self.expected)
    }
}

/// Checks `document`; the violations are those that [`crate::Validators::validate`] documents.
pub(crate) fn check(validator: &Validator, document: &Value) -> Result<(), Vec<Violation>> {
    if validator.is_valid(document) {
        return Ok(());
    }
    if is_large(document) {
        let first = validator.validate(document).err();
        let mut found: Vec<_> = first.iter().flat_map(violations).take(VIOLATIONS_MAX).collect();
        found.push(Violation::new("", "all to be well after the first violation, which is shown"));
        return Err(found);
    }
    let mut found: Vec<_> =
        validator.iter_errors(document).flat_map(|error| violations(&error)).collect();
    let more = found.len().saturating_sub(VIOLATIONS_MAX);
    found.truncate(VIOLATIONS_MAX);
    found.extend(unlisted(more));
    Err(found)
}

/// Checks `document`, which is as its schema says, against what else must hold.
pub(crate) fn check_further(checks: &[Check], document: &Value) -> Result<(), Vec<Violation>> {
    let (mut found, mut more) = (Vec::new(), 0);
    for check in checks {
        crate::checks::check(check, document, &mut |violation| match found.len() {
            VIOLATIONS_MAX.. => more += 1,
            _ => found.push(violation),
        });
    }
    found.extend(unlisted(more));
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// What is said of violations that are not listed.
fn unlisted(more: usize) -> Option<Violation> {
    let expected = || format!("no more violations than shown, found {more} more");
    (more > 0).then(|| Violation::new("", &expected()))
}

/// A field name as a JSON pointer has it. (RFC 6901, section 3.)
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Cuts a text to [`CHARS_MAX`] characters.
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        None => text.to_owned(),
        Some(_) => text.chars().take(CHARS_MAX - 1).chain(['…']).collect(),
    }
}

/// What one error of the schema engine says: several where it lists fields.
fn violations(error: &ValidationError<'_>) -> Vec<Violation> {
    let place = error.instance_path().as_str();
    let field = |name: &str| format!("{place}/{}", escaped(name));
    match error.kind() {
        Kind::Required { property } => {
            vec![Violation::new(&field(property.as_str().unwrap_or_default()), "a value")]
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            unexpected.iter().map(|name| Violation::new(&field(name), "no such field")).collect()
        }
        _ => vec![Violation::new(place, &expected(error))],
    }
}

/// Whether a document holds more than [`VALUES_MAX`] values.
fn is_large(document: &Value) -> bool {
    let (mut pending, mut seen) = (vec![document], 1);
    while let Some(value) = pending.pop() {
        let children = match value {
            Value::Array(items) => items.len(),
            Value::Object(fields) => fields.len(),
            _ => 0,
        };
        seen += children;
        if seen > VALUES_MAX {
            return true;
        }
        match value {
            Value::Array(items) => pending.extend(items),
            Value::Object(fields) => pending.extend(fields.values()),
            _ => (),
        }
    }
    false
}
