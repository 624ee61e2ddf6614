//! The checks that every implementation of [`Store`] passes, whatever is behind it.
//!
//! They never ask whether a generation is greater than another, and they leave the objects that
//! they wrote under the prefix that they were given.

mod bodies;
mod lists;
mod names;
mod versions;

use bytes::Bytes;
use domain::{BoxFuture, Generation};

use crate::{Error, ErrorKind, Metadata, Object, Precondition, Store};

/// The end of one check: what was wrong, in words.
type Verdict = Result<(), String>;

/// One named property of the storage contract.
pub struct Check {
    /// What holds, as a statement.
    pub name: &'static str,
    run: for<'a> fn(&'a Place<'a>) -> BoxFuture<'a, Verdict>,
}

/// A check that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which check.
    pub check: &'static str,
    /// What was seen instead.
    pub why: String,
}

impl Check {
    /// Runs this check under `prefix`, where nothing is stored yet.
    pub async fn run(&self, store: &dyn Store, prefix: &str) -> Verdict {
        (self.run)(&Place { store, prefix: prefix.to_owned() }).await
    }
}

/// Every check.
pub fn checks() -> Vec<Check> {
    [versions::CHECKS, bodies::CHECKS, names::CHECKS, lists::CHECKS]
        .into_iter()
        .flatten()
        .map(|(name, run)| Check { name, run: *run })
        .collect()
}

/// Runs every check on `store` under `prefix`, one after the other, each under a prefix of its
/// own, and returns those that do not hold.
pub async fn run(store: &dyn Store, prefix: &str) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (number, check) in checks().into_iter().enumerate() {
        let prefix = format!("{prefix}{number:02}/");
        if let Err(why) = check.run(store, &prefix).await {
            broken.push(Broken { check: check.name, why });
        }
    }
    broken
}

type Named = (&'static str, for<'a> fn(&'a Place<'a>) -> BoxFuture<'a, Verdict>);

/// Where a check works.
struct Place<'a> {
    store: &'a dyn Store,
    prefix: String,
}

impl Place<'_> {
    fn name(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    async fn try_put(
        &self,
        rest: &str,
        body: &str,
        precondition: Precondition,
    ) -> Result<Generation, Error> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.store.put(&self.name(rest), body, &Metadata::new(), precondition).await
    }

    /// Writes what must succeed.
    async fn put(
        &self,
        rest: &str,
        body: &str,
        precondition: Precondition,
    ) -> Result<Generation, String> {
        let put = self.try_put(rest, body, precondition).await;
        put.map_err(|err| format!("put {rest:?} under {precondition:?}: {err}"))
    }

    /// Creates what must not be there yet.
    async fn create(&self, rest: &str, body: &str) -> Result<Generation, String> {
        self.put(rest, body, Precondition::Absent).await
    }

    /// Reads the live version or an old one.
    async fn get(
        &self,
        rest: &str,
        generation: Option<Generation>,
    ) -> Result<Option<Object>, String> {
        let got = self.store.get(&self.name(rest), generation).await;
        got.map_err(|err| format!("get {rest:?} {generation:?}: {err}"))
    }

    /// The body of the live version or of an old one.
    async fn body(
        &self,
        rest: &str,
        generation: Option<Generation>,
    ) -> Result<Option<String>, String> {
        let object = self.get(rest, generation).await?;
        Ok(object.map(|object| String::from_utf8_lossy(&object.body).into_owned()))
    }
}

/// What must be equal.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, expected: T) -> Verdict {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{what}: {seen:?} instead of {expected:?}"))
}

/// What must end in a conflict.
fn conflicts<T: std::fmt::Debug>(what: &str, result: Result<T, Error>) -> Verdict {
    match result {
        Err(err) if err.kind == ErrorKind::Conflict => Ok(()),
        other => Err(format!("{what}: {other:?} instead of a conflict")),
    }
}
