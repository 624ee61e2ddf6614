//! The one template of messages: text in which `{{name}}` stands for what an alert says.

use domain::json::Object;
use serde_json::Value;

use crate::matched::Matched;

/// The most characters of what stands for one variable.
const VALUE_CHARS_MAX: usize = 200;

/// The most places that are filled in; what follows stays as it is.
const PLACES_MAX: usize = 200;

/// The most matched conditions that are told together.
const MATCHED_MAX: usize = 10;

/// What a text that was cut ends in.
const CUT: char = '…';

/// Variables that are fields of the alert, and these fields.
const FIELDS: [(&str, &str); 13] = [
    ("alert", "alert_id"),
    ("entity", "entity"),
    ("env", "env"),
    ("fired", "fired"),
    ("id", "id"),
    ("name", "name"),
    ("opened", "opened"),
    ("origin", "origin"),
    ("ptr", "ptr"),
    ("rule", "rule_id"),
    ("severity", "severity"),
    ("source_generation", "source_generation"),
    ("status", "status"),
];

/// Variables that are parts of the first condition that matched.
const MATCHED_FIELDS: [&str; 4] = ["path", "op", "found", "value"];

/// Fills `template` in with what `alert` says. What is no variable, or is one that this alert says
/// nothing of, stays as it is, so that whoever wrote it sees it. What is filled in is not looked at
/// again, and is one line. The result has at most `chars_max` characters.
pub fn render(template: &str, alert: &Object, chars_max: usize) -> String {
    let mut text = String::new();
    let mut rest = template;
    for _ in 0..PLACES_MAX {
        let Some(place) = Place::next(rest) else { break };
        text.push_str(place.before);
        let named = place.named.and_then(|(name, after)| Some((value_of(name, alert)?, after)));
        match named {
            Some((value, after)) => {
                text.push_str(&value);
                rest = after;
            }
            None => {
                text.push_str("{{");
                rest = place.inner;
            }
        }
        // What lies beyond the bound is cut in any case; characters are bytes or fewer.
        if text.len() > chars_max.saturating_mul(4) {
            rest = "";
            break;
        }
    }
    text.push_str(rest);
    cut(&text, chars_max)
}

/// What stands between braces in `template` and is no variable, of the places that are filled in.
pub fn unknown(template: &str) -> Vec<&str> {
    let mut rest = template;
    let places = (0..PLACES_MAX).map_while(|_| {
        let place = Place::next(rest)?;
        rest = place.inner;
        Some(place)
    });
    let names = places.filter_map(|place| Some(place.named?.0));
    names.filter(|name| Variable::named(name).is_none()).collect()
}

/// Two opening braces.
struct Place<'t> {
    /// The text before them.
    before: &'t str,
    /// What stands between them and the closing ones, without spaces, and what is behind those.
    named: Option<(&'t str, &'t str)>,
    /// All that is behind them.
    inner: &'t str,
}

impl<'t> Place<'t> {
    fn next(text: &'t str) -> Option<Self> {
        let (before, inner) = text.split_once("{{")?;
        // Of `{{{{name}}` the inner braces are the ones that mean something.
        let named = inner.split_once("}}").filter(|(name, _)| !name.contains("{{"));
        Some(Self { before, named: named.map(|(name, after)| (name.trim(), after)), inner })
    }
}

/// What a name between braces stands for.
enum Variable<'t> {
    /// A field of the alert.
    Field(&'static str),
    Since,
    /// All conditions that matched.
    Matched,
    /// A part of one condition that matched, counted from 0.
    Of(usize, &'t str),
}

impl<'t> Variable<'t> {
    fn named(name: &'t str) -> Option<Self> {
        if let Some((_, field)) = FIELDS.iter().find(|(variable, _)| *variable == name) {
            return Some(Self::Field(field));
        }
        match name {
            "since" => Some(Self::Since),
            "matched" => Some(Self::Matched),
            name if MATCHED_FIELDS.contains(&name) => Some(Self::Of(0, name)),
            name => {
                let (at, field) = name.strip_prefix("matched.")?.split_once('.')?;
                let plain = at.len() <= 4 && at.bytes().all(|b| b.is_ascii_digit());
                Some(Self::Of(at.parse().ok().filter(|_| plain)?, field))
            }
        }
    }
}

fn value_of(name: &str, alert: &Object) -> Option<String> {
    let matched = alert.get("matched").and_then(Value::as_array);
    match Variable::named(name)? {
        Variable::Field(field) => alert.get(field).map(word),
        Variable::Since => alert.get("since")?.get("updated_at").map(word),
        Variable::Matched => Some(cut(&matched_line(matched?), VALUE_CHARS_MAX * 2)),
        Variable::Of(at, field) => Matched(matched?.get(at)?.as_object()?).part(field),
    }
}

/// `kpis.MRR is 50 (lt 100); status is Pilot (eq Pilot)`.
pub(crate) fn matched_line(matched: &[Value]) -> String {
    let shown = matched.iter().filter_map(Value::as_object).take(MATCHED_MAX);
    let mut told: Vec<String> = shown.map(|entry| Matched(entry).line()).collect();
    if matched.len() > MATCHED_MAX {
        told.push(format!("and {} more", matched.len() - MATCHED_MAX));
    }
    told.join("; ")
}

/// A value on one line: text as it is, everything else as JSON.
pub(crate) fn word(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            value.to_string()
        }
    };
    cut(&line(&text), VALUE_CHARS_MAX)
}

/// `text` on one line: no control characters, and none that turn the direction of what follows.
pub(crate) fn line(text: &str) -> String {
    text.chars().map(|c| if is_odd(c) { ' ' } else { c }).collect()
}

fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// At most so many characters of `text`, the last of which says so where some are left out.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars_max.saturating_sub(1)).chain([CUT]).collect(),
    }
}
