//! The order of JSON scalars, the same for indices and rules.

use std::cmp::Ordering;

use serde_json::Value;

use crate::{Day, Decimal, Instant};

/// A total order: booleans, then numbers by value, then dates and instants by time (a date is its
/// midnight in UTC), then other texts by their bytes. Everything else comes first and is equal.
pub fn order(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        _ => 0,
    };
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => Decimal::of(left).cmp(&Decimal::of(right)),
        (Value::String(left), Value::String(right)) => text_order(left, right),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn text_order(left: &str, right: &str) -> Ordering {
    match (time(left), time(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// The instant that a date or a date and time says.
fn time(text: &str) -> Option<Instant> {
    Instant::parse(text).or_else(|| Day::parse(text).map(Day::midnight))
}
