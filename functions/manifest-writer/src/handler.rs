//! Keeps one manifest record for each entity: snapshot in, manifest out.
//!
//! A manifest is derived by the rule that all derived objects follow: it is read, *then* the
//! snapshot is read, and it is written under the generation that was read. Whoever read the
//! manifest earlier fails; whoever reads it later sees this snapshot or a newer one. So the
//! attempt that acknowledges the last event leaves the manifest of the last snapshot.

use domain::limits::ATTEMPTS_MAX;
use domain::{
    BoxFuture, Class, Delivery, Disposition, EntityDefinition, EntityRef, Failure, Handler,
    ObjectName, OrderKey, Outcome, Planted,
};
use projection::source::Source;
use projection::{Write, manifest};
use store::{Error, ErrorKind, Metadata, Object, Precondition, Tools};

#[cfg(test)]
mod tests;

/// The function.
pub struct ManifestWriter {
    /// What it works with.
    pub tools: Tools,
    /// A wrong turn that a test takes.
    pub planted: Planted<Shortcut>,
}

/// Ways to spare an operation that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// The snapshot is read before the manifest.
    SnapshotReadFirst,
    /// The manifest of an entity that is not live is deleted, under its generation.
    Deleted,
    /// No tombstone where there is nothing.
    NoTombstoneWhereMissing,
    /// The journal is written after the manifest.
    JournalAfterManifest,
    /// The manifest is left alone while the newest record of the snapshot is the one that it was
    /// written from, whatever the generation.
    OrderKeyTakenForVersion,
}

impl Shortcut {
    /// Every one of them.
    pub const ALL: [Self; 5] = [
        Self::SnapshotReadFirst,
        Self::Deleted,
        Self::NoTombstoneWhereMissing,
        Self::JournalAfterManifest,
        Self::OrderKeyTakenForVersion,
    ];
}

/// The metadata key under which [`Shortcut::OrderKeyTakenForVersion`] keeps the newest record.
const NEWEST: &str = "newest";

impl Handler for ManifestWriter {
    fn fed_with(&self) -> &'static [Class] {
        &[Class::Snapshot]
    }

    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            // A manifest follows from the current snapshot alone: one pass serves every event.
            let outcome = match batch[0].name.entity() {
                Some(entity) => self.write(entity).await,
                None => Ok(Disposition::Skipped("not the object of an entity")),
            };
            vec![outcome; batch.len()]
        })
    }
}

impl ManifestWriter {
    /// Brings the manifest of `entity` in agreement with its snapshot.
    async fn write(&self, entity: &EntityRef) -> Outcome {
        let definition = match self.tools.definition(entity) {
            Ok(definition) => definition,
            Err(rejected) => return Ok(rejected),
        };
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt(entity, definition).await {
                Ok(disposition) => return Ok(disposition),
                Err(err) if err.kind == ErrorKind::Conflict => {
                    self.tools.pause_after_conflict().await;
                }
                Err(err) => return err.outcome(),
            }
        }
        Err(Failure::Retry(format!("manifest of {entity} is contended")))
    }

    async fn attempt(
        &self,
        entity: &EntityRef,
        definition: &EntityDefinition,
    ) -> Result<Disposition, Error> {
        let name = ObjectName::Manifest(entity.clone()).to_string();
        let (stored, snapshot) = self.read(entity, &name).await?;
        let source = match Source::read(entity, definition, snapshot.as_ref().map(Object::parts)) {
            Ok(source) => source,
            Err(reason) => return Ok(Disposition::Rejected(vec![reason])),
        };
        let metadata = stored.as_ref().map(|stored| &stored.metadata);
        let Some(mut write) = manifest::decide(metadata, &source, definition, &self.tools.version)
        else {
            return Ok(Disposition::Skipped("manifest came from this snapshot"));
        };
        if self.planted.has(Shortcut::OrderKeyTakenForVersion) {
            let newest = source.newest.as_ref().map(OrderKey::relative).unwrap_or_default();
            if metadata.and_then(|metadata| metadata.get(NEWEST)) == Some(&newest) {
                return Ok(Disposition::Skipped("manifest came from the newest record"));
            }
            write.metadata.insert(NEWEST.to_owned(), newest);
        }
        let hour = self.tools.clock.now().hour_text();
        let noted_late = self.planted.has(Shortcut::JournalAfterManifest);
        if !noted_late {
            self.note(metadata, &source, &hour).await?;
        }
        write.metadata.insert(manifest::JOURNAL_HOUR.to_owned(), hour.clone());
        self.put(&name, stored.as_ref(), &source, write).await?;
        if noted_late {
            self.note(metadata, &source, &hour).await?;
        }
        Ok(Disposition::Done)
    }

    /// The manifest and, read after it (see the module's documentation), the snapshot.
    async fn read(
        &self,
        entity: &EntityRef,
        name: &str,
    ) -> Result<(Option<Object>, Option<Object>), Error> {
        if self.planted.has(Shortcut::SnapshotReadFirst) {
            let snapshot = self.tools.snapshot(entity).await?;
            return Ok((self.tools.store.get(name, None).await?, snapshot));
        }
        let stored = self.tools.store.get(name, None).await?;
        Ok((stored, self.tools.snapshot(entity).await?))
    }

    /// Writes in place of what was read.
    async fn put(
        &self,
        name: &str,
        stored: Option<&Object>,
        source: &Source,
        write: Write,
    ) -> Result<(), Error> {
        let absent = source.document.is_none();
        match stored {
            None if absent && self.planted.has(Shortcut::NoTombstoneWhereMissing) => return Ok(()),
            None if absent && self.planted.has(Shortcut::Deleted) => return Ok(()),
            Some(stored) if absent && self.planted.has(Shortcut::Deleted) => {
                return self.tools.store.delete(name, stored.generation).await.map(drop);
            }
            _ => (),
        }
        let precondition = Precondition::unchanged(stored);
        self.tools.store.put(name, write.body.into(), &write.metadata, precondition).await.map(drop)
    }

    /// Notes in the journal that the manifest changes in this hour, before it does: a compaction
    /// that reads the journal misses no change.
    async fn note(
        &self,
        stored: Option<&Metadata>,
        source: &Source,
        hour: &str,
    ) -> Result<(), Error> {
        let Some((name, entry)) = manifest::journal(stored, source, hour) else { return Ok(()) };
        let metadata = source.derived_metadata(&self.tools.version);
        // Where it is there already, the entity has changed in this hour before.
        self.tools.create(&name, entry, &metadata).await.map(drop)
    }
}
