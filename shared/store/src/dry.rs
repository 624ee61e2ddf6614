//! A store whose writes go nowhere, for dry runs. They succeed, but where something is to be created
//! and is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, ErrorKind, List, Listed, Metadata, Object, Page, Precondition, Store};
use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant};

/// Reads what is stored; forgets what is written.
pub struct Dry {
    inner: Arc<dyn Store>,
    writes: AtomicU64,
}

impl Dry {
    /// Over `inner`, of which nothing changes.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, writes: AtomicU64::new(0) }
    }
}

impl Store for Dry {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        self.inner.get(name, generation)
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        _: Bytes,
        _: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        let number = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        Box::pin(async move {
            match precondition {
                Precondition::Absent if self.inner.get(name, None).await?.is_some() => {
                    Err(Error::new(ErrorKind::Conflict, format!("put {name}: it is there")))
                }
                _ => Ok(Generation(number)),
            }
        })
    }

    fn delete<'a>(&'a self, _: &'a str, _: Generation) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async { Ok(true) })
    }

    fn erase<'a>(&'a self, _: &'a str, _: Generation) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async { Ok(true) })
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        self.inner.list(list)
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        self.inner.versions(name)
    }

    fn answered_at(&self) -> Option<Instant> {
        self.inner.answered_at()
    }
}
