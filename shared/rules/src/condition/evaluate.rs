//! Whether a condition holds, within so many steps.

use serde_json::Value;

use super::{Elements, Facts, Node, Quantifier};

/// The most steps of one evaluation of a condition. A step is about what it takes to look up a
/// field: some ten nanoseconds.
pub const STEPS_MAX: usize = 1_000_000;

/// How many steps an evaluation may still take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    left: usize,
}

/// An evaluation has taken all its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

impl Default for Steps {
    fn default() -> Self {
        Self::of(STEPS_MAX)
    }
}

impl Steps {
    /// So many.
    pub fn of(left: usize) -> Self {
        Self { left }
    }

    /// How many are left.
    pub fn left(self) -> usize {
        self.left
    }

    pub(crate) fn less(self, steps: usize) -> Self {
        Self { left: self.left.saturating_sub(steps) }
    }

    pub(crate) fn take(&mut self, steps: usize) -> Result<(), Exhausted> {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Exhausted)
            }
        }
    }
}

/// Where a condition is evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) facts: Facts<'a>,
    /// The document, or the element that a quantifier looks at.
    pub(crate) here: &'a Value,
}

impl<'a> Scope<'a> {
    pub(crate) fn whole(facts: Facts<'a>) -> Self {
        Self { facts, here: facts.document }
    }

    pub(crate) fn of(self, element: &'a Value) -> Self {
        Self { here: element, ..self }
    }
}

/// Whether `node` holds. The cheapest parts are asked first, and no more than decide.
pub(crate) fn holds(node: &Node, scope: Scope<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    steps.take(1)?;
    match node {
        Node::All(parts) => {
            for part in parts.cheapest_first() {
                if !holds(part, scope, steps)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Node::Any(parts) => {
            for part in parts.cheapest_first() {
                if holds(part, scope, steps)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Node::Not(inner) => Ok(!holds(inner, scope, steps)?),
        Node::Elements(elements) => holds_for(elements, scope, steps),
        Node::Test(test) => test.holds(scope, steps),
    }
}

fn holds_for(elements: &Elements, scope: Scope<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    let array = elements.array(scope);
    // The answer that one element decides.
    let (decisive, answer) = match elements.quantifier {
        Quantifier::One => (true, true),
        Quantifier::Every => (false, false),
        Quantifier::No => (true, false),
    };
    for element in array {
        if holds(&elements.inner, scope.of(element), steps)? == decisive {
            return Ok(answer);
        }
    }
    Ok(match elements.quantifier {
        Quantifier::Every => !array.is_empty(),
        _ => !answer,
    })
}

impl Elements {
    /// The elements. What is missing or no array has none.
    pub(crate) fn array<'a>(&self, scope: Scope<'a>) -> &'a [Value] {
        match self.path.find(scope) {
            Some(Value::Array(elements)) => elements,
            _ => &[],
        }
    }
}
