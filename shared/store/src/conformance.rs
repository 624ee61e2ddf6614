//! The checks that every implementation of [`Store`] passes, whatever is behind it, and random
//! operations on several of them side by side ([`random`]).
//!
//! They never ask whether a generation is greater than another, and they leave the objects that
//! they wrote under the prefix that they were given.

mod bodies;
mod encoded;
mod join;
pub mod liar;
mod lists;
mod metadata;
mod names;
mod pages;
mod patient;
mod place;
mod preconditions;
pub mod random;
mod versions;

pub use join::join_all;
pub use patient::{PAUSES_MAX, Patient};

use bytes::Bytes;
use domain::{BoxFuture, Generation};

use crate::{Error, ErrorKind, Store};
use place::Place;

/// The end of one check: what was wrong, in words.
type Verdict = Result<(), String>;

/// A statement, and what it takes to see whether it holds.
type Named = (&'static str, for<'a> fn(&'a Place<'a>) -> BoxFuture<'a, Verdict>);

/// What others do to a bucket, and the storage contract cannot.
pub trait Others: Send + Sync {
    /// Uploads a new version of `name` whose content is `body`, said to be encoded with gzip.
    fn upload_gzip<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Generation, Error>>;
}

/// What is checked.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// Whoever else uses the same bucket. Checks that need somebody are left out without.
    pub others: Option<&'a dyn Others>,
}

impl<'a> Subject<'a> {
    /// A store that nobody else uses.
    pub fn alone(store: &'a dyn Store) -> Self {
        Self { store, others: None }
    }

    /// A store whose bucket others use.
    pub fn shared(store: &'a dyn Store, others: &'a dyn Others) -> Self {
        Self { store, others: Some(others) }
    }
}

/// One named property of the storage contract.
pub struct Check {
    /// What holds, as a statement.
    pub name: &'static str,
    /// Whether it takes somebody else to see it.
    needs_others: bool,
    run: for<'a> fn(&'a Place<'a>) -> BoxFuture<'a, Verdict>,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It holds.
    Holds,
    /// It does not, and this was seen instead.
    Broken(String),
    /// It was left out: nobody else uses the bucket.
    LeftOut,
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
    pub async fn run(&self, subject: Subject<'_>, prefix: &str) -> End {
        if self.needs_others && subject.others.is_none() {
            return End::LeftOut;
        }
        let place = Place::new(subject, prefix);
        (self.run)(&place).await.map_or_else(End::Broken, |()| End::Holds)
    }
}

/// Every check.
pub fn checks() -> Vec<Check> {
    let alone = [
        versions::CHECKS,
        preconditions::CHECKS,
        bodies::CHECKS,
        metadata::CHECKS,
        names::CHECKS,
        lists::CHECKS,
        pages::CHECKS,
    ];
    let of = |needs_others| move |(name, run): &Named| Check { name, needs_others, run: *run };
    let alone = alone.into_iter().flatten().map(of(false));
    alone.chain(encoded::CHECKS.iter().map(of(true))).collect()
}

/// Runs every check on `subject` under `prefix`, one after the other, each under a prefix of its
/// own, and returns those that do not hold.
pub async fn run(subject: Subject<'_>, prefix: &str) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (number, check) in checks().into_iter().enumerate() {
        if let End::Broken(why) = check.run(subject, &prefix_of(prefix, number)).await {
            broken.push(Broken { check: check.name, why });
        }
    }
    broken
}

/// Where check `number` works: a prefix of its own below `prefix`.
pub fn prefix_of(prefix: &str, number: usize) -> String {
    format!("{prefix}{number:02}/")
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
    fails(what, ErrorKind::Conflict, result)
}

/// What must end in an error of `kind`.
fn fails<T: std::fmt::Debug>(what: &str, kind: ErrorKind, result: Result<T, Error>) -> Verdict {
    match result {
        Err(err) if err.kind == kind => Ok(()),
        other => Err(format!("{what}: {other:?} instead of {kind:?}")),
    }
}
