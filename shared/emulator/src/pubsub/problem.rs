//! Why Pub/Sub does not do what it is asked. (Google APIs documentation, "Errors".)

use super::names;

/// The canonical code of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidArgument,
    NotFound,
    AlreadyExists,
    FailedPrecondition,
    Unimplemented,
    Unavailable,
}

impl Code {
    /// The HTTP status, and the name in the body.
    pub(crate) fn status(self) -> (u16, &'static str) {
        match self {
            Self::InvalidArgument => (400, "INVALID_ARGUMENT"),
            Self::NotFound => (404, "NOT_FOUND"),
            Self::AlreadyExists => (409, "ALREADY_EXISTS"),
            Self::FailedPrecondition => (400, "FAILED_PRECONDITION"),
            Self::Unimplemented => (501, "UNIMPLEMENTED"),
            Self::Unavailable => (503, "UNAVAILABLE"),
        }
    }
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// The service names an argument that it cannot make sense of, and no more.
    pub(crate) fn argument(name: &str) -> Self {
        let message =
            format!("You have passed an invalid argument to the service (argument={name}).");
        Self::invalid(message)
    }

    pub(crate) fn missing(name: &str) -> Self {
        let message = format!("Resource not found (resource={}).", names::parts(name).1);
        Self::new(Code::NotFound, message)
    }

    pub(crate) fn exists(name: &str) -> Self {
        let id = names::parts(name).1;
        let message = format!("Resource already exists in the project (resource={id}).");
        Self::new(Code::AlreadyExists, message)
    }

    /// `what` is more than the service takes.
    pub(crate) fn too_large(what: &str, value: usize, max: usize) -> Self {
        Self::invalid(format!(
            "The value for {what} is too large. You passed {value} in the request, but the \
             maximum value is {max}."
        ))
    }
}

/// Nothing was changed, since it could not be recorded.
impl From<std::io::Error> for Problem {
    fn from(err: std::io::Error) -> Self {
        Self::new(Code::Unavailable, format!("The change cannot be recorded: {err}"))
    }
}

impl From<super::filter::FilterError> for Problem {
    fn from(err: super::filter::FilterError) -> Self {
        Self::invalid(err.to_string())
    }
}
