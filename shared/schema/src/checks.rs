//! What a document breaks of the checks of its kind: the work grows as the document does.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use domain::definitions::{Check, Relation, Total, Values};
use domain::{Day, Decimal, Instant};
use serde_json::{Number, Value};

use crate::Violation;

/// Hands every violation of `check` to `found`. What is missing, and what cannot be compared,
/// breaks nothing: types are for the schema to say.
pub(crate) fn check(check: &Check, document: &Value, found: &mut dyn FnMut(Violation)) {
    match check {
        Check::Compare { each: None, relation, operands } => {
            compare(*relation, operands, document, "", found);
        }
        Check::Compare { each: Some(each), relation, operands } => {
            for (at, element) in array(document, each).into_iter().flatten().enumerate() {
                compare(*relation, operands, element, &format!("{each}/{at}"), found);
            }
        }
        Check::Sum { of, total, within } => {
            sum(of, total, within, document).into_iter().for_each(found);
        }
        Check::Unique { list, by } => unique(list, by, document, found),
        Check::In { values, list } => {
            let Some(known) = known(list, document) else { return };
            for (at, value) in find(values, document).into_iter().flatten() {
                if Scalar::of(value).is_some_and(|value| !known.contains(&value)) {
                    let place = place(values, at);
                    found(Violation::new(&place, &format!("one of the values at {list}")));
                }
            }
        }
        Check::KeysIn { object, list } => {
            let Some(known) = known(list, document) else { return };
            let fields = document.pointer(object).and_then(Value::as_object);
            for name in fields.into_iter().flat_map(|fields| fields.keys()) {
                if !known.contains(&Scalar::Text(name)) {
                    let place = format!("{object}/{}", crate::violation::escaped(name));
                    found(Violation::new(&place, &format!("a name that stands at {list}")));
                }
            }
        }
    }
}

fn compare(
    relation: Relation,
    [left, right]: &[String; 2],
    value: &Value,
    place: &str,
    found: &mut dyn FnMut(Violation),
) {
    let (Some(first), Some(second)) = (value.pointer(left), value.pointer(right)) else { return };
    let order = order(first, second);
    let (holds, expected) = match relation {
        Relation::Le => (order.is_none_or(Ordering::is_le), "at least"),
        Relation::Lt => (order.is_none_or(Ordering::is_lt), "more than"),
        Relation::Eq => (same(first, second, order), "the same as"),
    };
    if !holds {
        let expected = format!("{expected} what is at {place}{left}");
        found(Violation::new(&format!("{place}{right}"), &expected));
    }
}

/// How two values stand to each other: numbers by value, dates and instants by time, a date with
/// an instant by the day in UTC. Other values have no order.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            Some(Decimal::of(left).cmp(&Decimal::of(right)))
        }
        (Value::String(left), Value::String(right)) => match (Time::of(left), Time::of(right)) {
            (Some(left), Some(right)) => Some(left.cmp(right)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether two values are equal, where they have an order by that.
fn same(left: &Value, right: &Value, order: Option<Ordering>) -> bool {
    let missing = left.is_null() || right.is_null();
    missing || order.map_or(left == right, Ordering::is_eq)
}

#[derive(Clone, Copy)]
enum Time {
    Day(Day),
    Instant(Instant),
}

impl Time {
    fn of(text: &str) -> Option<Self> {
        let instant = || Instant::parse(text).map(Self::Instant);
        Day::parse(text).map(Self::Day).or_else(instant)
    }

    fn cmp(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Instant(left), Self::Instant(right)) => left.cmp(&right),
            (left, right) => left.day().cmp(&right.day()),
        }
    }

    fn day(self) -> Day {
        match self {
            Self::Day(day) => day,
            Self::Instant(instant) => instant.day(),
        }
    }
}

fn sum(of: &Values, total: &Total, within: &Number, document: &Value) -> Option<Violation> {
    let number = |(_, value): (_, &Value)| value.as_number().map(Decimal::of);
    let mut terms: Vec<Decimal> = find(of, document)?.filter_map(number).collect();
    let is = match total {
        Total::At(pointer) => document.pointer(pointer)?.as_number()?,
        Total::Number(number) => number,
    };
    if terms.is_empty() {
        return None;
    }
    terms.push(Decimal::of(is).negated());
    let missed = Decimal::sum(&terms).map(Decimal::abs);
    if missed.as_ref().is_some_and(|missed| *missed <= Decimal::of(within)) {
        return None;
    }
    let tolerance = match Decimal::of(within) == Decimal::of(&Number::from(0)) {
        true => String::new(),
        false => format!(", within {within}"),
    };
    Some(match (missed, total) {
        (None, _) => {
            let list = of.array.as_deref().unwrap_or_default();
            Violation::new(list, &format!("numbers at {of} of fewer digits, to be added up"))
        }
        (_, Total::At(pointer)) => Violation::new(pointer, &format!("the sum of {of}{tolerance}")),
        (_, Total::Number(number)) => {
            let list = of.array.as_deref().unwrap_or_default();
            Violation::new(list, &format!("a sum of {number} at {of}{tolerance}"))
        }
    })
}

/// Elements that lack all of the values are not compared; to lack one is like to lack one.
fn unique(list: &str, by: &[String], document: &Value, found: &mut dyn FnMut(Violation)) {
    let mut seen = BTreeMap::new();
    for (at, element) in array(document, list).into_iter().flatten().enumerate() {
        let value = |pointer: &String| element.pointer(pointer).and_then(Scalar::of);
        let values: Vec<Option<Scalar<'_>>> = by.iter().map(value).collect();
        if values.iter().all(Option::is_none) {
            continue;
        }
        let first = *seen.entry(values).or_insert(at);
        if first != at {
            let names = by.iter().map(|pointer| pointer.trim_start_matches('/'));
            let names = names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ");
            let expected = format!("another {names} than {list}/{first} has");
            found(Violation::new(&format!("{list}/{at}"), expected.trim()));
        }
    }
}

/// A value that can be equal to another: numbers by value, everything else as it is written.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Scalar<'a> {
    Flag(bool),
    Number(Decimal),
    Text(&'a str),
}

impl<'a> Scalar<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Number(number) => Some(Self::Number(Decimal::of(number))),
            Value::String(text) => Some(Self::Text(text)),
            _ => None,
        }
    }
}

/// The values at `list`; `None` when there is no such array.
fn known<'a>(list: &'a Values, document: &'a Value) -> Option<BTreeSet<Scalar<'a>>> {
    Some(find(list, document)?.filter_map(|(_, value)| Scalar::of(value)).collect())
}

/// The values that are there, and the place of each in the array; `None` when there is no array.
fn find<'a>(
    values: &'a Values,
    document: &'a Value,
) -> Option<Box<dyn Iterator<Item = (usize, &'a Value)> + 'a>> {
    let inside = |(at, element): (usize, &'a Value)| {
        element.pointer(&values.pointer).map(|value| (at, value))
    };
    Some(match &values.array {
        Some(list) => Box::new(array(document, list)?.iter().enumerate().filter_map(inside)),
        None => Box::new(document.pointer(&values.pointer).into_iter().map(|value| (0, value))),
    })
}

fn place(values: &Values, at: usize) -> String {
    match &values.array {
        Some(list) => format!("{list}/{at}{}", values.pointer),
        None => values.pointer.clone(),
    }
}

fn array<'a>(document: &'a Value, pointer: &str) -> Option<&'a Vec<Value>> {
    document.pointer(pointer).and_then(Value::as_array)
}
