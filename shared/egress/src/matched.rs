//! One condition that held, in words: what was looked at, what was found, and what was asked.

use domain::json::Object;
use serde_json::Value;

use crate::template::word;

/// Operators that look at the version before.
const CHANGES: [&str; 5] =
    ["changed", "changed_from", "changed_to", "increased_by", "decreased_by"];

/// Operators that hold where something is missing.
const OF_NOTHING: [&str; 3] = ["missing", "neq", "not_includes"];

/// What stands for a value that is not there.
const NOTHING: &str = "nothing";

/// What stands for a value that is there, and is too large for an alert.
const SOMETHING: &str = "something";

/// A test or a quantifier, as an alert has it.
#[derive(Clone, Copy)]
pub(crate) struct Matched<'a>(pub(crate) &'a Object);

impl<'a> Matched<'a> {
    /// One line: `kpis.MRR is 50 (lt 100)`.
    pub(crate) fn line(self) -> String {
        let found = self.found();
        let left = self.left().unwrap_or_else(|| SOMETHING.to_owned());
        let head = match (self.quantifier().is_some(), found.as_str()) {
            (false, _) => format!("{left} is {found}"),
            (true, "1") => format!("{left}: 1 matches"),
            (true, _) => format!("{left}: {found} match"),
        };
        let was = match self.text("op") {
            Some(op) if CHANGES.contains(&op) => format!(", was {}", self.before(op)),
            _ => String::new(),
        };
        let Some(op) = self.op() else { return format!("{head}{was}") };
        let right = match (self.value(), self.0.contains_key("field")) {
            (None, _) => String::new(),
            (Some(value), false) => format!(" {value}"),
            (Some(field), true) => format!(" {field}, which is {}", self.other()),
        };
        format!("{head}{was} ({op}{right})")
    }

    /// What a variable calls `name`; nothing where the condition has no such thing.
    pub(crate) fn part(self, name: &str) -> Option<String> {
        match name {
            "path" => self.left(),
            "op" => self.op(),
            "found" => Some(self.found()),
            "value" => self.value(),
            name => self.0.get(name).map(word),
        }
    }

    /// What was looked at: a field, or what was made of several.
    fn left(self) -> Option<String> {
        let joined = |field: &str, sign: &str| match self.0.get(field)? {
            Value::Array(paths) => {
                Some(paths.iter().take(2).map(word).collect::<Vec<_>>().join(sign))
            }
            other => Some(word(other)),
        };
        let of = |field: &str| self.0.get(field).map(word);
        of("path")
            .or_else(|| joined("ratio", " / "))
            .or_else(|| joined("difference", " - "))
            .or_else(|| of("sum").map(|paths| format!("sum of {paths}")))
            .or_else(|| of(self.quantifier()?))
    }

    fn quantifier(self) -> Option<&'static str> {
        ["any_of", "all_of", "none_of"].into_iter().find(|word| self.0.contains_key(*word))
    }

    /// How it was asked, with `not` before it where it held because that does not hold.
    fn op(self) -> Option<String> {
        let op = self.0.get("op").map(word).or_else(|| self.quantifier().map(str::to_owned))?;
        let not = if self.is_negated() { "not " } else { "" };
        Some(format!("{not}{op}")).filter(|op| !op.is_empty())
    }

    fn is_negated(self) -> bool {
        self.0.get("not") == Some(&Value::Bool(true))
    }

    /// What it was compared with: a constant, or the name of another field.
    fn value(self) -> Option<String> {
        self.0.get("field").or_else(|| self.0.get("value")).map(word)
    }

    fn found(self) -> String {
        // Of other operators, what holds or does not says whether there was something.
        let is_there = self.text("op").is_some_and(|op| match op {
            "changed" | "changed_from" => false,
            op => OF_NOTHING.contains(&op) == self.is_negated(),
        });
        self.shown("found", is_there)
    }

    fn other(self) -> String {
        let op = self.text("op").unwrap_or_default();
        self.shown("other", OF_NOTHING.contains(&op) == self.is_negated())
    }

    fn before(self, op: &str) -> String {
        self.shown("before", !self.is_negated() && !["changed", "changed_to"].contains(&op))
    }

    fn shown(self, field: &str, is_there: bool) -> String {
        let absent = if is_there { SOMETHING } else { NOTHING };
        self.0.get(field).map_or_else(|| absent.to_owned(), word)
    }

    fn text(self, field: &str) -> Option<&'a str> {
        self.0.get(field).and_then(Value::as_str)
    }
}
