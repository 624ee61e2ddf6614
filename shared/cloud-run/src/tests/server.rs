//! Requests over loopback and their answers.

use std::sync::Arc;
use std::time::Duration;

use domain::{Class, Disposition, Failure, Outcome};
use store::ErrorKind;

use super::wire::{Server, request};
use super::{Fake, Notes, RECORD, push, runner};
use crate::server::BODY_BYTES_MAX;

const REFUSED: &str = "env/dev/ventures/V#1/history/2025/11/06/1.json";

async fn status(outcome: Outcome, store: Arc<Notes>) -> u16 {
    Server::start(runner(Fake::always(outcome), store)).await.push(&push(RECORD)).await
}

fn rejected() -> Outcome {
    Ok(Disposition::Rejected(vec!["no".to_owned()]))
}

#[tokio::test]
async fn every_end_has_its_status() {
    let store = Arc::new(Notes::default());
    assert_eq!(status(Ok(Disposition::Done), store.clone()).await, 204);
    assert_eq!(status(Ok(Disposition::Skipped("covered")), store.clone()).await, 204);
    assert_eq!(status(Err(Failure::Retry("x".to_owned())), store.clone()).await, 503);
    assert_eq!(status(Err(Failure::Throttled("x".to_owned())), store.clone()).await, 429);
    assert_eq!(store.names(), [""; 0]);
}

#[tokio::test]
async fn a_rejected_delivery_is_acknowledged_only_when_it_is_in_quarantine() {
    let store = Arc::new(Notes::default());
    assert_eq!(status(rejected(), store.clone()).await, 204);
    let [name] = &store.names()[..] else { panic!("one note") };
    assert!(name.starts_with("env/dev/reports/quarantine/snapshot-builder/ventures/V1/"), "{name}");
    // Once more: the note is there already.
    assert_eq!(status(rejected(), store.clone()).await, 204);
    assert_eq!(store.names().len(), 1);
    assert_eq!(status(rejected(), Notes::failing(ErrorKind::Unavailable)).await, 503);
    assert_eq!(status(rejected(), Notes::failing(ErrorKind::Rejected)).await, 503);
}

#[tokio::test]
async fn a_refused_name_is_quarantined_without_the_handler() {
    let (handler, store) = (Fake::always(Ok(Disposition::Done)), Arc::new(Notes::default()));
    let server = Server::start(runner(handler.clone(), store.clone())).await;
    assert_eq!(server.push(&push(REFUSED)).await, 204);
    assert_eq!(handler.sizes(), [0; 0]);
    let [name] = &store.names()[..] else { panic!("one note") };
    assert!(name.contains("/ventures/V%231/"), "{name}");
}

#[tokio::test]
async fn what_is_not_fed_reaches_neither_handler_nor_store() {
    let handler = Fake::always(Err(Failure::Retry("handled".to_owned())));
    assert_eq!(handler.fed_with, [Class::History]);
    let server = Server::start(runner(handler.clone(), Notes::failing(ErrorKind::Rejected))).await;
    for object in ["env/dev/snapshots/ventures/V1.json", "photo.jpg", "env/dev/snapshots/x/#.json"]
    {
        assert_eq!(server.push(&push(object)).await, 204, "{object}");
    }
    assert_eq!(handler.sizes(), [0; 0]);
}

#[tokio::test]
async fn routes() {
    let handler = Fake::always(Ok(Disposition::Done));
    let server = Server::start(runner(handler, Arc::default())).await;
    let body = push(RECORD);
    let answers = [
        ("POST", "/", 204, ""),
        ("POST", "/pubsub/push", 204, ""),
        ("POST", "/pubsub/push?x=1", 204, ""),
        ("GET", "/", 200, "ok"),
        ("GET", "/health", 200, "ok"),
        ("GET", "/pubsub/push", 405, ""),
        ("POST", "/health", 405, ""),
        ("PUT", "/", 405, ""),
        ("GET", "/metrics", 404, ""),
        ("POST", "/pubsub/push/", 404, ""),
    ];
    for (method, path, status, text) in answers {
        let answer = request(server.address, method, path, &body).await;
        assert_eq!(answer, (status, text.to_owned()), "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_notification_is_not_acknowledged() {
    let handler = Fake::always(Ok(Disposition::Done));
    let server = Server::start(runner(handler, Arc::default())).await;
    let deep = "[".repeat(1_000_000);
    for body in [&b""[..], b"{}", b"\xff\xfe", b"{\"message\":{}}", deep.as_bytes()] {
        assert_eq!(server.push(body).await, 400);
    }
    assert_eq!(server.push(&push(RECORD)).await, 204);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let handler = Fake::always(Ok(Disposition::Done));
    let server = Server::start(runner(handler, Arc::default())).await;
    let mut body = push(RECORD);
    body.resize(BODY_BYTES_MAX, b' ');
    assert_eq!(server.push(&body).await, 204);
    body.push(b' ');
    assert_eq!(server.push(&body).await, 413);
}

#[tokio::test]
async fn a_panic_is_a_retry_and_the_server_lives() {
    let handler = Fake::new(|batch| async move {
        assert_eq!(batch[0].generation.0, 0, "a bug");
        vec![]
    });
    let server = Server::start(runner(handler, Arc::default())).await;
    assert_eq!(server.push(&push(RECORD)).await, 503);
    assert_eq!(server.push(&push("photo.jpg")).await, 204);
}

#[tokio::test]
async fn a_handler_that_does_not_end_is_a_retry() {
    let handler = Fake::new(|_| std::future::pending());
    let runner = runner(handler.clone(), Arc::default()).with_budget(Duration::from_millis(1));
    let server = Server::start(runner).await;
    for tries in 1..3 {
        assert_eq!(server.push(&push(RECORD)).await, 503);
        assert_eq!(handler.sizes().len(), tries);
    }
}
