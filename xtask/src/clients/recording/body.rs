//! Bodies, described: as JSON, as text, as bytes, and the pattern of large ones by its length.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::environment::PATTERN;
use super::Text;

/// Shorter pieces of the pattern are text like any other.
const RUN_BYTES_MIN: usize = 512;

/// One piece of a body.
enum Piece<'a> {
    /// Bytes that are written down.
    Bytes(&'a [u8]),
    /// So many bytes of the pattern, from this place in it.
    Pattern { from: usize, length: usize },
}

/// Null when there is no body; `{"json": …}`, or a list of `{"text"}`, `{"base64"}` and
/// `{"pattern", "length"}`.
pub(crate) fn described(body: &[u8], how: &Text<'_>) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice(body) {
        return json!({ "json": strings(value, how) });
    }
    let mut list = Vec::new();
    let mut text = String::new();
    // What lies between boundaries may be no text where the whole is cut nowhere else.
    for (at, part) in split(body, how.boundary.as_deref()).into_iter().enumerate() {
        if at > 0 {
            text += how.boundary.as_deref().unwrap_or_default();
        }
        for piece in pieces(part) {
            let other = match piece {
                Piece::Bytes(bytes) => match std::str::from_utf8(bytes) {
                    Ok(more) => {
                        text += more;
                        continue;
                    }
                    Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
                },
                Piece::Pattern { from, length } => json!({ "pattern": from, "length": length }),
            };
            finish(&mut list, &mut text, how);
            list.push(other);
        }
    }
    finish(&mut list, &mut text, how);
    Value::Array(list)
}

fn finish(list: &mut Vec<Value>, text: &mut String, how: &Text<'_>) {
    if !text.is_empty() {
        let told = text.split_inclusive('\n').filter(|line| !names_a_client(line));
        let told: String = told.collect();
        list.push(json!({ "text": how.named(&told) }));
        text.clear();
    }
}

/// Whether `line` is a header, of one call of a batch, that tells which client called.
fn names_a_client(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or(line).to_ascii_lowercase();
    ["user-agent", "x-goog-api-client"].contains(&name.as_str())
}

/// The JSON with a name in every text that has one.
fn strings(value: Value, how: &Text<'_>) -> Value {
    match value {
        Value::String(text) => how.named(&text).into(),
        Value::Array(values) => values.into_iter().map(|value| strings(value, how)).collect(),
        Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(key, value)| (key, strings(value, how))).collect(),
        ),
        other => other,
    }
}

fn split<'a>(body: &'a [u8], boundary: Option<&str>) -> Vec<&'a [u8]> {
    let Some(boundary) = boundary.map(str::as_bytes) else { return vec![body] };
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(at) = find(rest, boundary) {
        parts.push(&rest[..at]);
        rest = &rest[at + boundary.len()..];
    }
    parts.push(rest);
    parts
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The runs of the pattern in `bytes`, and what is between them.
fn pieces(bytes: &[u8]) -> Vec<Piece<'_>> {
    let pattern = PATTERN.as_bytes();
    let mut pieces = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while at < bytes.len() {
        let from = pattern.iter().position(|b| *b == bytes[at]);
        let length = from.map_or(0, |from| run(&bytes[at..], from));
        if let Some(from) = from
            && length >= RUN_BYTES_MIN
        {
            pieces.push(Piece::Bytes(&bytes[begin..at]));
            pieces.push(Piece::Pattern { from, length });
            begin = at + length;
        }
        at += length.max(1);
    }
    pieces.push(Piece::Bytes(&bytes[begin..]));
    pieces.retain(|piece| !matches!(piece, Piece::Bytes([])));
    pieces
}

/// How many bytes go on as the pattern does from `from`.
fn run(bytes: &[u8], from: usize) -> usize {
    let pattern = PATTERN.bytes().cycle().skip(from);
    bytes.iter().zip(pattern).take_while(|(byte, expected)| **byte == *expected).count()
}
