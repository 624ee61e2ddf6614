//! IAM conditions, as far as `terraform/` uses them: `startsWith` on the name of an object and on
//! the prefix of a listing, `&&`, `||`, `!` and brackets. Anything else is an error.
//! (IAM documentation, "Attribute reference for IAM Conditions".)

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};

/// Logical operators that a condition may have. (IAM documentation, "Overview of IAM Conditions".)
pub(crate) const OPERATORS_MAX: usize = 12;

const NAME: &str = "resource.name";
const LIST_PREFIX: &str = "api.getAttribute(\"storage.googleapis.com/objectListPrefix\", \"\")";
const STARTS_WITH: &str = ".startsWith(\"";

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The resource's name begins with it.
    Name(String),
    /// The prefix that is listed begins with it.
    ListPrefix(String),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// The full name of the bucket or of the object.
    pub(crate) resource: &'a str,
    /// The prefix of a listing.
    pub(crate) list_prefix: &'a str,
}

impl Condition {
    /// Reads an expression.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut rest = text.trim();
        let condition = or(&mut rest)?;
        ensure!(rest.is_empty(), "condition has {rest:?} where it should end");
        Ok(condition)
    }

    /// Whether a request fulfils it.
    pub(crate) fn holds(&self, request: Request<'_>) -> bool {
        match self {
            Self::Name(prefix) => request.resource.starts_with(prefix),
            Self::ListPrefix(prefix) => request.list_prefix.starts_with(prefix),
            Self::Not(it) => !it.holds(request),
            Self::And(a, b) => a.holds(request) && b.holds(request),
            Self::Or(a, b) => a.holds(request) || b.holds(request),
        }
    }

    /// What is left of it without the names that begin with one of `prefixes`; `None` when nothing
    /// fulfils it any more. Takes each prefix that it finds out of `prefixes`.
    pub(crate) fn without(&self, prefixes: &mut BTreeSet<String>) -> Option<Self> {
        match self {
            Self::Name(prefix) if prefixes.remove(prefix) => None,
            Self::Name(_) | Self::ListPrefix(_) | Self::Not(_) => Some(self.clone()),
            Self::And(a, b) => Some(Self::And(a.without(prefixes)?.into(), b.clone())),
            Self::Or(a, b) => match (a.without(prefixes), b.without(prefixes)) {
                (Some(a), Some(b)) => Some(Self::Or(a.into(), b.into())),
                (a, b) => a.or(b),
            },
        }
    }

    /// How many logical operators it has.
    pub(crate) fn operators(&self) -> usize {
        match self {
            Self::Name(_) | Self::ListPrefix(_) => 0,
            Self::Not(it) => 1 + it.operators(),
            Self::And(a, b) | Self::Or(a, b) => 1 + a.operators() + b.operators(),
        }
    }
}

fn or(rest: &mut &str) -> Result<Condition> {
    let mut left = and(rest)?;
    while take(rest, "||") {
        left = Condition::Or(Box::new(left), Box::new(and(rest)?));
    }
    Ok(left)
}

fn and(rest: &mut &str) -> Result<Condition> {
    let mut left = unary(rest)?;
    while take(rest, "&&") {
        left = Condition::And(Box::new(left), Box::new(unary(rest)?));
    }
    Ok(left)
}

fn unary(rest: &mut &str) -> Result<Condition> {
    if take(rest, "!") {
        return Ok(Condition::Not(Box::new(unary(rest)?)));
    }
    if take(rest, "(") {
        let inner = or(rest)?;
        ensure!(take(rest, ")"), "condition lacks a bracket before {rest:?}");
        return Ok(inner);
    }
    let make: fn(String) -> Condition = if take(rest, NAME) {
        Condition::Name
    } else if take(rest, LIST_PREFIX) {
        Condition::ListPrefix
    } else {
        bail!("condition has {rest:?}, which is not among what is understood here");
    };
    ensure!(
        take(rest, STARTS_WITH),
        "condition tests with {rest:?}; only startsWith is understood"
    );
    let Some((prefix, after)) = rest.split_once("\")") else {
        bail!("condition has a text without an end: {rest:?}");
    };
    ensure!(!prefix.contains(['"', '\\']), "condition has an escaped text: {prefix:?}");
    *rest = after.trim_start();
    Ok(make(prefix.to_owned()))
}

/// Takes `word` and the spaces behind it from the beginning of `rest`, if it is there.
fn take(rest: &mut &str, word: &str) -> bool {
    let Some(after) = rest.strip_prefix(word) else { return false };
    *rest = after.trim_start();
    true
}
