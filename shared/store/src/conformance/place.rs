//! Where a check works, and what it does there in few words.

use bytes::Bytes;
use domain::Generation;

use super::{Others, Subject};
use crate::{Error, List, Listed, Metadata, Object, Page, Precondition, Store};

/// Where a check works.
pub(super) struct Place<'a> {
    pub(super) store: &'a dyn Store,
    others: Option<&'a dyn Others>,
    pub(super) prefix: String,
}

impl<'a> Place<'a> {
    pub(super) fn new(subject: Subject<'a>, prefix: &str) -> Self {
        Self { store: subject.store, others: subject.others, prefix: prefix.to_owned() }
    }

    /// Whoever else uses the bucket.
    pub(super) fn others(&self) -> Result<&dyn Others, String> {
        self.others.ok_or_else(|| "nobody else uses the bucket".to_owned())
    }

    pub(super) fn name(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    pub(super) async fn try_put(
        &self,
        rest: &str,
        body: &str,
        precondition: Precondition,
    ) -> Result<Generation, Error> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.store.put(&self.name(rest), body, &Metadata::new(), precondition).await
    }

    /// Writes what must succeed.
    pub(super) async fn put(
        &self,
        rest: &str,
        body: &str,
        precondition: Precondition,
    ) -> Result<Generation, String> {
        let put = self.try_put(rest, body, precondition).await;
        put.map_err(|err| format!("put {rest:?} under {precondition:?}: {err}"))
    }

    /// Creates what must not be there yet.
    pub(super) async fn create(&self, rest: &str, body: &str) -> Result<Generation, String> {
        self.put(rest, body, Precondition::Absent).await
    }

    /// Creates with any body and metadata.
    pub(super) async fn create_with(
        &self,
        rest: &str,
        body: impl Into<Bytes>,
        metadata: &Metadata,
    ) -> Result<Generation, String> {
        let (name, body) = (self.name(rest), body.into());
        let put = self.store.put(&name, body, metadata, Precondition::Absent).await;
        put.map_err(|err| format!("put {rest:?}: {err}"))
    }

    /// Reads the live version or an old one.
    pub(super) async fn get(
        &self,
        rest: &str,
        generation: Option<Generation>,
    ) -> Result<Option<Object>, String> {
        let got = self.store.get(&self.name(rest), generation).await;
        got.map_err(|err| format!("get {rest:?} {generation:?}: {err}"))
    }

    /// Reads the live version, which must be there.
    pub(super) async fn live(&self, rest: &str) -> Result<Object, String> {
        self.get(rest, None).await?.ok_or_else(|| format!("{rest:?} is missing"))
    }

    /// The body of the live version or of an old one.
    pub(super) async fn body(
        &self,
        rest: &str,
        generation: Option<Generation>,
    ) -> Result<Option<String>, String> {
        let object = self.get(rest, generation).await?;
        Ok(object.map(|object| String::from_utf8_lossy(&object.body).into_owned()))
    }

    pub(super) async fn delete(&self, rest: &str, generation: Generation) -> Result<bool, String> {
        let deleted = self.store.delete(&self.name(rest), generation).await;
        deleted.map_err(|err| format!("delete {rest:?} {generation}: {err}"))
    }

    pub(super) async fn erase(&self, rest: &str, generation: Generation) -> Result<bool, String> {
        let erased = self.store.erase(&self.name(rest), generation).await;
        erased.map_err(|err| format!("erase {rest:?} {generation}: {err}"))
    }

    pub(super) async fn versions(&self, rest: &str) -> Result<Vec<Listed>, String> {
        let versions = self.store.versions(&self.name(rest)).await;
        versions.map_err(|err| format!("versions {rest:?}: {err}"))
    }

    pub(super) async fn list(&self, list: &List) -> Result<Page, String> {
        self.store.list(list).await.map_err(|err| format!("list {list:?}: {err}"))
    }

    /// The list of everything that the check has written.
    pub(super) fn all(&self) -> List {
        List { prefix: self.prefix.clone(), ..List::default() }
    }

    /// `name` without the prefix of the check.
    pub(super) fn short(&self, name: &str) -> String {
        name.strip_prefix(&self.prefix).unwrap_or(name).to_owned()
    }
}
