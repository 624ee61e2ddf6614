//! Keeps secondary indices: snapshot in, pointers and group registers out.
//!
//! Indices are never listed. Which objects have to be looked at follows from the versions of the
//! snapshot: the current one, the one that the event's version overwrote, and the event's own.
//! The objects are read, *then* the snapshot's generation is read again, and each is written
//! under the generation that was read. What an entity has no place in any more becomes a
//! tombstone, also where there is nothing: the write is what makes a slower attempt fail that has
//! read "nothing". Nothing is ever deleted here.

mod looked_at;
mod planted;

use domain::limits::ATTEMPTS_MAX;
use domain::{
    BoxFuture, Class, Delivery, Disposition, EntityDefinition, EntityRef, Failure, Handler,
    ObjectName, Outcome, Planted, json,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use projection::plan::{PLACES_MAX, Place, Places, places};
use projection::source::Source;
use projection::{Write, pointer, register};
use store::{Error, ErrorKind, Object, Precondition, Tools};

use crate::looked_at::{LookedAt, Names};

#[cfg(test)]
mod tests;

/// How many index objects are read at the same time.
const READS_AT_ONCE: usize = 8;

/// The function.
pub struct IndexWriter {
    /// What it works with.
    pub tools: Tools,
    /// A wrong turn that a test takes.
    pub planted: Planted<Shortcut>,
}

/// Ways to spare an operation that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// A pointer that is the same in the overwritten snapshot is not looked at.
    UnchangedSkipped,
    /// What has no place is deleted, under its generation.
    Deleted,
    /// No tombstone where there is nothing.
    NoTombstoneWhereMissing,
    /// The snapshot is read before the pointers and once more at the end, not in between.
    FinalVerify,
    /// The overwritten version is not used.
    OverwrittenIgnored,
    /// What has no place is deleted, under its generation, and a pointer that says the same is
    /// left alone whatever run it comes from.
    DeletedAndReaddSkipped,
    /// The event's own version is not used.
    OwnIgnored,
    /// A push that does not say what was overwritten is taken for one that overwrote nothing.
    UnknownTakenForNothing,
    /// A register with a winner keeps nobody else.
    WinnerOnly,
    /// In old versions of a snapshot, fields are looked for under the names of the newest schema
    /// version.
    OldVersionsNotUpgraded,
}

impl Shortcut {
    /// Every one of them.
    pub const ALL: [Self; 10] = [
        Self::UnchangedSkipped,
        Self::Deleted,
        Self::NoTombstoneWhereMissing,
        Self::FinalVerify,
        Self::OverwrittenIgnored,
        Self::DeletedAndReaddSkipped,
        Self::OwnIgnored,
        Self::UnknownTakenForNothing,
        Self::WinnerOnly,
        Self::OldVersionsNotUpgraded,
    ];
}

impl Handler for IndexWriter {
    fn fed_with(&self) -> &'static [Class] {
        &[Class::Snapshot]
    }

    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            let outcome = match batch[0].name.entity() {
                Some(entity) => self.write(entity, batch, &[]).await,
                None => Ok(Disposition::Skipped("not the object of an entity")),
            };
            vec![outcome; batch.len()]
        })
    }
}

/// Index objects as they were read, in the order of their names.
type Found = Vec<(ObjectName, Option<Object>)>;

impl IndexWriter {
    /// Brings the index objects in which `entity` has a place, and those that are called `also`, in
    /// agreement with its snapshot, without an event. Whoever calls it has found out where the
    /// entity can have had a place; nobody knows it of old versions, which may have expired.
    pub async fn mend(&self, entity: &EntityRef, also: &[ObjectName]) -> Outcome {
        self.write(entity, &[], also).await
    }

    /// Brings all index objects that the events of `entity` concern, and `also` these, in agreement
    /// with its snapshot.
    async fn write(&self, entity: &EntityRef, events: &[Delivery], also: &[ObjectName]) -> Outcome {
        let definition = match self.tools.definition(entity) {
            Ok(definition) => definition,
            Err(rejected) => return Ok(rejected),
        };
        let mut looked_at = LookedAt::new(&*self.tools.store, entity, definition, self.planted);
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt(&mut looked_at, definition, events, also).await {
                Ok(Some(disposition)) => return Ok(disposition),
                Ok(None) => (),
                Err(err) if err.kind == ErrorKind::Conflict => (),
                Err(err) => return err.outcome(),
            }
            self.tools.pause_after_conflict().await;
        }
        Err(Failure::Retry(format!("index objects of {entity} are contended")))
    }

    /// One attempt; `None` when the snapshot has moved meanwhile.
    async fn attempt(
        &self,
        looked_at: &mut LookedAt<'_>,
        definition: &EntityDefinition,
        events: &[Delivery],
        also: &[ObjectName],
    ) -> Result<Option<Disposition>, Error> {
        let source = match self.source(looked_at.entity, definition).await? {
            Ok(source) => source,
            Err(reason) => return Ok(Some(Disposition::Rejected(vec![reason]))),
        };
        let wanted = places(definition, looked_at.entity, source.document.as_ref());
        let too_many = wanted.is_err();
        let wanted = wanted.unwrap_or_default();
        let names = match looked_at.names(&source, &wanted, events).await? {
            Names::Known(mut names) => {
                names.extend(also.iter().filter(|name| !wanted.contains_key(name)).cloned());
                names
            }
            Names::Expired => {
                self.want_repair(&source).await?;
                return Ok(Some(Disposition::Skipped("an old version has expired, repair wanted")));
            }
        };
        let found = self.read(names).await?;
        if !self.planted.has(Shortcut::FinalVerify) && self.moved(&source).await? {
            return Ok(None);
        }
        let written = self.bring(&found, &wanted, &source, definition).await?;
        if self.planted.has(Shortcut::FinalVerify) && self.moved(&source).await? {
            return Ok(None);
        }
        Ok(Some(match (too_many, written) {
            (true, _) => rejected(format!("more than {PLACES_MAX} index objects of one entity")),
            (_, Err(reason)) => rejected(reason),
            (_, Ok(0)) => Disposition::Skipped("index objects agree with the snapshot"),
            (_, Ok(_)) => Disposition::Done,
        }))
    }

    async fn source(
        &self,
        entity: &EntityRef,
        definition: &EntityDefinition,
    ) -> Result<Result<Source, String>, Error> {
        let snapshot = self.tools.snapshot(entity).await?;
        Ok(Source::read(entity, definition, snapshot.as_ref().map(Object::parts)))
    }

    async fn moved(&self, source: &Source) -> Result<bool, Error> {
        let snapshot = self.tools.snapshot(&source.entity).await?;
        Ok(snapshot.map(|snapshot| snapshot.generation) != source.generation)
    }

    async fn read(&self, names: Vec<ObjectName>) -> Result<Found, Error> {
        let read = |name: ObjectName| async move {
            let object = self.tools.store.get(&name.to_string(), None).await?;
            Ok((name, object))
        };
        stream::iter(names).map(read).buffered(READS_AT_ONCE).try_collect().await
    }

    /// Writes what does not agree with `source`; answers how much that was, or why an object
    /// cannot take its part.
    async fn bring(
        &self,
        found: &Found,
        wanted: &Places,
        source: &Source,
        definition: &EntityDefinition,
    ) -> Result<Result<usize, String>, Error> {
        let mut written = Ok(0);
        for (name, stored) in found {
            let place = wanted.get(name);
            match self.decide(name, stored.as_ref(), place, source, definition) {
                Ok(None) => (),
                Ok(Some(write)) => {
                    self.put(name, stored.as_ref(), place, write).await?;
                    written = written.map(|written| written + 1);
                }
                // The others are written all the same.
                Err(refusal) => written = Err(format!("{name} {refusal}")),
            }
        }
        Ok(written)
    }

    fn decide(
        &self,
        name: &ObjectName,
        stored: Option<&Object>,
        place: Option<&Place>,
        source: &Source,
        definition: &EntityDefinition,
    ) -> Result<Option<Write>, register::Refusal> {
        let missing = stored.is_none() && place.is_none();
        if missing && self.planted.has(Shortcut::NoTombstoneWhereMissing) {
            return Ok(None);
        }
        if let ObjectName::Pointer(_) = name {
            let read = stored.map(Object::content);
            let write = pointer::decide(read, place, source, definition, &self.tools.version);
            let skipped = self.planted.has(Shortcut::DeletedAndReaddSkipped)
                && planted::says_the_same(name, stored, write.as_ref());
            return Ok(write.filter(|_| !skipped));
        }
        let stored = stored.map(|stored| &stored.body[..]);
        let version = &self.tools.version;
        let write = register::decide(name, stored, place, source, definition, version)?;
        match name {
            ObjectName::Register { .. } if self.planted.has(Shortcut::WinnerOnly) => {
                Ok(write.map(planted::winner_only))
            }
            _ => Ok(write),
        }
    }

    async fn put(
        &self,
        name: &ObjectName,
        stored: Option<&Object>,
        place: Option<&Place>,
        write: Write,
    ) -> Result<(), Error> {
        let gone = place.is_none() && matches!(name, ObjectName::Pointer(_));
        let deletes = [Shortcut::Deleted, Shortcut::DeletedAndReaddSkipped];
        let name = name.to_string();
        if gone && deletes.iter().any(|shortcut| self.planted.has(*shortcut)) {
            return match stored {
                Some(stored) => self.tools.store.delete(&name, stored.generation).await.map(drop),
                None => Ok(()),
            };
        }
        let precondition = Precondition::unchanged(stored);
        self.tools
            .store
            .put(&name, write.body.into(), &write.metadata, precondition)
            .await
            .map(drop)
    }

    /// Asks for a reconciliation of the entity: which index objects an expired version had is
    /// not known.
    async fn want_repair(&self, source: &Source) -> Result<(), Error> {
        let name = ObjectName::RepairWanted(source.entity.clone());
        let body = [("id".to_owned(), source.entity.id.as_str().into())];
        let body = json::to_line(&json::Object::from_iter(body).into());
        let metadata = source.derived_metadata(&self.tools.version);
        self.tools.create(&name, body, &metadata).await.map(drop)
    }
}

fn rejected(reason: String) -> Disposition {
    Disposition::Rejected(vec![reason])
}
