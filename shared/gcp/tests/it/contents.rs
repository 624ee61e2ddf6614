//! What is believed of an answer to a read.

use domain::Generation;
use store::{Error, ErrorKind, Object, Store};

use crate::client::{bucket, gzip, hash, object, object_bytes};
use crate::server::{Server, Step, answer, say};

/// Every attempt of a call that fails in a way that can pass.
const ATTEMPTS: usize = 8;

const MIB: usize = 1024 * 1024;

/// Reads from a server that always does `step`; the number of requests it took.
async fn read(step: Step) -> (Result<Option<Object>, Error>, usize) {
    let server = Server::start([step]).await;
    let read = bucket(&server).get("a.json", None).await;
    (read, server.requests().len())
}

/// Reads what must fail with `kind` after `requests`, and with a message that ends as given.
async fn check(step: Step, kind: ErrorKind, requests: usize, message: &str) {
    let (read, seen) = read(step).await;
    let err = read.unwrap_err();
    assert_eq!(err.to_string(), format!("get a.json: {message}"));
    assert_eq!((err.kind, seen), (kind, requests), "{err}");
}

/// The same for an answer that is broken in a way that can pass.
async fn check_broken(step: Step, message: &str) {
    let message = format!("{message}, {ATTEMPTS} attempts");
    check(step, ErrorKind::Unavailable, ATTEMPTS, &message).await;
}

/// As [`object`], but `sent` is not what is stored.
fn sent_as(sent: &[u8], stored: &[u8], headers: &[(&str, &str)]) -> Step {
    let (hash, length) = (hash(stored), stored.len().to_string());
    let common = [
        ("x-goog-generation", "7"),
        ("x-goog-hash", hash.as_str()),
        ("x-goog-stored-content-length", length.as_str()),
    ];
    say(200, &[&common, headers].concat(), sent)
}

#[tokio::test]
async fn body_generation_and_metadata_come_together() {
    let more = [("x-goog-meta-order", "2026 x"), ("X-Goog-Meta-Empty", ""), ("x-goog-meta", "no")];
    let (read, _) = read(object(b"{\"id\":1}", &more)).await;
    let read = read.unwrap().unwrap();
    assert_eq!(read.body, b"{\"id\":1}".as_slice());
    assert_eq!(read.generation, Generation(7));
    let metadata = [("empty", ""), ("order", "2026 x")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(read.metadata, metadata.into());
}

#[tokio::test]
async fn metadata_may_have_more_entries_than_headers_usually_have() {
    let names: Vec<_> = (0..2000).map(|n| format!("x-goog-meta-{n}")).collect();
    let more: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    // The second time with room for all of them.
    let (wide, requests) = read(object(b"{}", &more)).await;
    assert_eq!((wide.unwrap().unwrap().metadata.len(), requests), (2000, 2));
    let more: Vec<_> = more.iter().cycle().take(5000).copied().collect();
    let (endless, _) = read(object(b"{}", &more)).await;
    assert_eq!(endless.unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn metadata_of_others_may_be_any_bytes() {
    let answer = object_bytes(b"{}", &[("x-goog-meta-k", "_")]);
    let place = answer.windows(4).position(|window| window == b": _\r").unwrap() + 2;
    let answer = [&answer[..place], "é\u{fffd}".as_bytes(), &[0xff], &answer[place + 1..]].concat();
    let (read, _) = read(Step::Say(answer)).await;
    assert_eq!(read.unwrap().unwrap().metadata["k"], "é\u{fffd}\u{fffd}");
}

#[tokio::test]
async fn only_a_404_means_missing() {
    let (missing, requests) = read(say(404, &[], b"No such object: bucket/a.json")).await;
    assert_eq!((missing.unwrap(), requests), (None, 1));
    for status in [200, 204, 206, 400, 401, 403, 408, 410, 412, 429, 500, 503] {
        let (read, _) = read(say(status, &[], b"")).await;
        assert!(read.is_err(), "{status}");
    }
    let whole = answer(404, &[], b"No such object");
    let broken = Step::Cut(whole[..whole.len() - 3].to_vec());
    assert_eq!(read(broken).await.0.unwrap_err().kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_gzip_object_is_verified_as_stored_and_decompressed() {
    let stored = gzip(b"{\"id\":1}");
    let gzipped = ("Content-Encoding", "gzip");
    let stored_gzipped = ("x-goog-stored-content-encoding", "gzip");
    for headers in [&[gzipped, stored_gzipped][..], &[gzipped], &[stored_gzipped]] {
        let (read, requests) = read(object(&stored, headers)).await;
        assert_eq!(read.unwrap().unwrap().body, b"{\"id\":1}".as_slice(), "{headers:?}");
        assert_eq!(requests, 1);
    }
    let two = [gzip(b"one "), gzip(b"two")].concat();
    let (read, _) = read(object(&two, &[gzipped])).await;
    assert_eq!(read.unwrap().unwrap().body, b"one two".as_slice());
}

#[tokio::test]
async fn an_object_that_is_compressed_on_its_way_is_verified_decompressed() {
    let headers = [("Content-Encoding", "gzip"), ("x-goog-stored-content-encoding", "identity")];
    let (read, _) = read(sent_as(&gzip(b"{}"), b"{}", &headers)).await;
    assert_eq!(read.unwrap().unwrap().body, b"{}".as_slice());
    check_broken(sent_as(b"no gzip", b"{}", &headers), "answer is sent as gzip and is not gzip")
        .await;
}

#[tokio::test]
async fn an_object_that_is_decompressed_on_its_way_is_not_believed() {
    let headers = [("x-goog-stored-content-encoding", "gzip")];
    let step = sent_as(b"{}", &gzip(b"{}"), &headers);
    check_broken(step, "answer has another length than the object").await;
}

#[tokio::test]
async fn other_encodings_come_as_stored() {
    let headers = [("Content-Encoding", "br"), ("x-goog-stored-content-encoding", "br")];
    let (read, _) = read(object(b"\x0b\x01\x80{}\x03", &headers)).await;
    assert_eq!(read.unwrap().unwrap().body, b"\x0b\x01\x80{}\x03".as_slice());
}

#[tokio::test]
async fn an_object_that_only_claims_to_be_gzip_is_refused() {
    let message = "object is stored as gzip and is not gzip";
    let whole = gzip(b"{\"id\":1}");
    for stored in [b"{\"id\":1}".as_slice(), &whole[..whole.len() - 3], b""] {
        let step = object(stored, &[("Content-Encoding", "gzip")]);
        check(step, ErrorKind::Unusable, 1, message).await;
    }
}

#[tokio::test]
async fn a_gzip_bomb_is_refused() {
    let message = "content of more than 67108864 bytes when decompressed";
    // Below the ratio, so that it is the size that counts.
    let member = |byte| gzip(&vec![byte; MIB]);
    let padding = gzip(b"").repeat(8 * 1024);
    let bomb = [(0..65).flat_map(member).collect(), padding].concat();
    let step = object(&bomb, &[("Content-Encoding", "gzip")]);
    check(step, ErrorKind::Unusable, 1, message).await;
    let headers = [("Content-Encoding", "gzip"), ("x-goog-stored-content-encoding", "identity")];
    check(sent_as(&bomb, b"{}", &headers), ErrorKind::Unusable, 1, message).await;
}

#[tokio::test]
async fn a_huge_body_is_refused_announced_or_not() {
    let message = "answer of more than 67108864 bytes";
    let announced = b"HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n{}".to_vec();
    check(Step::Stall(announced), ErrorKind::Unusable, 1, message).await;
    let mut unannounced = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    unannounced.resize(unannounced.len() + 64 * MIB + 1, b' ');
    check(Step::Cut(unannounced), ErrorKind::Unusable, 1, message).await;
}

#[tokio::test]
async fn what_differs_from_the_object_is_not_believed() {
    check_broken(sent_as(b"{ }", b"{1}", &[]), "answer has another checksum than the object").await;
    check_broken(sent_as(b"{}", b"{ }", &[]), "answer has another length than the object").await;
    let bare = say(200, &[("x-goog-generation", "7")], b"{}");
    check_broken(bare, "answer has no checksum").await;
    let hash = hash(b"{}");
    let headless = say(200, &[("x-goog-hash", &hash)], b"{}");
    check_broken(headless, "answer has no x-goog-generation").await;
    let page = say(200, &[("Content-Type", "text/html")], b"<html>Sign in, please</html>");
    check_broken(page, "answer has no x-goog-generation").await;
}

#[tokio::test]
async fn another_generation_than_the_one_asked_for_is_not_believed() {
    let server = Server::start([object(b"{}", &[])]).await;
    let err = bucket(&server).get("a", Some(Generation(8))).await.unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unavailable);
    assert_eq!(server.requests().len(), ATTEMPTS);
}

#[tokio::test]
async fn a_damaged_answer_is_read_again() {
    let good = object_bytes(b"{\"id\":1}", &[]);
    let server = Server::start([
        sent_as(b"{ }", b"{1}", &[]),
        Step::Cut(good[..good.len() - 2].to_vec()),
        Step::Cut(good[..20].to_vec()),
        Step::Cut(Vec::new()),
        Step::Say(b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec()),
        Step::Say(good),
    ])
    .await;
    let read = bucket(&server).get("a", None).await.unwrap().unwrap();
    assert_eq!(read.body, b"{\"id\":1}".as_slice());
    assert_eq!(server.requests().len(), 6);
}
