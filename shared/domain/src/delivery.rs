//! One attempt to tell a function about one object.

use std::fmt;

use crate::{Instant, ObjectName};

/// The identity of one version of an object.
///
/// Cloud Storage promises that generations are unique, not that they increase: compare them for
/// equality only. (Cloud Storage documentation, "Object versioning".) That is why there is no
/// `Ord` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation(pub u64);

impl Generation {
    /// Reads the decimal form that headers, attributes and JSON use.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the object version of a delivery took the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrote {
    /// The name was free.
    Nothing,
    /// This version was live before.
    Generation(Generation),
    /// The push carried no attributes, so it cannot be known from it.
    Unknown,
}

/// A finalized object version that a function is told about, perhaps not for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The name of the object, parsed.
    pub name: ObjectName,
    /// The version that was finalized; it need not be live any more.
    pub generation: Generation,
    /// What that version replaced.
    pub overwrote: Overwrote,
    /// When Cloud Storage created that version, if the push carried the object resource.
    pub created_at: Option<Instant>,
}
