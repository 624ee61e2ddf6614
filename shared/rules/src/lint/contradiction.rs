//! Tests of one value in one `all` that nothing fulfils together.

use std::cmp::Ordering;

use domain::scalar;
use serde_json::Value;

use crate::condition::{Node, Operator, Right, Test};

/// The tests that contradict one before them, and why.
pub(super) fn within(parts: &[Node], at: &str) -> Vec<(String, String)> {
    let mut tests: Vec<(String, &Test)> = Vec::new();
    gather(parts, at, &mut tests);
    let mut found = Vec::new();
    for (place, (at, test)) in tests.iter().enumerate() {
        let before = tests[..place].iter().filter(|(_, other)| other.left == test.left);
        let contradicted = before.map(|(_, other)| other).find(|other| contradict(other, test));
        if let Some(other) = contradicted {
            found.push((at.clone(), format!("never holds together with {}", other.says())));
        }
    }
    found
}

/// Every test that has to hold, those in an `all` within an `all` among them.
fn gather<'a>(parts: &'a [Node], at: &str, tests: &mut Vec<(String, &'a Test)>) {
    for (index, part) in parts.iter().enumerate() {
        let at = format!("{at}/{index}");
        match part {
            Node::Test(test) => tests.push((at, test)),
            Node::All(parts) => gather(&parts.written, &format!("{at}/all"), tests),
            _ => (),
        }
    }
}

/// Whether no value fulfils both tests of one left side.
fn contradict(one: &Test, other: &Test) -> bool {
    for (one, other) in [(one, other), (other, one)] {
        if one.operator == Operator::Missing && needs_value(other) {
            return true;
        }
        // Only these values fulfil the one.
        if let Some(values) = values(one) {
            return !values.iter().any(|value| admits(other, value));
        }
    }
    let ([low, high], [other_low, other_high]) = (bounds(one), bounds(other));
    is_above(low.as_ref(), other_high.as_ref()) || is_above(other_low.as_ref(), high.as_ref())
}

fn needs_value(test: &Test) -> bool {
    !matches!(
        test.operator,
        Operator::Missing
            | Operator::Neq
            | Operator::NotIncludes
            | Operator::Changed
            | Operator::ChangedFrom
    )
}

fn values(test: &Test) -> Option<Vec<&Value>> {
    match (test.operator, &test.right) {
        (Operator::Eq | Operator::ChangedTo, Right::Constant(constant)) => {
            Some(vec![&constant.value])
        }
        (Operator::In, Right::OneOf(values)) => Some(values.iter().map(|it| &it.value).collect()),
        _ => None,
    }
}

/// Whether `value` may fulfil `test`.
fn admits(test: &Test, value: &Value) -> bool {
    let equal = |other: &Value| order(value, other) == Some(Ordering::Equal) || value == other;
    match (test.operator, &test.right) {
        (Operator::Missing, _) => value.is_null(),
        (Operator::Neq, Right::Constant(constant)) => !equal(&constant.value),
        (Operator::StartsWith, Right::Constant(start)) => {
            let texts = value.as_str().zip(start.value.as_str());
            texts.is_some_and(|(text, start)| text.starts_with(start))
        }
        (Operator::Matches, Right::Pattern(pattern, _)) => {
            value.as_str().is_some_and(|text| pattern.is_match(text))
        }
        _ => match values(test) {
            Some(values) => values.into_iter().any(equal),
            None => {
                let [low, high] = bounds(test);
                let here = Bound { value: value.clone(), inclusive: true };
                !is_above(low.as_ref(), Some(&here)) && !is_above(Some(&here), high.as_ref())
            }
        },
    }
}

/// One end of what fulfils a test.
struct Bound {
    value: Value,
    inclusive: bool,
}

/// The lower and the upper end.
fn bounds(test: &Test) -> [Option<Bound>; 2] {
    let bound = |value: &Value, inclusive| Some(Bound { value: value.clone(), inclusive });
    match (test.operator, &test.right) {
        (Operator::Gt, Right::Constant(it)) => [bound(&it.value, false), None],
        (Operator::Gte, Right::Constant(it)) => [bound(&it.value, true), None],
        (Operator::Lt, Right::Constant(it)) => [None, bound(&it.value, false)],
        (Operator::Lte, Right::Constant(it)) => [None, bound(&it.value, true)],
        (Operator::Between, Right::Bounds(bounds)) => {
            let [low, high] = &**bounds;
            [bound(&low.value, true), bound(&high.value, true)]
        }
        _ => [None, None],
    }
}

/// Whether nothing is at or above `low` and at or below `high`, or no value is of both types.
fn is_above(low: Option<&Bound>, high: Option<&Bound>) -> bool {
    let (Some(low), Some(high)) = (low, high) else { return false };
    match order(&low.value, &high.value) {
        None => true,
        Some(Ordering::Equal) => !(low.inclusive && high.inclusive),
        Some(order) => order.is_gt(),
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) | (Value::String(_), Value::String(_)) => {
            Some(scalar::order(left, right))
        }
        _ => None,
    }
}
