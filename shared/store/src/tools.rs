//! What every handler works with.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::limits::{CONFLICT_PAUSE_MAX, THROTTLED_PAUSE};
use domain::{
    Clock, Definitions, Disposition, EntityDefinition, EntityRef, Ids, ObjectName, Version,
};

use crate::{Error, ErrorKind, List, Metadata, Object, Precondition, Store};

/// The bucket, and what is not to be taken from the machine behind a handler's back.
#[derive(Clone)]
pub struct Tools {
    /// The bucket.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub ids: Arc<dyn Ids>,
    /// The kinds of entities.
    pub definitions: Arc<Definitions>,
    /// What every object says of its writer.
    pub version: Version,
}

impl Tools {
    /// The definition of an entity's kind; without one, the end of every delivery about it.
    pub fn definition(&self, entity: &EntityRef) -> Result<&EntityDefinition, Disposition> {
        self.definitions.entity_of_segment(&entity.segment).ok_or_else(|| {
            let reason = format!("no entity definition has the segment {:?}", entity.segment);
            Disposition::Rejected(vec![reason])
        })
    }

    /// The current snapshot of an entity. One read.
    pub async fn snapshot(&self, entity: &EntityRef) -> Result<Option<Object>, Error> {
        let name = ObjectName::Snapshot(entity.clone()).to_string();
        self.store.get(&name, None).await
    }

    /// Reads what is there, also where its content cannot be used: it is then taken for nothing at
    /// all in that version. One read, and one list page where it cannot be used.
    pub async fn look(&self, name: &str) -> Result<Option<Object>, Error> {
        match self.store.get(name, None).await {
            Err(err) if err.kind == ErrorKind::Unusable => {
                let list = List { prefix: name.to_owned(), ..List::default() };
                let page = self.store.list(&list).await?;
                let found = page.items.into_iter().find(|item| item.name == name);
                Ok(found.map(|item| Object {
                    body: Bytes::new(),
                    generation: item.generation,
                    metadata: Metadata::new(),
                }))
            }
            read => read,
        }
    }

    /// Waits before another attempt after a conflict.
    pub async fn pause_after_conflict(&self) {
        self.pause(CONFLICT_PAUSE_MAX).await;
    }

    /// Waits until an object that took a write takes another.
    pub async fn pause_after_throttling(&self) {
        self.clock.sleep(THROTTLED_PAUSE).await;
        self.pause(THROTTLED_PAUSE).await;
    }

    /// Waits for a random time below `bound`, so that those who collided do not collide again.
    async fn pause(&self, bound: Duration) {
        self.clock.sleep(self.ids.jitter(bound)).await;
    }

    /// Writes an object whose name says what it is, unless it is there: `false` when it is. One
    /// insert.
    pub async fn create(
        &self,
        name: &ObjectName,
        body: impl Into<Bytes>,
        metadata: &Metadata,
    ) -> Result<bool, Error> {
        let (name, body) = (name.to_string(), body.into());
        match self.store.put(&name, body, metadata, Precondition::Absent).await {
            Ok(_) => Ok(true),
            Err(err) if err.kind == ErrorKind::Conflict => Ok(false),
            Err(err) => Err(err),
        }
    }
}
