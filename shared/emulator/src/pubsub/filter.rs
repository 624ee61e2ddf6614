//! Filters of subscriptions: which messages of its topic one takes.
//! (Pub/Sub documentation, "Filter messages from a subscription".)

mod parse;

use std::collections::BTreeMap;
use std::fmt;

/// The longest filter, in bytes.
pub const FILTER_BYTES_MAX: usize = 256;

/// A filter that has been read. The default one takes every message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    text: String,
    expression: Option<Expression>,
}

/// What a filter says about the attributes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expression {
    Has(String),
    Is(String, String),
    IsNot(String, String),
    Begins(String, String),
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

/// Why a filter cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is longer than [`FILTER_BYTES_MAX`].
    #[error(
        "The value for filter is too large. You passed {0} in the request, but the maximum \
         value is {FILTER_BYTES_MAX}."
    )]
    TooLong(usize),
    /// It is not in the language.
    #[error("Invalid filter: expected {expected} at byte {at}.")]
    Syntax {
        /// Where, in bytes from the beginning.
        at: usize,
        /// What would have been right there.
        expected: &'static str,
    },
}

impl Filter {
    /// Reads a filter. Nothing but white space takes every message.
    ///
    /// # Errors
    ///
    /// When `text` is too long or not in the language.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > FILTER_BYTES_MAX {
            return Err(FilterError::TooLong(text.len()));
        }
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        Ok(Self { text: text.to_owned(), expression: Some(parse::parse(text)?) })
    }

    /// The filter as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a message with these attributes is taken.
    pub fn matches(&self, attributes: &BTreeMap<String, String>) -> bool {
        self.expression.as_ref().is_none_or(|expression| expression.holds(attributes))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expression {
    fn holds(&self, attributes: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Has(key) => attributes.contains_key(key),
            Self::Is(key, value) => attributes.get(key) == Some(value),
            // A message without the key has another value, too.
            Self::IsNot(key, value) => attributes.get(key) != Some(value),
            Self::Begins(key, prefix) => {
                attributes.get(key).is_some_and(|value| value.starts_with(prefix.as_str()))
            }
            Self::Not(inner) => !inner.holds(attributes),
            Self::All(inner) => inner.iter().all(|it| it.holds(attributes)),
            Self::Any(inner) => inner.iter().any(|it| it.holds(attributes)),
        }
    }
}
