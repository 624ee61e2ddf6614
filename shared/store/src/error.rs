//! What went wrong, by what the caller can do about it.

use std::fmt;

use domain::{Disposition, Failure, Outcome};

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
    /// The content can never be read or written: damaged, or beyond
    /// [`crate::content_bytes_max`].
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

impl Error {
    /// The end of a delivery whose handler cannot go on: it comes again, unless the content of an
    /// object is at fault. A request that can never succeed is a mistake of ours or of the
    /// configuration: its delivery ends in the dead-letter topic, not as handled.
    pub fn outcome(self) -> Outcome {
        match self.kind {
            ErrorKind::Throttled => Err(Failure::Throttled(self.message)),
            ErrorKind::Unusable => Ok(Disposition::Rejected(vec![self.message])),
            ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Rejected => {
                Err(Failure::Retry(self.message))
            }
        }
    }
}
