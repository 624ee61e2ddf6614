//! Writes that were done and whose answers were lost, and what may have happened before the
//! client asked again.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::{BoxFuture, Clock, Instant};
use emulator::{Memory, Upload};
use expect_test::expect;
use store::{ErrorKind, Precondition, Store};

use crate::client::Naps;
use crate::place::{Place, ends, place_within, put};

/// A third of it is how long the client waits for a silent service.
const DEADLINE: Duration = Duration::from_secs(6);

const OURS: &[u8] = b"ours";
const THEIRS: &[u8] = b"theirs";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Create,
    Swap,
    Delete,
}
use Operation::{Create, Delete, Swap};

/// What somebody else does between the lost answer and the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    Nothing,
    Overwrites,
    Deletes,
}
use Between::{Deletes, Nothing, Overwrites};

/// How an answer is lost.
const LOST: [&str; 5] = [
    "commit-then-reset-connection",
    "commit-then-break-head",
    "commit-then-break-body",
    "commit-then-stall-head",
    "commit-then-stall-body",
];

/// The pauses of the client are when somebody else acts.
struct Meddler {
    naps: Arc<Naps>,
    bucket: Mutex<Option<Arc<Memory>>>,
    between: Between,
}

impl Clock for Meddler {
    fn now(&self) -> Instant {
        self.naps.now()
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        // Once.
        let bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            if let Some(bucket) = bucket {
                self.meddle(&bucket).await;
            }
            self.naps.sleep(delay).await;
        })
    }
}

impl Meddler {
    async fn meddle(&self, bucket: &Memory) {
        let live = bucket.objects().remove("a");
        match (self.between, live) {
            (Nothing, _) | (Deletes, None) => (),
            (Overwrites, _) => {
                bucket.insert("a", Bytes::from_static(THEIRS), Upload::default()).unwrap();
            }
            (Deletes, Some(live)) => {
                assert!(bucket.delete("a", live.generation).await.unwrap());
            }
        }
    }
}

/// The end of one case, after checks that hold whatever the case.
async fn run(operation: Operation, lost: &str, between: Between) -> String {
    let naps = Naps::new();
    let clock = Arc::new(Meddler { naps, bucket: Mutex::default(), between });
    let at = place_within(DEADLINE, clock.clone(), None).await;
    *clock.bucket.lock().unwrap() = Some(at.memory.clone());
    let Place { emulator, memory, bucket } = &at;
    if operation != Create {
        memory.insert("a", Bytes::from_static(b"before"), Upload::default()).unwrap();
    }
    let before = memory.objects().remove("a");
    let method = match operation {
        Create | Swap => "storage.objects.insert",
        Delete => "storage.objects.delete",
    };
    let instructions = emulator.instruct(method, &[lost]).unwrap();
    let end = match operation {
        Create | Swap => {
            let precondition = Precondition::unchanged(before.as_ref());
            let written = put(bucket, "a", Bytes::from_static(OURS), precondition).await;
            if let Ok(generation) = written {
                let live = memory.objects().remove("a").unwrap();
                assert_eq!((live.generation, live.body), (generation, OURS.into()), "a success");
            }
            written.map(|_| "written".to_owned())
        }
        Delete => {
            let deleted = bucket.delete("a", before.unwrap().generation).await;
            if deleted.is_ok() {
                assert_eq!(at.stored("a"), None, "a deletion");
            }
            deleted.map(|deleted| format!("deleted: {deleted}"))
        }
    };
    assert!(instructions.is_consumed());
    if let Err(err) = &end {
        assert_eq!(err.kind, ErrorKind::Conflict, "{err}");
    }
    let read = bucket.get("a", None).await.unwrap().map(|object| object.body);
    assert_eq!(read, at.stored("a"), "a read tells");
    if between == Overwrites {
        assert_eq!(read.as_deref(), Some(THEIRS), "what others wrote later is kept");
    }
    let end = end.unwrap_or_else(|err| format!("{:?}", err.kind));
    let read = read.map_or("none".to_owned(), |body| String::from_utf8_lossy(&body).into_owned());
    format!("{end:14} then reads {read}, attempts: {}", at.requests() - 1)
}

#[tokio::test]
async fn a_lost_answer_is_no_success_and_loses_nothing() {
    let mut runs = Vec::new();
    for operation in [Create, Swap, Delete] {
        for lost in LOST {
            for between in [Nothing, Overwrites, Deletes] {
                let case = [format!("{operation:?}"), lost.to_owned(), format!("{between:?}")];
                runs.push((lost, case, run(operation, lost, between)));
            }
        }
    }
    let mut table = String::new();
    for ([operation, lost, between], end) in ends(runs).await {
        writeln!(table, "{operation:6} {lost:28} {between:10} {end}").unwrap();
    }
    println!("{table}");
    expect![[r#"
        Create commit-then-reset-connection Nothing    Conflict       then reads ours, attempts: 2
        Create commit-then-reset-connection Overwrites Conflict       then reads theirs, attempts: 2
        Create commit-then-reset-connection Deletes    written        then reads ours, attempts: 2
        Create commit-then-break-head       Nothing    Conflict       then reads ours, attempts: 2
        Create commit-then-break-head       Overwrites Conflict       then reads theirs, attempts: 2
        Create commit-then-break-head       Deletes    written        then reads ours, attempts: 2
        Create commit-then-break-body       Nothing    Conflict       then reads ours, attempts: 2
        Create commit-then-break-body       Overwrites Conflict       then reads theirs, attempts: 2
        Create commit-then-break-body       Deletes    written        then reads ours, attempts: 2
        Create commit-then-stall-head       Nothing    Conflict       then reads ours, attempts: 2
        Create commit-then-stall-head       Overwrites Conflict       then reads theirs, attempts: 2
        Create commit-then-stall-head       Deletes    written        then reads ours, attempts: 2
        Create commit-then-stall-body       Nothing    Conflict       then reads ours, attempts: 2
        Create commit-then-stall-body       Overwrites Conflict       then reads theirs, attempts: 2
        Create commit-then-stall-body       Deletes    written        then reads ours, attempts: 2
        Swap   commit-then-reset-connection Nothing    Conflict       then reads ours, attempts: 2
        Swap   commit-then-reset-connection Overwrites Conflict       then reads theirs, attempts: 2
        Swap   commit-then-reset-connection Deletes    Conflict       then reads none, attempts: 2
        Swap   commit-then-break-head       Nothing    Conflict       then reads ours, attempts: 2
        Swap   commit-then-break-head       Overwrites Conflict       then reads theirs, attempts: 2
        Swap   commit-then-break-head       Deletes    Conflict       then reads none, attempts: 2
        Swap   commit-then-break-body       Nothing    Conflict       then reads ours, attempts: 2
        Swap   commit-then-break-body       Overwrites Conflict       then reads theirs, attempts: 2
        Swap   commit-then-break-body       Deletes    Conflict       then reads none, attempts: 2
        Swap   commit-then-stall-head       Nothing    Conflict       then reads ours, attempts: 2
        Swap   commit-then-stall-head       Overwrites Conflict       then reads theirs, attempts: 2
        Swap   commit-then-stall-head       Deletes    Conflict       then reads none, attempts: 2
        Swap   commit-then-stall-body       Nothing    Conflict       then reads ours, attempts: 2
        Swap   commit-then-stall-body       Overwrites Conflict       then reads theirs, attempts: 2
        Swap   commit-then-stall-body       Deletes    Conflict       then reads none, attempts: 2
        Delete commit-then-reset-connection Nothing    deleted: false then reads none, attempts: 2
        Delete commit-then-reset-connection Overwrites Conflict       then reads theirs, attempts: 2
        Delete commit-then-reset-connection Deletes    deleted: false then reads none, attempts: 2
        Delete commit-then-break-head       Nothing    deleted: false then reads none, attempts: 2
        Delete commit-then-break-head       Overwrites Conflict       then reads theirs, attempts: 2
        Delete commit-then-break-head       Deletes    deleted: false then reads none, attempts: 2
        Delete commit-then-break-body       Nothing    deleted: false then reads none, attempts: 2
        Delete commit-then-break-body       Overwrites Conflict       then reads theirs, attempts: 2
        Delete commit-then-break-body       Deletes    deleted: false then reads none, attempts: 2
        Delete commit-then-stall-head       Nothing    deleted: false then reads none, attempts: 2
        Delete commit-then-stall-head       Overwrites Conflict       then reads theirs, attempts: 2
        Delete commit-then-stall-head       Deletes    deleted: false then reads none, attempts: 2
        Delete commit-then-stall-body       Nothing    deleted: false then reads none, attempts: 2
        Delete commit-then-stall-body       Overwrites Conflict       then reads theirs, attempts: 2
        Delete commit-then-stall-body       Deletes    deleted: false then reads none, attempts: 2
    "#]]
    .assert_eq(&table);
}

#[tokio::test]
async fn a_request_that_arrives_late_is_held_off_by_its_precondition() {
    for operation in [Create, Swap, Delete] {
        let at = place_within(DEADLINE, Naps::new(), None).await;
        if operation != Create {
            at.memory.insert("a", Bytes::from_static(b"before"), Upload::default()).unwrap();
        }
        let before = at.memory.objects().remove("a");
        let late = ["reset-connection-then-commit"];
        let _late = ["storage.objects.insert", "storage.objects.delete"]
            .map(|method| at.emulator.instruct(method, &late).unwrap());
        if operation == Delete {
            assert!(at.bucket.delete("a", before.unwrap().generation).await.unwrap());
            assert_eq!(at.stored("a"), None);
            continue;
        }
        let precondition = Precondition::unchanged(before.as_ref());
        let written = put(&at.bucket, "a", OURS, precondition).await.unwrap();
        let live = at.memory.objects().remove("a").unwrap();
        assert_eq!((live.generation, live.body), (written, OURS.into()));
    }
}
