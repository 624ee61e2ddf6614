//! Reads of content, as a client sees them.

use axum::http::Method;
use bytes::Bytes;
use emulator::{Properties, Upload};
use store::Metadata;

use crate::client::{Answer, get, send};
use crate::memory::compress;
use crate::uploads::{Uploads, mutated, uploads};

/// Every path that gives the content of `a`.
fn urls(uploads: &Uploads) -> [String; 2] {
    let origin = uploads.emulator.url();
    [
        format!("{origin}/storage/v1/b/b/o/a?alt=media"),
        format!("{origin}/download/storage/v1/b/b/o/a?alt=media"),
    ]
}

async fn read(url: &str, headers: &[(&str, &str)]) -> Answer {
    send(Method::GET, url, headers, "").await.unwrap()
}

async fn with(body: &'static str) -> (Uploads, String) {
    let uploads = uploads().await;
    uploads.memory.insert("a", Bytes::from(body), Upload::default()).unwrap();
    let [url, _] = urls(&uploads);
    (uploads, url)
}

#[tokio::test]
async fn every_path_gives_the_same() {
    let (uploads, _) = with("0123456789").await;
    let resource = get(&format!("{}/storage/v1/b/b/o/a", uploads.emulator.url())).await.json();
    let link = resource["mediaLink"].as_str().unwrap().to_owned();
    let bare = link.replace("&alt=media", "");
    for url in urls(&uploads).iter().chain([&link, &bare]) {
        let whole = get(url).await;
        assert_eq!((whole.status, whole.body.as_ref()), (200, b"0123456789".as_slice()), "{url}");
        assert_eq!(whole.header("accept-ranges"), Some("bytes"));
        let part = read(url, &[("range", "bytes=2-4")]).await;
        assert_eq!((part.status, part.body.as_ref()), (206, b"234".as_slice()), "{url}");
    }
    let old = link.replace("generation=", "generation=1");
    assert_eq!(get(&old).await.error().0, 404);
    let json = format!("{}/download/storage/v1/b/b/o/a?alt=json", uploads.emulator.url());
    assert_eq!(get(&json).await.json(), resource);
}

#[tokio::test]
async fn ranges_are_parts_of_the_content() {
    let (_uploads, url) = with("0123456789").await;
    for (range, status, body, content_range) in [
        ("bytes=0-0", 206, "0", Some("bytes 0-0/10")),
        ("bytes=7-", 206, "789", Some("bytes 7-9/10")),
        ("bytes=7-99", 206, "789", Some("bytes 7-9/10")),
        ("bytes=-2", 206, "89", Some("bytes 8-9/10")),
        ("bytes=-99", 206, "0123456789", Some("bytes 0-9/10")),
        ("bytes=0-1,3-4", 200, "0123456789", None),
        ("bytes=4-2", 200, "0123456789", None),
        ("chars=0-1", 200, "0123456789", None),
    ] {
        let answer = read(&url, &[("range", range)]).await;
        let seen = (answer.status, answer.body.as_ref(), answer.header("content-range"));
        assert_eq!(seen, (status, body.as_bytes(), content_range), "{range}");
        assert_eq!(answer.header("content-length"), Some(&*body.len().to_string()));
        let hash = "crc32c=KAwGng==,md5=eB5eJF1ptWaXm4bijSPyxw==";
        assert_eq!(answer.header("x-goog-hash"), Some(hash), "of the whole");
    }
    for range in ["bytes=10-", "bytes=99-100", "bytes=-0"] {
        let answer = read(&url, &[("range", range)]).await;
        assert_eq!(answer.error(), (416, "requestedRangeNotSatisfiable".to_owned()), "{range}");
        assert_eq!(answer.header("content-range"), Some("bytes */10"));
    }
    let (_uploads, url) = with("").await;
    let answer = read(&url, &[("range", "bytes=0-")]).await;
    assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */0")));
}

#[tokio::test]
async fn a_head_request_gets_the_same_headers() {
    let (uploads, _) = with("0123456789").await;
    for url in urls(&uploads) {
        let range = [("range", "bytes=2-4")];
        for headers in [&range[..], &[]] {
            let mut head = send(Method::HEAD, &url, headers, "").await.unwrap();
            let mut whole = read(&url, headers).await;
            assert!(head.body.is_empty());
            assert_eq!(head.status, whole.status);
            for answer in [&mut head, &mut whole] {
                answer.headers.remove("date");
            }
            assert_eq!(head.headers, whole.headers);
        }
    }
}

#[tokio::test]
async fn conditions_and_entity_tags() {
    let (uploads, url) = with("0123456789").await;
    let stored = uploads.memory.versions_of("a").pop().unwrap();
    let generation = stored.generation;
    let tag = get(&url).await.header("etag").unwrap().to_owned();
    let quoted = format!("\"x\", \"{tag}\"");
    let weak = format!("W/\"{tag}\"");
    for (headers, status) in [
        (vec![("if-match", tag.as_str())], 200),
        (vec![("if-match", quoted.as_str())], 200),
        (vec![("if-match", "*")], 200),
        (vec![("if-match", "\"x\"")], 412),
        (vec![("if-match", "")], 412),
        (vec![("if-none-match", tag.as_str())], 304),
        (vec![("if-none-match", weak.as_str())], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-none-match", "\"x\"")], 200),
        (vec![("if-match", "x"), ("if-none-match", tag.as_str())], 412),
        (vec![("range", "bytes=0-0"), ("if-range", tag.as_str())], 206),
        (vec![("range", "bytes=0-0"), ("if-range", "\"x\"")], 200),
    ] {
        assert_eq!(read(&url, &headers).await.status, status, "{headers:?}");
    }
    for (query, status) in [
        (format!("ifGenerationMatch={generation}"), 200),
        ("ifGenerationMatch=17".to_owned(), 412),
        (format!("ifGenerationNotMatch={generation}"), 304),
        ("ifGenerationNotMatch=17".to_owned(), 200),
        ("ifMetagenerationMatch=1".to_owned(), 200),
        ("ifMetagenerationMatch=2".to_owned(), 412),
        ("ifMetagenerationNotMatch=1".to_owned(), 304),
    ] {
        let answer = get(&format!("{url}&{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        assert!(status != 304 || answer.body.is_empty());
    }
}

#[tokio::test]
async fn headers_describe_the_object() {
    let (uploads, url) = with("").await;
    let text = |text: &str| serde_json::Value::from(text);
    let upload = Upload {
        content_type: Some("text/plain".to_owned()),
        content_encoding: Some("br".to_owned()),
        metadata: Metadata::from([("key".to_owned(), "a value".to_owned())]),
        properties: Properties::from([
            ("cacheControl".to_owned(), text("public, max-age=60")),
            ("contentDisposition".to_owned(), text("attachment; filename=\"\u{fc}\r\n\"")),
            ("contentLanguage".to_owned(), text("de")),
            ("storageClass".to_owned(), text("NEARLINE")),
        ]),
        component_count: Some(3),
        ..Upload::default()
    };
    uploads.memory.insert("a", Bytes::from("x"), upload).unwrap();
    let answer = get(&url).await;
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-encoding", "br"),
        ("content-language", "de"),
        ("content-length", "1"),
        ("cache-control", "public, max-age=60"),
        ("x-goog-hash", "crc32c=qTxfkw=="),
        ("x-goog-meta-key", "a value"),
        ("x-goog-storage-class", "NEARLINE"),
        ("x-goog-stored-content-encoding", "br"),
        ("x-goog-component-count", "3"),
        ("x-goog-metageneration", "1"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let disposition = answer.headers.get("content-disposition").unwrap();
    let expected = "attachment; filename=\"\u{fc}%0D%0A\"";
    assert_eq!(disposition.as_bytes(), expected.as_bytes(), "UTF-8, and never a second line");
}

async fn gzipped(body: Bytes, cache_control: Option<&str>) -> (Uploads, String) {
    let uploads = uploads().await;
    let cache = cache_control.map(|value| ("cacheControl".to_owned(), value.into()));
    let upload = Upload {
        content_encoding: Some("gzip".to_owned()),
        properties: cache.into_iter().collect(),
        ..Upload::default()
    };
    uploads.memory.insert("a", body, upload).unwrap();
    let [url, _] = urls(&uploads);
    (uploads, url)
}

#[tokio::test]
async fn gzip_is_decompressed_for_those_who_do_not_accept_it() {
    let text = b"0123456789".repeat(100_000);
    let stored = compress(&text);
    let (_uploads, url) = gzipped(stored.clone(), Some("public")).await;
    for headers in [vec![], vec![("range", "bytes=2-4")], vec![("accept-encoding", "gzip;q=0")]] {
        let decoded = read(&url, &headers).await;
        assert_eq!((decoded.status, decoded.body.as_ref()), (200, text.as_slice()), "{headers:?}");
        let header = |name| decoded.header(name);
        assert_eq!(header("content-encoding").or(header("content-length")), None);
        assert_eq!(header("transfer-encoding"), Some("chunked"));
        assert_eq!(header("warning"), Some("214 UploadServer gunzipped"));
        let length = stored.len().to_string();
        assert_eq!(header("x-goog-stored-content-length"), Some(&*length));
    }
    let gzip = ("accept-encoding", "gzip");
    let part = read(&url, &[gzip, ("range", "bytes=2-4")]).await;
    assert_eq!((part.status, part.body), (206, stored.slice(2..5)), "of what is stored");
}

#[tokio::test]
async fn what_nobody_may_transform_is_sent_as_stored() {
    let body = compress(b"0123456789");
    let (_uploads, url) = gzipped(body.clone(), Some("public, No-Transform")).await;
    let answer = get(&url).await;
    assert_eq!((answer.status, &answer.body), (200, &body));
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn what_only_says_that_it_is_gzip_is_sent_as_stored() {
    for body in ["", "x", "not gzip"] {
        let (_uploads, url) = gzipped(Bytes::from(body), None).await;
        let answer = get(&url).await;
        assert_eq!((answer.status, answer.body), (200, Bytes::from(body)));
    }
}

#[tokio::test]
async fn broken_gzip_ends_with_the_connection() {
    let whole = compress(&b"0123456789".repeat(100));
    let (_uploads, url) = gzipped(whole.slice(..whole.len() - 9), None).await;
    assert!(send(Method::GET, &url, &[], "").await.is_err());
}

#[tokio::test]
async fn no_mutation_of_a_header_gives_another_content() {
    let (uploads, url) = with("0123456789").await;
    let seed = 9;
    let chance = emulator::Chance::new(seed);
    for round in 0..300 {
        let range = mutated(b"bytes=2-4", b"0129*-,/ =b\t", &chance);
        let Ok(range) = std::str::from_utf8(&range) else { continue };
        let answer = read(&url, &[("range", range.trim())]).await;
        match answer.status {
            200 => assert_eq!(answer.body, "0123456789"),
            206 => {
                let text = answer.header("content-range").unwrap();
                let text = text.strip_prefix("bytes ").and_then(|t| t.strip_suffix("/10"));
                let (first, last) = text.unwrap().split_once('-').unwrap();
                let part = first.parse::<usize>().unwrap()..=last.parse().unwrap();
                assert_eq!(answer.body, "0123456789"[part], "{seed} {round} {range:?}");
            }
            status => assert_eq!(status, 416, "seed {seed}, round {round}, {range:?}"),
        }
    }
    assert_eq!(uploads.memory.versions_of("a").len(), 1);
}
