//! What is understood and cannot be meant: conditions that never hold, fields that no document has,
//! comparisons of two types.

mod contradiction;
mod shape;

use std::fmt;

use serde_json::Value;

use crate::condition::{
    Elements, Left, Node, Operator, Path, Quantifier, Right, Test, Wrong, pointed,
};
use crate::rule::{Rule, When};
use shape::{Shape, Step, Types};

/// Something that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What and where.
    pub wrong: Wrong,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It can be meant.
    Warning,
    /// It never holds, or always.
    Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Warning => "warning",
            Level::Error => "error",
        };
        write!(f, "{level}: {}", self.wrong)
    }
}

/// Looks at `rule`. `schema` is the JSON Schema of the kind that it is about; without one, fields
/// and types are not looked at.
pub fn lint(rule: &Rule, schema: Option<&Value>) -> Vec<Finding> {
    let mut linter = Linter { findings: Vec::new() };
    let top = schema.map(Shape::of);
    let scope = Scope { top: top.clone(), here: top };
    linter.node(rule.condition.root(), "/condition", &scope);
    linter.firing(rule);
    linter.findings
}

/// The shapes that paths begin at.
#[derive(Clone)]
struct Scope<'a> {
    top: Option<Shape<'a>>,
    here: Option<Shape<'a>>,
}

struct Linter {
    findings: Vec<Finding>,
}

impl Linter {
    fn say(&mut self, level: Level, at: String, what: impl Into<String>) {
        self.findings.push(Finding { level, wrong: Wrong { at, what: what.into() } });
    }

    fn firing(&mut self, rule: &Rule) {
        if !rule.condition.compares_with_before() {
            return;
        }
        let holds = "a test of a change holds for one version";
        if rule.firing.when != When::OnEnter {
            let what = format!("{holds}: the rule does not stay open");
            self.say(Level::Warning, "/fires/when".to_owned(), what);
        }
        if rule.firing.cooldown.is_some() {
            let what = format!("{holds}: each is told, whatever was before");
            self.say(Level::Warning, "/fires/cooldown".to_owned(), what);
        }
    }

    fn node(&mut self, node: &Node, at: &str, scope: &Scope<'_>) {
        match node {
            Node::All(parts) => {
                self.parts(&parts.written, &pointed(at, "all"), scope);
                for (at, what) in contradiction::within(&parts.written, &pointed(at, "all")) {
                    self.say(Level::Error, at, what);
                }
            }
            Node::Any(parts) => self.parts(&parts.written, &pointed(at, "any"), scope),
            Node::Not(inner) => self.node(inner, &pointed(at, "not"), scope),
            Node::Elements(elements) => self.elements(elements, at, scope),
            Node::Test(test) => self.test(test, at, scope),
        }
    }

    fn parts(&mut self, parts: &[Node], at: &str, scope: &Scope<'_>) {
        let mut said: Vec<String> = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let at = format!("{at}/{index}");
            if let Node::Test(test) = part {
                let says = test.says();
                if said.contains(&says) {
                    self.say(Level::Warning, at.clone(), "is there twice");
                }
                said.push(says);
            }
            self.node(part, &at, scope);
        }
    }

    fn elements(&mut self, elements: &Elements, at: &str, scope: &Scope<'_>) {
        let place = pointed(at, elements.quantifier.word());
        let array = self.path(&elements.path, &place, scope);
        if let Some(array) = &array {
            let types = array.types();
            if !types.has(Types::ARRAY) {
                let never = match elements.quantifier {
                    Quantifier::No => "always holds",
                    _ => "never holds",
                };
                self.say(Level::Error, place, format!("{never}: it is {types}, no array"));
            }
        }
        let here = array.and_then(|array| match array.step("*") {
            Step::To(element) => Some(element),
            _ => None,
        });
        let inner = Scope { top: scope.top.clone(), here };
        self.node(&elements.inner, &pointed(at, "where"), &inner);
    }

    /// What is at a path, as far as the schema says.
    fn path<'a>(&mut self, path: &Path, at: &str, scope: &Scope<'a>) -> Option<Shape<'a>> {
        let from = if path.is_from_top() { &scope.top } else { &scope.here };
        let mut shape = from.clone()?;
        for name in &path.steps {
            match shape.step(name) {
                Step::To(next) => shape = next,
                Step::Unknown => return None,
                Step::Undeclared => {
                    let what = format!("the schema knows no field {name:?} there");
                    self.say(Level::Warning, at.to_owned(), what);
                    return None;
                }
                Step::Never(why) => {
                    self.say(Level::Error, at.to_owned(), format!("no document has it: {why}"));
                    return None;
                }
            }
        }
        Some(shape)
    }

    fn test(&mut self, test: &Test, at: &str, scope: &Scope<'_>) {
        let (left_at, left) = match &test.left {
            Left::Path(path) => {
                let left_at = pointed(at, "path");
                let shape = self.path(path, &left_at, scope);
                (left_at, shape)
            }
            Left::Sum(path) => {
                let left_at = pointed(at, "sum");
                self.number(path, &left_at, scope);
                (left_at, Some(Shape::number()))
            }
            Left::Ratio(left, right) | Left::Difference(left, right) => {
                let word =
                    if matches!(test.left, Left::Ratio(..)) { "ratio" } else { "difference" };
                let left_at = pointed(at, word);
                self.number(left, &pointed(&left_at, "0"), scope);
                self.number(right, &pointed(&left_at, "1"), scope);
                (left_at, Some(Shape::number()))
            }
        };
        let value_at = pointed(at, "value");
        if let Some(what) = empty(test) {
            self.say(Level::Error, value_at.clone(), what);
        }
        if let Right::Field(path) = &test.right {
            let field_at = pointed(at, "field");
            let right = self.path(path, &field_at, scope);
            if let Some((left, right)) = left.as_ref().zip(right)
                && let Some(what) = fields_clash(test.operator, left, &right)
            {
                self.say(Level::Error, field_at, what);
            }
            return;
        }
        let Some(left) = left else { return };
        if let Some(needed) = needed(test.operator)
            && !left.types().meets(needed)
        {
            let what =
                format!("{} needs {needed}, and it is {}", test.operator.word(), left.types());
            self.say(Level::Error, left_at, what);
            return;
        }
        for value in constants(test) {
            if let Some(what) = clash(test.operator, &left, value) {
                self.say(Level::Error, value_at.clone(), what);
            }
        }
    }

    fn number(&mut self, path: &Path, at: &str, scope: &Scope<'_>) {
        let Some(shape) = self.path(path, at, scope) else { return };
        if !shape.types().meets(Types::NUMBER) {
            self.say(Level::Error, at.to_owned(), format!("it is {}, no number", shape.types()));
        }
    }
}

/// Why a right side is fulfilled by nothing.
fn empty(test: &Test) -> Option<&'static str> {
    let Right::Bounds(bounds) = &test.right else { return None };
    let [low, high] = &**bounds;
    let above = domain::scalar::order(&low.value, &high.value).is_gt();
    above.then_some("nothing lies between: the first bound is above the second")
}

/// The types of which a value has to have one, whatever stands on the right.
fn needed(operator: Operator) -> Option<Types> {
    match operator {
        Operator::Matches | Operator::StartsWith | Operator::OlderThan | Operator::Within => {
            Some(Types::TEXT)
        }
        Operator::IncreasedBy | Operator::DecreasedBy => Some(Types::NUMBER),
        Operator::Includes | Operator::NotIncludes => Some(Types::ARRAY.or(Types::TEXT)),
        Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte | Operator::Between => {
            Some(Types::NUMBER.or(Types::TEXT))
        }
        _ => None,
    }
}

/// The values on the right that are compared as they are.
fn constants(test: &Test) -> Vec<&Value> {
    match &test.right {
        Right::Constant(constant) => vec![&constant.value],
        Right::OneOf(values) => values.iter().map(|it| &it.value).collect(),
        Right::Bounds(bounds) => bounds.iter().map(|it| &it.value).collect(),
        _ => Vec::new(),
    }
}

/// Why a value that the schema allows is never the one on the right.
fn clash(operator: Operator, left: &Shape<'_>, value: &Value) -> Option<String> {
    let types = left.types();
    match operator {
        Operator::Includes | Operator::NotIncludes if types.has(Types::ARRAY) => {
            match left.step("*") {
                Step::To(element) if !types.has(Types::TEXT) => {
                    clash(Operator::Eq, &element, value)
                }
                _ => None,
            }
        }
        _ if !types.meets(Types::of(value)) => {
            Some(format!("it is {types}, and this is {}", Types::of(value)))
        }
        Operator::Eq
        | Operator::Neq
        | Operator::In
        | Operator::ChangedFrom
        | Operator::ChangedTo => left
            .refuses(value)
            .map(|values| format!("the schema has no such value there: {values}")),
        _ => None,
    }
}

fn fields_clash(operator: Operator, left: &Shape<'_>, right: &Shape<'_>) -> Option<String> {
    let (left, right) = (left.types(), right.types());
    let clashes = match operator {
        Operator::In => !right.has(Types::ARRAY),
        Operator::Includes | Operator::NotIncludes => false,
        _ => !left.meets(right),
    };
    clashes.then(|| match operator {
        Operator::In => format!("it is {right}, no array"),
        _ => format!("the one is {left}, the other {right}"),
    })
}
