//! A snapshot built again from the whole history, by the definitions at hand.
//!
//! No record asks for it but a person, after a release that reads history in another way. It is the
//! refold of a late record, from the beginning of the history, under the same compare-and-swap: a
//! delivery that is handled meanwhile makes it read again.

use bytes::Bytes;
use domain::limits::ATTEMPTS_MAX;
use domain::{Disposition, EntityDefinition, EntityRef, Generation, ObjectName, ascii};
use projection::fold::Folded;
use projection::snapshot::{self, Decision, Stored};
use projection::source::key;
use store::{Error, ErrorKind, Object};

use crate::history::{History, Uncounted};
use crate::{SnapshotBuilder, Target, written_by_a_newer_one};

/// A snapshot, built again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuild {
    /// What came of it.
    pub rebuilt: Rebuilt,
    /// The records of its history that do not count. Some may have done so when they came, under
    /// other definitions: nobody has quarantined those.
    pub uncounted: Vec<Uncounted>,
}

/// What came of building a snapshot again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// There is no snapshot: nothing is told of it to those who derive from it.
    Missing,
    /// No record of the history counts: the snapshot is left alone.
    WithoutHistory,
    /// The history says what the snapshot says, and nothing is written.
    Same,
    /// It is written.
    Changed {
        /// The body that was replaced.
        before: Bytes,
        /// The body that replaced it.
        after: Bytes,
    },
}

/// The whole history of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    /// What it makes of the entity; nothing when no record counts.
    pub folded: Option<Folded>,
    /// The records that do not count.
    pub uncounted: Vec<Uncounted>,
}

/// A snapshot, written anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The version that was replaced, if there was one.
    pub overwrote: Option<Generation>,
    /// The version that was written: none where there was none and no record counts.
    pub generation: Option<Generation>,
    /// The records of its history that do not count.
    pub uncounted: Vec<Uncounted>,
}

impl SnapshotBuilder {
    /// Folds the whole history of `entity`. ⌈h/1000⌉ A + h B for `h` records.
    ///
    /// # Errors
    ///
    /// Any of the store; a content that can never be used when more records than one fold takes
    /// follow the last full one, or the kind is not defined.
    pub async fn fold(&self, entity: &EntityRef) -> Result<Whole, Error> {
        let definition = self.defined(entity)?;
        let History { records, uncounted } = self.history(entity, definition, None, &[]).await?;
        Ok(Whole { folded: Folded::of(records), uncounted })
    }

    /// Writes the snapshot of `entity` anew as its history says, in a projection run of its own, also
    /// where it says the same: everything that is derived from it is then decided again, whatever
    /// that says of its source. Where there is no snapshot, it is created; one without a history
    /// waits for a record. 1 B + ⌈h/1000⌉ A + h B + 1 A.
    ///
    /// # Errors
    ///
    /// As for [`SnapshotBuilder::rebuild`].
    pub async fn renew(&self, entity: &EntityRef) -> Result<Renewed, Error> {
        let definition = self.defined(entity)?;
        let name = ObjectName::Snapshot(entity.clone()).to_string();
        let mut contended = contended(&name);
        for _ in 0..ATTEMPTS_MAX {
            match self.renew_once(entity, definition, &name).await {
                Err(err) => contended = self.pause_after(err).await?,
                ended => return ended,
            }
        }
        Err(contended)
    }

    async fn renew_once(
        &self,
        entity: &EntityRef,
        definition: &EntityDefinition,
        name: &str,
    ) -> Result<Renewed, Error> {
        let object = self.tools.look(name).await?;
        let stored = snapshot::read(object.as_ref().map(Object::content), definition);
        if stored == Stored::Unknown {
            return Err(written_by_a_newer_one(entity));
        }
        let Whole { folded, uncounted } = self.fold(entity).await?;
        let folded = match (folded, &object) {
            (None, None) => return Ok(Renewed { overwrote: None, generation: None, uncounted }),
            (folded, _) => folded.unwrap_or_else(|| Folded::nothing(entity)),
        };
        let trigger = object.as_ref().map(|object| trigger(name, object));
        let trigger = trigger.unwrap_or_else(|| (name.to_owned(), Generation(0)));
        let target = Target { entity, definition, name: name.to_owned(), trigger };
        // As if what is there were no snapshot: no run goes on.
        let put = self.put(&target, &folded, &Stored::Unreadable, (object.as_ref(), None));
        let (_, generation) = put.await?;
        let overwrote = object.map(|object| object.generation);
        Ok(Renewed { overwrote, generation: Some(generation), uncounted })
    }

    /// Waits before another attempt, where one makes sense; the error where none does.
    async fn pause_after(&self, err: Error) -> Result<Error, Error> {
        match err.kind {
            ErrorKind::Conflict => self.tools.pause_after_conflict().await,
            ErrorKind::Throttled => self.tools.pause_after_throttling().await,
            _ => return Err(err),
        }
        Ok(err)
    }

    fn defined(&self, entity: &EntityRef) -> Result<&EntityDefinition, Error> {
        self.tools.definition(entity).map_err(|reasons| {
            let reason = match reasons {
                Disposition::Rejected(reasons) => reasons.join("; "),
                _ => "its kind is not known".to_owned(),
            };
            Error::new(ErrorKind::Unusable, format!("rebuild {entity}: {reason}"))
        })
    }

    /// Folds the whole history of `entity` and writes the snapshot if it says anything else, or
    /// covers other records. 1 B + ⌈h/1000⌉ A + h B + 1 A for `h` records, without the last where
    /// nothing changes.
    ///
    /// # Errors
    ///
    /// Any of the store; a conflict when the snapshot was written at every attempt; a content that
    /// can never be used when more records than one fold takes follow the last full one, or the
    /// kind is not defined.
    pub async fn rebuild(&self, entity: &EntityRef) -> Result<Rebuild, Error> {
        let definition = self.defined(entity)?;
        let name = ObjectName::Snapshot(entity.clone()).to_string();
        let mut contended = contended(&name);
        for _ in 0..ATTEMPTS_MAX {
            let Some(object) = self.tools.store.get(&name, None).await? else {
                return Ok(Rebuild { rebuilt: Rebuilt::Missing, uncounted: Vec::new() });
            };
            let trigger = trigger(&name, &object);
            let target = Target { entity, definition, name: name.clone(), trigger };
            match self.rebuild_once(&target, &object).await {
                Err(err) => contended = self.pause_after(err).await?,
                ended => return ended,
            }
        }
        Err(contended)
    }

    async fn rebuild_once(&self, target: &Target<'_>, object: &Object) -> Result<Rebuild, Error> {
        let read = Some(object.content());
        let stored = snapshot::read(read, target.definition);
        let History { records, uncounted } =
            self.history(target.entity, target.definition, None, &[]).await?;
        if records.is_empty() {
            return Ok(Rebuild { rebuilt: Rebuilt::WithoutHistory, uncounted });
        }
        let bulk = snapshot::bulk(&stored, &records);
        let rebuilt = match snapshot::decide_refolded(&stored, None, records) {
            Decision::Put(folded) => {
                let (after, _) = self.put(target, &folded, &stored, (Some(object), bulk)).await?;
                Rebuilt::Changed { before: object.body.clone(), after }
            }
            Decision::Retry => return Err(written_by_a_newer_one(target.entity)),
            Decision::Skip | Decision::Refold(_) => Rebuilt::Same,
        };
        Ok(Rebuild { rebuilt, uncounted })
    }
}

fn contended(name: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("put {name}: written at every attempt"))
}

/// The record whose arrival the stored snapshot names; the snapshot itself where it names none.
fn trigger(name: &str, object: &Object) -> (String, Generation) {
    let named = object.metadata.get(key::NAME).and_then(|name| ascii::decode(name));
    let version = object.metadata.get(key::GENERATION).and_then(|text| Generation::parse(text));
    named.zip(version).unwrap_or_else(|| (name.to_owned(), object.generation))
}
