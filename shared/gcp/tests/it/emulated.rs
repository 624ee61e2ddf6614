//! Against the emulator: every fault it can make.

use std::time::Duration;

use bytes::Bytes;
use emulator::{Emulator, Faults, SeededIds, TestClock, Upload};
use gcp::{Bucket, Options};
use store::ErrorKind::Throttled;
use store::{ErrorKind, List, Operations, Precondition, Store};

use crate::client::gzip;
use crate::place::{Place, SEED, body, place, put};

/// More tries than any run of faults takes.
const TRIES_MAX: usize = 50;

#[tokio::test]
async fn each_operation_is_one_request() {
    let Place { emulator, bucket, .. } = place(None).await;
    let mut before = emulator.requests();
    let mut spent = || {
        let now = emulator.requests();
        let spent = now - before;
        before = now;
        spent
    };
    let none = Operations::default();
    let generation = put(&bucket, "a", "1", Precondition::Absent).await.unwrap();
    assert_eq!(spent(), Operations { class_a: 1, ..none });
    bucket.get("a", None).await.unwrap();
    bucket.get("missing", None).await.unwrap();
    assert_eq!(spent(), Operations { class_b: 2, ..none });
    bucket.list(&List::default()).await.unwrap();
    bucket.versions("a").await.unwrap();
    assert_eq!(spent(), Operations { class_a: 2, ..none });
    bucket.delete("a", generation).await.unwrap();
    assert_eq!(spent(), Operations { deletes: 1, ..none });
}

#[tokio::test]
async fn what_others_upload_with_gzip_is_read_decompressed() {
    let at = place(None).await;
    let stored: Bytes = gzip(b"{\"id\":1}").into();
    let encoded = Upload { content_encoding: Some("gzip".to_owned()), ..Upload::default() };
    at.memory.insert("encoded.json", stored.clone(), encoded).unwrap();
    at.memory.insert("plain.json.gz", stored.clone(), Upload::default()).unwrap();
    assert_eq!(body(&at.bucket, "encoded.json").await.unwrap(), "{\"id\":1}");
    assert_eq!(body(&at.bucket, "plain.json.gz").await.unwrap(), stored);
}

/// Adds `line` to the object unless it is there, as handlers do: read, decide, write, and again
/// from the start whatever has failed.
async fn add(bucket: &Bucket, line: &str) {
    for _ in 0..TRIES_MAX {
        let Ok(read) = bucket.get("lines", None).await else { continue };
        let precondition = Precondition::unchanged(read.as_ref());
        let lines = read
            .map_or_else(String::new, |object| String::from_utf8(object.body.to_vec()).unwrap());
        if lines.lines().any(|found| found == line) {
            return;
        }
        if put(bucket, "lines", format!("{lines}{line}\n"), precondition).await.is_ok() {
            return;
        }
    }
    panic!("{line} was not added in {TRIES_MAX} tries, seed {SEED}");
}

#[tokio::test]
async fn under_faults_each_change_is_made_once() {
    let at = place(Some(Faults { seed: SEED, rate_per_mille: 300 })).await;
    let lines = async |from: u32| {
        for n in (from..60).step_by(2) {
            add(&at.bucket, &n.to_string()).await;
        }
    };
    tokio::join!(lines(0), lines(1));
    at.emulator.set_fault_rate(0);
    let lines = String::from_utf8(body(&at.bucket, "lines").await.unwrap().to_vec()).unwrap();
    let mut seen: Vec<u32> = lines.lines().map(|line| line.parse().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..60).collect::<Vec<_>>(), "seed {SEED}");
    let writes = at.bucket.versions("lines").await.unwrap().len();
    assert_eq!(writes, 60, "each line is one version, seed {SEED}");
}

#[tokio::test]
async fn an_object_that_takes_one_write_per_second_throttles_the_next() {
    let Place { emulator, memory, bucket } = place(None).await;
    memory.limit_write_rate(Some(Duration::from_secs(3600)));
    let first = put(&bucket, "a", "1", Precondition::Absent).await.unwrap();
    let err = put(&bucket, "a", "2", Precondition::At(first)).await.unwrap_err();
    assert_eq!(err.kind, Throttled);
    assert_eq!(emulator.requests().class_a, 2);
    assert!(put(&bucket, "b", "1", Precondition::Absent).await.is_ok());
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_refused() {
    let emulator = Emulator::start(emulator::Options::default()).await.unwrap();
    let options = Options { emulator_host: Some(emulator.url()), ..Options::new("nowhere") };
    let clock = TestClock::at("2026-01-02T03:04:05Z");
    let bucket = Bucket::new(options, clock, SeededIds::new(SEED)).unwrap();
    let put = put(&bucket, "a", "1", Precondition::Absent).await.unwrap_err();
    assert_eq!(put.kind, ErrorKind::Rejected);
    let list = bucket.list(&List::default()).await.unwrap_err();
    assert_eq!(list.kind, ErrorKind::Rejected);
}
