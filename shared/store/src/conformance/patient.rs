//! A store that waits when it is asked to slow down.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{BoxFuture, Clock, Generation, Instant};

use crate::{Error, ErrorKind, List, Listed, Metadata, Object, Page, Precondition, Store};

/// How often one call waits.
pub const PAUSES_MAX: u32 = 8;

/// An object takes about one write per second.
const PAUSE: Duration = Duration::from_millis(1100);

/// Repeats what was throttled, of which nothing was done, after a pause: a real bucket takes about
/// one write per second of one object, and checks write the same one again at once.
pub struct Patient {
    inner: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Patient {
    /// Waits on `clock`.
    pub fn new(inner: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock }
    }

    async fn repeat<'a, T>(
        &'a self,
        call: impl Fn() -> BoxFuture<'a, Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        for _ in 0..PAUSES_MAX {
            match call().await {
                Err(err) if err.kind == ErrorKind::Throttled => self.clock.sleep(PAUSE).await,
                end => return end,
            }
        }
        call().await
    }
}

impl Store for Patient {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(self.repeat(move || self.inner.get(name, generation)))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(self.repeat(move || self.inner.put(name, body.clone(), metadata, precondition)))
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.repeat(move || self.inner.delete(name, generation)))
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.repeat(move || self.inner.erase(name, generation)))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(self.repeat(move || self.inner.list(list)))
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(self.repeat(move || self.inner.versions(name)))
    }

    fn answered_at(&self) -> Option<Instant> {
        self.inner.answered_at()
    }
}
