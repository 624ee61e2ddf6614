//! The fold: what an entity is, by its history.

use std::collections::VecDeque;

use domain::json::{self, Object};
use domain::{Change, Day, EntityRef, HistoryName, Instant, OrderKey, Record, digest};
use serde_json::Value;

/// How many of the newest records after the base a snapshot remembers by their ids. An older one
/// that comes again is taken for late: the fold shows then that nothing changes.
pub const FOLDED_IDS_MAX: usize = 100;

/// The first and the last instant that RFC 3339 can write, in milliseconds since 1970.
const ENDS_MILLIS: [i64; 2] = [-62_167_219_200_000, 253_402_300_799_999];

/// The fold of a history, and what it covers.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// What the entity is.
    pub state: State,
    /// The key of the last full record or tombstone.
    pub base: Option<OrderKey>,
    /// The key of the newest record folded.
    pub newest: OrderKey,
    /// The ids of the newest records after the base, oldest first, at most [`FOLDED_IDS_MAX`].
    pub folded: VecDeque<String>,
    /// The earliest day in whose folder the base or a record after it lies. Foreign writers may
    /// put a record under any day, so the day of the base alone does not bound a listing.
    pub since: Day,
}

/// What an entity is. Two documents are equal when their texts are: the order of keys counts.
#[derive(Clone, Debug)]
pub enum State {
    /// This document.
    Live(Object),
    /// Gone, until a later full record.
    Deleted,
    /// Not there yet: merges have come, but no base for them.
    Pending,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Live(left), Self::Live(right)) => json::same_text(left, right),
            (Self::Deleted, Self::Deleted) | (Self::Pending, Self::Pending) => true,
            _ => false,
        }
    }
}

/// How a record stands to what is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It is in the fold, or before its base.
    Covered,
    /// It is newer than everything folded.
    InOrder,
    /// It belongs between records that are folded already.
    Late,
}

impl Folded {
    /// Folds records that come in any order, the same one any number of times. `None` when there
    /// is no record.
    pub fn of(mut records: Vec<Record>) -> Option<Self> {
        records.sort_by(|left, right| left.key.cmp(&right.key));
        records.dedup_by(|left, right| left.key == right.key);
        let mut records = records.into_iter();
        let first = Self::begin(records.next()?);
        Some(records.fold(first, Self::with))
    }

    /// The fold of no record at all, for an entity whose snapshot is there and whose history is
    /// not. Every record is newer than it, so that with the next ones it is what they alone make.
    pub fn nothing(entity: &EntityRef) -> Self {
        let [first, last] = ENDS_MILLIS.map(Instant::from_unix_millis);
        let entity = entity.clone();
        let name = HistoryName { entity, day: first.day(), file: "none.json".to_owned() };
        Self {
            state: State::Pending,
            base: None,
            newest: OrderKey::new(first, &name),
            folded: VecDeque::new(),
            since: last.day(),
        }
    }

    /// Whether it is the fold of no record.
    pub fn is_nothing(&self) -> bool {
        self.base.is_none() && self.folded.is_empty()
    }

    /// The fold with one more record, which must be [`Coverage::InOrder`].
    #[must_use]
    pub fn with(mut self, record: Record) -> Self {
        let Change::Merge(patch) = record.change else { return Self::begin(record) };
        if let State::Live(document) = &mut self.state {
            merge(document, patch);
        }
        self.folded.push_back(folded_id(&record.key));
        if self.folded.len() > FOLDED_IDS_MAX {
            self.folded.pop_front();
        }
        self.since = self.since.min(record.key.day);
        self.newest = record.key;
        self
    }

    /// How the record of `key` stands to this fold.
    pub fn coverage(&self, key: &OrderKey) -> Coverage {
        let before_base = self.base.as_ref().is_some_and(|base| key <= base);
        if before_base || self.folded.contains(&folded_id(key)) {
            Coverage::Covered
        } else if *key > self.newest {
            Coverage::InOrder
        } else {
            Coverage::Late
        }
    }

    fn begin(record: Record) -> Self {
        let Record { key, change, .. } = record;
        let (state, base, folded) = match change {
            Change::Full(document) => (State::Live(document), Some(key.clone()), None),
            Change::Delete => (State::Deleted, Some(key.clone()), None),
            Change::Merge(_) => (State::Pending, None, Some(folded_id(&key))),
        };
        Self { state, base, folded: folded.into_iter().collect(), since: key.day, newest: key }
    }
}

/// Sixteen hexadecimal digits that tell the record from the entity's others. Not the record id:
/// foreign writers may give the same one under another day.
fn folded_id(key: &OrderKey) -> String {
    digest::hex_of(&key.relative(), 16)
}

/// Applies a JSON Merge Patch: `null` removes, objects merge, everything else replaces. Keys that
/// stay keep their place; new ones come last. (RFC 7396, section 2.)
pub fn merge(target: &mut Object, patch: Object) {
    for (key, value) in patch {
        match value {
            Value::Null => drop(target.shift_remove(&key)),
            Value::Object(inner) => {
                let place = target.entry(key).or_insert_with(|| Value::Object(Object::new()));
                if !place.is_object() {
                    *place = Value::Object(Object::new());
                }
                if let Value::Object(object) = place {
                    merge(object, inner);
                }
            }
            other => drop(target.insert(key, other)),
        }
    }
}
