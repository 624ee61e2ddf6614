//! A store whose writes take effect and are never confirmed.

use std::sync::Arc;

use bytes::Bytes;
use domain::{BoxFuture, Generation};
use emulator::Memory;
use store::{Error, ErrorKind, List, Listed, Metadata, Object, Page, Precondition, Store};

pub(super) struct LostMark(pub(super) Arc<Memory>);

impl Store for LostMark {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        self.0.get(name, generation)
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(async move {
            self.0.put(name, body, metadata, precondition).await?;
            Err(Error::new(ErrorKind::Unavailable, format!("put {name}: no answer")))
        })
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        self.0.delete(name, generation)
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        self.0.list(list)
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        self.0.versions(name)
    }
}
