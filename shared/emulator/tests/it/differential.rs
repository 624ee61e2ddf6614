//! Random operations side by side, and that they find a store which is wrong in any one way.

use std::sync::Arc;

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant};
use emulator::{Emulator, Memory, Options as Settings, TestClock};
use store::conformance::liar::{Liar, Lie};
use store::conformance::random::{Contestant, Difference, Options, Tally, compare};
use store::conformance::{self, Subject};
use store::{Error, List, Listed, Metadata, Object, Page, Precondition, Store};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// A lie is found within so many operations.
const FOUND_WITHIN: usize = 4000;

/// A difference is shown in at most so many.
const SHOWN_IN: usize = 4;

/// How often a folder is left and opened again.
const REOPENED: usize = 1000;

fn memory(seed: u64) -> Arc<Memory> {
    Memory::new("bucket", TestClock::at("2026-01-02T03:04:05Z"), seed)
}

async fn side_by_side(
    other: &dyn Store,
    seed: u64,
    operations: usize,
) -> Result<Tally, Box<Difference>> {
    let reference = memory(1);
    let contestants = [
        Contestant { name: "memory", store: &*reference },
        Contestant { name: "other", store: other },
    ];
    let options = Options { seed, operations, prefix: "random/".to_owned(), crowds: true };
    compare(&contestants, &options, &mut |_| ()).await
}

#[tokio::test]
async fn two_buckets_in_memory_are_alike() {
    let tally = side_by_side(&*memory(2), 0, 20_000).await;
    let tally = tally.unwrap_or_else(|difference| panic!("{difference}"));
    assert_eq!(tally.operations, 20_000);
    for kind in ANSWERS {
        let often = tally.answers.get(kind).copied().unwrap_or_default();
        assert!(often >= 5, "{kind}: {often}, of {:#?}", tally.answers);
    }
    assert_eq!(tally.answers.len(), ANSWERS.len(), "{:#?}", tally.answers);
}

/// Everything that can be answered, so that no kind of operation is asked for in vain.
const ANSWERS: [&str; 17] = [
    "delete: conflict",
    "delete: deleted",
    "delete: none",
    "erase: erased",
    "erase: none",
    "get: found",
    "get: none",
    "list: empty",
    "list: failed",
    "list: one page",
    "list: pages",
    "put: conflict",
    "put: refused",
    "put: written",
    "versions: none",
    "versions: one page",
    "versions: pages",
];

/// A bucket on a folder whose emulator ends and begins again before each operation.
struct Reopened {
    folder: TempDir,
    open: Mutex<Option<Emulator>>,
}

impl Reopened {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), open: Mutex::default() }
    }

    /// The bucket of an emulator that has just read what the one before has left.
    async fn bucket(&self) -> Arc<Memory> {
        let mut open = self.open.lock().await;
        if let Some(before) = open.take() {
            before.stop().await;
        }
        let folder = Some(self.folder.path().to_owned());
        let begun = Emulator::start(Settings { folder, ..Settings::default() }).await.unwrap();
        let bucket = begun.create_bucket("bucket").unwrap();
        *open = Some(begun);
        bucket
    }
}

impl Store for Reopened {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(async move { self.bucket().await.get(name, generation).await })
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(async move { self.bucket().await.put(name, body, metadata, precondition).await })
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { self.bucket().await.delete(name, generation).await })
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { Store::erase(&*self.bucket().await, name, generation).await })
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(async move { self.bucket().await.list(list).await })
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(async move { self.bucket().await.versions(name).await })
    }

    fn answered_at(&self) -> Option<Instant> {
        None
    }
}

#[tokio::test]
async fn a_folder_that_is_left_and_opened_again_is_as_it_was() {
    let tally = side_by_side(&Reopened::new(), 1, REOPENED).await;
    tally.unwrap_or_else(|difference| panic!("{difference}"));
}

#[tokio::test]
async fn a_round_follows_from_its_seed() {
    let tallies =
        [side_by_side(&*memory(2), 7, 1000).await, side_by_side(&*memory(3), 7, 1000).await];
    assert_eq!(tallies[0], tallies[1]);
    assert_ne!(tallies[0], side_by_side(&*memory(2), 900, 1000).await);
}

#[tokio::test]
async fn every_lie_is_found_and_shown_in_few_operations() {
    let mut late = Vec::new();
    // No operation answers with the time.
    for lie in Lie::ALL.into_iter().filter(|lie| *lie != Lie::ClockStopped) {
        let liar = Liar::new(memory(2), lie);
        let Err(difference) = side_by_side(&liar, 1, FOUND_WITHIN).await else {
            late.push(format!("{lie:?}: not found"));
            continue;
        };
        println!("{lie:?}: {difference}");
        let Difference { operations, answers, comes_again, .. } = &*difference;
        if !comes_again || operations.len() > SHOWN_IN {
            late.push(format!("{lie:?}: {difference}"));
        }
        assert_ne!(answers[0].1, answers[1].1, "{lie:?}");
    }
    assert!(late.is_empty(), "{late:#?}");
}

#[tokio::test]
async fn every_lie_breaks_a_check() {
    let mut unnoticed = Vec::new();
    for lie in Lie::ALL {
        let liar = Liar::new(memory(2), lie);
        let broken = conformance::run(Subject::alone(&liar), "conformance/").await;
        if broken.is_empty() {
            unnoticed.push(lie);
        }
    }
    assert_eq!(unnoticed, []);
}
