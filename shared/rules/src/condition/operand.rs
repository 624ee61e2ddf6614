//! What stands on the left of a test, and what a document has there.

use domain::Decimal;
use serde_json::Value;

use super::evaluate::{Exhausted, Scope, Steps};
use crate::quantity::{Quantity, small};

/// The way to a value: names of objects and places in arrays, joined by dots. `@` is the element
/// that a quantifier looks at, and `$` the top of the document, also within a quantifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) text: String,
    from_top: bool,
    pub(crate) steps: Vec<String>,
}

/// The step that stands for every element of an array.
pub(crate) const EACH: &str = "*";

impl Path {
    /// Splits a path.
    pub(crate) fn of(text: &str) -> Self {
        let (from_top, rest) = match text.strip_prefix("$.") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("@.").unwrap_or(text)),
        };
        let steps = match rest {
            "@" => Vec::new(),
            rest => rest.split('.').map(str::to_owned).collect(),
        };
        Self { text: text.to_owned(), from_top, steps }
    }

    /// Whether it begins at the top also within a quantifier.
    pub(crate) fn is_from_top(&self) -> bool {
        self.from_top
    }

    /// What is there. `null` is missing.
    pub(crate) fn find<'a>(&self, scope: Scope<'a>) -> Option<&'a Value> {
        let from = if self.from_top { scope.facts.document } else { scope.here };
        let found = self.steps.iter().try_fold(from, |value, name| step(value, name));
        found.filter(|found| !found.is_null())
    }

    /// The same in the version before, of what is not within a quantifier.
    fn find_before<'a>(&self, scope: Scope<'a>) -> Option<&'a Value> {
        let before = scope.facts.before?;
        let found = self.steps.iter().try_fold(before, |value, name| step(value, name));
        found.filter(|found| !found.is_null())
    }
}

fn step<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(object) => object.get(name),
        Value::Array(array) => array.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

/// The left side of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// A field.
    Path(Path),
    /// One field over another.
    Ratio(Path, Path),
    /// One field less another.
    Difference(Path, Path),
    /// The sum of what is at a path with `*` in it.
    Sum(Path),
}

/// What a document has on the left side of a test.
#[derive(Clone, Debug)]
pub(crate) enum Found<'a> {
    /// Nothing, or nothing that can be calculated.
    Missing,
    /// A value.
    Value(&'a Value),
    /// What was calculated.
    Quantity(Quantity),
}

/// In which version something is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Now,
    Before,
}

impl Left {
    /// What is there.
    pub(crate) fn find<'a>(
        &self,
        scope: Scope<'a>,
        when: When,
        steps: &mut Steps,
    ) -> Result<Found<'a>, Exhausted> {
        let find = |path: &Path| match when {
            When::Now => path.find(scope),
            When::Before => path.find_before(scope),
        };
        let number = |path: &Path| match find(path)? {
            Value::Number(number) => small(number),
            _ => None,
        };
        let calculated = match self {
            Self::Path(path) => {
                steps.take(1)?;
                return Ok(find(path).map_or(Found::Missing, Found::Value));
            }
            Self::Ratio(upper, lower) => {
                steps.take(8)?;
                number(upper)
                    .zip(number(lower))
                    .and_then(|(upper, lower)| Quantity::ratio(upper, lower))
            }
            Self::Difference(left, right) => {
                steps.take(16)?;
                let pair = number(left).zip(number(right));
                let sum = pair.and_then(|(left, right)| Decimal::sum(&[left, right.negated()]));
                sum.map(Quantity::whole)
            }
            Self::Sum(path) => {
                let from = match when {
                    When::Now if path.from_top => Some(scope.facts.document),
                    When::Now => Some(scope.here),
                    When::Before => scope.facts.before,
                };
                sum(from, &path.steps, steps)?
            }
        };
        Ok(calculated.map_or(Found::Missing, Found::Quantity))
    }
}

/// The sum of the numbers at `path`. An element without one adds nothing; where there is something
/// else than a number, or no array, there is no sum.
fn sum(
    from: Option<&Value>,
    path: &[String],
    steps: &mut Steps,
) -> Result<Option<Quantity>, Exhausted> {
    let Some(from) = from else { return Ok(None) };
    let mut terms = Vec::new();
    if !collect(from, path, steps, &mut terms)? {
        return Ok(None);
    }
    // Adding takes the places between the highest and the lowest digit besides.
    steps.take(64)?;
    let sum = Decimal::sum(&terms);
    // As for every other number that is calculated with.
    let sum = sum.filter(|sum| sum.digits() <= crate::quantity::DIGITS_MAX);
    Ok(sum.map(Quantity::whole))
}

/// Whether everything at `path` is a number, or missing within an element.
fn collect(
    from: &Value,
    path: &[String],
    steps: &mut Steps,
    terms: &mut Vec<Decimal>,
) -> Result<bool, Exhausted> {
    let each = path.iter().position(|name| name == EACH).unwrap_or(path.len());
    let found = path[..each].iter().try_fold(from, |value, name| step(value, name));
    match (found, path.get(each + 1..)) {
        (None | Some(Value::Null), _) => Ok(false),
        (Some(Value::Array(elements)), Some(rest)) => {
            for element in elements {
                steps.take(4)?;
                // What an element does not have adds nothing.
                if is_missing(element, rest) {
                    continue;
                }
                if !collect(element, rest, steps, terms)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Some(Value::Number(number)), None) => Ok(match small(number) {
            Some(number) => {
                terms.push(number);
                true
            }
            None => false,
        }),
        _ => Ok(false),
    }
}

fn is_missing(element: &Value, path: &[String]) -> bool {
    let each = path.iter().position(|name| name == EACH).unwrap_or(path.len());
    let found = path[..each].iter().try_fold(element, |value, name| step(value, name));
    found.is_none_or(Value::is_null)
}
