//! The tombstone: later than everything, and without content.

use std::time::Duration;

use domain::json::Object as Json;
use domain::{Generation, HistoryName, Instant, ObjectName, OrderKey};
use projection::snapshot::Stored;
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;

use super::Purge;
use crate::Problem;
use crate::append::{self, Current};
use crate::records::{self, Entry, Hold, Until};

/// What a record of a purge says of where it comes from.
const ORIGIN: &str = "purge";

/// The record that stays.
#[derive(Clone, Debug)]
pub(super) struct Tombstone {
    pub(super) name: HistoryName,
    pub(super) generation: Generation,
    pub(super) key: OrderKey,
}

impl Tombstone {
    /// The name of its object.
    pub(super) fn object(&self) -> String {
        ObjectName::History(self.name.clone()).to_string()
    }
}

/// What is there of an entity before it is purged.
pub(super) struct Before {
    /// The tombstone of a purge, where it is the newest that there is.
    pub(super) purged: Option<Tombstone>,
    /// Whether there is neither a record nor a snapshot.
    pub(super) is_nothing: bool,
    /// The newest that there is: a record that counts, or one that the snapshot has folded.
    newest: Option<OrderKey>,
}

impl Before {
    /// Whether something is newer than `tombstone`.
    pub(super) fn later_than(&self, tombstone: Option<&Tombstone>) -> bool {
        match (tombstone, &self.newest) {
            (Some(tombstone), Some(newest)) => *newest > tombstone.key,
            _ => false,
        }
    }
}

/// Reads the history.
pub(super) async fn find(purge: &Purge<'_>) -> Result<Before, Problem> {
    let (operator, entity) = (purge.operator, &purge.entity);
    let (definition, until) = (purge.definition, Until::default());
    let records = records::held(operator, entity, definition, until, Hold::Newest).await?;
    let current = Current::read(operator, entity, purge.definition).await?;
    let folded = match &current.stored {
        // What cannot be read is built again from the tombstone.
        Stored::Unreadable => None,
        _ => current.newest()?.cloned(),
    };
    let newest_entry = records.entries.first();
    let newest_key = newest_entry.and_then(|entry| entry.verdict.clone().ok());
    let newest = newest_key.max(folded);
    let purged = newest_entry.and_then(purged).filter(|it| Some(&it.key) == newest.as_ref());
    let is_nothing = records.seen == 0 && matches!(current.stored, Stored::Missing);
    Ok(Before { purged, is_nothing, newest })
}

fn purged(entry: &Entry) -> Option<Tombstone> {
    let key = entry.verdict.clone().ok()?;
    let ObjectName::History(name) = ObjectName::parse(&entry.object).ok()? else { return None };
    is_of_purge(entry).then_some(Tombstone { name, generation: entry.generation, key })
}

/// Whether a purge has written it: nothing before it may come back.
pub(crate) fn is_of_purge(entry: &Entry) -> bool {
    entry.op == "delete" && entry.origin.as_deref() == Some(ORIGIN)
}

/// Appends a tombstone later than everything that there is.
pub(super) async fn append(purge: &Purge<'_>) -> Result<Tombstone, Problem> {
    let (operator, entity) = (purge.operator, &purge.entity);
    let newest = find(purge).await?.newest;
    let now = operator.tools.clock.now();
    let next = newest.map(|newest| newest.updated_at.after(Duration::from_millis(1)));
    let updated_at = next.map_or(now, |next| next.max(now));
    let builder = SnapshotBuilder::new(operator.tools.clone());
    let current = Current::of(entity.clone(), purge.definition, None);
    let record = record(purge, updated_at);
    let appended = append::counted(record, (updated_at, now), &current, operator, &builder, None)?;
    let generation = append::append(operator, &appended).await?;
    Ok(Tombstone { name: appended.name, generation, key: appended.record.key })
}

fn record(purge: &Purge<'_>, updated_at: Instant) -> Json {
    let Purge { entity, definition, actor, reason, .. } = purge;
    let time = updated_at.to_millis_text();
    let fields = [
        ("op", "delete"),
        ("id", entity.id.as_str()),
        ("entity", definition.entity.as_str()),
        ("env", entity.env.as_str()),
        ("updated_at", time.as_str()),
        ("actor", actor.as_str()),
        ("reason", reason),
        ("origin", ORIGIN),
    ];
    fields.into_iter().map(|(field, value)| (field.to_owned(), Value::from(value))).collect()
}
