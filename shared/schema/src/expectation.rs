//! What a schema asks for at a place, in words.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

/// What was expected where `error` is. It quotes the schema, not the document.
pub(crate) fn expected(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Type { kind } => types(kind, error.instance()),
        Kind::Enum { options } => one_of(options),
        Kind::Constant { expected_value } => plain(expected_value),
        Kind::Format { format } => match format.as_str() {
            "date" => "a date, yyyy-mm-dd".to_owned(),
            "date-time" => "an RFC 3339 date and time".to_owned(),
            other => format!("a text of format {other}"),
        },
        Kind::Pattern { pattern } => format!("a text that matches {pattern}"),
        Kind::PropertyNames { error } => format!("field names, each {}", expected(error)),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => alternatives(error, context),
        Kind::Required { property } => format!("a field {}", plain(property)),
        Kind::OneOfMultipleValid { .. } => "exactly one alternative to fit".to_owned(),
        Kind::Not { .. } => "anything but what the schema excludes".to_owned(),
        Kind::FalseSchema => "no value".to_owned(),
        Kind::Contains => "an item of the kind that the schema asks for".to_owned(),
        Kind::UniqueItems => "items that differ from one another".to_owned(),
        Kind::UnevaluatedItems { .. } => "no further items".to_owned(),
        Kind::ContentEncoding { content_encoding } => format!("a text in {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => format!("a text of {content_media_type}"),
        Kind::Custom { message, .. } => message.clone(),
        bound => self::bound(bound),
    }
}

/// Bounds of numbers, lengths and counts.
fn bound(kind: &Kind) -> String {
    match kind {
        Kind::Minimum { limit } => format!("at least {limit}"),
        Kind::Maximum { limit } => format!("at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("at least {}", count(*limit, "character")),
        Kind::MaxLength { limit } => format!("at most {}", count(*limit, "character")),
        Kind::MinItems { limit } => format!("at least {}", count(*limit, "item")),
        Kind::MaxItems { limit } => format!("at most {}", count(*limit, "item")),
        Kind::AdditionalItems { limit } => format!("at most {limit} items"),
        Kind::MinProperties { limit } => format!("at least {}", count(*limit, "field")),
        Kind::MaxProperties { limit } => format!("at most {}", count(*limit, "field")),
        other => format!("what the schema says under {}", other.keyword()),
    }
}

fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The first thing that each alternative asks for.
fn alternatives(error: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) -> String {
    let place = error.instance_path().as_str();
    let ask = |first: &ValidationError<'_>| match first.instance_path().as_str() {
        same if same == place => expected(first),
        other => format!("{} at {other}", expected(first)),
    };
    let asked: Vec<String> = context.iter().filter_map(|branch| branch.first().map(ask)).collect();
    asked.join("; or ")
}

fn one_of(options: &Value) -> String {
    let options = options.as_array().map_or(&[] as &[Value], Vec::as_slice);
    format!("one of {}", options.iter().map(plain).collect::<Vec<_>>().join(", "))
}

/// A value of the schema, a text without its quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn types(kind: &TypeKind, found: &Value) -> String {
    let kinds: Vec<JsonType> = match kind {
        TypeKind::Single(one) => vec![*one],
        TypeKind::Multiple(several) => several.iter().collect(),
    };
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) if kinds.contains(&JsonType::Integer) => "a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    let kinds: Vec<&str> = kinds.into_iter().map(article).collect();
    format!("{}, not {found}", kinds.join(" or "))
}

fn article(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "a boolean",
        JsonType::Number => "a number",
        JsonType::Integer => "a whole number",
        JsonType::String => "a text",
        JsonType::Array => "an array",
        JsonType::Object => "an object",
    }
}
