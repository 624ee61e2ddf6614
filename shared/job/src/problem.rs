//! Why a command cannot begin or go on.

use cloud_run::{ConfigError, SetupError};

/// One line for a person, with what to do about it where that is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(String);

impl Problem {
    /// A problem in these words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl From<store::Error> for Problem {
    fn from(err: store::Error) -> Self {
        Self(err.to_string())
    }
}

impl From<ConfigError> for Problem {
    fn from(err: ConfigError) -> Self {
        Self(err.to_string())
    }
}

impl From<SetupError> for Problem {
    fn from(err: SetupError) -> Self {
        Self(err.to_string())
    }
}

impl From<std::io::Error> for Problem {
    fn from(err: std::io::Error) -> Self {
        Self(err.to_string())
    }
}
