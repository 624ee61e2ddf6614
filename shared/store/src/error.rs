//! What went wrong, by what the caller can do about it.

use std::fmt;

use domain::Failure;

/// What the caller of a failed operation can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The precondition did not hold: somebody wrote first, or this write was applied and its
    /// answer lost. Read again and decide again.
    Conflict,
    /// The service asked to slow down, as it does when one object takes more than about one
    /// write per second. Wait, read again: the work may be done already.
    Throttled,
    /// The service did not answer, or not in full, or does not permit it at present. The
    /// operation may have taken effect. Try later.
    Unavailable,
    /// The object is there, and its content can never be used: damaged, or beyond any bound.
    Unusable,
    /// The request can never succeed as it is.
    Rejected,
}

/// A failed storage operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What the caller can do.
    pub kind: ErrorKind,
    /// Operation, object and cause for the log; no bodies and no tokens.
    message: String,
}

impl Error {
    /// Makes an error of `kind` whose message begins with the operation and the object:
    /// `put env/dev/…: answer 503`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// A handler that cannot go on asks for another delivery, whatever the reason.
impl From<Error> for Failure {
    fn from(err: Error) -> Self {
        match err.kind {
            ErrorKind::Throttled => Self::Throttled(err.message),
            ErrorKind::Conflict
            | ErrorKind::Unavailable
            | ErrorKind::Unusable
            | ErrorKind::Rejected => Self::Retry(err.message),
        }
    }
}
