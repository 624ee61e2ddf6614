//! What is repeated, how often, and what is said in the end.

use std::time::Duration;

use bytes::Bytes;
use domain::Generation;
use store::ErrorKind::{Conflict, Rejected, Throttled, Unavailable};
use store::{Error, ErrorKind, List, Metadata, Precondition, Store};
use tokio::net::TcpListener;

use Operation::{Delete, Erase, Get, List as Page, Put, Versions};

use crate::client::{Naps, bucket, bucket_at, bucket_within, object, object_bytes};
use crate::server::{Server, Step, answer, error, say};

const ATTEMPTS: usize = 8;

/// Short enough for a test that waits for it.
const SHORT: Duration = Duration::from_millis(200);

async fn put(bucket: &dyn Store) -> Result<Generation, Error> {
    let body = Bytes::from_static(b"{}");
    bucket.put("a", body, &Metadata::new(), Precondition::Absent).await
}

/// An operation of the contract.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Get,
    List,
    Versions,
    Put,
    Delete,
    Erase,
}

const ALL: [Operation; 6] = [Get, Page, Versions, Put, Delete, Erase];

/// How `operation` ends on a server that always does `step`: the kind of error, or `None`, and
/// the number of requests.
async fn end(operation: Operation, step: &Step) -> (Option<ErrorKind>, usize) {
    let server = Server::start([step.clone()]).await;
    let bucket = bucket(&server);
    let result = match operation {
        Get => bucket.get("a", None).await.map(drop),
        Page => bucket.list(&List::default()).await.map(drop),
        Versions => bucket.versions("a").await.map(drop),
        Put => put(&bucket).await.map(drop),
        Delete => bucket.delete("a", Generation(1)).await.map(drop),
        Erase => bucket.erase("a", Generation(1)).await.map(drop),
    };
    (result.err().map(|err| err.kind), server.requests().len())
}

/// Every one of `operations` ends with `kind` after `requests`.
async fn check(operations: &[Operation], step: &Step, kind: ErrorKind, requests: usize) {
    for operation in operations {
        assert_eq!(end(*operation, step).await, (Some(kind), requests), "{operation:?} {step:?}");
    }
}

#[tokio::test]
async fn every_status_has_its_kind_and_its_number_of_attempts() {
    let table = [
        (&[301, 302, 307, 308][..], Unavailable, 1),
        (&[304, 412], Conflict, 1),
        (&[400, 405, 409, 410, 411, 413, 416, 451], Rejected, 1),
        // There is no token here that could be renewed.
        (&[401, 403], Unavailable, 1),
        (&[408, 500, 502, 503, 504, 599], Unavailable, ATTEMPTS),
    ];
    for (statuses, kind, requests) in table {
        for status in statuses {
            let elsewhere = [("Location", "http://127.0.0.1:1/elsewhere")];
            let step = say(*status, &elsewhere, b"<html>secret words</html>");
            check(&ALL, &step, kind, requests).await;
        }
    }
}

#[tokio::test]
async fn a_throttled_read_is_repeated_and_a_throttled_write_is_not() {
    let throttled = error(429, "rateLimitExceeded");
    check(&[Get, Page, Versions], &throttled, Throttled, ATTEMPTS).await;
    check(&[Put, Delete], &throttled, Throttled, 1).await;
}

#[tokio::test]
async fn a_404_is_a_missing_object_or_a_missing_bucket() {
    let missing = error(404, "notFound");
    assert_eq!(end(Get, &missing).await, (None, 1));
    assert_eq!(end(Delete, &missing).await, (None, 1));
    check(&[Page, Versions, Put], &missing, Rejected, 1).await;
}

#[tokio::test]
async fn what_breaks_off_is_repeated() {
    let whole = answer(200, &[], b"{\"generation\":\"1\"}");
    for bytes in [0, 25, whole.len() - 1] {
        check(&ALL, &Step::Cut(whole[..bytes].to_vec()), Unavailable, ATTEMPTS).await;
    }
}

#[tokio::test]
async fn a_page_that_is_not_the_json_it_should_be_is_not_believed() {
    let page = say(200, &[("Content-Type", "text/html")], b"<html>Sign in, please</html>");
    check(&[Get, Page, Versions, Put], &page, Unavailable, ATTEMPTS).await;
    let item = br#"{"generation":"x","items":[{"name":"a","generation":"x","size":"1",
        "timeCreated":"2026-01-01T00:00:00Z"}]}"#;
    check(&[Page, Versions, Put], &say(200, &[], item), Unavailable, ATTEMPTS).await;
    let packed = say(200, &[("Content-Encoding", "gzip")], b"{\"generation\":\"1\"}");
    check(&[Page, Versions, Put], &packed, Unavailable, ATTEMPTS).await;
}

#[tokio::test]
async fn a_page_of_something_else_is_neither_done_nor_missing() {
    let html = b"<!DOCTYPE html><html>404: lost your way?</html>";
    let page = |status| say(status, &[("Content-Type", "text/html")], html);
    check(&ALL, &page(200), Unavailable, ATTEMPTS).await;
    check(&ALL, &page(502), Unavailable, ATTEMPTS).await;
    check(&[Get, Delete], &page(404), Unavailable, ATTEMPTS).await;
    // Some emulators say so of a deletion.
    for body in [b"".as_slice(), b"{}"] {
        assert_eq!(end(Delete, &say(200, &[], body)).await, (None, 1));
    }
}

#[tokio::test]
async fn an_answer_of_json_is_bounded() {
    let large = b"HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n{".to_vec();
    check(&[Page, Versions, Put], &Step::Stall(large), Rejected, 1).await;
}

#[tokio::test]
async fn messages_name_operation_object_and_reason_and_quote_no_body() {
    let server = Server::start([error(400, "invalid"), error(503, "backendError")]).await;
    let bucket = bucket(&server);
    let err = put(&bucket).await.unwrap_err();
    assert_eq!(err.to_string(), "put a: answer 400 (invalid)");
    let err = bucket.get("b", None).await.unwrap_err();
    assert_eq!(err.to_string(), "get b: answer 503 (backendError), 8 attempts");
    let server = Server::start([error(403, "no word, a sentence")]).await;
    let err = self::bucket(&server).versions("v").await.unwrap_err();
    assert_eq!(err.to_string(), "versions v: answer 403");
}

#[tokio::test]
async fn a_lost_answer_ends_in_a_conflict() {
    let lost = Step::Cut(Vec::new());
    let server = Server::start([lost.clone(), error(412, "conditionNotMet")]).await;
    let err = put(&bucket(&server)).await.unwrap_err();
    assert_eq!(err.kind, Conflict);
    assert_eq!(err.to_string(), "put a: answer 412 (conditionNotMet), 2 attempts");
    let server = Server::start([lost, error(404, "notFound")]).await;
    assert!(!bucket(&server).delete("a", Generation(1)).await.unwrap());
}

#[tokio::test]
async fn a_repeated_write_is_the_same_write() {
    let server =
        Server::start([error(503, "backendError"), say(200, &[], br#"{"generation":"1"}"#)]).await;
    put(&bucket(&server)).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].line, requests[1].line);
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn delays_double_up_to_a_bound() {
    let server = Server::start([error(500, "internalError")]).await;
    let naps = Naps::new();
    let bucket = bucket_within(&server, Duration::from_secs(60), naps.clone());
    assert!(bucket.get("a", None).await.is_err());
    assert_eq!(naps.taken(), [100, 200, 400, 800, 1600, 3200, 4000].map(Duration::from_millis));
}

#[tokio::test]
async fn a_delay_beyond_the_deadline_is_not_begun() {
    let server = Server::start([error(429, "rateLimitExceeded")]).await;
    let naps = Naps::new();
    let bucket = bucket_within(&server, Duration::from_secs(1), naps.clone());
    let err = bucket.get("a", None).await.unwrap_err();
    assert_eq!(err.kind, Throttled);
    assert_eq!(naps.taken(), [100, 200, 400].map(Duration::from_millis));
}

/// The delays of a read that meets a 503 with this `Retry-After` once.
async fn delays_after(retry_after: &str) -> Vec<Duration> {
    let failed = say(503, &[("Retry-After", retry_after)], b"");
    let server = Server::start([failed, object(b"{}", &[])]).await;
    let naps = Naps::new();
    let read = bucket_within(&server, Duration::from_secs(20), naps.clone()).get("a", None).await;
    assert_eq!(read.is_ok(), !naps.taken().is_empty(), "{retry_after:?}");
    naps.taken()
}

#[tokio::test]
async fn the_service_may_ask_for_a_longer_delay() {
    let own = Duration::from_millis(100);
    assert_eq!(delays_after("3").await, [Duration::from_secs(3)]);
    assert_eq!(delays_after("19").await, [Duration::from_secs(19)]);
    for nothing_longer in ["0", "", "-3", "3.5", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "٣"] {
        assert_eq!(delays_after(nothing_longer).await, [own], "{nothing_longer:?}");
    }
}

#[tokio::test]
async fn who_is_asked_to_wait_beyond_the_deadline_does_not() {
    for beyond in ["20", "3600", "18446744073709551615", "99999999999999999999999"] {
        assert_eq!(delays_after(beyond).await, [], "{beyond:?}");
    }
    let throttled = say(429, &[("Retry-After", "60")], b"");
    check(&ALL, &throttled, Throttled, 1).await;
    let throttled = say(429, &[("Retry-After", "1")], b"");
    check(&[Get, Page, Versions], &throttled, Throttled, ATTEMPTS).await;
    check(&[Put, Delete], &throttled, Throttled, 1).await;
}

#[tokio::test]
async fn silence_ends_an_attempt_and_then_the_call() {
    let whole = object_bytes(b"{\"id\":1}", &[]);
    let check = async |bytes: usize| {
        let stall = Step::Stall(whole[..bytes].to_vec());
        // Silence ends the first attempt within the deadline; the second succeeds.
        let server = Server::start([stall.clone(), Step::Say(whole.clone())]).await;
        let bucket = bucket_within(&server, Duration::from_secs(3), Naps::new());
        assert!(bucket.get("a", None).await.unwrap().is_some());
        let server = Server::start([stall]).await;
        let err = bucket_within(&server, SHORT, Naps::new()).get("a", None).await.unwrap_err();
        assert_eq!(err.kind, Unavailable);
        assert!(err.to_string().starts_with("get a: "), "{err}");
        assert!(server.requests().len() >= 2);
    };
    tokio::join!(check(0), check(20), check(whole.len() - 1));
}

#[tokio::test]
async fn an_answer_that_trickles_in_meets_the_deadline() {
    let whole = object_bytes(&[b' '; 1000], &[]);
    // Each byte ends a silence: only the deadline over the whole call helps.
    for at_once in [20, whole.len() - 1000] {
        let server = Server::start([Step::Drip(at_once, whole.clone())]).await;
        let err = bucket_within(&server, SHORT, Naps::new()).get("a", None).await.unwrap_err();
        assert_eq!(err.kind, Unavailable);
        assert!(err.to_string().starts_with("get a: "), "{err}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_listen_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let err = put(&bucket_at(&host, gcp::DEADLINE, Naps::new())).await.unwrap_err();
    assert_eq!(err.kind, Unavailable);
    assert!(err.to_string().starts_with("put a: request: "), "{err}");
    assert!(err.to_string().ends_with(", 8 attempts"), "{err}");
    assert!(!err.to_string().contains("uploadType"), "{err}");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_error() {
    let whole = object_bytes(b"{}", &[]);
    let server = Server::start([Step::Cut(whole)]).await;
    let bucket = bucket(&server);
    for _ in 0..3 {
        assert!(bucket.get("a", None).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn connections_are_kept() {
    let server = Server::start([object(b"{}", &[])]).await;
    let bucket = bucket(&server);
    for _ in 0..3 {
        assert!(bucket.get("a", None).await.unwrap().is_some());
    }
    assert_eq!(server.connections(), 1);
}
