//! What of two answers can be compared: status, the reason of an error, which fields and headers
//! there are, and those values that do not change from server to server.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::http::Answer;

/// Fields whose values say the same of the same object everywhere, by the last part of their path.
const SAME_FIELDS: [&str; 22] = [
    "bucket",
    "cacheControl",
    "componentCount",
    "contentDisposition",
    "contentEncoding",
    "contentType",
    "crc32c",
    "done",
    "event_types",
    "hierarchicalNamespace",
    "kind",
    "md5Hash",
    "metadata",
    "metageneration",
    "name",
    "objectSize",
    "payload_format",
    "prefixes",
    "size",
    "storageClass",
    "totalBytesRewritten",
    "versioning",
];

/// Fields of which neither side has to have the entries of the other: access lists come with
/// fine-grained access only.
const FREE_FIELDS: [&str; 3] = ["acl", "defaultObjectAcl", "owner"];

/// Headers that clients look at; those that end in `*` by their beginning.
const HEADERS: [&str; 10] = [
    "content-encoding",
    "content-range",
    "etag",
    "range",
    "x-goog-generation",
    "x-goog-hash",
    "x-goog-meta-",
    "x-goog-metageneration",
    "x-goog-storage-class",
    "x-goog-stored-content-",
];

/// Headers whose values are the same everywhere.
const SAME_HEADERS: [&str; 5] =
    ["content-encoding", "content-range", "range", "x-goog-hash", "x-goog-meta-"];

/// What is compared of one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) status: u16,
    /// Of an error.
    reason: Option<String>,
    /// Fields of the JSON and headers, with their values where these are compared.
    parts: BTreeMap<String, String>,
    /// Content that is no JSON.
    content: Option<String>,
}

impl Shape {
    pub(crate) fn of(answer: &Answer) -> Self {
        let mut shape = Self { status: answer.status, ..Self::default() };
        let kind = answer.header("content-type").unwrap_or_default();
        let json = kind.starts_with("application/json") && answer.header("x-goog-hash").is_none();
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(value) if json && answer.status < 300 => shape.add("", &value),
            Ok(value) if answer.status >= 400 => {
                let reason = value.pointer("/error/errors/0/reason").and_then(Value::as_str);
                shape.reason = reason.map(str::to_owned);
            }
            _ if answer.status < 300 && answer.header("x-goog-generation").is_some() => {
                shape.content = Some(format!("{:?}", String::from_utf8_lossy(&answer.body)));
            }
            _ => (),
        }
        if answer.status < 400 {
            shape.add_headers(answer);
        }
        shape
    }

    fn add(&mut self, path: &str, value: &Value) {
        let last = path.rsplit('.').next().unwrap_or(path).trim_end_matches("[]");
        if FREE_FIELDS.contains(&last) {
            return;
        }
        if SAME_FIELDS.contains(&last) {
            // Pages are lists of objects: their values are compared in order.
            let text = self.parts.entry(path.to_owned()).or_default();
            text.push_str(&format!("{value} "));
            return;
        }
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let separator = if path.is_empty() { "" } else { "." };
                    self.add(&format!("{path}{separator}{key}"), value);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.add(&format!("{path}[]"), item);
                }
            }
            _ => {
                self.parts.insert(path.to_owned(), String::new());
            }
        }
    }

    fn add_headers(&mut self, answer: &Answer) {
        let looked_at = |names: &[&str], name: &str| {
            names.iter().any(|it| *it == name || (it.ends_with('-') && name.starts_with(it)))
        };
        for (name, value) in &answer.headers {
            if looked_at(&HEADERS, name.as_str()) {
                let same = looked_at(&SAME_HEADERS, name.as_str());
                let value =
                    if same { String::from_utf8_lossy(value.as_bytes()) } else { "".into() };
                let text = self.parts.entry(format!("header {name}")).or_default();
                text.push_str(&value);
            }
        }
    }

    /// How `other` differs from this, a few words each.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if self.status != other.status {
            // The rest follows from it.
            return vec![format!("status {} instead of {}", other.status, self.status)];
        }
        if self.reason != other.reason {
            let reason = |of: &Self| of.reason.clone().unwrap_or_else(|| "none".to_owned());
            differences.push(format!("reason {} instead of {}", reason(other), reason(self)));
        }
        if self.content != other.content {
            let content = |of: &Self| of.content.clone().unwrap_or_else(|| "none".to_owned());
            differences.push(format!("content {} instead of {}", content(other), content(self)));
        }
        let names = |of: &Self| of.parts.keys().cloned().collect::<BTreeSet<_>>();
        let (here, there) = (names(self), names(other));
        for (what, names) in [("lacks", &here - &there), ("adds", &there - &here)] {
            if !names.is_empty() {
                differences.push(format!("{what} {}", Vec::from_iter(names).join(" ")));
            }
        }
        for name in &here & &there {
            let (seen, expected) = (&other.parts[&name], &self.parts[&name]);
            if seen != expected {
                let (seen, expected) = (seen.trim(), expected.trim());
                differences.push(format!("{name} is {seen} instead of {expected}"));
            }
        }
        differences
    }
}
