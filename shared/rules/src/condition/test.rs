//! One test of one value.

use std::cmp::Ordering;

use domain::{Decimal, scalar};
use regex_lite::Regex;
use serde_json::Value;

use super::evaluate::{Exhausted, Scope, Steps};
use super::operand::{Found, Left, Path, When};
use super::operator::Operator;
use crate::duration::{Span, Time};
use crate::quantity::{Amount, Quantity};

/// One test: what stands left, how it is compared, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) left: Left,
    pub(crate) operator: Operator,
    pub(crate) right: Right,
    /// The right side as it is written.
    pub(crate) value: Value,
}

/// The right side of a test.
#[derive(Clone, Debug)]
pub(crate) enum Right {
    /// Nothing.
    Nothing,
    /// A value that does not change.
    Constant(Constant),
    /// Another field.
    Field(Path),
    /// One of several.
    OneOf(Vec<Constant>),
    /// Two bounds.
    Bounds(Box<[Constant; 2]>),
    /// A regular expression, and about how many steps it takes for each byte of a text.
    Pattern(Regex, usize),
    /// A span of time.
    Span(Span),
    /// By how much a number changes.
    Amount(Amount),
}

/// A value, and the number that it is, read once.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    pub(crate) value: Value,
    number: Option<Decimal>,
}

impl Constant {
    pub(crate) fn of(value: &Value) -> Self {
        let number = value.as_number().map(Decimal::of);
        Self { value: value.clone(), number }
    }
}

/// What a value is compared with.
enum Other<'a> {
    Constant(&'a Constant),
    Value(&'a Value),
}

impl Other<'_> {
    fn value(&self) -> &Value {
        match self {
            Self::Constant(constant) => &constant.value,
            Self::Value(value) => value,
        }
    }
}

impl Test {
    /// Whether it holds. Nothing fulfils it where the other field is missing but what fulfils it
    /// where its own is.
    pub(crate) fn holds(&self, scope: Scope<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
        if self.operator.is_change() {
            return self.has_changed(scope, steps);
        }
        let found = self.left.find(scope, When::Now, steps)?;
        match self.operator {
            Operator::Exists => return Ok(!matches!(found, Found::Missing)),
            Operator::Missing => return Ok(matches!(found, Found::Missing)),
            _ => (),
        }
        let other = match &self.right {
            Right::Field(path) => {
                steps.take(1)?;
                path.find(scope).map(Other::Value)
            }
            Right::Constant(constant) => Some(Other::Constant(constant)),
            _ => None,
        };
        match (self.operator, &other) {
            (Operator::Neq, other) => match other {
                Some(other) => Ok(!equal(&found, other, steps)?),
                None => Ok(true),
            },
            (Operator::NotIncludes, other) => match other {
                Some(other) => Ok(!includes(&found, other, steps)?),
                None => Ok(true),
            },
            (Operator::Includes, Some(other)) => includes(&found, other, steps),
            (Operator::StartsWith, Some(other)) => starts_with(&found, other, steps),
            (Operator::In, Some(other)) => match (other.value(), &found) {
                (Value::Array(_), Found::Value(found)) => {
                    includes(&Found::Value(other.value()), &Other::Value(found), steps)
                }
                (Value::Array(all), found) => any_equal(found, all, steps),
                _ => Ok(false),
            },
            (Operator::Eq, Some(other)) => equal(&found, other, steps),
            (operator, Some(other)) => {
                Ok(comparison(&found, other, steps)?.is_some_and(|it| operator.accepts(it)))
            }
            (_, None) => self.holds_of(&found, scope, steps),
        }
    }

    /// The operators whose right side is no value.
    fn holds_of(
        &self,
        found: &Found<'_>,
        scope: Scope<'_>,
        steps: &mut Steps,
    ) -> Result<bool, Exhausted> {
        let text = match found {
            Found::Value(Value::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let now = scope.facts.now;
        match (&self.right, text) {
            (Right::OneOf(values), _) => {
                for value in values {
                    if equal(found, &Other::Constant(value), steps)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Right::Bounds(bounds), _) => {
                let [low, high] = &**bounds;
                let from = comparison(found, &Other::Constant(low), steps)?;
                let to = comparison(found, &Other::Constant(high), steps)?;
                Ok(from.is_some_and(Ordering::is_ge) && to.is_some_and(Ordering::is_le))
            }
            (Right::Pattern(pattern, per_byte), Some(text)) => {
                steps.take(text.len().saturating_mul(*per_byte))?;
                Ok(pattern.is_match(text))
            }
            (Right::Span(span), Some(text)) => {
                steps.take(4)?;
                let Some(time) = Time::parse(text) else { return Ok(false) };
                Ok(match self.operator {
                    Operator::OlderThan => span.is_older(time, now),
                    _ => span.has(time, now),
                })
            }
            _ => Ok(false),
        }
    }

    /// Where there is no version before, nothing has changed.
    fn has_changed(&self, scope: Scope<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
        if scope.facts.before.is_none() {
            return Ok(false);
        }
        let now = self.left.find(scope, When::Now, steps)?;
        let before = self.left.find(scope, When::Before, steps)?;
        let is = |found: &Found<'_>, steps: &mut Steps| match &self.right {
            Right::Constant(constant) => equal(found, &Other::Constant(constant), steps),
            _ => Ok(false),
        };
        match self.operator {
            Operator::Changed => Ok(!same(&now, &before, steps)?),
            Operator::ChangedFrom => Ok(is(&before, steps)? && !is(&now, steps)?),
            Operator::ChangedTo => Ok(is(&now, steps)? && !is(&before, steps)?),
            _ => {
                let (Some(now), Some(before)) = (now.quantity(), before.quantity()) else {
                    return Ok(false);
                };
                steps.take(1 + now.digits() * before.digits())?;
                let Right::Amount(amount) = &self.right else { return Ok(false) };
                Ok(match self.operator {
                    Operator::IncreasedBy => now.has_risen(&before, amount),
                    _ => now.has_fallen(&before, amount),
                })
            }
        }
    }

    /// About how much it takes, for the order.
    pub(super) fn cost(&self) -> usize {
        let left = match &self.left {
            Left::Path(_) => 1,
            Left::Ratio(..) | Left::Difference(..) => 10,
            Left::Sum(_) => 40,
        };
        let right = match &self.right {
            Right::Nothing | Right::Constant(_) => 1,
            Right::Field(_) => 2,
            Right::OneOf(values) => values.len(),
            Right::Bounds(_) => 3,
            Right::Span(_) => 4,
            Right::Amount(_) => 20,
            Right::Pattern(_, per_byte) => 32 * per_byte,
        };
        left + right
    }
}

impl Found<'_> {
    /// The number that it is, to calculate with.
    fn quantity(&self) -> Option<Quantity> {
        match self {
            Self::Value(Value::Number(number)) => Quantity::of(number),
            Self::Quantity(quantity) => Some(quantity.clone()),
            _ => None,
        }
    }
}

/// About how much it takes to compare a value, never more than `most`.
fn weight(value: &Value, most: usize) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / 64,
        Value::Number(number) => 1 + number.as_str().len() / 64,
        Value::Array(elements) => elements.iter().fold(1, |sum: usize, element| match sum < most {
            true => sum + weight(element, most - sum),
            false => sum,
        }),
        Value::Object(object) => {
            object.iter().fold(1, |sum: usize, (key, value)| match sum < most {
                true => sum + 1 + key.len() / 64 + weight(value, most - sum),
                false => sum,
            })
        }
        _ => 1,
    }
}

fn equal(found: &Found<'_>, other: &Other<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    let found = match found {
        Found::Missing => return Ok(false),
        Found::Quantity(_) => {
            return Ok(comparison(found, other, steps)?.is_some_and(Ordering::is_eq));
        }
        Found::Value(found) => *found,
    };
    let value = other.value();
    // Two values of which one is short are soon told apart.
    let most = weight(value, steps.left());
    steps.take(weight(found, most).min(most))?;
    Ok(match (found, other) {
        (Value::Number(found), Other::Constant(Constant { number: Some(number), .. })) => {
            Decimal::of(found) == *number
        }
        (Value::Number(_), _) if value.is_number() => scalar::order(found, value).is_eq(),
        _ => found == value,
    })
}

fn any_equal(found: &Found<'_>, all: &[Value], steps: &mut Steps) -> Result<bool, Exhausted> {
    for value in all {
        if equal(found, &Other::Value(value), steps)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether two versions of a value are one: what is missing in both is.
fn same(now: &Found<'_>, before: &Found<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    match (now, before) {
        (Found::Missing, Found::Missing) => Ok(true),
        (Found::Missing, _) | (_, Found::Missing) => Ok(false),
        (now, Found::Value(before)) => equal(now, &Other::Value(before), steps),
        (Found::Quantity(now), Found::Quantity(before)) => {
            steps.take(1 + now.digits() * before.digits())?;
            Ok(now.order(before).is_eq())
        }
        _ => Ok(false),
    }
}

fn comparison(
    found: &Found<'_>,
    other: &Other<'_>,
    steps: &mut Steps,
) -> Result<Option<Ordering>, Exhausted> {
    let value = other.value();
    Ok(match (found, value) {
        (Found::Value(found @ Value::Number(number)), Value::Number(_)) => {
            steps.take(weight(found, usize::MAX) + weight(value, usize::MAX))?;
            match other {
                Other::Constant(Constant { number: Some(constant), .. }) => {
                    Some(Decimal::of(number).cmp(constant))
                }
                _ => Some(scalar::order(found, value)),
            }
        }
        (Found::Value(found @ Value::String(_)), Value::String(_)) => {
            steps.take(3 + weight(found, usize::MAX).min(weight(value, usize::MAX)))?;
            Some(scalar::order(found, value))
        }
        (Found::Quantity(found), Value::Number(number)) => {
            let Some(other) = Quantity::of(number) else { return Ok(None) };
            steps.take(1 + found.digits() * other.digits() / 4)?;
            Some(found.order(&other))
        }
        _ => None,
    })
}

fn includes(found: &Found<'_>, other: &Other<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    match (found, other.value()) {
        (Found::Value(Value::Array(elements)), _) => {
            for element in elements {
                if equal(&Found::Value(element), other, steps)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Found::Value(Value::String(text)), Value::String(part)) => {
            steps.take(1 + text.len() / 16)?;
            Ok(text.contains(part.as_str()))
        }
        _ => Ok(false),
    }
}

fn starts_with(found: &Found<'_>, other: &Other<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    match (found, other.value()) {
        (Found::Value(Value::String(text)), Value::String(start)) => {
            steps.take(1 + start.len() / 64)?;
            Ok(text.starts_with(start.as_str()))
        }
        _ => Ok(false),
    }
}
