//! Answers beside what was recorded.

use serde_json::Value;

use super::fixture::{Call, Described, Fixture, Piece};
use super::names::Names;
use crate::client::Answer;

/// How the answer differs from what is recorded, if it does. It may have fields and headers
/// besides: a client that did without them still does.
pub(crate) fn difference(
    fixture: &Fixture,
    call: &Call,
    answer: &Answer,
    names: &mut Names,
) -> Result<(), String> {
    names.begin_answer();
    let mut different = Vec::new();
    if answer.status != call.status {
        different.push(format!("status {}, not {}", answer.status, call.status));
    }
    for (name, expected) in &call.answer_headers {
        // Metadata is in headers as it is, beyond ASCII too.
        let found = answer.headers.get(name);
        let found = found.map(|found| String::from_utf8_lossy(found.as_bytes()));
        if !found.as_ref().is_some_and(|found| names.bind(expected, found)) {
            different.push(format!("header {name} is {found:?}, not {expected:?}"));
        }
    }
    match &call.answer {
        Described::Json { json } => {
            let content_type = answer.header("content-type").unwrap_or("missing");
            let expected = call.answer_headers.get("content-type");
            if expected.is_none() && !content_type.starts_with("application/json") {
                different.push(format!("the content type is {content_type}"));
            }
            match serde_json::from_slice(&answer.body) {
                Ok(found) => compare(json, &found, "answer", names, &mut different),
                Err(_) => different.push("the answer is no JSON".to_owned()),
            }
        }
        Described::Pieces(pieces) => {
            if !is_body(fixture, pieces, &answer.body, &call.answer, names) {
                let body = String::from_utf8_lossy(&answer.body);
                different.push(format!(
                    "the content is {:?}",
                    body.chars().take(200).collect::<String>()
                ));
            }
        }
    }
    if different.is_empty() { Ok(()) } else { Err(different.join("; ")) }
}

fn is_body(
    fixture: &Fixture,
    pieces: &[Piece],
    found: &[u8],
    described: &Described,
    names: &mut Names,
) -> bool {
    match (pieces, std::str::from_utf8(found)) {
        ([Piece::Text { text }], Ok(found)) => names.bind(text, found),
        _ => fixture.body(described, names) == found,
    }
}

/// Adds where `found` lacks something of `expected`.
fn compare(
    expected: &Value,
    found: &Value,
    at: &str,
    names: &mut Names,
    different: &mut Vec<String>,
) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, expected) in expected {
                let at = format!("{at}.{key}");
                match found.get(key) {
                    Some(found) => compare(expected, found, &at, names, different),
                    None => different.push(format!("{at} is missing")),
                }
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (number, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare(expected, found, &format!("{at}[{number}]"), names, different);
            }
        }
        (Value::String(expected), Value::String(found)) if names.bind(expected, found) => (),
        (expected, found) if expected == found => (),
        (expected, found) => different.push(format!("{at} is {found}, not {expected}")),
    }
}
