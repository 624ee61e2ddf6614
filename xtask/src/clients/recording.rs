//! Calls as a fixture: every request and answer of a suite, in a form that people can read and
//! that hardly changes when it is recorded again.
//!
//! What differs from recording to recording has a name in braces: `{host}`, `{boundary}`,
//! `{time}`, and `{generation-3}` for the third generation that an answer named. Large bodies are
//! described. shared/emulator/tests/it/recorded.rs plays it.

mod body;
mod names;

use anyhow::Result;
use emulator::Call;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Value, json};

use super::environment::PATTERN;
use super::suite::Ended;
use names::Names;

/// Headers of requests that say nothing that an answer depends on, beside those that name a client.
const UNTOLD: [&str; 11] = [
    "accept",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "origin",
    "te",
    "user-agent",
    "accept-language",
];

/// Beginnings of headers that name a client, one of its calls, or who pays.
const UNTOLD_BEGINNINGS: [&str; 6] = [
    "x-goog-api-client",
    "x-goog-gcs-idempotency",
    "x-goog-request-",
    "x-goog-user-project",
    "x-allowed-locations",
    "x-cloud-trace",
];

/// Headers of answers that clients read.
const TOLD: [&str; 6] =
    ["content-encoding", "content-range", "content-type", "etag", "location", "range"];

/// Beginnings of headers of answers that clients read.
const TOLD_BEGINNINGS: [&str; 1] = ["x-goog-"];

/// What stands for a boundary.
const BOUNDARY: &str = "{boundary}";

/// The content type of an answer that a JSON body stands for.
const JSON: &str = "application/json; charset=UTF-8";

/// The text of the fixture for `suite`.
pub(crate) fn fixture(suite: &Ended) -> Result<String> {
    let mut names = Names::new(&suite.url);
    let mut calls = Vec::new();
    for (step, of_step) in &suite.calls {
        for call in of_step {
            calls.push(described(step, call, &mut names));
        }
    }
    let client = &suite.version;
    let fixture = json!({ "client": client, "pattern": PATTERN, "calls": calls });
    let mut text = Vec::new();
    let layout = PrettyFormatter::with_indent(b" ");
    serde::Serialize::serialize(&fixture, &mut Serializer::with_formatter(&mut text, layout))?;
    text.push(b'\n');
    Ok(String::from_utf8(text)?)
}

/// One call. What is not there is left out.
fn described(step: &str, call: &Call, names: &mut Names) -> Value {
    names.learn(call);
    let asked = Text::of(&call.headers, names);
    let answered = Text::of(&call.answer_headers, names);
    // Which codings a client accepts matters for content alone.
    let is_media = call.target.contains("alt=media");
    let asks = |name: &str| told_of_request(name) && (is_media || name != "accept-encoding");
    let answer = names::timeless(body::described(&call.answer, &answered));
    let is_json = answer.get("json").is_some();
    let answers = |name: &str, value: &str| {
        told_of_answer(name) && !(is_json && name == "content-type" && value == JSON)
    };
    let parts = [
        ("step", step.into()),
        ("request", format!("{} {}", call.method, asked.named(&call.target)).into()),
        ("headers", headers(&call.headers, |name, _| asks(name), &asked)),
        ("body", body::described(&call.body, &asked)),
        ("status", call.status.into()),
        ("answer headers", headers(&call.answer_headers, answers, &answered)),
        ("answer", answer),
    ];
    let is_there =
        |value: &Value| !value.is_null() && value.as_object().is_none_or(|it| !it.is_empty());
    let parts = parts.into_iter().filter(|(_, value)| is_there(value));
    Value::Object(parts.map(|(key, value)| (key.to_owned(), value)).collect())
}

fn told_of_request(name: &str) -> bool {
    !UNTOLD.contains(&name) && !UNTOLD_BEGINNINGS.iter().any(|it| name.starts_with(it))
}

fn told_of_answer(name: &str) -> bool {
    TOLD.contains(&name) || TOLD_BEGINNINGS.iter().any(|it| name.starts_with(it))
}

/// The headers that are told, sorted: clients order them differently from run to run.
fn headers(
    headers: &[(String, String)],
    told: impl Fn(&str, &str) -> bool,
    text: &Text<'_>,
) -> Value {
    let mut told: Vec<_> = headers.iter().filter(|(name, value)| told(name, value)).collect();
    told.sort();
    let named = told.into_iter().map(|(name, value)| (name.clone(), text.named(value).into()));
    Value::Object(named.collect())
}

/// How the texts of one request or answer are written down.
pub(crate) struct Text<'a> {
    /// What stands between its parts, if it has parts.
    pub(crate) boundary: Option<String>,
    names: &'a Names,
}

impl<'a> Text<'a> {
    fn of(headers: &[(String, String)], names: &'a Names) -> Self {
        let content_type = headers.iter().find(|(name, _)| name == "content-type");
        Self { boundary: content_type.and_then(|(_, value)| boundary(value)), names }
    }

    /// `text` with names for what differs from recording to recording.
    pub(crate) fn named(&self, text: &str) -> String {
        match &self.boundary {
            Some(boundary) => self.names.named(&text.replace(boundary, BOUNDARY)),
            None => self.names.named(text),
        }
    }
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> Option<String> {
    let (_, rest) = content_type.split_once("boundary=")?;
    let boundary = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
        _ => rest.split(';').next()?.trim(),
    };
    (!boundary.is_empty()).then(|| boundary.to_owned())
}
