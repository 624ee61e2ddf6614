//! A store in which no write succeeds.

use std::sync::Arc;

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant};
use store::{Error, ErrorKind, List, Listed, Metadata, Object, Page, Precondition, Store};

/// A store in which no write succeeds.
pub(super) struct ReadOnly(pub(super) Arc<dyn Store>, pub(super) ErrorKind);

impl ReadOnly {
    fn refuse<'a, T: Send + 'a>(&self) -> BoxFuture<'a, Result<T, Error>> {
        let err = Error::new(self.1, "no write succeeds");
        Box::pin(async move { Err(err) })
    }
}

impl Store for ReadOnly {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        self.0.get(name, generation)
    }

    fn put<'a>(
        &'a self,
        _: &'a str,
        _: Bytes,
        _: &'a Metadata,
        _: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        self.refuse()
    }

    fn delete<'a>(&'a self, _: &'a str, _: Generation) -> BoxFuture<'a, Result<bool, Error>> {
        self.refuse()
    }

    fn erase<'a>(&'a self, _: &'a str, _: Generation) -> BoxFuture<'a, Result<bool, Error>> {
        self.refuse()
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        self.0.list(list)
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        self.0.versions(name)
    }

    fn answered_at(&self) -> Option<Instant> {
        self.0.answered_at()
    }
}
