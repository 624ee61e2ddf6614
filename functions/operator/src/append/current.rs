//! What an entity is when somebody decides to write to it, and what that is called.

use std::fmt;
use std::time::Duration;

use domain::json::{self, Object as Json};
use domain::{Change, EntityDefinition, EntityRef, Instant, ObjectName, OrderKey, Record, digest};
use projection::fold::State;
use projection::snapshot::{self, Decision, Stored};
use serde_json::Value;
use store::Object;

use crate::restore::same;
use crate::{Operator, Problem, legible};

/// The snapshot of an entity, read.
#[derive(Clone, Debug)]
pub(crate) struct Current<'a> {
    pub(crate) entity: EntityRef,
    pub(crate) definition: &'a EntityDefinition,
    pub(crate) stored: Stored,
}

impl<'a> Current<'a> {
    /// Reads it: one read.
    pub(crate) async fn read(
        operator: &Operator<'_>,
        entity: &EntityRef,
        definition: &'a EntityDefinition,
    ) -> Result<Self, Problem> {
        let object = operator.tools.snapshot(entity).await?;
        Ok(Self::of(entity.clone(), definition, object.as_ref()))
    }

    /// The same of what has been read.
    pub(crate) fn of(
        entity: EntityRef,
        definition: &'a EntityDefinition,
        object: Option<&Object>,
    ) -> Self {
        let stored = snapshot::read(object.map(Object::content), definition);
        Self { entity, definition, stored }
    }

    /// What it is when this record is written, too: one that is newer than everything in it.
    pub(crate) fn with(mut self, record: &Record) -> Self {
        self.stored = match (snapshot::decide(&self.stored, vec![record.clone()]), self.stored) {
            (Decision::Put(folded), _) => Stored::Snapshot(folded),
            // What of an older one is folded again has this record as its newest.
            (_, Stored::Outdated(mut folded)) => {
                folded.newest = record.key.clone();
                Stored::Outdated(folded)
            }
            (_, stored) => stored,
        };
        self
    }

    /// What its next writer says to write after exactly this.
    ///
    /// # Errors
    ///
    /// The snapshot cannot be read by this release.
    pub(crate) fn etag(&self) -> Result<Etag, Problem> {
        Ok(Etag::of(self.newest()?))
    }

    /// The newest record that it has folded: also where the entity is deleted, or waits for a
    /// full record.
    ///
    /// # Errors
    ///
    /// As for [`Current::etag`].
    pub(crate) fn newest(&self) -> Result<Option<&OrderKey>, Problem> {
        match &self.stored {
            Stored::Missing => Ok(None),
            Stored::Snapshot(folded) | Stored::Outdated(folded) => Ok(Some(&folded.newest)),
            Stored::Unknown => Err(Problem::new(format!(
                "the snapshot of {} was written by a newer release: write with that one",
                self.entity
            ))),
            Stored::Unreadable => Err(Problem::new(format!(
                "the snapshot of {} cannot be read: mend it with `migrate --run {}` first",
                self.entity, self.entity.segment
            ))),
        }
    }

    /// The document of the entity if it is live.
    pub(crate) fn document(&self) -> Option<&Json> {
        match &self.stored {
            Stored::Snapshot(folded) | Stored::Outdated(folded) => match &folded.state {
                State::Live(document) => Some(document),
                State::Deleted | State::Pending => None,
            },
            Stored::Missing | Stored::Unknown | Stored::Unreadable => None,
        }
    }

    /// Whether it is what a full record says, but for the time. What an older release has written is
    /// not.
    pub(crate) fn says(&self, record: &Record) -> bool {
        let (Stored::Snapshot(_), Change::Full(wanted)) = (&self.stored, &record.change) else {
            return false;
        };
        self.document().is_some_and(|document| same(Some(document), Some(wanted)))
    }

    /// How its next record is dated: now, or 1 ms after the newest where that is later.
    ///
    /// # Errors
    ///
    /// As for [`Current::etag`].
    pub(crate) fn next_at(&self, now: Instant) -> Result<Instant, Problem> {
        let next = self.newest()?.map(|newest| newest.updated_at.after(Duration::from_millis(1)));
        Ok(next.map_or(now, |next| next.max(now)))
    }

    /// The newest record that it has folded, as it was written.
    pub(crate) async fn newest_record(
        &self,
        operator: &Operator<'_>,
    ) -> Result<Option<Other>, Problem> {
        let Some(newest) = self.newest()? else { return Ok(None) };
        let name = format!("{}{}", ObjectName::history_prefix(&self.entity), newest.relative());
        let object = operator.tools.store.get(&name, None).await?;
        Ok(Some(Other::of(&name, object.as_ref().map_or(&[], |object| &object.body))))
    }
}

/// Which version of an entity a writer has seen: a word for its newest record, or `none` where
/// there is no snapshot. It names the claim of whoever writes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Etag(String);

/// What stands where there is no record. No record id is taken for it.
const NONE: &str = "none";

/// The length of a ULID.
const ULID_CHARS: usize = 26;

/// Hexadecimal digits of a digest.
const DIGEST_DIGITS: usize = 32;

impl Etag {
    /// The record id where it is as long as a ULID, and of letters and digits; else the first 32
    /// hexadecimal digits of SHA-256 of the name below `history/`. Foreign writers may call their
    /// records anything, and object names are bounded.
    pub(crate) fn of(newest: Option<&OrderKey>) -> Self {
        let Some(newest) = newest else { return Self(NONE.to_owned()) };
        let id = newest.record_id();
        match id.len() == ULID_CHARS && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            true => Self(id.to_owned()),
            false => Self(digest::hex_of(&newest.relative(), DIGEST_DIGITS)),
        }
    }

    /// What a person has written.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match plain && (text == NONE || [ULID_CHARS, DIGEST_DIGITS].contains(&text.len())) {
            true => Ok(Self(text.to_owned())),
            false => Err("not what `get --metadata` shows as etag, nor none".to_owned()),
        }
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record that somebody else has written, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    /// The name of its object.
    pub(crate) name: String,
    actor: Option<String>,
    op: String,
    updated_at: Option<String>,
    reason: Option<String>,
}

impl Other {
    /// The record `name` with this content, as far as it can be read.
    pub(crate) fn of(name: &str, body: &[u8]) -> Self {
        let content = match ObjectName::parse(name) {
            Ok(ObjectName::History(name)) => snapshot_builder::content(&name, body).ok(),
            _ => None,
        };
        let record = match content.map(|content| json::parse(&content)) {
            Some(Ok(Value::Object(record))) => record,
            _ => Json::new(),
        };
        let text = |field: &str| record.get(field).and_then(Value::as_str).map(str::to_owned);
        Self {
            name: name.to_owned(),
            actor: text("actor"),
            op: text("op").unwrap_or_else(|| "full".to_owned()),
            updated_at: text("updated_at"),
            reason: text("reason"),
        }
    }
}

/// `ada wrote a merge of 2025-11-06T12:00:00.000Z ("board of 3 May"): env/dev/…`
impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actor = self.actor.as_deref().unwrap_or("somebody who is not named");
        write!(f, "{} wrote a {} record", legible::line(actor), legible::line(&self.op))?;
        if let Some(at) = &self.updated_at {
            write!(f, " of {}", legible::line(at))?;
        }
        if let Some(reason) = &self.reason {
            write!(f, " ({})", legible::line(reason))?;
        }
        write!(f, ": {}", legible::whole(&self.name))
    }
}
