//! What a rule can ask of a document.

use std::cmp::Ordering;

use domain::json::Object;
use domain::scalar;
use serde_json::Value;

/// All of these tests.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    tests: Vec<Test>,
}

/// One test of one field.
#[derive(Clone, Debug, PartialEq)]
struct Test {
    path: String,
    operator: Operator,
    value: Value,
}

/// How a field is compared. A field that is missing or `null` fulfils `missing`, `neq` and
/// `not_includes`, which are the negations of `exists`, `eq` and `includes`, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// Equal: numbers by value, everything else exactly.
    Eq,
    /// Not equal.
    Neq,
    /// Less: two numbers by value, two texts as times where both are, else by their bytes. Values
    /// of two types are neither less nor greater.
    Lt,
    /// Less or equal.
    Lte,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// An array with an equal element, or a text with this part.
    Includes,
    /// Not that.
    NotIncludes,
    /// Present and not `null`.
    Exists,
    /// Missing or `null`.
    Missing,
}

const OPERATORS: [(&str, Operator); 10] = [
    ("eq", Operator::Eq),
    ("neq", Operator::Neq),
    ("lt", Operator::Lt),
    ("lte", Operator::Lte),
    ("gt", Operator::Gt),
    ("gte", Operator::Gte),
    ("includes", Operator::Includes),
    ("not_includes", Operator::NotIncludes),
    ("exists", Operator::Exists),
    ("missing", Operator::Missing),
];

impl Condition {
    /// Reads `{"all": [{"path", "op", "value"}, …]}`. `None` for anything else: a rule that is
    /// not understood never holds.
    pub fn read(condition: &Value) -> Option<Self> {
        let condition = condition.as_object().filter(|condition| condition.len() == 1)?;
        let tests = condition.get("all")?.as_array().filter(|tests| !tests.is_empty())?;
        let tests = tests.iter().map(Test::read).collect::<Option<_>>()?;
        Some(Self { tests })
    }

    /// Whether `document` fulfils every test.
    pub fn holds(&self, document: &Value) -> bool {
        self.tests.iter().all(|test| test.holds(document))
    }

    /// What the tests found in `document`, for the alert: `{path, op, value, found}` each.
    pub fn matched(&self, document: &Value) -> Value {
        self.tests.iter().map(|test| test.matched(document)).collect()
    }
}

impl Test {
    fn read(test: &Value) -> Option<Self> {
        let word = test.get("op")?.as_str()?;
        let (_, operator) = OPERATORS.into_iter().find(|(name, _)| *name == word)?;
        let value = test.get("value").cloned();
        let unary = matches!(operator, Operator::Exists | Operator::Missing);
        let value = if unary { Value::Null } else { value? };
        Some(Self { path: test.get("path")?.as_str()?.to_owned(), operator, value })
    }

    fn holds(&self, document: &Value) -> bool {
        let found = field(document, &self.path);
        let orders = |accepted: &[Ordering]| {
            let order = found.and_then(|found| comparison(found, &self.value));
            order.is_some_and(|order| accepted.contains(&order))
        };
        match self.operator {
            Operator::Eq => found.is_some_and(|found| equal(found, &self.value)),
            Operator::Neq => !found.is_some_and(|found| equal(found, &self.value)),
            Operator::Lt => orders(&[Ordering::Less]),
            Operator::Lte => orders(&[Ordering::Less, Ordering::Equal]),
            Operator::Gt => orders(&[Ordering::Greater]),
            Operator::Gte => orders(&[Ordering::Greater, Ordering::Equal]),
            Operator::Includes => found.is_some_and(|found| includes(found, &self.value)),
            Operator::NotIncludes => !found.is_some_and(|found| includes(found, &self.value)),
            Operator::Exists => found.is_some(),
            Operator::Missing => found.is_none(),
        }
    }

    fn matched(&self, document: &Value) -> Value {
        let word = OPERATORS.iter().find(|(_, operator)| *operator == self.operator);
        let mut matched = Object::from_iter([
            ("path".to_owned(), Value::from(self.path.as_str())),
            ("op".to_owned(), Value::from(word.map_or("", |(word, _)| word))),
        ]);
        let found = field(document, &self.path).filter(|found| scalar_of(found));
        let values = [("value", Some(&self.value)), ("found", found)];
        for (name, value) in values {
            if let Some(value) = value.filter(|value| !value.is_null()) {
                matched.insert(name.to_owned(), value.clone());
            }
        }
        Value::Object(matched)
    }
}

/// The field at a dotted path: names of objects and places in arrays. `null` is missing.
fn field<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let step = |value: &'a Value, name: &str| match value {
        Value::Object(object) => object.get(name),
        Value::Array(array) => array.get(name.parse::<usize>().ok()?),
        _ => None,
    };
    path.split('.').try_fold(document, step).filter(|found| !found.is_null())
}

fn scalar_of(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => scalar::order(left, right).is_eq(),
        _ => left == right,
    }
}

fn comparison(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) | (Value::String(_), Value::String(_)) => {
            Some(scalar::order(left, right))
        }
        _ => None,
    }
}

fn includes(found: &Value, value: &Value) -> bool {
    match (found, value) {
        (Value::Array(elements), _) => elements.iter().any(|element| equal(element, value)),
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        _ => false,
    }
}
