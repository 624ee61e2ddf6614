//! Environments, segments and entity ids: what an object name is made of.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::is_nfc;

/// The longest id in bytes of UTF-8.
pub const ID_BYTES_MAX: usize = 128;

/// Segments that are classes of objects, not kinds of entities.
const SEGMENTS_RESERVED: [&str; 7] =
    ["snapshots", "manifests", "indices", "schemas", "logs", "tmp", "alerts"];

/// Ids that would put the history of kind `report` among alerts and quarantine.
const REPORT_IDS_RESERVED: [&str; 2] = ["alerts", "quarantine"];

/// One of the three environments that share a bucket or have one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Env {
    /// Development.
    Dev,
    /// Staging.
    Stg,
    /// Production.
    Prod,
}

impl Env {
    /// Every environment.
    pub const ALL: [Self; 3] = [Self::Dev, Self::Stg, Self::Prod];

    /// The name in object names and envelopes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Stg => "stg",
            Self::Prod => "prod",
        }
    }

    /// Reads `dev`, `stg` or `prod`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|env| env.as_str() == text)
    }
}

impl fmt::Display for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no environment {0:?}; there are dev, stg, prod")]
pub struct UnknownEnv(String);

/// Reads what a person has written.
impl FromStr for Env {
    type Err = UnknownEnv;

    fn from_str(word: &str) -> Result<Self, UnknownEnv> {
        Self::parse(word).ok_or_else(|| UnknownEnv(word.to_owned()))
    }
}

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing, or one of the two names that mean folders.
    #[error("id is empty, '.' or '..'")]
    Empty,
    /// Longer than [`ID_BYTES_MAX`].
    #[error("id is longer than 128 bytes of UTF-8")]
    Long,
    /// A character that object names, tools or URLs give a meaning of their own.
    #[error("id contains '/', '#', '[', ']', '*', '?' or a control character")]
    Character,
    /// Two spellings of one text must not be two entities.
    #[error("id is not in Unicode normalization form C")]
    NotNormal,
    /// Kept for the platform.
    #[error("id is reserved")]
    Reserved,
}

/// Checks the id grammar: NFC, at most [`ID_BYTES_MAX`] bytes, none of `/ # [ ] * ?`, no control
/// character, not `.` or `..`.
pub fn check_id(id: &str) -> Result<(), IdError> {
    if matches!(id, "" | "." | "..") {
        return Err(IdError::Empty);
    }
    if id.len() > ID_BYTES_MAX {
        return Err(IdError::Long);
    }
    if id.chars().any(|c| c.is_control() || "/#[]*?".contains(c)) {
        return Err(IdError::Character);
    }
    if !is_nfc(id) {
        return Err(IdError::NotNormal);
    }
    Ok(())
}

/// Whether `text` can be the segment of a kind: lower-case ASCII, digits, `-` and `_`, beginning
/// with a letter, and not reserved.
pub fn is_segment(text: &str) -> bool {
    is_word(text) && !SEGMENTS_RESERVED.contains(&text)
}

/// Whether `text` is a plain word of lower-case ASCII letters, digits, `-` and `_`, at most 64
/// bytes, beginning with a letter.
pub(crate) fn is_word(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(plain)
}

/// One entity in one environment: the coordinates that its objects have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityRef {
    /// The environment.
    pub env: Env,
    /// The kind in the plural, as object names have it: `ventures`.
    pub segment: String,
    /// The id, verbatim.
    pub id: String,
}

impl EntityRef {
    /// Checks both grammars and the reserved names.
    pub fn new(env: Env, segment: &str, id: &str) -> Result<Self, IdError> {
        if !is_segment(segment) {
            return Err(IdError::Reserved);
        }
        check_id(id)?;
        if segment == "reports" && REPORT_IDS_RESERVED.contains(&id) {
            return Err(IdError::Reserved);
        }
        Ok(Self { env, segment: segment.to_owned(), id: id.to_owned() })
    }
}

/// `{env}/{segment}/{id}`, for people.
impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.env, self.segment, self.id)
    }
}
