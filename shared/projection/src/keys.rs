//! The keys of an index: values of a document as parts of object names.

use domain::definitions::{Each, Key, KeySource, Transform};
use domain::scalar::order;
use domain::{Day, Decimal, Instant, digest};
use serde_json::Value;

/// The longest text of a value in an object name, in bytes; a longer one is cut and gets
/// [`CUT_DIGITS`] of its digest.
const VALUE_BYTES_MAX: usize = 128;

/// Hexadecimal digits after a value that was cut.
const CUT_DIGITS: usize = 16;

/// Hexadecimal digits after a slug that lost a character.
const LOSSY_DIGITS: usize = 6;

/// The components that `key` takes from `document`, without repetition, in order.
pub(crate) fn components(key: &Key, document: &Value) -> Vec<String> {
    let values: Vec<&Value> = match &key.source {
        KeySource::One(from) => from.find_scalar(document).into_iter().collect(),
        KeySource::Each(each) => elements(each, document).collect(),
        KeySource::Min(each) => {
            elements(each, document).min_by(|a, b| order(a, b)).into_iter().collect()
        }
        KeySource::Max(each) => {
            elements(each, document).max_by(|a, b| order(a, b)).into_iter().collect()
        }
    };
    let mut components: Vec<String> =
        values.into_iter().filter_map(|value| transformed(key.transform, value)).collect();
    components.sort();
    components.dedup();
    components
}

fn elements<'a>(each: &'a Each, document: &'a Value) -> impl Iterator<Item = &'a Value> {
    let array = document.pointer(&each.each).and_then(Value::as_array);
    let admitted = |element: &&Value| each.conditions.iter().all(|test| test.holds(element));
    array.into_iter().flatten().filter(admitted).filter_map(|e| each.from.find_scalar(e))
}

pub(crate) fn transformed(transform: Transform, value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_str().to_owned(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    match transform {
        Transform::Slug => Some(slug(&text)),
        Transform::Verbatim => verbatim(&text),
        Transform::Day => day(&text).map(|day| day.to_string()),
        Transform::Month => day(&text).map(|day| day.to_string()[..7].to_owned()),
        Transform::Bucket => bucket(value),
    }
}

fn day(text: &str) -> Option<Day> {
    Day::parse(text).or_else(|| Instant::parse(text).map(Instant::day))
}

fn bucket(value: &Value) -> Option<String> {
    let Value::Number(number) = value else { return None };
    let decimal = Decimal::of(number);
    Some(match decimal.floor_below_100() {
        Some(floor) => format!("{floor:02}"),
        None if decimal.is_negative() => "below".to_owned(),
        None => "above".to_owned(),
    })
}

/// ASCII letters in lower case, digits, and `-` for space, `-` and `_`. Where anything else was
/// dropped, or nothing is left, `-` and six digits of the digest keep values apart.
fn slug(text: &str) -> String {
    let fold = |c: char| match c {
        'a'..='z' | '0'..='9' => Some(c),
        'A'..='Z' => Some(c.to_ascii_lowercase()),
        ' ' | '-' | '_' => Some('-'),
        _ => None,
    };
    let slug: String = text.chars().filter_map(fold).collect();
    let lossy = slug.is_empty() || slug.len() != text.len();
    let slug = cut(slug, text);
    if lossy { format!("{slug}-{}", digest::hex_of(text, LOSSY_DIGITS)) } else { slug }
}

/// The text itself, but `/`, `%` and control characters percent-encoded, and so `.` and `..`.
fn verbatim(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let dots = matches!(text, "." | "..");
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '/' || c == '%' || c.is_control() || dots {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| encoded.push_str(&format!("%{b:02X}")));
        } else {
            encoded.push(c);
        }
    }
    Some(cut(encoded, text))
}

fn cut(component: String, text: &str) -> String {
    if component.len() <= VALUE_BYTES_MAX {
        return component;
    }
    let end = component.floor_char_boundary(VALUE_BYTES_MAX);
    format!("{}-{}", &component[..end], digest::hex_of(text, CUT_DIGITS))
}
