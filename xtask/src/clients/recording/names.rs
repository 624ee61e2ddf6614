//! Names for values that differ from recording to recording.

use std::collections::BTreeMap;

use domain::Instant;
use emulator::Call;
use serde_json::Value;

/// Fields of answers whose values are named, with the beginning of the name.
const FIELDS: [(&str, &str); 7] = [
    ("generation", "generation"),
    ("etag", "etag"),
    ("nextPageToken", "page"),
    ("rewriteToken", "rewrite"),
    ("messageId", "message"),
    ("messageIds", "message"),
    ("ackId", "ack"),
];

/// Headers of answers whose values are named.
const HEADERS: [(&str, &str); 2] = [("x-goog-generation", "generation"), ("etag", "etag")];

/// Shorter values stand for themselves: they are small numbers, or the same every time.
const VALUE_BYTES_MIN: usize = 8;

/// Values that were met, and what stands for them.
pub(crate) struct Names {
    known: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Names {
    /// Knows the host of `url` alone.
    pub(crate) fn new(url: &str) -> Self {
        let host = url.trim_start_matches("http://").to_owned();
        let known = BTreeMap::from([(host, "{host}".to_owned())]);
        Self { known, counts: BTreeMap::new() }
    }

    /// Names what an answer tells for the first time.
    pub(crate) fn learn(&mut self, call: &Call) {
        for (header, value) in &call.answer_headers {
            if let Some((_, kind)) = HEADERS.iter().find(|(name, _)| name == header) {
                self.name(value.trim_matches('"'), kind);
            }
            if header == "location"
                && let Some((_, rest)) = value.split_once("upload_id=")
            {
                self.name(rest.split('&').next().unwrap_or(rest), "upload");
            }
        }
        if let Ok(answer) = serde_json::from_slice(&call.answer) {
            self.learn_fields(&answer);
        } else if let Ok(text) = std::str::from_utf8(&call.answer) {
            self.learn_text(text);
        }
    }

    /// `text` with names for all that is known, as it is or percent-encoded.
    pub(crate) fn named(&self, text: &str) -> String {
        let mut known: Vec<_> = self.known.iter().collect();
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let mut text = text.to_owned();
        for (value, name) in known {
            text = text.replace(value, name).replace(&encoded(value), name);
        }
        text
    }

    /// Learns from JSON in the middle of other text, as in the answers to a batch.
    fn learn_text(&mut self, text: &str) {
        for (field, kind) in FIELDS {
            for rest in text.split(&format!("\"{field}\":\"")).skip(1) {
                self.name(rest.split('"').next().unwrap_or(rest), kind);
            }
        }
    }

    fn learn_fields(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    let kind = FIELDS.iter().find(|(name, _)| name == field);
                    match (kind, value) {
                        (Some((_, kind)), Value::String(text)) => self.name(text, kind),
                        (Some((_, kind)), Value::Array(texts)) => {
                            texts.iter().filter_map(Value::as_str).for_each(|it| {
                                self.name(it, kind);
                            });
                        }
                        _ => self.learn_fields(value),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.learn_fields(value)),
            _ => (),
        }
    }

    fn name(&mut self, value: &str, kind: &'static str) {
        if value.len() < VALUE_BYTES_MIN || self.known.contains_key(value) {
            return;
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        self.known.insert(value.to_owned(), format!("{{{kind}-{count}}}"));
    }
}

/// `value` with `{time}` for every time in its texts.
pub(crate) fn timeless(value: Value) -> Value {
    match value {
        Value::String(text) => timeless_text(&text).into(),
        Value::Array(values) => values.into_iter().map(timeless).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, timeless(value))).collect())
        }
        other => other,
    }
}

/// `text` with `{time}` for every time that stands alone, or between quotes.
fn timeless_text(text: &str) -> String {
    let named = |part| if is_time(part) { "{time}" } else { part };
    text.split('"').map(named).collect::<Vec<_>>().join("\"")
}

/// RFC 3339, section 5.6, down to any part of a second.
fn is_time(text: &str) -> bool {
    text.ends_with('Z') && Instant::parse(text).is_some()
}

/// As values stand in queries: everything but unreserved characters encoded.
fn encoded(value: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let encode = |b| if unreserved(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    value.bytes().map(encode).collect()
}
