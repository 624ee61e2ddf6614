//! What a rule asks of a document.
//!
//! A condition is a tree: `all`, `any`, `not`, a quantifier over an array, and at its leaves
//! tests. `docs/rules.md` is the language as its users read it. What has to hold of any condition
//! and any document, however hostile: an evaluation ends within its steps, and takes no memory that
//! grows with more than the document.

mod evaluate;
mod explain;
mod operand;
mod operator;
mod read;
mod test;

use domain::Instant;
use serde_json::Value;

pub use evaluate::{Exhausted, STEPS_MAX, Steps};
pub use explain::Reason;
pub use read::Wrong;

pub(crate) use operand::{Left, Path};
pub(crate) use operator::Operator;
pub(crate) use read::pointed;
pub(crate) use test::{Right, Test};

/// The most levels of `all`, `any`, `not` and quantifiers in one another.
pub const DEPTH_MAX: usize = 8;

/// The most parts of a condition: tests and what holds them together.
pub const NODES_MAX: usize = 200;

/// The most regular expressions of a condition.
pub const PATTERNS_MAX: usize = 4;

/// The most bytes of a regular expression.
pub const PATTERN_BYTES_MAX: usize = 256;

/// The most bytes of a path.
pub const PATH_BYTES_MAX: usize = 512;

/// The most values of `in`.
pub const VALUES_MAX: usize = 100;

/// The most tests that an alert repeats.
pub const MATCHED_MAX: usize = 100;

/// A condition, prepared to be evaluated.
#[derive(Clone, Debug)]
pub struct Condition {
    root: Node,
    nodes: usize,
}

/// What a condition is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The document as it is.
    pub document: &'a Value,
    /// The document as it was in the version before; `None` where there is none that was live.
    pub before: Option<&'a Value>,
    /// The present.
    pub now: Instant,
}

/// A part of a condition.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// Each of them holds.
    All(Parts),
    /// One of them holds.
    Any(Parts),
    /// It does not hold.
    Not(Box<Node>),
    /// It holds for so many elements of an array.
    Elements(Elements),
    /// A test of one value.
    Test(Box<Test>),
}

/// Parts as they are written, and the order in which they are evaluated: the cheapest first.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) written: Vec<Node>,
    order: Vec<usize>,
}

/// A quantifier.
#[derive(Clone, Debug)]
pub(crate) struct Elements {
    pub(crate) quantifier: Quantifier,
    pub(crate) path: Path,
    pub(crate) inner: Box<Node>,
}

/// For how many elements of an array a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// At least one.
    One,
    /// All, and there is one.
    Every,
    /// None, or there is none.
    No,
}

impl Quantifier {
    pub(crate) const ALL: [(&str, Self); 3] =
        [("any_of", Self::One), ("all_of", Self::Every), ("none_of", Self::No)];

    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, it)| *it == self).map_or("", |(word, _)| word)
    }
}

impl Condition {
    /// Reads a condition. `at` is the JSON pointer to it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, and where.
    pub fn read(condition: &Value, at: &str) -> Result<Self, Vec<Wrong>> {
        read::condition(condition, at)
    }

    /// Whether it holds.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] when that takes more than `steps`.
    pub fn holds(&self, facts: Facts<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
        evaluate::holds(&self.root, evaluate::Scope::whole(facts), steps)
    }

    /// The tests for which it holds, for the alert: `{path, op, value, found}` each. What `steps` do not
    /// reach for is left out.
    pub fn matched(&self, facts: Facts<'_>, steps: Steps) -> Value {
        explain::matched(&self.root, facts, steps)
    }

    /// Which parts hold and why, without sparing any.
    pub fn explain(&self, facts: Facts<'_>) -> Reason {
        explain::reason(&self.root, facts)
    }

    /// Whether it compares with the version before.
    pub fn compares_with_before(&self) -> bool {
        self.root.any_test(&|test| test.operator.is_change())
    }

    /// Whether it depends on the present: it can begin or cease to hold with no event.
    pub fn depends_on_time(&self) -> bool {
        self.root.any_test(&|test| matches!(test.operator, Operator::OlderThan | Operator::Within))
    }

    /// How many parts it has.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }
}

impl Node {
    fn any_test(&self, asked: &dyn Fn(&Test) -> bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.written.iter().any(|part| part.any_test(asked))
            }
            Self::Not(inner) => inner.any_test(asked),
            Self::Elements(elements) => elements.inner.any_test(asked),
            Self::Test(test) => asked(test),
        }
    }

    /// About how much it takes to evaluate, for the order.
    fn cost(&self) -> usize {
        /// As if each array had so many elements.
        const ELEMENTS: usize = 16;
        match self {
            Self::All(parts) | Self::Any(parts) => parts.written.iter().map(Self::cost).sum(),
            Self::Not(inner) => inner.cost(),
            Self::Elements(elements) => 1 + ELEMENTS.saturating_mul(elements.inner.cost()),
            Self::Test(test) => test.cost(),
        }
    }
}

impl Parts {
    fn new(written: Vec<Node>) -> Self {
        let mut order: Vec<(usize, usize)> = Vec::with_capacity(written.len());
        for (place, part) in written.iter().enumerate() {
            let cost = part.cost();
            order.insert(order.partition_point(|(other, _)| *other <= cost), (cost, place));
        }
        let order = order.into_iter().map(|(_, place)| place).collect();
        Self { written, order }
    }

    fn cheapest_first(&self) -> impl Iterator<Item = &Node> {
        self.order.iter().map(|place| &self.written[*place])
    }
}
