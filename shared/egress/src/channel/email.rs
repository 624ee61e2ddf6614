//! What an HTTP API of mail is sent: a JSON document in whose texts the parts of the mail stand.

use domain::json::Object;
use serde_json::{Value, json};

use crate::matched::Matched;
use crate::template::line;
use crate::{Told, host};

/// The longest address, in bytes. (RFC 5321, section 4.5.3.1.3.)
const ADDRESS_BYTES_MAX: usize = 254;

/// The longest name of a sender, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A mail.
#[derive(Clone, Debug)]
pub(crate) struct Mail<'a> {
    /// Who sends it: an address, or `Name <address>`.
    pub(crate) from: &'a str,
    /// Whom it is for.
    pub(crate) to: &'a str,
    /// The idempotency key.
    pub(crate) key: &'a str,
    /// What it is about.
    pub(crate) told: Told<'a>,
}

/// Whether `text` is one plain address: nothing that could begin another header, name another
/// receiver, or is quoted.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    text.len() <= ADDRESS_BYTES_MAX
        && (1..=64).contains(&local.len())
        && local.bytes().all(plain)
        && !dots
        && host::name(domain).is_ok()
}

/// Whether `text` can be who a mail is from: an address, or a plain name and an address in angle
/// brackets.
pub(crate) fn is_sender(text: &str) -> bool {
    let Some((name, address)) = text.strip_suffix('>').and_then(|it| it.split_once('<')) else {
        return is_address(text);
    };
    let odd = |c: char| c.is_control() || "\"\\<>@,;:()[]".contains(c);
    name.len() <= NAME_BYTES_MAX && !name.chars().any(odd) && is_address(address)
}

/// Where nobody says another: what several APIs take.
fn usual() -> Value {
    json!({"from": "{{from}}", "to": "{{to}}", "subject": "{{subject}}", "text": "{{text}}"})
}

/// What the API is sent: `template`, or where there is none the usual fields, with `{{from}}`, `{{to}}`,
/// `{{subject}}`, `{{text}}` and `{{key}}` filled in.
pub(crate) fn letter(template: Option<&Object>, mail: &Mail<'_>) -> Value {
    let parts = [
        ("{{from}}", mail.from.to_owned()),
        ("{{to}}", mail.to.to_owned()),
        ("{{subject}}", mail.told.title()),
        ("{{text}}", content(mail.told)),
        ("{{key}}", mail.key.to_owned()),
    ];
    let template = template.map_or_else(usual, |it| Value::Object(it.clone()));
    filled(template, &parts)
}

/// Fills in each text that is there; keys stay.
fn filled(template: Value, parts: &[(&str, String)]) -> Value {
    match template {
        Value::String(text) => Value::String(fill(&text, parts)),
        Value::Array(values) => values.into_iter().map(|it| filled(it, parts)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, it)| (name, filled(it, parts))).collect()
        }
        other => other,
    }
}

/// One pass from left to right: what is filled in is not looked at again.
fn fill(text: &str, parts: &[(&str, String)]) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, from) = rest.split_at(at);
        done.push_str(before);
        let part = parts.iter().find(|(name, _)| from.starts_with(name));
        let (told, bytes) = part.map_or(("{{", 2), |(name, value)| (value.as_str(), name.len()));
        done.push_str(told);
        rest = &from[bytes..];
    }
    done + rest
}

/// The text of the mail.
fn content(told: Told<'_>) -> String {
    let status = if told.is_over() { "resolved" } else { "open" };
    let mut lines = vec![told.message(), String::new()];
    let facts = [
        ("Rule", told.text("rule_id")),
        ("Severity", told.severity()),
        ("Status", status.to_owned()),
        ("Entity", format!("{} {}", told.text("entity"), told.text("id"))),
        ("Since", told.since()),
    ];
    lines.extend(facts.map(|(name, value)| format!("{name}: {value}")));
    let matched = told.matched().iter().filter_map(Value::as_object).take(20);
    lines.extend(matched.map(|entry| format!("  {}", Matched(entry).line())));
    lines.push(format!("Alert: {}", line(told.object)));
    lines.join("\n")
}
