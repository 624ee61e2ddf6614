//! Why something was not sent.

use std::fmt;

/// Why something was not sent, in words that hold nothing of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// Whether another attempt shortly afterwards makes sense.
    pub passes: bool,
    /// One line, lower case.
    pub reason: String,
}

impl Unsent {
    /// What another attempt may mend.
    pub fn passing(reason: impl Into<String>) -> Self {
        Self { passes: true, reason: reason.into() }
    }

    /// What somebody has to mend.
    pub fn lasting(reason: impl Into<String>) -> Self {
        Self { passes: false, reason: reason.into() }
    }

    /// The same, of `target`.
    pub(crate) fn of(self, target: &impl fmt::Display) -> Self {
        Self { reason: format!("{target}: {}", self.reason), ..self }
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
