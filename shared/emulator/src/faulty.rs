//! Stores in which operations fail, for tests of handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant};
use store::{Error, ErrorKind, List, Listed, Metadata, Object, Page, Precondition, Store};

/// The kinds of errors after which an operation may have happened all the same.
pub const KINDS: [ErrorKind; 4] =
    [ErrorKind::Conflict, ErrorKind::Throttled, ErrorKind::Unavailable, ErrorKind::Rejected];

/// When an operation fails.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// It never happens.
    Before,
    /// It happens, and its answer is lost.
    After,
}

/// One operation fails, and others after it if more than one shall.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The first operation that fails, counted from 0.
    pub at: usize,
    /// How many operations in a row fail.
    pub times: usize,
    /// The error.
    pub kind: ErrorKind,
    /// Whether the operation happens all the same.
    pub when: When,
}

impl Fault {
    /// Every way in which one of the first `operations` can fail.
    pub fn all(operations: usize) -> impl Iterator<Item = Self> {
        let kinds = |at| KINDS.into_iter().map(move |kind| (at, kind));
        (0..operations).flat_map(kinds).flat_map(|(at, kind)| {
            [When::Before, When::After].map(|when| Self { at, times: 1, kind, when })
        })
    }
}

/// A store in which operations fail as a [`Fault`] says.
pub struct Faulty {
    inner: Arc<dyn Store>,
    fault: Fault,
    made: AtomicUsize,
}

impl Faulty {
    /// The same bucket, with this fault.
    pub fn new(inner: Arc<dyn Store>, fault: Fault) -> Arc<Self> {
        Arc::new(Self { inner, fault, made: AtomicUsize::new(0) })
    }

    /// Whether the fault has happened.
    pub fn happened(&self) -> bool {
        self.made.load(Ordering::Relaxed) > self.fault.at
    }

    async fn make<T>(&self, operation: BoxFuture<'_, Result<T, Error>>) -> Result<T, Error> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let Fault { at, times, kind, when } = self.fault;
        if !(at..at.saturating_add(times)).contains(&number) {
            return operation.await;
        }
        if let When::After = when {
            // Whatever became of it, nobody is told.
            drop(operation.await);
        }
        Err(Error::new(kind, format!("operation {number} fails")))
    }
}

impl Store for Faulty {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(self.make(self.inner.get(name, generation)))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(self.make(self.inner.put(name, body, metadata, precondition)))
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.make(self.inner.delete(name, generation)))
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.make(self.inner.erase(name, generation)))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(self.make(self.inner.list(list)))
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(self.make(self.inner.versions(name)))
    }

    fn answered_at(&self) -> Option<Instant> {
        self.inner.answered_at()
    }
}
