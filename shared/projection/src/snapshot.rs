//! The snapshot: a fold as it is stored, and what records do to it.

use domain::json::{self, Object};
use domain::{Day, EntityDefinition, EntityRef, Instant, OrderKey, Record, ascii};
use serde_json::Value;

use crate::fold::{Coverage, Folded, State};
use crate::{Metadata, upgrade};

/// The longest text of validation errors that a snapshot carries, in bytes.
const ERRORS_BYTES_MAX: usize = 1024;

/// Metadata keys.
mod key {
    pub(super) const BASE_AT: &str = "base-at";
    pub(super) const BASE_NAME: &str = "base-name";
    pub(super) const NEWEST_AT: &str = "newest-at";
    pub(super) const NEWEST_NAME: &str = "newest-name";
    pub(super) const FOLDED: &str = "folded";
    pub(super) const SINCE: &str = "since";
    pub(super) const ERRORS: &str = "errors";
}

/// The metadata key of the snapshot's state: `live`, `deleted` or `pending`.
pub const STATE: &str = "state";

/// The metadata key of the schema version: the newest one that the writer knew.
pub const SCHEMA_VERSION: &str = "schema-version";

/// The metadata key of the projection run: an id that stays while no index key and no shown
/// field changes.
pub const RUN: &str = "run";

/// The metadata key of the bulk write that everything has come from which the snapshot has folded
/// newly. It is missing where something else has.
pub const ORIGIN: &str = "origin";

/// The bulk write that builds snapshots again under newer definitions, of records that are there.
pub const MIGRATE: &str = "migrate";

/// What the arrival of records means for a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It covers all of them.
    Skip,
    /// It becomes this.
    Put(Box<Folded>),
    /// One of them belongs between records that are folded already, or what is stored cannot be
    /// read: the history has to be folded again, from the folder of this day on (`None`: from
    /// its beginning).
    Refold(Option<Day>),
    /// A newer revision wrote it, at a schema version that this one does not know: what this one
    /// would write in its place is older. The delivery comes again, to the newer revision.
    Retry,
}

/// What is stored under the name of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// Nothing.
    Missing,
    /// A snapshot.
    Snapshot(Box<Folded>),
    /// A snapshot whose document is of an older schema version. It is not upgraded but folded
    /// again, of upgraded records: it may lack what a merge has removed, and an upgrade would give
    /// it back.
    Outdated(Box<Folded>),
    /// A snapshot of a schema version that the definitions do not know.
    Unknown,
    /// Something else: the history decides.
    Unreadable,
}

/// Decides what `records` do to the stored snapshot.
pub fn decide(stored: &Stored, mut records: Vec<Record>) -> Decision {
    let folded = match stored {
        Stored::Missing => return put(Folded::of(records)),
        Stored::Unreadable => return Decision::Refold(None),
        Stored::Unknown => return Decision::Retry,
        // Also what it covers.
        Stored::Outdated(_) => return refold(stored, &records),
        Stored::Snapshot(folded) => folded,
    };
    records.retain(|record| folded.coverage(&record.key) != Coverage::Covered);
    if records.iter().any(|record| folded.coverage(&record.key) == Coverage::Late) {
        return refold(stored, &records);
    }
    if records.is_empty() {
        return Decision::Skip;
    }
    records.sort_by(|left, right| left.key.cmp(&right.key));
    records.dedup_by(|left, right| left.key == right.key);
    put(Some(records.into_iter().fold((**folded).clone(), Folded::with)))
}

/// The bulk write that everything has come from which `records` add to what is stored;
/// [`MIGRATE`] where they add nothing.
pub fn bulk(stored: &Stored, records: &[Record]) -> Option<&'static str> {
    let folded = match stored {
        Stored::Snapshot(folded) | Stored::Outdated(folded) => Some(folded),
        Stored::Missing | Stored::Unreadable | Stored::Unknown => None,
    };
    let is_new = |record: &&Record| {
        folded.is_none_or(|folded| folded.coverage(&record.key) != Coverage::Covered)
    };
    let new: Vec<&Record> = records.iter().filter(is_new).collect();
    let Some(newest) = new.iter().max_by(|left, right| left.key.cmp(&right.key)) else {
        return Some(MIGRATE);
    };
    newest.bulk.filter(|_| new.iter().all(|record| record.bulk.is_some()))
}

/// From where the history has to be folded again so that it takes in `records` and whatever the
/// stored snapshot has folded: a day before the earliest, since what lies there has mostly come
/// at the same time.
pub fn refold(stored: &Stored, records: &[Record]) -> Decision {
    let days = records.iter().map(|record| record.key.day);
    let since = match stored {
        Stored::Missing => None,
        Stored::Snapshot(folded) | Stored::Outdated(folded) => Some(folded.since),
        Stored::Unreadable => return Decision::Refold(None),
        Stored::Unknown => return Decision::Retry,
    };
    Decision::Refold(days.chain(since).min().map(Day::before))
}

/// Decides with the history at hand, from the day `from` on, which [`Decision::Refold`] named.
///
/// When the base of what is stored does not count any more, an earlier record is the base, and
/// the history is needed from its beginning. With that at hand there is no further refold.
pub fn decide_refolded(stored: &Stored, from: Option<Day>, history: Vec<Record>) -> Decision {
    let folded = Folded::of(history);
    let before = match stored {
        Stored::Snapshot(before) | Stored::Outdated(before) => Some(before),
        Stored::Missing | Stored::Unreadable | Stored::Unknown => None,
    };
    let base = folded.as_ref().and_then(|folded| folded.base.as_ref());
    if from.is_some() && before.is_some_and(|before| before.base.as_ref() > base) {
        return Decision::Refold(None);
    }
    match (stored, folded) {
        (Stored::Unknown, _) => Decision::Retry,
        (Stored::Snapshot(stored), Some(folded)) if **stored == folded => Decision::Skip,
        (_, folded) => put(folded),
    }
}

fn put(folded: Option<Folded>) -> Decision {
    folded.map_or(Decision::Skip, |folded| Decision::Put(Box::new(folded)))
}

/// The body of the snapshot of `entity`, one line.
///
/// A snapshot that readers take for absent says so in the field `op`, which no document can
/// have: `delete` when the entity is gone, `merge` when merges wait for a base.
pub fn body(folded: &Folded, entity: &EntityRef, kind: &str) -> Vec<u8> {
    let absent = |op: &str, at: Instant| {
        let fields = [
            ("id", entity.id.as_str()),
            ("entity", kind),
            ("env", entity.env.as_str()),
            ("updated_at", &at.to_string()),
            ("op", op),
        ];
        fields.map(|(name, value)| (name.to_owned(), Value::from(value))).into_iter().collect()
    };
    let document: Object = match (&folded.state, &folded.base) {
        (State::Live(document), _) => document.clone(),
        (State::Deleted, base) => {
            absent("delete", base.as_ref().unwrap_or(&folded.newest).updated_at)
        }
        (State::Pending, _) => absent("merge", folded.newest.updated_at),
    };
    json::to_line(&Value::Object(document))
}

/// The custom metadata of a snapshot: what it covers, its state, its projection run and the
/// validation errors of a merge that made it invalid.
pub fn metadata(folded: &Folded, run: &str, errors: &[String]) -> Metadata {
    let state = match folded.state {
        State::Live(_) => "live",
        State::Deleted => "deleted",
        State::Pending => "pending",
    };
    let ids: Vec<&str> = folded.folded.iter().map(String::as_str).collect();
    let mut metadata = Metadata::from([
        (STATE.to_owned(), state.to_owned()),
        (RUN.to_owned(), run.to_owned()),
        (key::NEWEST_AT.to_owned(), folded.newest.updated_at.to_string()),
        (key::NEWEST_NAME.to_owned(), ascii::encode(&folded.newest.relative())),
        (key::SINCE.to_owned(), folded.since.to_string()),
    ]);
    if !ids.is_empty() {
        metadata.insert(key::FOLDED.to_owned(), ids.join(","));
    }
    if let Some(base) = &folded.base {
        metadata.insert(key::BASE_AT.to_owned(), base.updated_at.to_string());
        metadata.insert(key::BASE_NAME.to_owned(), ascii::encode(&base.relative()));
    }
    if !errors.is_empty() {
        let mut text = ascii::encode(&errors.join("; "));
        text.truncate(ERRORS_BYTES_MAX);
        // A header ends in no space.
        metadata.insert(key::ERRORS.to_owned(), text.trim_end().to_owned());
    }
    metadata
}

/// Reads what is stored under the name of a snapshot of the kind that `definition` defines.
pub fn read(object: Option<(&[u8], &Metadata)>, definition: &EntityDefinition) -> Stored {
    let Some((body, metadata)) = object else { return Stored::Missing };
    let written_at = metadata.get(SCHEMA_VERSION);
    if written_at.is_some_and(|version| definition.upgrades_from(version).is_none()) {
        return Stored::Unknown;
    }
    match read_folded(body, metadata) {
        Some(folded) => match &folded.state {
            State::Live(document) if upgrade::is_due(document, definition) => {
                Stored::Outdated(Box::new(folded))
            }
            _ => Stored::Snapshot(Box::new(folded)),
        },
        None => Stored::Unreadable,
    }
}

fn read_folded(body: &[u8], metadata: &Metadata) -> Option<Folded> {
    let key = |at: &str, name: &str| {
        OrderKey::parse(metadata.get(at)?, &ascii::decode(metadata.get(name)?)?)
    };
    let ids = metadata.get(key::FOLDED).into_iter().flat_map(|ids| ids.split(','));
    Some(Folded {
        state: read_state(body, metadata)?,
        base: match metadata.contains_key(key::BASE_AT) {
            true => Some(key(key::BASE_AT, key::BASE_NAME)?),
            false => None,
        },
        newest: key(key::NEWEST_AT, key::NEWEST_NAME)?,
        folded: ids.map(str::to_owned).collect(),
        since: Day::parse(metadata.get(key::SINCE)?)?,
    })
}

/// What the entity is, by the body and metadata of its snapshot; `None` when it is no snapshot.
pub(crate) fn read_state(body: &[u8], metadata: &Metadata) -> Option<State> {
    match metadata.get(STATE)?.as_str() {
        "live" => match json::parse(body).ok()? {
            Value::Object(document) => Some(State::Live(document)),
            _ => None,
        },
        "deleted" => Some(State::Deleted),
        "pending" => Some(State::Pending),
        _ => None,
    }
}

/// The key of the newest record that a snapshot has folded, by its metadata.
pub(crate) fn read_newest(metadata: &Metadata) -> Option<OrderKey> {
    let name = ascii::decode(metadata.get(key::NEWEST_NAME)?)?;
    OrderKey::parse(metadata.get(key::NEWEST_AT)?, &name)
}
