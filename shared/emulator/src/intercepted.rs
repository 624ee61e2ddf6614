//! A store of which each operation is seen before it happens, and can be refused, for tests.

use std::sync::Arc;

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant};
use store::{Error, List, Listed, Metadata, Object, Page, Precondition, Store};

/// An operation that is about to happen.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// An object of this name is read.
    Get(&'a str),
    /// An object of this name is written.
    Put(&'a str),
    /// An object of this name is deleted.
    Delete(&'a str),
    /// A version of an object of this name is erased.
    Erase(&'a str),
    /// A page is listed.
    List(&'a List),
    /// The versions of an object of this name are listed.
    Versions(&'a str),
}

/// The bucket `inner`. Where `before` ends with an error the operation does not happen, and that is
/// its answer.
pub struct Intercepted<F> {
    inner: Arc<dyn Store>,
    before: F,
}

impl<F: Fn(Operation<'_>) -> Result<(), Error> + Send + Sync> Intercepted<F> {
    /// Over `inner`; each operation is given to `before` first.
    pub fn new(inner: Arc<dyn Store>, before: F) -> Arc<Self> {
        Arc::new(Self { inner, before })
    }

    fn after<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a>,
        happen: impl FnOnce(&'a dyn Store) -> BoxFuture<'a, Result<T, Error>>,
    ) -> BoxFuture<'a, Result<T, Error>> {
        match (self.before)(operation) {
            Ok(()) => happen(&*self.inner),
            Err(err) => Box::pin(std::future::ready(Err(err))),
        }
    }
}

impl<F: Fn(Operation<'_>) -> Result<(), Error> + Send + Sync> Store for Intercepted<F> {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        self.after(Operation::Get(name), move |inner| inner.get(name, generation))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        let put = move |inner: &'a dyn Store| inner.put(name, body, metadata, precondition);
        self.after(Operation::Put(name), put)
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        self.after(Operation::Delete(name), move |inner| inner.delete(name, generation))
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        self.after(Operation::Erase(name), move |inner| inner.erase(name, generation))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        self.after(Operation::List(list), move |inner| inner.list(list))
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        self.after(Operation::Versions(name), move |inner| inner.versions(name))
    }

    fn answered_at(&self) -> Option<Instant> {
        self.inner.answered_at()
    }
}
