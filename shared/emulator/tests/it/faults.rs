//! Every fault is really seen by a client, and does or does not take effect as it says.

use axum::http::Method;
use bytes::Bytes;
use emulator::{Emulator, Fault, Faults, Options, Upload};

use crate::client::{Answer, send};

async fn insert(emulator: &Emulator) -> Result<Answer, String> {
    let url = format!("{}/upload/storage/v1/b/b/o?uploadType=media&name=a", emulator.url());
    send(Method::POST, &url, &[], "1").await
}

async fn read(emulator: &Emulator) -> Result<Answer, String> {
    let url = format!("{}/storage/v1/b/b/o/a?alt=media", emulator.url());
    send(Method::GET, &url, &[], "").await
}

async fn start() -> Emulator {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    emulator.create_bucket("b").unwrap();
    emulator
}

#[tokio::test]
async fn a_write_that_fails_before_it_is_done_is_not_done() {
    let emulator = start().await;
    let memory = emulator.create_bucket("b").unwrap();
    for (fault, code) in
        [(Fault::Unavailable, 503), (Fault::Throttled, 429), (Fault::Forbidden, 403)]
    {
        emulator.fail_next(fault);
        assert_eq!(insert(&emulator).await.unwrap().error().0, code);
    }
    emulator.fail_next(Fault::Reset);
    assert!(insert(&emulator).await.unwrap_err().starts_with("no answer"));
    assert_eq!(memory.versions_of("a").len(), 0);
    assert_eq!(insert(&emulator).await.unwrap().status, 200, "each fault is for one request");
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_or_cut_is_done() {
    let emulator = start().await;
    let memory = emulator.create_bucket("b").unwrap();
    emulator.fail_next(Fault::LostAnswer);
    assert!(insert(&emulator).await.unwrap_err().starts_with("no answer"));
    assert_eq!(memory.versions_of("a").len(), 1);
    emulator.fail_next(Fault::Truncated);
    assert!(insert(&emulator).await.is_err());
    assert_eq!(memory.versions_of("a").len(), 2);
}

#[tokio::test]
async fn a_truncated_body_announces_more_than_comes() {
    let emulator = start().await;
    let body = Bytes::from(vec![b'x'; 100_000]);
    emulator.create_bucket("b").unwrap().insert("a", body, Upload::default()).unwrap();
    emulator.fail_next(Fault::Truncated);
    let err = read(&emulator).await.unwrap_err();
    assert!(err.starts_with("answer is not complete"), "{err}");
    assert_eq!(read(&emulator).await.unwrap().body.len(), 100_000);
    for length in [1, 2, 700] {
        let body = Bytes::from(vec![b'x'; length]);
        emulator.create_bucket("b").unwrap().insert("a", body, Upload::default()).unwrap();
        emulator.fail_next(Fault::Truncated);
        assert!(read(&emulator).await.is_err(), "{length}");
    }
}

#[tokio::test]
async fn an_empty_answer_cannot_be_cut_and_is_lost_instead() {
    let emulator = start().await;
    emulator.create_bucket("b").unwrap().insert("a", Bytes::new(), Upload::default()).unwrap();
    emulator.fail_next(Fault::Truncated);
    assert!(read(&emulator).await.unwrap_err().starts_with("no answer"));
}

#[tokio::test]
async fn a_seed_decides_which_requests_fail_and_a_rate_how_many() {
    let run = async |seed| {
        let faults = Some(Faults { seed, rate_per_mille: 500 });
        let emulator = Emulator::start(Options { faults, ..Options::default() }).await.unwrap();
        emulator.create_bucket("b").unwrap();
        let mut ends = Vec::new();
        for _ in 0..40 {
            ends.push(insert(&emulator).await.map(|answer| answer.status).unwrap_or(0));
        }
        emulator.set_fault_rate(0);
        assert_eq!(insert(&emulator).await.unwrap().status, 200, "calm at rate 0");
        emulator.set_fault_rate(1000);
        let failed = !insert(&emulator).await.is_ok_and(|answer| answer.status == 200);
        assert!(failed, "nothing succeeds at rate 1000");
        ends
    };
    let ends = run(1).await;
    assert_eq!(ends, run(1).await);
    assert_ne!(ends, run(2).await);
    for end in [0, 200, 403, 429, 503] {
        assert!(ends.contains(&end), "{end} among {ends:?}");
    }
}
