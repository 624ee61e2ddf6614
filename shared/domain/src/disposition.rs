//! How the handling of a delivery ends.

/// An end that needs no further delivery: the push is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// What had to be written is written.
    Done,
    /// There was nothing to do; the reason is a constant for the log.
    Skipped(&'static str),
    /// The object can never be handled as it is. Every reason is kept: the delivery is
    /// quarantined before it is acknowledged.
    Rejected(Vec<String>),
}

/// An end that asks for another delivery: the push is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may succeed later. Every unknown error is one of these.
    #[error("{0}")]
    Retry(String),
    /// It may succeed later, and the service asked to slow down.
    #[error("{0}")]
    Throttled(String),
}

/// How one delivery ended.
pub type Outcome = Result<Disposition, Failure>;
