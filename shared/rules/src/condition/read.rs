//! Reading a condition, and what is wrong with one.

use std::fmt;

use domain::json::Object;
use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;

use super::operand::EACH;
use super::test::Constant;
use super::{
    Condition, DEPTH_MAX, Elements, Left, NODES_MAX, Node, Operator, PATH_BYTES_MAX,
    PATTERN_BYTES_MAX, PATTERNS_MAX, Parts, Path, Quantifier, Right, Test, VALUES_MAX,
};
use crate::duration::Span;
use crate::quantity::{Amount, DIGITS_MAX};

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The JSON pointer to it in the rule.
    pub at: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.at.is_empty() { "/" } else { &self.at };
        write!(f, "{at}: {}", self.what)
    }
}

/// Sizes that a compiled regular expression may have, in bytes. It is about linear in what a byte
/// of a text takes.
const PATTERN_SIZES: [usize; 4] = [1 << 10, 1 << 12, 1 << 13, 1 << 14];

/// Bytes of a compiled regular expression that take a step for each byte of a text.
const PATTERN_BYTES_PER_STEP: usize = 256;

/// The deepest groups in a regular expression.
const PATTERN_DEPTH_MAX: u32 = 16;

/// The most `*` in a path.
const EACH_MAX: usize = 3;

/// The JSON pointer to `name` in what is at `at`.
pub(crate) fn pointed(at: &str, name: &str) -> String {
    // RFC 6901, section 3.
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

pub(super) fn condition(condition: &Value, at: &str) -> Result<Condition, Vec<Wrong>> {
    let mut reader = Reader { nodes: 0, patterns: 0, wrong: Vec::new() };
    let root = reader.node(condition, at, Place { depth: 0, in_elements: false });
    match root {
        Some(root) if reader.wrong.is_empty() => Ok(Condition { root, nodes: reader.nodes }),
        _ => Err(reader.wrong),
    }
}

#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    in_elements: bool,
}

/// What was read so far, and everything that was wrong.
struct Reader {
    nodes: usize,
    patterns: usize,
    wrong: Vec<Wrong>,
}

impl Reader {
    fn refuse<T>(&mut self, at: impl Into<String>, what: impl Into<String>) -> Option<T> {
        self.wrong.push(Wrong { at: at.into(), what: what.into() });
        None
    }

    fn node(&mut self, value: &Value, at: &str, place: Place) -> Option<Node> {
        if self.nodes >= NODES_MAX {
            // Once is enough.
            if self.nodes == NODES_MAX {
                self.nodes += 1;
                self.refuse::<()>(at, format!("has more than {NODES_MAX} parts"));
            }
            return None;
        }
        self.nodes += 1;
        if place.depth > DEPTH_MAX {
            return self.refuse(at, format!("is nested deeper than {DEPTH_MAX} levels"));
        }
        let Value::Object(object) = value else {
            return self.refuse(at, "is no object");
        };
        let inner = Place { depth: place.depth + 1, ..place };
        for (word, quantifier) in Quantifier::ALL {
            if object.contains_key(word) {
                let inner = Place { in_elements: true, ..inner };
                return self.elements(object, at, quantifier, inner);
            }
        }
        for (word, node) in [("all", Node::All as fn(Parts) -> Node), ("any", Node::Any)] {
            if let Some(parts) = object.get(word) {
                let closed = self.closed(object, at, &[word]);
                let parts = self.parts(parts, &pointed(at, word), inner);
                return closed.and(parts).map(node);
            }
        }
        if let Some(negated) = object.get("not") {
            let closed = self.closed(object, at, &["not"]);
            let negated = self.node(negated, &pointed(at, "not"), inner);
            return closed.and(negated).map(|negated| Node::Not(Box::new(negated)));
        }
        self.test(object, at, place).map(|test| Node::Test(Box::new(test)))
    }

    fn parts(&mut self, parts: &Value, at: &str, place: Place) -> Option<Parts> {
        let Some(parts) = parts.as_array().filter(|parts| !parts.is_empty()) else {
            return self.refuse(at, "is no array with something in it");
        };
        let mut read = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if self.nodes > NODES_MAX {
                break;
            }
            read.extend(self.node(part, &format!("{at}/{index}"), place));
        }
        (read.len() == parts.len()).then(|| Parts::new(read))
    }

    fn elements(
        &mut self,
        object: &Object,
        at: &str,
        quantifier: Quantifier,
        inner: Place,
    ) -> Option<Node> {
        let word = quantifier.word();
        let closed = self.closed(object, at, &[word, "where"]);
        let path = self.path(object.get(word), &pointed(at, word), false);
        let asked = match object.get("where") {
            Some(asked) => self.node(asked, &pointed(at, "where"), inner),
            None => self.refuse(at, "has no \"where\""),
        };
        let (path, inner) = closed.and(path).zip(asked.map(Box::new))?;
        Some(Node::Elements(Elements { quantifier, path, inner }))
    }

    /// Refuses every field that is not among `known`: nobody shall take a condition for less than
    /// it says.
    fn closed(&mut self, object: &Object, at: &str, known: &[&str]) -> Option<()> {
        let unknown = object.keys().find(|key| !known.contains(&key.as_str()));
        match unknown {
            Some(key) => self.refuse(pointed(at, key), "is not known here"),
            None => Some(()),
        }
    }

    fn path(&mut self, path: Option<&Value>, at: &str, each: bool) -> Option<Path> {
        let Some(text) = path.and_then(Value::as_str).filter(|text| !text.is_empty()) else {
            return self.refuse(at, "is no path: names joined by dots");
        };
        if text.len() > PATH_BYTES_MAX {
            return self.refuse(at, format!("is longer than {PATH_BYTES_MAX} bytes"));
        }
        let path = Path::of(text);
        let stars = path.steps.iter().filter(|step| *step == EACH).count();
        match (each, stars) {
            (true, 0) => self.refuse(at, "has no * that stands for every element"),
            (true, stars) if stars > EACH_MAX => {
                self.refuse(at, format!("has more than {EACH_MAX} *"))
            }
            _ => Some(path),
        }
    }

    fn test(&mut self, object: &Object, at: &str, place: Place) -> Option<Test> {
        let known = ["path", "ratio", "difference", "sum", "op", "value", "field"];
        let closed = self.closed(object, at, &known);
        let left = self.left(object, at);
        let op_at = pointed(at, "op");
        let operator = match object.get("op").and_then(Value::as_str).map(Operator::read) {
            Some(Some(operator)) => operator,
            Some(None) => return self.refuse(op_at, "is no operator that there is"),
            None => return self.refuse(at, "has no \"op\""),
        };
        if operator.is_change() && place.in_elements {
            return self
                .refuse(op_at, "compares with the version before, whose elements are others");
        }
        let right = self.right(object, at, operator);
        let value = object.get("value").filter(|_| !operator.is_unary());
        let value = value.cloned().unwrap_or(Value::Null);
        let (left, right) = closed.and(left).zip(right)?;
        Some(Test { left, operator, right, value })
    }

    fn left(&mut self, object: &Object, at: &str) -> Option<Left> {
        let kinds = ["path", "ratio", "difference", "sum"];
        let found: Vec<&str> =
            kinds.into_iter().filter(|kind| object.contains_key(*kind)).collect();
        let [kind] = found[..] else {
            let what = "needs one of all, any, not, any_of, all_of, none_of, path, ratio, \
                        difference, sum";
            return self.refuse(at, what);
        };
        let at = pointed(at, kind);
        let value = object.get(kind);
        match kind {
            "path" => self.path(value, &at, false).map(Left::Path),
            "sum" => self.path(value, &at, true).map(Left::Sum),
            _ => {
                let Some(Value::Array(pair)) =
                    value.filter(|pair| pair.as_array().is_some_and(|pair| pair.len() == 2))
                else {
                    return self.refuse(at, "is no array of two paths");
                };
                let [left, right] =
                    [0, 1].map(|it| self.path(pair.get(it), &format!("{at}/{it}"), false));
                let (left, right) = left.zip(right)?;
                let of = if kind == "ratio" { Left::Ratio } else { Left::Difference };
                Some(of(left, right))
            }
        }
    }

    fn right(&mut self, object: &Object, at: &str, operator: Operator) -> Option<Right> {
        let (value, field) = (object.get("value"), object.get("field"));
        if operator.is_unary() {
            return match field {
                Some(_) => self.refuse(pointed(at, "field"), "has no place beside this operator"),
                None => Some(Right::Nothing),
            };
        }
        match (value, field) {
            (Some(value), None) => self.constant(value, &pointed(at, "value"), operator),
            (None, Some(field)) if operator.takes_field() => {
                self.path(Some(field), &pointed(at, "field"), false).map(Right::Field)
            }
            (None, Some(_)) => {
                self.refuse(pointed(at, "field"), "has no place beside this operator")
            }
            _ => self.refuse(at, "needs a \"value\" or a \"field\", and not both"),
        }
    }

    fn constant(&mut self, value: &Value, at: &str, operator: Operator) -> Option<Right> {
        match operator {
            Operator::In => match value.as_array() {
                Some(all) if (1..=VALUES_MAX).contains(&all.len()) => {
                    Some(Right::OneOf(all.iter().map(Constant::of).collect()))
                }
                _ => self.refuse(at, format!("is no array of 1 to {VALUES_MAX} values")),
            },
            Operator::Between => match value.as_array().map(Vec::as_slice) {
                Some([low, high])
                    if (low.is_number() && high.is_number())
                        || (low.is_string() && high.is_string()) =>
                {
                    Some(Right::Bounds(Box::new([low, high].map(Constant::of))))
                }
                _ => self.refuse(at, "is no array of two numbers or of two texts"),
            },
            Operator::Matches => self.pattern(value, at),
            Operator::StartsWith => match value {
                Value::String(_) => Some(Right::Constant(Constant::of(value))),
                _ => self.refuse(at, "is no text"),
            },
            Operator::OlderThan | Operator::Within => match value.as_str().and_then(Span::parse) {
                Some(span) => Some(Right::Span(span)),
                None => self.refuse(at, "is no span of time: 15m, 12h, 30d, 2w, or -7d"),
            },
            Operator::IncreasedBy | Operator::DecreasedBy => match Amount::read(value) {
                Some(amount) => Some(Right::Amount(amount)),
                None => {
                    let what = format!(
                        "is no number above zero of at most {DIGITS_MAX} digits, and no \
                         percentage like \"10%\""
                    );
                    self.refuse(at, what)
                }
            },
            _ => Some(Right::Constant(Constant::of(value))),
        }
    }

    fn pattern(&mut self, value: &Value, at: &str) -> Option<Right> {
        let Some(text) = value.as_str() else { return self.refuse(at, "is no text") };
        if text.len() > PATTERN_BYTES_MAX {
            return self.refuse(at, format!("is longer than {PATTERN_BYTES_MAX} bytes"));
        }
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return self.refuse(
                at,
                format!("is regular expression {}, and {PATTERNS_MAX} are the most", self.patterns),
            );
        }
        let compiled = |size: usize| -> Result<Regex, regex_lite::Error> {
            RegexBuilder::new(text).size_limit(size).nest_limit(PATTERN_DEPTH_MAX).build()
        };
        let mut last = None;
        for size in PATTERN_SIZES {
            match compiled(size) {
                Ok(pattern) => return Some(Right::Pattern(pattern, size / PATTERN_BYTES_PER_STEP)),
                Err(err) => last = Some(err),
            }
        }
        let reason = last.map_or_else(String::new, |err| err.to_string());
        self.refuse(at, format!("is no regular expression that can be used: {reason}"))
    }
}
