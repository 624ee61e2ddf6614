//! Uploads in one request, as a client sees them.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use bytes::Bytes;
use emulator::{Chance, Emulator, Memory, Options, Stored};
use futures_util::stream;
use serde_json::{Value, json};
use store::Metadata;

use crate::client::{Answer, send};

/// An emulator with the empty bucket `b`.
pub(crate) struct Uploads {
    pub(crate) emulator: Emulator,
    pub(crate) memory: Arc<Memory>,
    pub(crate) url: String,
}

pub(crate) async fn uploads() -> Uploads {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let memory = emulator.create_bucket("b").unwrap();
    let url = format!("{}/upload/storage/v1/b/b/o", emulator.url());
    Uploads { emulator, memory, url }
}

impl Uploads {
    pub(crate) async fn post(
        &self,
        query: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let url = format!("{}?{query}", self.url);
        send(Method::POST, &url, headers, body).await.unwrap()
    }

    async fn multipart(&self, query: &str, resource: &Value, content: &str) -> Answer {
        let body = format!(
            "--b\r\ncontent-type: application/json\r\n\r\n{resource}\r\n\
             --b\r\ncontent-type: text/plain\r\n\r\n{content}\r\n--b--\r\n"
        );
        let headers = [("content-type", "multipart/related; boundary=b")];
        self.post(&format!("uploadType=multipart{query}"), &headers, body).await
    }

    fn live(&self, name: &str) -> Stored {
        self.memory.versions_of(name).pop().unwrap()
    }
}

#[tokio::test]
async fn media_keeps_what_the_request_says() {
    let uploads = uploads().await;
    let query = "uploadType=media&name=a&contentEncoding=br&ifGenerationMatch=0";
    let headers = [("content-type", "text/x; charset=a"), ("x-goog-hash", "crc32c=KXvQqg==")];
    let answer = uploads.post(query, &headers, "{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let stored = uploads.live("a");
    assert_eq!(stored.content_type, "text/x; charset=a");
    assert_eq!(stored.content_encoding.as_deref(), Some("br"));
    assert_eq!(answer.json()["crc32c"], "KXvQqg==");
    assert_eq!(uploads.post(query, &headers, "{}").await.error().0, 412);
}

#[tokio::test]
async fn multipart_is_read_as_clients_write_it() {
    let uploads = uploads().await;
    let resource = r#"{"name":"NAME","contentType":"application/json","metadata":{"k":"v"},"crc32c":"KXvQqg=="}"#;
    let body = "--x y\r\ncontent-type: application/json\r\n\r\nRESOURCE\r\n--x y\r\n\
                Content-Type: text/plain\r\n\r\n{}\r\n--x y--\r\n"
        .replace("RESOURCE", resource);
    let crlf = body.replace("NAME", "crlf");
    let lf = body.replace("NAME", "lf").replace("\r\n", "\n");
    let post = async |kind: &str, body: &str| {
        let headers = [("content-type", kind)];
        uploads.post("uploadType=multipart", &headers, body.to_owned()).await
    };
    for (kind, body) in [
        ("multipart/related; type=\"a;b\"; boundary=\"x y\"; charset=UTF-8", &crlf),
        ("multipart/related; boundary='x y'", &lf),
    ] {
        assert_eq!(post(kind, body).await.status, 200, "{kind}");
    }
    let expected = Metadata::from([("k".to_owned(), "v".to_owned())]);
    for name in ["crlf", "lf"] {
        let stored = uploads.live(name);
        assert_eq!((&stored.body, &stored.metadata), (&Bytes::from("{}"), &expected));
        assert_eq!(stored.content_type, "application/json");
    }
    let kind = "multipart/related; boundary=\"x y\"";
    for (broken, reason) in [
        (crlf.replace("--x y--", "--x y"), "invalid"),
        (crlf.replace("KXvQqg==", "AAAAAA=="), "invalid"),
        (crlf.replace("KXvQqg==", "AAAA"), "invalid"),
        (crlf.replace("KXvQqg==", "!"), "invalid"),
        (crlf.replace("{\"name", "{name"), "parseError"),
        (crlf.replace(&resource.replace("NAME", "crlf"), "[]"), "parseError"),
        (crlf.replace("\"crlf\"", "7"), "invalid"),
        (crlf.replace("\"crlf\"", "\"\""), "required"),
        (crlf.replace("\"v\"", "7"), "invalid"),
        (String::new(), "invalid"),
    ] {
        assert_eq!(post(kind, &broken).await.error(), (400, reason.to_owned()), "{broken}");
    }
    assert_eq!(post("application/json", &crlf).await.status, 400);
    assert_eq!(uploads.memory.versions_of("crlf").len(), 1, "what is refused is not stored");
}

#[tokio::test]
async fn a_chunked_body_is_a_body() {
    let uploads = uploads().await;
    let pieces = ["--b\n\n{\"name\":\"a\"}\n-", "-b\n\n", "{", "}", "\n--b--"];
    let pieces = pieces.map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
    let body = Body::from_stream(stream::iter(pieces));
    let headers = [("content-type", "multipart/related; boundary=b")];
    let answer = uploads.post("uploadType=multipart", &headers, body).await;
    assert_eq!((answer.status, uploads.live("a").body), (200, Bytes::from("{}")));
}

#[tokio::test]
async fn every_field_of_the_description_comes_back() {
    let uploads = uploads().await;
    let resource = json!({
        "name": "a/b",
        "bucket": "b",
        "contentType": "text/html",
        "contentEncoding": "br",
        "cacheControl": "no-store",
        "contentDisposition": "attachment; filename=\"ü\"",
        "contentLanguage": "de",
        "customTime": "2025-01-02T03:04:05+01:00",
        "storageClass": "NEARLINE",
        "metadata": {"k": "v"},
        "md5Hash": "mZFLkyvTelC5g8XnyQrpOw==",
        "generation": "17",
        "unknown": {"ignored": true},
        "temporaryHold": null,
    });
    let answer = uploads.multipart("", &resource, "{}").await.json();
    for key in ["contentType", "contentEncoding", "cacheControl", "contentDisposition"] {
        assert_eq!(answer[key], resource[key], "{key}");
    }
    for key in ["contentLanguage", "storageClass", "metadata", "md5Hash"] {
        assert_eq!(answer[key], resource[key], "{key}");
    }
    assert_eq!(answer["customTime"], "2025-01-02T02:04:05.000Z");
    assert_ne!(answer["generation"], "17");
    for (key, value) in [
        ("contentType", json!(7)),
        ("cacheControl", json!([])),
        ("customTime", json!("yesterday")),
        ("storageClass", json!("GOLDEN")),
        ("metadata", json!("x")),
        ("metadata", json!({"k": {"deep": 1}})),
        ("md5Hash", json!("KXvQqg==")),
        ("bucket", json!("other")),
        ("name", json!("..")),
        ("name", json!("a\rb")),
        ("name", json!("a\nb")),
        ("name", json!("a".repeat(1025))),
    ] {
        let mut wrong = resource.clone();
        wrong[key] = value;
        let refused = uploads.multipart("", &wrong, "{}").await;
        assert_eq!(refused.error(), (400, "invalid".to_owned()), "{key}");
    }
    assert_eq!(uploads.memory.objects().len(), 1);
}

#[tokio::test]
async fn a_name_stands_in_the_query_or_in_the_description() {
    let uploads = uploads().await;
    let named = json!({"name": "a"});
    for (query, resource, status) in [
        ("", &named, 200),
        ("&name=a", &named, 200),
        ("&name=a", &json!({}), 200),
        ("&name=", &named, 200),
        ("&name=b", &named, 400),
        ("", &json!({}), 400),
    ] {
        let answer = uploads.multipart(query, resource, "{}").await;
        assert_eq!(answer.status, status, "{query} {resource}");
    }
    let differs = uploads.multipart("&name=b", &named, "{}").await.json();
    let message = differs["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("Value 'a' in content does not agree with value 'b'."),
        "{message}"
    );
}

#[tokio::test]
async fn checksums_are_verified_wherever_they_stand() {
    let uploads = uploads().await;
    let (crc32c, md5) = ("KXvQqg==", "mZFLkyvTelC5g8XnyQrpOw==");
    let both = format!("crc32c={crc32c},md5={md5}");
    for (hash, message) in [
        (both.as_str(), None),
        ("crc32c=KXvQqg==", None),
        (
            "crc32c=AAAAAA==",
            Some("Provided CRC32C \"AAAAAA==\" doesn't match calculated CRC32C \"KXvQqg==\"."),
        ),
        (
            "crc32c=KXvQqg==, md5=AAAAAAAAAAAAAAAAAAAAAA==",
            Some(
                "Provided MD5 hash \"AAAAAAAAAAAAAAAAAAAAAA==\" doesn't match calculated MD5 hash \
                 \"mZFLkyvTelC5g8XnyQrpOw==\".",
            ),
        ),
        ("crc32c=KXvQ", Some("Invalid value for: crc32c")),
        ("md5=KXvQqg==", Some("Invalid value for: md5")),
        ("md5", Some("Invalid value for: x-goog-hash")),
        ("sha1=AAAA", Some("Invalid value for: x-goog-hash")),
        ("", Some("Invalid value for: x-goog-hash")),
    ] {
        let headers = [("x-goog-hash", hash)];
        let answer = uploads.post("uploadType=media&name=a", &headers, "{}").await;
        let refused = answer.json()["error"]["message"].as_str().map(str::to_owned);
        assert_eq!(refused.as_deref(), message, "{hash}");
        assert_eq!(answer.status, if message.is_some() { 400 } else { 200 });
    }
    assert_eq!(uploads.memory.versions_of("a").len(), 2);
}

#[tokio::test]
async fn what_the_service_refuses_is_refused() {
    let uploads = uploads().await;
    for (query, reason) in [
        ("uploadType=other&name=x", "invalid"),
        ("uploadType=&name=x", "invalid"),
        ("name=x", "invalid"),
        ("uploadType=media", "required"),
        ("uploadType=media&name=", "required"),
        ("uploadType=media&name=.", "invalid"),
        ("uploadType=media&name=..", "invalid"),
        ("uploadType=media&name=a%0Ab", "invalid"),
        ("uploadType=media&name=a%0Db", "invalid"),
        ("uploadType=media&name=%ff", "invalid"),
        ("uploadType=media&name=x&ifGenerationMatch=-1", "invalid"),
        ("uploadType=resumable", "required"),
        ("uploadType=resumable&name=..", "invalid"),
    ] {
        let answer = uploads.post(query, &[], "").await;
        assert_eq!(answer.error(), (400, reason.to_owned()), "{query}");
    }
    for method in [Method::GET, Method::PATCH] {
        let answer = send(method, &uploads.url, &[], "").await.unwrap();
        assert_eq!(answer.error(), (405, "methodNotAllowed".to_owned()));
    }
    let other = uploads.url.replace("/b/b/", "/b/other/");
    let answer = send(Method::POST, &format!("{other}?uploadType=media&name=x"), &[], "").await;
    assert_eq!(answer.unwrap().error().0, 404);
    assert!(uploads.memory.objects().is_empty());
}

#[tokio::test]
async fn the_largest_body_is_taken_and_a_larger_one_is_refused() {
    let uploads = uploads().await;
    let body = Bytes::from(vec![b'\n'; 64 * 1024 * 1024]);
    let answer = uploads.post("uploadType=media&name=a&fields=size", &[], body.clone()).await;
    assert_eq!(answer.json(), json!({"size": body.len().to_string()}));
    let large = Bytes::from(vec![0; 80 * 1024 * 1024 + 1]);
    let refused = uploads.post("uploadType=media&name=b", &[], large.clone()).await;
    assert_eq!(refused.error(), (413, "uploadTooLarge".to_owned()));
    let pieces = stream::iter([Ok::<_, std::io::Error>(large.slice(1..)), Ok(large.slice(..2))]);
    let refused = uploads.post("uploadType=media&name=b", &[], Body::from_stream(pieces)).await;
    assert_eq!(refused.error(), (413, "uploadTooLarge".to_owned()));
    assert_eq!(uploads.memory.objects().len(), 1);
}

#[tokio::test]
async fn no_mutation_of_an_upload_is_answered_with_more_than_a_refusal() {
    let uploads = uploads().await;
    let seed = 11;
    let chance = Chance::new(seed);
    let valid =
        b"--b\r\n\r\n{\"name\":\"a\",\"metadata\":{\"k\":\"v\"}}\r\n--b\r\n\r\nx\r\n--b--\r\n";
    let mut stored = 0;
    for round in 0..400 {
        let body = mutated(valid, b"\r\n-{}\"\\\xff\0", &chance);
        let headers = [("content-type", "multipart/related; boundary=b")];
        let answer = uploads.post("uploadType=multipart", &headers, body).await;
        match answer.status {
            200 => stored += 1,
            400 => drop(answer.error()),
            other => panic!("seed {seed}, round {round}: {other}"),
        }
        let versions: usize = uploads
            .memory
            .objects()
            .keys()
            .map(|name| uploads.memory.versions_of(name).len())
            .sum();
        assert_eq!(versions, stored, "seed {seed}, round {round}");
    }
}

/// `valid` with up to three bytes replaced by one of `bytes` or removed, or cut off.
pub(crate) fn mutated(valid: &[u8], bytes: &[u8], chance: &Chance) -> Vec<u8> {
    let mut mutated = valid.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(mutated.len() as u64) as usize;
        match chance.below(5) {
            0 => mutated.truncate(at),
            1 => drop(mutated.remove(at)),
            _ => mutated[at] = bytes[chance.below(bytes.len() as u64) as usize],
        }
        if mutated.is_empty() {
            break;
        }
    }
    mutated
}
