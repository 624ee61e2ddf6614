//! Folds history records into snapshots: one write for all records that come together.
//!
//! A record that is newer than everything folded is applied to the stored snapshot. One that
//! belongs in between, and every record after the store asked to slow down or two attempts
//! collided twice, has the history listed and folded again, so that one write covers whatever has
//! come meanwhile. Nobody acknowledges a record before a snapshot covers it.

mod history;
mod planted;
mod rebuild;
mod size;

use std::sync::Arc;

use bytes::Bytes;
use domain::limits::ATTEMPTS_MAX;
use domain::{
    BoxFuture, Class, Delivery, Disposition, EntityDefinition, EntityRef, Failure, Generation,
    Handler, ObjectName, Outcome, Planted, Record, Version, ascii,
};
use futures_util::future::{join, join_all};
use projection::fold::{Folded, State};
use projection::plan::places;
use projection::snapshot::{self, Decision, Stored};
use projection::source::key;
use projection::upgrade;
use schema::Validators;
use serde_json::Value;
use store::{Error, ErrorKind, Metadata, Object, Precondition, Tools};

use crate::history::Read;
use crate::size::{SNAPSHOT_BYTES_MAX, SNAPSHOT_VALUES_MAX};

pub use history::{Uncounted, content};
pub use rebuild::{Rebuild, Rebuilt, Renewed, Whole};

#[cfg(test)]
mod tests;

/// After this many conflicts the history is listed: others are writing too, and one write can
/// cover their records as well.
const CONFLICTS_BEFORE_LISTING: usize = 2;

/// The function.
pub struct SnapshotBuilder {
    /// What it works with.
    pub tools: Tools,
    /// The schemas of the kinds it knows.
    pub validators: Arc<Validators>,
    /// A wrong turn that a test takes.
    pub planted: Planted<Shortcut>,
}

/// Ways to spare an operation that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// A record that is older than the newest one folded is taken for covered.
    LateTakenForCovered,
    /// A conflict is taken for somebody else's success.
    ConflictTakenForDone,
    /// Records are ordered by their time alone: of those of one instant the first to come wins.
    OrderedByTimeAlone,
    /// A merge that comes before its base is skipped instead of remembered.
    MergeWithoutBaseSkipped,
    /// A snapshot of an older schema version is patched instead of folded again.
    OlderSnapshotPatched,
    /// What follows a tombstone is merged into an empty document.
    TombstoneTakenForDocument,
    /// A tombstone is written when it comes, whatever its time.
    TombstoneAppliedAtOnce,
    /// A merge is copied with the fields that say what it is.
    MergeCopiedWhole,
    /// Where a snapshot remembers as many ids as it can, a late record is taken for one whose id
    /// was forgotten.
    ForgottenIdTakenForCovered,
}

impl Shortcut {
    /// Every one of them.
    pub const ALL: [Self; 9] = [
        Self::LateTakenForCovered,
        Self::ConflictTakenForDone,
        Self::OrderedByTimeAlone,
        Self::MergeWithoutBaseSkipped,
        Self::OlderSnapshotPatched,
        Self::TombstoneTakenForDocument,
        Self::TombstoneAppliedAtOnce,
        Self::MergeCopiedWhole,
        Self::ForgottenIdTakenForCovered,
    ];
}

impl Handler for SnapshotBuilder {
    fn fed_with(&self) -> &'static [Class] {
        &[Class::History]
    }

    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(self.build(batch))
    }
}

/// The snapshot of an entity on its way to covering some records.
struct Target<'a> {
    entity: &'a EntityRef,
    definition: &'a EntityDefinition,
    name: String,
    /// The record whose arrival this is about, as metadata names it.
    trigger: (String, Generation),
}

impl SnapshotBuilder {
    /// The function as it ships, over the definitions of `tools`. No schema is compiled yet.
    pub fn new(tools: Tools) -> Self {
        let validators = Arc::new(Validators::new(Arc::clone(&tools.definitions)));
        Self { tools, validators, planted: Planted::NONE }
    }

    async fn build(&self, batch: &[Delivery]) -> Vec<Outcome> {
        let Some(entity) = batch[0].name.entity() else {
            let skipped = Disposition::Skipped("not the object of an entity");
            return vec![Ok(skipped); batch.len()];
        };
        let definition = match self.tools.definition(entity) {
            Ok(definition) => definition,
            Err(rejected) => return vec![Ok(rejected); batch.len()],
        };
        let name = ObjectName::Snapshot(entity.clone()).to_string();
        let trigger = (batch[0].name.to_string(), batch[0].generation);
        let target = Target { entity, definition, name, trigger };
        // Records and snapshot in one round trip.
        let mut records: Vec<BoxFuture<'_, Result<Read, Error>>> = Vec::new();
        for delivery in batch {
            records.push(Box::pin(self.record(delivery, definition)));
        }
        let records = join_all(records);
        let (records, stored) = join(records, self.tools.store.get(&target.name, None)).await;
        let counted = records.iter().filter_map(|read| match read {
            Ok(Read::Counts(record)) => Some(record.clone()),
            _ => None,
        });
        let counted: Vec<Record> = counted.collect();
        let mut covered = vec![self.cover(&target, counted.clone(), stored).await; counted.len()];
        // One that takes the snapshot beyond its bounds spoils nothing for those it came with.
        if counted.len() > 1 && matches!(covered[0], Ok(Disposition::Rejected(_))) {
            covered = self.cover_one_by_one(&target, &counted).await;
        }
        let mut covered = covered.into_iter();
        let outcome = |read: Result<Read, Error>| match read {
            Ok(Read::Counts(_)) => covered.next().unwrap_or_else(nothing_to_fold),
            Ok(Read::Gone) => Ok(Disposition::Skipped("object is gone")),
            Ok(Read::DoesNotCount(reasons)) => Ok(Disposition::Rejected(reasons)),
            Err(err) => err.outcome(),
        };
        records.into_iter().map(outcome).collect()
    }

    async fn record(
        &self,
        delivery: &Delivery,
        definition: &EntityDefinition,
    ) -> Result<Read, Error> {
        match &delivery.name {
            ObjectName::History(name) => self.read(name, delivery.created_at, definition).await,
            _ => Ok(Read::Gone),
        }
    }

    /// Brings the snapshot to where it covers each of `records` that it can, in their order.
    async fn cover_one_by_one(&self, target: &Target<'_>, records: &[Record]) -> Vec<Outcome> {
        let mut outcomes = vec![nothing_to_fold(); records.len()];
        let mut order: Vec<usize> = (0..records.len()).collect();
        order.sort_by_key(|at| &records[*at].key);
        for at in order {
            let stored = self.tools.store.get(&target.name, None).await;
            outcomes[at] = self.cover(target, vec![records[at].clone()], stored).await;
        }
        outcomes
    }

    /// Brings the snapshot to where it covers `records`.
    async fn cover(
        &self,
        target: &Target<'_>,
        records: Vec<Record>,
        stored: Result<Option<Object>, Error>,
    ) -> Outcome {
        if records.is_empty() {
            return nothing_to_fold();
        }
        let mut stored = match stored {
            Ok(stored) => stored,
            Err(err) => return err.outcome(),
        };
        let (mut conflicts, mut list) = (0, false);
        for _ in 0..ATTEMPTS_MAX {
            let err = match self.attempt(target, &records, stored.as_ref(), list).await {
                Ok(disposition) => return Ok(disposition),
                Err(err) => err,
            };
            match err.kind {
                ErrorKind::Conflict if self.planted.has(Shortcut::ConflictTakenForDone) => {
                    return Ok(Disposition::Done);
                }
                // Somebody wrote first, or our own answer was lost: read again.
                ErrorKind::Conflict => self.tools.pause_after_conflict().await,
                ErrorKind::Throttled => self.tools.pause_after_throttling().await,
                _ => return err.outcome(),
            }
            conflicts += 1;
            list =
                list || err.kind == ErrorKind::Throttled || conflicts >= CONFLICTS_BEFORE_LISTING;
            stored = match self.tools.store.get(&target.name, None).await {
                Ok(stored) => stored,
                Err(err) => return err.outcome(),
            };
        }
        Err(Failure::Retry(format!("snapshot of {} is contended", target.entity)))
    }

    async fn attempt(
        &self,
        target: &Target<'_>,
        records: &[Record],
        object: Option<&Object>,
        list: bool,
    ) -> Result<Disposition, Error> {
        let read = object.map(Object::content);
        let stored = match snapshot::read(read, target.definition) {
            Stored::Outdated(folded) if self.planted.has(Shortcut::OlderSnapshotPatched) => {
                Stored::Snapshot(folded)
            }
            stored if self.planted.has(Shortcut::TombstoneTakenForDocument) => {
                planted::without_tombstone(stored)
            }
            stored => stored,
        };
        let mut decision = match snapshot::decide(&stored, records.to_vec()) {
            _ if self.planted.has(Shortcut::TombstoneAppliedAtOnce)
                && planted::tombstone(records).is_some() =>
            {
                planted::tombstone(records).map_or(Decision::Skip, Decision::Put)
            }
            Decision::Put(_) if list => snapshot::refold(&stored, records),
            Decision::Refold(_)
                if self.planted.has(Shortcut::ForgottenIdTakenForCovered)
                    && planted::has_forgotten_ids(&stored) =>
            {
                Decision::Skip
            }
            Decision::Refold(_) if self.planted.has(Shortcut::LateTakenForCovered) => {
                Decision::Skip
            }
            decision => decision,
        };
        let mut bulk = snapshot::bulk(&stored, records);
        // Once more at most: from the beginning there is no further refold.
        while let Decision::Refold(from) = decision {
            let history = self.history(target.entity, target.definition, from, records).await?;
            bulk = snapshot::bulk(&stored, &history.records);
            decision = snapshot::decide_refolded(&stored, from, history.records);
        }
        let folded = match decision {
            Decision::Put(folded) => folded,
            Decision::Retry => return Err(written_by_a_newer_one(target.entity)),
            Decision::Skip | Decision::Refold(_) => {
                return Ok(Disposition::Skipped("snapshot covers the record"));
            }
        };
        let without_base = folded.base.is_none();
        if without_base && self.planted.has(Shortcut::MergeWithoutBaseSkipped) {
            return Ok(Disposition::Skipped("a merge without a base"));
        }
        self.put(target, &folded, &stored, (object, bulk)).await?;
        Ok(Disposition::Done)
    }

    /// Writes in place of what was read, as of a bulk write if it is of one; returns the body and its
    /// version.
    async fn put(
        &self,
        target: &Target<'_>,
        folded: &Folded,
        stored: &Stored,
        (object, bulk): (Option<&Object>, Option<&str>),
    ) -> Result<(Bytes, Generation), Error> {
        let body = snapshot::body(folded, target.entity, &target.definition.entity);
        let values = match &folded.state {
            State::Live(document) => size::values(document),
            State::Deleted | State::Pending => 0,
        };
        if body.len() > SNAPSHOT_BYTES_MAX || values > SNAPSHOT_VALUES_MAX {
            return Err(too_large(target.entity));
        }
        let body = Bytes::from(body);
        let mut metadata = self.metadata(target, folded, stored, object);
        metadata.extend(bulk.map(|bulk| (snapshot::ORIGIN.to_owned(), bulk.to_owned())));
        let precondition = Precondition::unchanged(object);
        let put = self.tools.store.put(&target.name, body.clone(), &metadata, precondition);
        let generation = put.await?;
        Ok((body, generation))
    }

    fn metadata(
        &self,
        target: &Target<'_>,
        folded: &Folded,
        stored: &Stored,
        object: Option<&Object>,
    ) -> Metadata {
        let kept_by_us = |object: &&Object| {
            object.metadata.get(Version::DEFINITIONS) == Some(&self.tools.version.definitions)
        };
        let run = match (object.filter(kept_by_us), stored) {
            (Some(object), Stored::Snapshot(before))
                if self.shows_the_same(target, before, folded) =>
            {
                object.metadata.get(snapshot::RUN).cloned()
            }
            _ => None,
        };
        let run = run.unwrap_or_else(|| self.tools.ids.ulid(self.tools.clock.now()));
        let mut metadata = snapshot::metadata(folded, &run, &self.errors(target, folded));
        let schema_version = target.definition.newest_version().to_owned();
        metadata.insert(snapshot::SCHEMA_VERSION.to_owned(), schema_version);
        metadata.extend(self.tools.version.metadata());
        let (name, generation) = &target.trigger;
        metadata.insert(key::NAME.to_owned(), ascii::encode(name));
        metadata.insert(key::GENERATION.to_owned(), generation.to_string());
        metadata
    }

    /// Whether no index key and no shown field differs, by the definitions that have kept the run
    /// so far.
    fn shows_the_same(&self, target: &Target<'_>, before: &Folded, after: &Folded) -> bool {
        let places = |folded: &Folded| {
            let document = document(folded);
            places(target.definition, target.entity, document.as_ref())
        };
        places(before).is_ok_and(|before| Ok(before) == places(after))
    }

    /// What a merge has made invalid. A full record that is invalid does not count.
    fn errors(&self, target: &Target<'_>, folded: &Folded) -> Vec<String> {
        let merged = !folded.folded.is_empty();
        let Some(document) = document(folded).filter(|_| merged) else { return Vec::new() };
        let errors = self.violations(&document, target.definition);
        if !errors.is_empty() {
            let (entity, errors) = (target.entity.to_string(), errors.join("; "));
            tracing::error!(entity, errors, "a merge has made the entity invalid");
        }
        errors
    }

    /// Every violation of the schema that the document declares, and of the checks of its kind.
    pub fn violations(&self, document: &Value, definition: &EntityDefinition) -> Vec<String> {
        let version = document.get("schema_version").and_then(Value::as_str);
        let Some(version) = version else {
            return vec!["/schema_version: expected a text".to_owned()];
        };
        if let Err(unknown) = upgrade::known(version, definition) {
            return vec![unknown.to_string()];
        }
        match self.validators.validate(&definition.entity, version, document) {
            Ok(()) => Vec::new(),
            Err(violations) => violations.iter().map(ToString::to_string).collect(),
        }
    }
}

fn nothing_to_fold() -> Outcome {
    Ok(Disposition::Skipped("nothing to fold"))
}

fn too_large(entity: &EntityRef) -> Error {
    let bounds = format!("{SNAPSHOT_BYTES_MAX} bytes or {SNAPSHOT_VALUES_MAX} values");
    let reason = format!("merges since the last full record make more than {bounds} of it");
    let reason = format!("snapshot of {entity}: {reason}: write a full one");
    Error::new(ErrorKind::Unusable, reason)
}

fn written_by_a_newer_one(entity: &EntityRef) -> Error {
    let reason = "was written at a schema version that this revision does not know";
    Error::new(ErrorKind::Unavailable, format!("snapshot of {entity} {reason}"))
}

fn document(folded: &Folded) -> Option<Value> {
    match &folded.state {
        State::Live(document) => Some(Value::Object(document.clone())),
        State::Deleted | State::Pending => None,
    }
}
