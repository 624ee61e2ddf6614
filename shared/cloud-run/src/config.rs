//! Environment variables: the only place that reads them.

use std::collections::BTreeMap;
use std::env::VarError;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// Where settings come from.
///
/// A variable that is set to nothing counts as not set: deployment tools cannot always leave one
/// out.
#[derive(Clone, Debug)]
pub struct Config {
    source: Source,
    instead: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
enum Source {
    Environment,
    Fixed(BTreeMap<String, String>),
}

/// A variable that is missing or cannot be used. The message names it and never shows its value,
/// which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {var} {problem}")]
pub struct ConfigError {
    /// The variable.
    pub var: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Config {
    /// Reads the environment of the process.
    pub fn environment() -> Self {
        Self { source: Source::Environment, instead: BTreeMap::new() }
    }

    /// Reads from `pairs` and nothing else.
    pub fn fixed(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs.iter().map(|(var, value)| ((*var).to_owned(), (*value).to_owned()));
        Self { source: Source::Fixed(pairs.collect()), instead: BTreeMap::new() }
    }

    /// The same source, but `var` has this value.
    #[must_use]
    pub fn with(mut self, var: &str, value: &str) -> Self {
        self.instead.insert(var.to_owned(), value.to_owned());
        self
    }

    /// The value of `var`, if it is set.
    pub fn read(&self, var: &str) -> Result<Option<String>, ConfigError> {
        let value = match (self.instead.get(var), &self.source) {
            (Some(value), _) => Some(value.clone()),
            (None, Source::Environment) => environment(var)?,
            (None, Source::Fixed(pairs)) => pairs.get(var).cloned(),
        };
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// The value of `var`, which must be set.
    pub fn required(&self, var: &str) -> Result<String, ConfigError> {
        self.read(var)?.ok_or_else(|| error(var, "is required and not set"))
    }

    /// The value of `var` as a `T`, or `default` when it is not set.
    pub fn parsed<T>(&self, var: &str, default: T) -> Result<T, ConfigError>
    where
        T: FromStr<Err: Display>,
    {
        let Some(text) = self.read(var)? else { return Ok(default) };
        text.parse().map_err(|err| error(var, &format!("cannot be read: {err}")))
    }

    /// The value of `var` as a number of milliseconds, or `default` when it is not set.
    pub fn duration_ms(&self, var: &str, default: Duration) -> Result<Duration, ConfigError> {
        let default_ms = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        self.parsed(var, default_ms).map(Duration::from_millis)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn environment(var: &str) -> Result<Option<String>, ConfigError> {
    match std::env::var(var) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(error(var, "is not UTF-8")),
    }
}

pub(crate) fn error(var: &str, problem: &str) -> ConfigError {
    ConfigError { var: var.to_owned(), problem: problem.to_owned() }
}
