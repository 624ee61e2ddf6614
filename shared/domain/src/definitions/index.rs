//! The declaration of a secondary index.

use serde::Deserialize;
use serde_json::Value;

use super::{Alternatives, Fields, is_pointer};
use crate::id::is_word;

/// A secondary index over the entities of one kind. A definition never changes in place: it gets
/// a new version.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The name, a plain word: `by-status`.
    pub name: String,
    /// 1 and up.
    pub version: u32,
    /// One component of the object name for each.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// What a document must fulfil to be in the index.
    #[serde(default, rename = "where")]
    pub conditions: Vec<Condition>,
    /// Present: a group register of the entities with equal keys, won by the greatest value.
    pub latest_by: Option<Alternatives>,
    /// One group register over all entities of the kind.
    #[serde(default)]
    pub bundle: bool,
    /// Fields that pointers show, after `ptr`, `id`, `updated_at` and `entity`.
    #[serde(default)]
    pub show: Fields,
}

/// What an index writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    /// One pointer for each entity and key.
    Pointers,
    /// One register for each key.
    LatestBy,
    /// One register in all.
    Bundle,
}

/// One component of an index key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "KeyText")]
pub struct Key {
    /// Where values come from.
    pub source: KeySource,
    /// How a value becomes a part of an object name.
    pub transform: Transform,
}

/// Where the values of a key come from.
#[derive(Clone, Debug, PartialEq)]
pub enum KeySource {
    /// From the document.
    One(Alternatives),
    /// From every element of an array: a pointer for each value.
    Each(Each),
    /// The least value over an array.
    Min(Each),
    /// The greatest value over an array.
    Max(Each),
}

/// Elements of an array that fulfil conditions.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Each {
    /// JSON pointer of the array in the document.
    pub each: String,
    /// What an element must fulfil.
    #[serde(default, rename = "where")]
    pub conditions: Vec<Condition>,
    /// Where in the element; the empty pointer is the element itself.
    pub from: Alternatives,
}

/// What a document or an element must fulfil.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "ConditionText")]
pub struct Condition {
    /// JSON pointer of the value that is tested.
    pub path: String,
    /// The test.
    pub test: Test,
}

/// A test of one value. A missing value is in no list.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Equal to one of these.
    In(Vec<Value>),
    /// Equal to none of these.
    NotIn(Vec<Value>),
    /// Present and not `null`, or the opposite.
    Exists(bool),
}

/// A key as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    transform: Transform,
    from: Option<Alternatives>,
    each: Option<String>,
    #[serde(default, rename = "where")]
    conditions: Vec<Condition>,
    min: Option<Each>,
    max: Option<Each>,
}

impl TryFrom<KeyText> for Key {
    type Error = &'static str;

    fn try_from(text: KeyText) -> Result<Self, Self::Error> {
        let KeyText { transform, from, each, conditions, min, max } = text;
        let source = match (from, each, min, max, conditions.is_empty()) {
            (Some(from), None, None, None, true) => KeySource::One(from),
            (Some(from), Some(each), None, None, _) => {
                KeySource::Each(Each { each, conditions, from })
            }
            (None, None, Some(min), None, true) => KeySource::Min(min),
            (None, None, None, Some(max), true) => KeySource::Max(max),
            _ => return Err("a key has one of: from; each and from; min; max"),
        };
        Ok(Self { source, transform })
    }
}

/// A condition as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionText {
    path: String,
    #[serde(rename = "in")]
    one_of: Option<Vec<Value>>,
    not_in: Option<Vec<Value>>,
    exists: Option<bool>,
}

impl TryFrom<ConditionText> for Condition {
    type Error = &'static str;

    fn try_from(text: ConditionText) -> Result<Self, Self::Error> {
        let test = match (text.one_of, text.not_in, text.exists) {
            (Some(list), None, None) => Test::In(list),
            (None, Some(list), None) => Test::NotIn(list),
            (None, None, Some(exists)) => Test::Exists(exists),
            _ => return Err("a condition has one of: in, not_in, exists"),
        };
        Ok(Self { path: text.path, test })
    }
}

/// How a value becomes a part of an object name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// `[a-z0-9-]`, with six digits of a digest where something was lost.
    Slug,
    /// `yyyy-mm` of a date or an instant in UTC.
    Month,
    /// `yyyy-mm-dd` of a date or an instant in UTC.
    Day,
    /// The whole number at or below a number, two digits; `below` under 0, `above` from 100.
    Bucket,
    /// The value itself, `/` percent-encoded, cut at 128 bytes.
    Verbatim,
}

impl Index {
    /// What the index writes.
    pub fn kind(&self) -> IndexKind {
        match (&self.latest_by, self.bundle) {
            (_, true) => IndexKind::Bundle,
            (Some(_), false) => IndexKind::LatestBy,
            (None, false) => IndexKind::Pointers,
        }
    }

    /// The folder under `indices/{segment}/`: the name, and the version from 2 on.
    pub fn folder(&self) -> String {
        match self.version {
            1 => self.name.clone(),
            version => format!("{}-v{version}", self.name),
        }
    }

    /// Whether a document fulfils the conditions of the index.
    pub fn admits(&self, document: &Value) -> bool {
        self.conditions.iter().all(|condition| condition.holds(document))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let wrong = |reason: &str| Err(format!("index {:?}: {reason}", self.name));
        if !is_word(&self.name) || self.version == 0 {
            return wrong("name is no plain word or version is 0");
        }
        if self.show.0.iter().any(|(field, _)| RESERVED.contains(&field.as_str())) {
            return wrong("show has a field that every pointer has, or a reserved one");
        }
        if !is_word(&self.folder()) {
            return wrong("name and version are longer than 64 bytes");
        }
        if self.keys.len() > KEYS_MAX {
            return wrong("more than 4 keys");
        }
        let pointers = self.keys.iter().flat_map(|key| key.source.pointers());
        let pointers = pointers.chain(self.conditions.iter().map(|condition| &condition.path));
        let pointers = pointers.chain(self.latest_by.iter().flat_map(|by| &by.0));
        if let Some(pointer) = pointers.chain(self.show.pointers()).find(|text| !is_pointer(text)) {
            return wrong(&format!("{pointer:?} is no JSON pointer, which begins with '/'"));
        }
        match (self.kind(), self.keys.as_slice()) {
            (IndexKind::Bundle, []) if self.version != 1 => wrong("a bundle has version 1"),
            (IndexKind::Bundle, []) | (IndexKind::LatestBy, [_]) => Ok(()),
            (IndexKind::Bundle, _) => wrong("a bundle has no keys"),
            (IndexKind::LatestBy, _) => wrong("latest_by needs exactly one key"),
            (IndexKind::Pointers, []) => wrong("keys is empty"),
            (IndexKind::Pointers, _) => Ok(()),
        }
    }
}

/// Fields of pointers and registers that `show` cannot name.
const RESERVED: [&str; 11] = [
    "ptr",
    "id",
    "updated_at",
    "entity",
    "op",
    "members",
    "sort",
    "order",
    "source",
    "source_generation",
    "quarantined_at",
];

/// The most components of a key: object names have 1,024 bytes.
const KEYS_MAX: usize = 4;

impl KeySource {
    fn pointers(&self) -> Vec<&String> {
        match self {
            Self::One(from) => from.0.iter().collect(),
            Self::Each(each) | Self::Min(each) | Self::Max(each) => {
                let conditions = each.conditions.iter().map(|condition| &condition.path);
                [&each.each].into_iter().chain(&each.from.0).chain(conditions).collect()
            }
        }
    }
}

impl Condition {
    /// Whether `value` fulfils the condition. Numbers are equal when they are written alike.
    pub fn holds(&self, value: &Value) -> bool {
        let found = value.pointer(&self.path).filter(|found| !found.is_null());
        let is_in = |list: &[Value]| found.is_some_and(|found| list.contains(found));
        match &self.test {
            Test::In(list) => is_in(list),
            Test::NotIn(list) => !is_in(list),
            Test::Exists(exists) => found.is_some() == *exists,
        }
    }
}
