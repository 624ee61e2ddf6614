//! The bucket in memory.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use domain::{Clock as _, Generation};
use emulator::{Memory, Stored, TestClock, Upload};
use store::conformance::Patient;
use store::{ErrorKind, Metadata, Precondition, Store as _};

fn memory() -> (Arc<Memory>, Arc<TestClock>) {
    let clock = TestClock::at("2026-01-02T03:04:05Z");
    (Memory::new("bucket", clock.clone(), 7), clock)
}

fn insert(memory: &Memory, name: &str, body: &'static str) -> Stored {
    memory.insert(name, Bytes::from(body), Upload::default()).unwrap()
}

#[tokio::test]
async fn memory_keeps_the_storage_contract() {
    let (memory, _) = memory();
    let subject = store::conformance::Subject::shared(&*memory, &*memory);
    assert_eq!(store::conformance::run(subject, "conformance/").await, []);
}

#[tokio::test]
async fn whoever_is_patient_needs_no_more_than_one_write_per_second() {
    let (memory, clock) = memory();
    memory.limit_write_rate(Some(Duration::from_secs(1)));
    let begun = clock.now();
    let patient = Patient::new(memory.clone(), clock.clone());
    let subject = store::conformance::Subject::alone(&patient);
    assert_eq!(store::conformance::run(subject, "conformance/").await, []);
    assert!(clock.now() > begun.after(Duration::from_secs(30)), "it has waited");
}

#[test]
fn generations_are_unique_and_do_not_increase() {
    let (memory, _) = memory();
    let drawn: Vec<u64> = (0..100).map(|_| insert(&memory, "a", "1").generation.0).collect();
    let mut sorted = drawn.clone();
    sorted.sort_unstable();
    assert_ne!(drawn, sorted);
    sorted.dedup();
    assert_eq!(sorted.len(), drawn.len());
    assert!(drawn.iter().all(|generation| generation.to_string().len() == 16));
}

#[test]
fn the_same_seed_draws_the_same_generations() {
    let generations = || {
        let (memory, _) = memory();
        [insert(&memory, "a", "1"), insert(&memory, "b", "1")].map(|stored| stored.generation)
    };
    assert_eq!(generations(), generations());
}

#[test]
fn versions_keep_body_order_and_what_they_replaced() {
    let (memory, clock) = memory();
    let first = insert(&memory, "a", "1");
    let second = insert(&memory, "a", "2");
    let versions = memory.versions_of("a");
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0].body, "1");
    assert_eq!((versions[0].live, versions[1].live), (false, true));
    assert_eq!((first.overwrote, second.overwrote), (None, Some(first.generation)));
    assert_eq!(first.created_at, clock.now());
    assert!(second.created_at > first.created_at, "the clock stands still, versions do not tie");
}

#[tokio::test]
async fn an_expired_version_is_gone_and_a_live_one_cannot_expire() {
    let (memory, _) = memory();
    let first = insert(&memory, "a", "1").generation;
    let second = insert(&memory, "a", "2").generation;
    assert!(!memory.expire("a", second));
    assert!(memory.expire("a", first));
    assert!(!memory.expire("a", first));
    assert_eq!(memory.get("a", Some(first)).await, Ok(None));
    assert_eq!(memory.versions_of("a").len(), 1);
}

#[tokio::test]
async fn one_write_of_one_object_per_interval() {
    let (memory, clock) = memory();
    memory.limit_write_rate(Some(Duration::from_secs(1)));
    let put = async |name: &str, precondition| {
        memory.put(name, Bytes::new(), &Metadata::new(), precondition).await
    };
    let first = put("a", Precondition::Absent).await.unwrap();
    let kind = async |name: &str, precondition| put(name, precondition).await.map_err(|e| e.kind);
    assert_eq!(kind("a", Precondition::At(first)).await, Err(ErrorKind::Throttled));
    assert!(kind("b", Precondition::Absent).await.is_ok(), "another object has its own rate");
    let delete = memory.delete("a", first).await;
    assert_eq!(delete.map_err(|err| err.kind), Err(ErrorKind::Throttled));
    clock.advance(Duration::from_secs(1));
    assert!(kind("a", Precondition::At(first)).await.is_ok());
}

#[tokio::test]
async fn gzip_is_decoded_and_a_bomb_is_refused() {
    let (memory, _) = memory();
    let gzip = Upload { content_encoding: Some("gzip".to_owned()), ..Upload::default() };
    memory.insert("a", compress(b"{\"a\":1}\n"), gzip.clone()).unwrap();
    let object = memory.get("a", None).await.unwrap().unwrap();
    assert_eq!(object.body, "{\"a\":1}\n");
    memory.insert("bomb", compress(&vec![0; 65 << 20]), gzip.clone()).unwrap();
    memory.insert("broken", Bytes::from("{}"), gzip).unwrap();
    for name in ["bomb", "broken"] {
        let got = memory.get(name, None).await;
        assert_eq!(got.map_err(|err| err.kind), Err(ErrorKind::Unusable), "{name}");
    }
}

#[tokio::test]
async fn an_operation_happens_when_it_is_polled_and_not_before() {
    let (memory, _) = memory();
    let metadata = Metadata::new();
    drop(memory.put("never", Bytes::new(), &metadata, Precondition::Absent));
    let read = memory.get("a", None);
    let stored = insert(&memory, "a", "1");
    assert_eq!(read.await.unwrap().unwrap().generation, stored.generation);
    assert_eq!(memory.versions_of("never"), []);
}

#[test]
fn listeners_hear_every_version_before_the_write_returns() {
    let (memory, _) = memory();
    let heard = Arc::new(Mutex::new(Vec::<(Generation, Option<Generation>)>::new()));
    let ear = heard.clone();
    memory.on_finalize(Box::new(move |stored| {
        ear.lock().unwrap().push((stored.generation, stored.overwrote));
    }));
    let first = insert(&memory, "a", "1").generation;
    assert_eq!(*heard.lock().unwrap(), [(first, None)]);
    let second = insert(&memory, "a", "2").generation;
    assert_eq!(*heard.lock().unwrap(), [(first, None), (second, Some(first))]);
}

#[test]
fn names_and_metadata_that_the_service_refuses_are_refused() {
    let (memory, _) = memory();
    let long = "x".repeat(1025);
    for name in ["", ".", "..", "a\nb", "a\rb", &long] {
        let refused = memory.insert(name, Bytes::new(), Upload::default());
        assert_eq!(refused.map_err(|err| err.kind), Err(ErrorKind::Rejected), "{name:?}");
    }
    let metadata = Metadata::from([(String::new(), "x".to_owned())]);
    let refused = memory.insert("a", Bytes::new(), Upload { metadata, ..Upload::default() });
    assert_eq!(refused.map_err(|err| err.kind), Err(ErrorKind::Rejected));
}

pub(crate) fn compress(body: &[u8]) -> Bytes {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap().into()
}
