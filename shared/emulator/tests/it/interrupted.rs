//! Resumable uploads whose connection breaks, hangs, or loses its answer.

use axum::http::Method;
use emulator::Fault;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::send;
use crate::resumable::{QUANTUM, Session, content, range_to, session};

/// Writes the head of a request and a part of its body on a connection of its own.
async fn broken_off(session: &Session, range: &str, announced: usize, sent: &[u8]) -> TcpStream {
    let url = session.uploads.emulator.url();
    let host = url.strip_prefix("http://").unwrap();
    let path = session.location.strip_prefix(&url).unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {host}\r\ncontent-range: {range}\r\n\
         content-length: {announced}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(sent).await.unwrap();
    stream
}

/// Asks until the session came so far.
async fn came_to(session: &Session, last: usize) {
    while session.status().await != range_to(last) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_arrived_before_the_connection_broke_is_kept() {
    let session = session("&name=a", &[], "").await;
    let all = content(4 * QUANTUM);
    let range = format!("bytes 0-{}/{}", all.len() - 1, all.len());
    let stream = broken_off(&session, &range, all.len(), &all[..2 * QUANTUM + 1000]).await;
    came_to(&session, 2 * QUANTUM - 1).await;
    drop(stream);
    assert_eq!(session.status().await, range_to(2 * QUANTUM - 1));
    let range = format!("bytes {}-{}/{}", 2 * QUANTUM, all.len() - 1, all.len());
    let rest = session.put(&range, all.slice(2 * QUANTUM..)).await;
    assert_eq!((rest.status, session.stored()), (200, all));
}

#[tokio::test]
async fn a_request_that_hangs_does_not_hold_the_session() {
    let session = session("&name=a", &[], "").await;
    let all = content(2 * QUANTUM);
    let range = format!("bytes 0-{}/{}", all.len() - 1, all.len());
    let mut hanging = broken_off(&session, &range, all.len(), &all[..QUANTUM + 10]).await;
    came_to(&session, QUANTUM - 1).await;
    let range = format!("bytes {QUANTUM}-{}/{}", all.len() - 1, all.len());
    assert_eq!(session.put(&range, all.slice(QUANTUM..)).await.status, 200);
    hanging.write_all(&all[QUANTUM + 10..]).await.unwrap();
    let mut answer = [0; 15];
    hanging.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK", "it finds that the session has ended");
    assert_eq!(session.stored(), all);
    assert_eq!(session.uploads.memory.versions_of("a").len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let session = session("&name=a", &[], "").await;
    session.uploads.emulator.fail_next(Fault::LostAnswer);
    let headers = [("content-range", "bytes 0-4/5")];
    assert!(send(Method::PUT, &session.location, &headers, content(5)).await.is_err());
    let answer = session.put("bytes */5", "").await;
    assert_eq!((answer.status, &answer.json()["size"]), (200, &json!("5")));
    assert_eq!(session.uploads.memory.versions_of("a").len(), 1);
}

#[tokio::test]
async fn a_throttled_end_can_be_tried_again() {
    let session = session("&name=a", &[], "").await;
    session.uploads.memory.limit_write_rate(Some(std::time::Duration::from_secs(3600)));
    session.uploads.post("uploadType=media&name=a", &[], "1").await;
    assert_eq!(session.put("bytes 0-4/5", content(5)).await.status, 429);
    session.uploads.memory.limit_write_rate(None);
    assert_eq!(session.put("bytes */5", "").await.status, 200);
    assert_eq!(session.stored(), content(5));
}
