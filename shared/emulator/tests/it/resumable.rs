//! Resumable uploads, as a client sees them.

use axum::body::Body;
use axum::http::Method;
use bytes::Bytes;
use emulator::Chance;
use futures_util::stream;
use serde_json::json;

use crate::client::{Answer, send};
use crate::uploads::{Uploads, mutated, uploads};

/// Content is kept in multiples of this.
pub(crate) const QUANTUM: usize = 256 * 1024;

/// A session of its own.
pub(crate) struct Session {
    pub(crate) uploads: Uploads,
    pub(crate) location: String,
}

pub(crate) async fn session(
    query: &str,
    headers: &[(&str, &str)],
    resource: &'static str,
) -> Session {
    let uploads = uploads().await;
    let answer = uploads.post(&format!("uploadType=resumable{query}"), headers, resource).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b""[..]), "{answer:?}");
    let location = answer.header("location").unwrap().to_owned();
    let id = answer.header("x-guploader-uploadid").unwrap();
    assert!(location.ends_with(&format!("&upload_id={id}")), "{location}");
    Session { uploads, location }
}

impl Session {
    pub(crate) async fn put(&self, range: &str, body: impl Into<Body>) -> Answer {
        self.send(Method::PUT, &[("content-range", range)], body).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        send(method, &self.location, headers, body).await.unwrap()
    }

    /// Asks how far it came: the status and the `Range`.
    pub(crate) async fn status(&self) -> (u16, Option<String>) {
        let answer = self.put("bytes */*", "").await;
        assert!(answer.status != 308 || answer.body.is_empty());
        (answer.status, answer.header("range").map(str::to_owned))
    }

    pub(crate) fn stored(&self) -> Bytes {
        self.uploads.memory.versions_of("a").pop().unwrap().body
    }
}

pub(crate) fn content(length: usize) -> Bytes {
    (0..length).map(|at| (at % 251) as u8).collect()
}

pub(crate) fn range_to(last: usize) -> (u16, Option<String>) {
    (308, Some(format!("bytes=0-{last}")))
}

#[tokio::test]
async fn a_session_is_filled_in_pieces_and_ends_with_the_resource() {
    let headers = [("x-upload-content-type", "text/x"), ("x-upload-content-length", "524388")];
    let resource = r#"{"name":"a","metadata":{"k":"v"},"cacheControl":"no-store"}"#;
    let session = session("&name=a&ifGenerationMatch=0", &headers, resource).await;
    let all = content(2 * QUANTUM + 100);
    assert_eq!(session.status().await, (308, None));
    let first = session.put("bytes 0-262143/524388", all.slice(..QUANTUM)).await;
    assert_eq!((first.status, first.header("range")), (308, Some("bytes=0-262143")));
    assert_eq!((first.body.len(), first.header("content-length")), (0, Some("0")));
    let second = session.put("bytes 262144-524287/*", all.slice(QUANTUM..2 * QUANTUM)).await;
    assert_eq!(second.header("range"), Some("bytes=0-524287"));
    assert!(session.uploads.memory.objects().is_empty());
    let hash = format!("crc32c={}", crc32c(&all));
    let headers = [("content-range", "bytes 524288-524387/524388"), ("x-goog-hash", &hash)];
    let last = session.send(Method::PUT, &headers, all.slice(2 * QUANTUM..)).await;
    assert_eq!(last.status, 200, "{last:?}");
    let resource = last.json();
    assert_eq!(last.header("content-type"), Some("application/json; charset=UTF-8"));
    assert_eq!(
        (resource["size"].as_str(), resource["crc32c"].as_str().unwrap()),
        (Some("524388"), &hash[7..])
    );
    assert_eq!(
        (&resource["contentType"], &resource["metadata"]),
        (&json!("text/x"), &json!({"k": "v"}))
    );
    assert_eq!(session.stored(), all);
    let again = session.put("bytes */*", "").await;
    assert_eq!((again.status, again.json()), (200, resource.clone()));
    let again = session.put("bytes 524288-524387/524388", all.slice(2 * QUANTUM..)).await;
    assert_eq!((again.status, again.json()), (200, resource));
    assert_eq!(session.uploads.memory.versions_of("a").len(), 1);
}

fn crc32c(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(crc32c::crc32c(bytes).to_be_bytes())
}

#[tokio::test]
async fn the_location_is_where_the_client_called() {
    let uploads = uploads().await;
    for (host, prefix) in [("localhost:1", "/upload"), ("example.test", "/resumable/upload")] {
        let url = format!("{}{prefix}/storage/v1/b/b/o", uploads.emulator.url());
        let url = format!("{url}?uploadType=resumable&name=a%2Fb");
        let answer = send(Method::POST, &url, &[("host", host)], "").await.unwrap();
        let expected =
            format!("http://{host}{prefix}/storage/v1/b/b/o?uploadType=resumable&name=a%2Fb&");
        assert!(answer.header("location").unwrap().starts_with(&expected), "{answer:?}");
    }
}

#[tokio::test]
async fn every_way_to_send_everything_at_once() {
    for (method, range, length) in [
        (Method::PUT, None, 5),
        (Method::PUT, None, 0),
        (Method::POST, None, 5),
        (Method::PUT, Some("bytes 0-4/5"), 5),
        (Method::POST, Some("bytes 0-4/5"), 5),
        (Method::PUT, Some("bytes 0-*/*"), 5),
        (Method::PUT, Some("bytes 0-*/*"), 0),
        (Method::PUT, Some("bytes 0-*/5"), 5),
        (Method::PUT, Some("bytes */0"), 0),
    ] {
        let session = session("&name=a", &[], "").await;
        let headers: Vec<_> = range.map(|range| ("content-range", range)).into_iter().collect();
        let answer = session.send(method, &headers, content(length)).await;
        assert_eq!(answer.status, 200, "{range:?} {answer:?}");
        assert_eq!(session.stored(), content(length), "{range:?}");
    }
}

#[tokio::test]
async fn a_chunked_stream_without_an_end_ends_with_its_body() {
    let session = session("&name=a", &[], "").await;
    let all = content(QUANTUM + 3);
    let pieces = [all.slice(..5), all.slice(5..QUANTUM), all.slice(QUANTUM..)];
    let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    assert_eq!(session.put("bytes 0-*/*", body).await.status, 200);
    assert_eq!(session.stored(), all);
}

#[tokio::test]
async fn what_is_stored_already_is_passed_over() {
    let session = session("&name=a", &[], "").await;
    let all = content(3 * QUANTUM);
    let last = all.len() - 1;
    session.put("bytes 0-262143/*", all.slice(..QUANTUM)).await;
    let again = session.put("bytes 0-262143/*", all.slice(..QUANTUM)).await;
    assert_eq!((again.status, again.header("range")), (308, Some("bytes=0-262143")));
    let overlap = session.put("bytes 100-524387/*", all.slice(100..2 * QUANTUM + 100)).await;
    assert_eq!(overlap.header("range"), Some("bytes=0-524287"), "whole quanta only");
    let end = session.put(&format!("bytes 7-{last}/{}", last + 1), all.slice(7..)).await;
    assert_eq!((end.status, session.stored()), (200, all));
}

#[tokio::test]
async fn a_status_query_ends_a_session_of_which_all_is_there() {
    let session = session("&name=a", &[], "").await;
    session.put("bytes 0-262143/*", content(QUANTUM)).await;
    assert_eq!(session.put("bytes */262145", "").await.status, 308);
    let shorter = session.put("bytes */262144", "").await;
    assert_eq!(shorter.status, 200, "{shorter:?}");
    assert_eq!(session.stored(), content(QUANTUM));
}

#[tokio::test]
async fn what_contradicts_itself_leaves_the_session_as_it_is() {
    let session = session("&name=a", &[], "").await;
    session.put("bytes 0-262143/600000", content(QUANTUM)).await;
    for (range, length, status) in [
        ("bytes 262144-262243/600000", 100, 400),
        ("bytes 262144-262243/*", 100, 400),
        ("bytes 262144-524287/600000", QUANTUM - 1, 400),
        ("bytes 262144-524287/600000", QUANTUM + 1, 400),
        ("bytes 262144-599999/600000", 337_855, 400),
        ("bytes 262144-524287/600001", QUANTUM, 400),
        ("bytes 262144-*/600001", QUANTUM, 400),
        ("bytes 262144-*/600000", 337_857, 400),
        ("bytes 0-*/*", 10, 400),
        ("bytes */600001", 0, 400),
        ("bytes */268435457", 0, 413),
        ("bytes 262144-268435456/268435457", 10, 413),
    ] {
        let answer = session.put(range, content(length)).await;
        assert_eq!(answer.error().0, status, "{range}: {answer:?}");
        assert_eq!(session.status().await, range_to(QUANTUM - 1), "{range}");
    }
    let message = session.put("bytes 262144-262243/600000", content(100)).await.json();
    let message = message["error"]["message"].as_str().unwrap();
    assert!(message.contains("The received request contained 100 bytes"), "{message}");
}

#[tokio::test]
async fn a_gap_is_the_plain_text_that_clients_know() {
    let session = session("&name=a", &[], "").await;
    let answer = session.put("bytes 4-5/6", "ok").await;
    assert_eq!((answer.status, answer.body.len()), (503, 138));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.ends_with("is 4 byte(s), which exceeds already uploaded size of 0 byte(s)."));
    assert_eq!(session.status().await, (308, None));
}

#[tokio::test]
async fn a_session_ends_with_what_is_no_content_range() {
    for range in ["*/*", "bytes x", "bytes 5-2/9", "bytes 0-9/9", "bytes 0-9", "\u{e9}"] {
        let session = session("&name=a", &[], "").await;
        let answer = session.put(range, "").await;
        assert_eq!(answer.error(), (400, "invalid".to_owned()), "{range}");
        assert_eq!(session.put("bytes */*", "").await.error(), (410, "gone".to_owned()));
    }
}

#[tokio::test]
async fn clients_that_cannot_bear_308_get_200() {
    let session = session("&name=a", &[], "").await;
    let headers = [("content-range", "bytes 0-262143/*"), ("x-guploader-no-308", "yes")];
    let answer = session.send(Method::POST, &headers, content(QUANTUM)).await;
    assert_eq!((answer.status, answer.header("range")), (200, Some("bytes=0-262143")));
    assert_eq!(answer.header("x-http-status-code-override"), Some("308"));
}

#[tokio::test]
async fn preconditions_hold_at_the_beginning_and_at_the_end() {
    let session = session("&name=a&ifGenerationMatch=0", &[], "").await;
    session.uploads.post("uploadType=media&name=a", &[], "other").await;
    let late = session.put("bytes 0-4/5", content(5)).await;
    assert_eq!(late.error(), (412, "conditionNotMet".to_owned()));
    assert_eq!(session.stored(), Bytes::from("other"));
    for query in ["ifGenerationMatch=0", "ifGenerationMatch=17", "ifMetagenerationNotMatch=1"] {
        let query = format!("uploadType=resumable&name=a&{query}");
        let early = session.uploads.post(&query, &[], "").await;
        assert_eq!(early.error(), (412, "conditionNotMet".to_owned()));
    }
}

#[tokio::test]
async fn checksums_are_verified_at_the_end() {
    for (resource, hash, status) in [
        (r#"{"crc32c":"KXvQqg=="}"#, "md5=mZFLkyvTelC5g8XnyQrpOw==", 200),
        (r#"{"crc32c":"AAAAAA=="}"#, "crc32c=KXvQqg==", 400),
        (r#"{"md5Hash":"mZFLkyvTelC5g8XnyQrpOw=="}"#, "crc32c=AAAAAA==", 400),
        ("", "crc32c=AAAA", 400),
    ] {
        let session = session("&name=a", &[], resource).await;
        let headers = [("content-range", "bytes 0-1/2"), ("x-goog-hash", hash)];
        let answer = session.send(Method::PUT, &headers, "{}").await;
        assert_eq!(answer.status, status, "{resource} {hash}");
        assert_eq!(session.uploads.memory.objects().len(), usize::from(status == 200));
    }
}

#[tokio::test]
async fn what_the_service_refuses_at_the_beginning() {
    let uploads = uploads().await;
    for (length, status) in [("x", 400), ("-1", 400), ("268435457", 413), ("268435456", 200)] {
        let headers = [("x-upload-content-length", length)];
        let answer = uploads.post("uploadType=resumable&name=a", &headers, "").await;
        assert_eq!(answer.status, status, "{length}");
    }
    let resource = format!("{{\"name\":\"{}\"}}", "a".repeat(64 * 1024));
    for (resource, status) in
        [("{", 400), ("[]", 400), (r#"{"name":"b"}"#, 400), (&resource, 413), ("{}", 200)]
    {
        let answer = uploads.post("uploadType=resumable&name=a", &[], resource.to_owned()).await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn sessions_that_are_not_there() {
    let session = session("&name=a", &[], "").await;
    let known = session.location.clone();
    for location in [
        format!("{}?upload_id=x", session.uploads.url),
        format!("{}?upload_id=", session.uploads.url),
        known.replace("/b/b/", "/b/other/"),
    ] {
        for method in [Method::PUT, Method::POST, Method::DELETE] {
            let answer = send(method, &location, &[], "").await.unwrap();
            assert_eq!(answer.error(), (404, "notFound".to_owned()), "{location}");
        }
    }
    let answer = send(Method::PUT, &session.uploads.url, &[], "").await.unwrap();
    assert_eq!(answer.error(), (400, "required".to_owned()));
    let cancelled = session.send(Method::DELETE, &[], "").await;
    assert_eq!((cancelled.status, cancelled.body.len()), (499, 0));
    assert_eq!(session.put("bytes 0-4/5", content(5)).await.error().0, 410);
    assert_eq!(session.send(Method::DELETE, &[], "").await.status, 499);
    assert!(session.uploads.memory.objects().is_empty());
}

#[tokio::test]
async fn the_oldest_session_is_forgotten_first() {
    let session = session("&name=a", &[], "").await;
    let next = async || session.uploads.post("uploadType=resumable&name=b", &[], "").await.status;
    for _ in 1..1000 {
        assert_eq!(next().await, 200);
    }
    assert_eq!(session.status().await, (308, None));
    assert_eq!(next().await, 200);
    assert_eq!(session.status().await.0, 404);
}

#[tokio::test]
async fn random_requests_never_give_another_object_than_was_sent() {
    let seed = 3;
    let chance = Chance::new(seed);
    let all = content(4 * QUANTUM + 17);
    for round in 0..12 {
        let session = session("&name=a", &[], "").await;
        let mut stored = 0;
        loop {
            let begin = chance.below(stored as u64 + 1) as usize;
            let length = QUANTUM + chance.below(2 * QUANTUM as u64) as usize;
            let end = (begin + length).min(all.len());
            let total = if chance.below(2) == 0 { "*".to_owned() } else { all.len().to_string() };
            let range = format!("bytes {begin}-{}/{total}", end - 1);
            let answer = session.put(&range, all.slice(begin..end)).await;
            if answer.status == 200 {
                break;
            }
            let kept = end - end % QUANTUM;
            if answer.status == 308 {
                stored = stored.max(kept);
            } else {
                assert!(answer.status == 400 && end - begin < QUANTUM, "{seed} {round} {range}");
            }
            let last = stored.checked_sub(1).map(|last| format!("bytes=0-{last}"));
            assert_eq!(session.status().await, (308, last), "seed {seed}, round {round}, {range}");
        }
        assert_eq!(session.stored(), all, "seed {seed}, round {round}");
    }
}

#[tokio::test]
async fn no_mutation_of_a_content_range_stores_anything_else() {
    let seed = 5;
    let chance = Chance::new(seed);
    let uploads = uploads().await;
    for round in 0..300 {
        let answer = uploads.post("uploadType=resumable&name=a", &[], "").await;
        let location = answer.header("location").unwrap().to_owned();
        let range = mutated(b"bytes 0-9/10", b"0129*-/ =b\xe9\t", &chance);
        let request = axum::http::HeaderValue::from_bytes(&range);
        let Ok(text) = request.as_ref().map(|value| value.to_str().unwrap_or("\u{e9}")) else {
            continue;
        };
        let headers = [("content-range", text)];
        let answer = send(Method::PUT, &location, &headers, content(10)).await.unwrap();
        let expected = [200, 308, 400, 413, 503];
        assert!(expected.contains(&answer.status), "seed {seed}, round {round}, {text:?}");
        if answer.status == 200 {
            let stored = uploads.memory.versions_of("a").pop().unwrap().body;
            assert_eq!(stored, content(10), "seed {seed}, round {round}, {text:?}");
        }
    }
}
