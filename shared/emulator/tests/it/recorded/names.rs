//! Names for values that differ from recording to recording.

use std::collections::BTreeMap;

use domain::Instant;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Everything but unreserved characters. (RFC 3986, section 2.3.)
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The name of the host that a client calls.
const HOST: &str = "host";

/// The name of what stands between parts. A client chooses it for each request, we for each answer.
const BOUNDARY: &str = "boundary";

/// The boundary of every request that is played.
const OUR_BOUNDARY: &str = "recorded-boundary";

/// The name of any time.
const TIME: &str = "time";

/// What names stand for so far.
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    /// Knows the host alone.
    pub(crate) fn new(url: &str) -> Self {
        let host = url.trim_start_matches("http://").to_owned();
        Self(BTreeMap::from([(HOST.to_owned(), host)]))
    }

    /// Knows nothing.
    pub(crate) fn unbound() -> Self {
        Self(BTreeMap::new())
    }

    /// Forgets what belongs to one answer.
    pub(crate) fn begin_answer(&mut self) {
        self.0.remove(BOUNDARY);
    }

    /// `text` with what its names stand for, written as `write` says.
    pub(crate) fn filled(&self, text: &str, write: impl Fn(&str) -> String) -> String {
        let mut filled = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => filled += text,
                Piece::Name(HOST) => filled += &self.0[HOST],
                Piece::Name(BOUNDARY) => filled += OUR_BOUNDARY,
                Piece::Name(name) => {
                    let value = self.0.get(name);
                    filled += &write(value.unwrap_or_else(|| panic!("no answer told {name}")));
                }
            }
        }
        filled
    }

    pub(crate) fn filled_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.filled(text, str::to_owned).into(),
            Value::Array(values) => values.iter().map(|value| self.filled_json(value)).collect(),
            Value::Object(fields) => {
                let filled =
                    fields.iter().map(|(key, value)| (key.clone(), self.filled_json(value)));
                Value::Object(filled.collect())
            }
            other => other.clone(),
        }
    }

    /// Whether `found` is `expected` once names are bound to values; binds those that are not.
    pub(crate) fn bind(&mut self, expected: &str, found: &str) -> bool {
        let mut rest = found;
        let pieces = pieces(expected);
        for (at, piece) in pieces.iter().enumerate() {
            let value = match piece {
                Piece::Text(text) => text,
                Piece::Name(name) => {
                    // Up to what follows: no value contains what stands around it.
                    let end = match pieces.get(at + 1) {
                        Some(Piece::Text(next)) => rest.find(next).unwrap_or(rest.len()),
                        _ => rest.len(),
                    };
                    if !self.is(name, &rest[..end]) {
                        return false;
                    }
                    &rest[..end]
                }
            };
            let Some(after) = rest.strip_prefix(value) else { return false };
            rest = after;
        }
        rest.is_empty()
    }

    fn is(&mut self, name: &str, value: &str) -> bool {
        if name == TIME {
            return Instant::parse(value).is_some();
        }
        let is_number = value.bytes().all(|b| b.is_ascii_digit());
        if value.is_empty() || (name.starts_with("generation") && !is_number) {
            return false;
        }
        let bound = self.0.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        bound == value
    }
}

pub(crate) fn percent_encoded(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

#[derive(Clone, Copy)]
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Splits at names: letters, digits and hyphens in braces, a letter first.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(begin) = rest[from..].find('{').map(|at| at + from) {
        let name = rest[begin + 1..].split_once('}').map(|(name, _)| name);
        match name.filter(|name| is_name(name)) {
            Some(name) => {
                pieces.push(Piece::Text(&rest[..begin]));
                pieces.push(Piece::Name(name));
                rest = &rest[begin + name.len() + 2..];
                from = 0;
            }
            None => from = begin + 1,
        }
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| !matches!(piece, Piece::Text("")));
    pieces
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(plain)
}

#[test]
fn a_name_stands_for_one_value() {
    let mut names = Names::new("http://127.0.0.1:1");
    assert!(names.bind("http://{host}/o/{generation-1}?alt", "http://127.0.0.1:1/o/17?alt"));
    assert!(names.bind("b/o/{generation-1}", "b/o/17"));
    assert!(!names.bind("b/o/{generation-1}", "b/o/18"));
    assert!(!names.bind("b/o/{generation-2}", "b/o/"));
    assert!(!names.bind("b/o/{generation-2}", "b/o/x"));
    assert!(names.bind("{\"a\": {time}}", "{\"a\": 2025-11-06T10:00:00.000Z}"));
    assert!(!names.bind("{time}", "yesterday"));
    assert!(!names.bind("{host}", "127.0.0.1:2"));
    assert_eq!(names.filled("/o/{generation-1}{}{A}", percent_encoded), "/o/17{}{A}");
}
