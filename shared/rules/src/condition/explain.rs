//! Why a condition holds or does not: for alerts, and for who tries a rule.

use std::fmt;

use domain::json::Object;
use serde_json::Value;

use super::evaluate::{Exhausted, Scope, Steps, holds};
use super::operand::{Found, Left, When};
use super::{Elements, Facts, MATCHED_MAX, Node, Path, Right, Test};

/// The most bytes that are shown of a text.
const TEXT_BYTES_MAX: usize = 200;

/// The most elements of an array that are told of one by one.
const ELEMENTS_MAX: usize = 20;

/// One part of a condition, and whether and why it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The JSON pointer to the part in the condition.
    pub at: String,
    /// Which element of the array of the quantifier above it was looked at.
    pub element: Option<usize>,
    /// The part in words: `status eq "Pilot"`.
    pub says: String,
    /// Whether it holds; `None` when that takes more steps than there are.
    pub held: Option<bool>,
    /// What was found there.
    pub found: Option<Value>,
    /// What the other field was.
    pub other: Option<Value>,
    /// What was there in the version before.
    pub before: Option<Value>,
    /// The parts below it.
    pub inner: Vec<Reason>,
}

/// A line for each part, the inner ones indented.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Reason {
    fn write(&self, f: &mut fmt::Formatter<'_>, level: usize) -> fmt::Result {
        let held = match self.held {
            Some(true) => "yes",
            Some(false) => "no ",
            None => "?  ",
        };
        write!(f, "{held} {:indent$}", "", indent = 2 * level)?;
        if let Some(element) = self.element {
            write!(f, "[{element}] ")?;
        }
        f.write_str(&self.says)?;
        let shown = [("found", &self.found), ("other", &self.other), ("before", &self.before)];
        for (name, value) in shown {
            if let Some(value) = value {
                write!(f, ", {name} {value}")?;
            }
        }
        writeln!(f)?;
        self.inner.iter().try_for_each(|inner| inner.write(f, level + 1))
    }
}

/// See [`super::Condition::matched`].
pub(super) fn matched(root: &Node, facts: Facts<'_>, mut steps: Steps) -> Value {
    let mut matched = Vec::new();
    collect(root, Scope::whole(facts), true, &mut steps, &mut matched);
    Value::Array(matched)
}

/// Adds the tests that make `node` hold, or not hold where that is what is wanted.
fn collect(
    node: &Node,
    scope: Scope<'_>,
    wanted: bool,
    steps: &mut Steps,
    matched: &mut Vec<Value>,
) {
    if matched.len() >= MATCHED_MAX || holds(node, scope, steps) != Ok(wanted) {
        return;
    }
    let mut entry = match node {
        Node::All(parts) | Node::Any(parts) => {
            for part in &parts.written {
                collect(part, scope, wanted, steps, matched);
            }
            return;
        }
        Node::Not(inner) => return collect(inner, scope, !wanted, steps, matched),
        Node::Elements(elements) => {
            let path = Value::from(elements.path.text.as_str());
            let mut entry = Object::from_iter([(elements.quantifier.word().to_owned(), path)]);
            // Not how many of some.
            if let Ok(held) = elements.held(scope, steps) {
                let count = held.len();
                let shown = held.into_iter().take(ELEMENTS_MAX).map(Value::from).collect();
                entry.insert("found".to_owned(), Value::from(count));
                entry.insert("elements".to_owned(), Value::Array(shown));
            }
            entry
        }
        Node::Test(test) => of_test(test, scope, steps),
    };
    if !wanted {
        entry.insert("not".to_owned(), Value::Bool(true));
    }
    matched.push(Value::Object(entry));
}

impl Elements {
    /// The places of the elements for which the inner condition holds.
    fn held(&self, scope: Scope<'_>, steps: &mut Steps) -> Result<Vec<usize>, Exhausted> {
        let mut held = Vec::new();
        for (place, element) in self.array(scope).iter().enumerate() {
            if holds(&self.inner, scope.of(element), steps)? {
                held.push(place);
            }
        }
        Ok(held)
    }
}

/// A test and what it found, as alerts have it.
fn of_test(test: &Test, scope: Scope<'_>, steps: &mut Steps) -> Object {
    let mut entry = test.left.written();
    entry.insert("op".to_owned(), Value::from(test.operator.word()));
    let seen = Seen::of(test, scope, steps);
    let field = match &test.right {
        Right::Field(path) => Some(Value::from(path.text.as_str())),
        _ => None,
    };
    let value = shown(&test.value);
    for (name, value) in [
        ("value", value),
        ("field", field),
        ("found", seen.found),
        ("other", seen.other),
        ("before", seen.before),
    ] {
        if let Some(value) = value {
            entry.insert(name.to_owned(), value);
        }
    }
    entry
}

/// The values that a test has seen.
struct Seen {
    found: Option<Value>,
    other: Option<Value>,
    before: Option<Value>,
}

impl Seen {
    fn of(test: &Test, scope: Scope<'_>, steps: &mut Steps) -> Self {
        let mut find = |when| match test.left.find(scope, when, steps) {
            Ok(Found::Value(value)) => shown(value),
            Ok(Found::Quantity(quantity)) => quantity.shown().map(Value::Number),
            _ => None,
        };
        let found = find(When::Now);
        let before = test.operator.is_change().then(|| find(When::Before)).flatten();
        let other = match &test.right {
            Right::Field(path) => path.find(scope).and_then(shown),
            _ => None,
        };
        Self { found, other, before }
    }
}

/// A value that is short, or the beginning of a text.
fn shown(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Object(_) => None,
        // What a condition has is short.
        Value::Array(values) if values.len() <= ELEMENTS_MAX => {
            let scalar = |value: &Value| !value.is_array() && !value.is_object();
            let all = values.iter().all(scalar);
            all.then(|| values.iter().map(|it| shown(it).unwrap_or_default()).collect())
        }
        Value::Array(_) => None,
        Value::String(text) if text.len() > TEXT_BYTES_MAX => {
            let end = (0..=TEXT_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end));
            Some(Value::from(format!("{}…", &text[..end.unwrap_or(0)])))
        }
        Value::Number(number) if number.as_str().len() > TEXT_BYTES_MAX => None,
        value => Some(value.clone()),
    }
}

/// See [`super::Condition::explain`].
pub(super) fn reason(root: &Node, facts: Facts<'_>) -> Reason {
    of(root, String::new(), Scope::whole(facts), &mut Steps::default())
}

fn of(node: &Node, at: String, scope: Scope<'_>, steps: &mut Steps) -> Reason {
    let held = holds(node, scope, steps).ok();
    let blank = Reason {
        at: at.clone(),
        element: None,
        says: String::new(),
        held,
        found: None,
        other: None,
        before: None,
        inner: Vec::new(),
    };
    match node {
        Node::All(parts) | Node::Any(parts) => {
            let word = if matches!(node, Node::All(_)) { "all" } else { "any" };
            let parts = parts.written.iter().enumerate();
            let inner =
                parts.map(|(index, part)| of(part, format!("{at}/{word}/{index}"), scope, steps));
            Reason { inner: inner.collect(), says: word.to_owned(), ..blank }
        }
        Node::Not(inner) => {
            let inner = vec![of(inner, format!("{at}/not"), scope, steps)];
            Reason { inner, says: "not".to_owned(), ..blank }
        }
        Node::Elements(elements) => {
            let array = elements.array(scope);
            let shown = array.iter().enumerate().take(ELEMENTS_MAX);
            let inner = shown.map(|(index, element)| {
                let reason = of(&elements.inner, format!("{at}/where"), scope.of(element), steps);
                Reason { element: Some(index), ..reason }
            });
            let says = format!("{} {} where", elements.quantifier.word(), elements.path.text);
            let found = Some(Value::from(array.len()));
            Reason { inner: inner.collect(), says, found, ..blank }
        }
        Node::Test(test) => {
            let seen = Seen::of(test, scope, steps);
            let Seen { found, other, before } = seen;
            Reason { says: test.says(), found, other, before, ..blank }
        }
    }
}

impl Left {
    /// As the condition has it.
    fn written(&self) -> Object {
        let text = |path: &Path| Value::from(path.text.as_str());
        let (name, value) = match self {
            Self::Path(path) => ("path", text(path)),
            Self::Sum(path) => ("sum", text(path)),
            Self::Ratio(left, right) => ("ratio", Value::Array(vec![text(left), text(right)])),
            Self::Difference(left, right) => {
                ("difference", Value::Array(vec![text(left), text(right)]))
            }
        };
        Object::from_iter([(name.to_owned(), value)])
    }

    pub(crate) fn says(&self) -> String {
        match self {
            Self::Path(path) => path.text.clone(),
            Self::Sum(path) => format!("sum of {}", path.text),
            Self::Ratio(upper, lower) => format!("{} / {}", upper.text, lower.text),
            Self::Difference(left, right) => format!("{} - {}", left.text, right.text),
        }
    }
}

impl Test {
    /// In words.
    pub(crate) fn says(&self) -> String {
        let head = format!("{} {}", self.left.says(), self.operator.word());
        match &self.right {
            Right::Field(path) => format!("{head} {}", path.text),
            _ if self.operator.is_unary() => head,
            _ => format!("{head} {}", self.value),
        }
    }
}
