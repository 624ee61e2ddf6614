//! The JSON API, as a client sees it.

use std::sync::Arc;

use axum::http::Method;
use bytes::Bytes;
use emulator::{Emulator, Memory, Options, Upload};
use expect_test::expect;
use serde_json::json;
use store::{Metadata, Operations, PAGE_ITEMS_MAX};

use crate::client::{Answer, get, send};
use crate::memory::compress;

struct Face {
    emulator: Emulator,
    memory: Arc<Memory>,
    objects: String,
    uploads: String,
}

async fn face() -> Face {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let memory = emulator.create_bucket("b").unwrap();
    let objects = format!("{}/storage/v1/b/b/o", emulator.url());
    let uploads = format!("{}/upload/storage/v1/b/b/o", emulator.url());
    Face { emulator, memory, objects, uploads }
}

impl Face {
    fn insert(&self, name: &str, body: &'static str) -> String {
        let stored = self.memory.insert(name, Bytes::from(body), Upload::default()).unwrap();
        stored.generation.to_string()
    }

    async fn media(&self, query: &str, headers: &[(&str, &str)], body: &'static str) -> Answer {
        let url = format!("{}?uploadType=media&{query}", self.uploads);
        send(Method::POST, &url, headers, body).await.unwrap()
    }

    async fn delete(&self, rest: &str) -> Answer {
        send(Method::DELETE, &format!("{}/{rest}", self.objects), &[], "").await.unwrap()
    }
}

#[tokio::test]
async fn a_resource_has_every_field_that_clients_insist_on() {
    let face = face().await;
    let answer = face.media("name=a%2Fb%20c.json", &[("content-type", "application/json")], "{}");
    let mut resource = answer.await.json();
    let generation = resource["generation"].as_str().unwrap().to_owned();
    let text = resource.to_string().replace(&generation, "GENERATION");
    let text = text.replace(&face.emulator.url(), "http://HOST");
    for field in ["etag", "timeCreated", "updated", "timeStorageClassUpdated"] {
        assert!(text.contains(&format!("\"{field}\":\"")), "{field} in {text}");
        resource[field] = json!("…");
    }
    let text = resource.to_string().replace(&generation, "GENERATION");
    let text = text.replace(&face.emulator.url(), "http://HOST").replace("\",\"", "\",\n\"");
    expect![[r#"
        {"kind":"storage#object",
        "id":"b/a/b c.json/GENERATION",
        "selfLink":"http://HOST/storage/v1/b/b/o/a%2Fb%20c.json",
        "name":"a/b c.json",
        "bucket":"b",
        "generation":"GENERATION",
        "metageneration":"1",
        "contentType":"application/json",
        "timeCreated":"…",
        "updated":"…",
        "storageClass":"STANDARD",
        "timeStorageClassUpdated":"…",
        "size":"2",
        "md5Hash":"mZFLkyvTelC5g8XnyQrpOw==",
        "mediaLink":"http://HOST/download/storage/v1/b/b/o/a%2Fb%20c.json?generation=GENERATION&alt=media",
        "crc32c":"KXvQqg==",
        "etag":"…"}"#]]
    .assert_eq(&text);
}

#[tokio::test]
async fn media_carries_body_and_description_in_one_answer() {
    let face = face().await;
    let metadata = Metadata::from([("source".to_owned(), "env/dev/a b".to_owned())]);
    let content_type = Some("application/json".to_owned());
    let upload = Upload { metadata, content_type, ..Upload::default() };
    let stored = face.memory.insert("a/b", Bytes::from("{}"), upload).unwrap();
    let answer = get(&format!("{}/a%2Fb?alt=media", face.objects)).await;
    assert_eq!((answer.status, answer.body.as_ref()), (200, b"{}".as_slice()));
    let generation = stored.generation.to_string();
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-length", "2"),
        ("x-goog-generation", &generation),
        ("x-goog-metageneration", "1"),
        ("x-goog-hash", "crc32c=KXvQqg==,md5=mZFLkyvTelC5g8XnyQrpOw=="),
        ("x-goog-storage-class", "STANDARD"),
        ("x-goog-stored-content-length", "2"),
        ("x-goog-stored-content-encoding", "identity"),
        ("x-goog-meta-source", "env/dev/a b"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(answer.header("etag").is_some());
    assert!(answer.header("last-modified").unwrap().ends_with(" GMT"));
}

#[tokio::test]
async fn gzip_is_sent_as_stored_only_to_those_who_accept_it() {
    let face = face().await;
    let body = compress(b"{\"a\":1}\n");
    let content_encoding = Some("gzip".to_owned());
    let upload = Upload { content_encoding, ..Upload::default() };
    let stored = face.memory.insert("a", body.clone(), upload).unwrap();
    let url = format!("{}/a?alt=media", face.objects);
    let headers = [("accept-encoding", "br, gzip;q=0.5")];
    let as_stored = send(Method::GET, &url, &headers, "").await.unwrap();
    assert_eq!(as_stored.body, body);
    assert_eq!(as_stored.header("content-encoding"), Some("gzip"));
    assert_eq!(as_stored.header("content-length"), Some(&*body.len().to_string()));
    let decoded = send(Method::GET, &url, &[("accept-encoding", "gzip;q=0")], "").await.unwrap();
    assert_eq!(decoded.body, "{\"a\":1}\n");
    assert_eq!(decoded.header("content-encoding"), None);
    assert_eq!(decoded.header("content-length"), None);
    for answer in [as_stored, decoded] {
        let hash = format!("crc32c={},md5={}", stored.crc32c, stored.md5.as_deref().unwrap());
        assert_eq!(answer.header("x-goog-hash"), Some(&*hash), "of the bytes as stored");
        assert_eq!(answer.header("x-goog-stored-content-encoding"), Some("gzip"));
    }
}

#[tokio::test]
async fn strict_where_the_service_is_strict() {
    let face = face().await;
    face.insert("a/b", "1");
    let Face { emulator, objects, .. } = &face;
    for (url, status) in [
        (format!("{objects}/a/b"), 404),
        (format!("{objects}/a%2Fb"), 200),
        (format!("{objects}/a%2Fb?generation=1x"), 400),
        (format!("{objects}/a%2Fb?generation=-1"), 400),
        (format!("{objects}/a%2Fb?generation=9223372036854775808"), 400),
        (format!("{objects}/a%2Fb?generation=17"), 404),
        (format!("{objects}/a%2Fb?alt=xml"), 400),
        (format!("{objects}/a%2Fb?ifGenerationMatch=17"), 412),
        (format!("{objects}/a%2Fb?ifGenerationNotMatch=0"), 200),
        (format!("{objects}/a%2Fb?ifMetagenerationNotMatch=1"), 304),
        (format!("{objects}/a%2Fb?fields=name,"), 400),
        (format!("{objects}/missing"), 404),
        (format!("{objects}?pageToken=x"), 400),
        (format!("{objects}?versions=maybe"), 400),
        (format!("{objects}?projection=noAcl&prettyPrint=false&key=&"), 200),
        (format!("{}/storage/v1/b/other/o/a", emulator.url()), 404),
        (format!("{}/storage/v1/b/other/o", emulator.url()), 404),
        (format!("{}/o/a", emulator.url()), 404),
    ] {
        assert_eq!(get(&url).await.status, status, "{url}");
    }
    let wrong = face.media("name=x", &[("x-goog-hash", "crc32c=AAAAAA==")], "{}").await;
    assert_eq!(wrong.error(), (400, "invalid".to_owned()));
    let right = face.media("name=x", &[("x-goog-hash", "crc32c=KXvQqg==")], "{}").await;
    assert_eq!(right.status, 200);
}

#[tokio::test]
async fn preconditions_of_inserts_and_deletes() {
    let face = face().await;
    let created = face.media("name=a&ifGenerationMatch=0&fields=generation", &[], "1").await;
    let resource = created.json();
    assert_eq!(resource.as_object().unwrap().len(), 1, "fields selects");
    let generation = resource["generation"].as_str().unwrap();
    let again = face.media("name=a&ifGenerationMatch=0", &[], "1").await;
    assert_eq!(again.error(), (412, "conditionNotMet".to_owned()));
    let same = format!("name=a&ifGenerationNotMatch={generation}");
    assert_eq!(face.media(&same, &[], "1").await.status, 412);
    assert_eq!(face.media("name=a&ifMetagenerationMatch=1", &[], "2").await.status, 200);
    let stale = face.delete(&format!("a?ifGenerationMatch={generation}")).await;
    assert_eq!(stale.error(), (412, "conditionNotMet".to_owned()));
    assert_eq!(face.delete("a").await.status, 204);
    assert_eq!(face.delete("a").await.error(), (404, "notFound".to_owned()));
    let old = get(&format!("{}/a?alt=media&generation={generation}", face.objects)).await;
    assert_eq!(old.body, "1", "a delete without generation keeps the versions");
    assert_eq!(face.delete(&format!("a?generation={generation}")).await.status, 204);
    let old = get(&format!("{}/a?alt=media&generation={generation}", face.objects)).await;
    assert_eq!(old.status, 404, "a delete with generation is for ever");
}

#[tokio::test]
async fn lists_page_select_and_show_versions() {
    let face = face().await;
    for name in ["a", "a", "b/1", "b/2", "c"] {
        face.insert(name, "1");
    }
    let list = async |query: &str| get(&format!("{}?{query}", face.objects)).await.json();
    let page = list("delimiter=/&maxResults=2&fields=items/name,prefixes,nextPageToken").await;
    let token = page["nextPageToken"].as_str().unwrap();
    assert_eq!((&page["items"], &page["prefixes"]), (&json!([{"name": "a"}]), &json!(["b/"])));
    let rest = list(&format!("delimiter=/&fields=items(name),prefixes&pageToken={token}")).await;
    assert_eq!(rest, json!({"items": [{"name": "c"}]}));
    let sizes = list("prefix=c&fields=items/name,items/size,items(name),kind").await;
    let expected = json!({"kind": "storage#objects", "items": [{"name": "c", "size": "1"}]});
    assert_eq!(sizes, expected, "a field may be selected in several places");
    assert_eq!(list("prefix=c&fields=items/name,items").await["items"][0]["size"], "1");
    assert_eq!(list("prefix=missing").await, json!({"kind": "storage#objects"}));
    let versions = list("versions=true&prefix=a").await;
    let versions = versions["items"].as_array().unwrap();
    let of = |field: &str| versions.iter().filter(|item| item.get(field).is_some()).count();
    assert_eq!((of("generation"), of("timeDeleted")), (2, 1));
    let mut tokens = 0;
    let mut query = "versions=True&prefix=a&maxResults=1".to_owned();
    while let Some(token) = list(&query).await["nextPageToken"].as_str() {
        query = format!("versions=True&prefix=a&maxResults=1&pageToken={token}");
        tokens += 1;
    }
    assert_eq!(tokens, 1, "pages of versions end too");
}

#[tokio::test]
async fn a_page_can_be_empty_and_not_the_last() {
    let face = face().await;
    (0..=PAGE_ITEMS_MAX).for_each(|number| drop(face.insert(&format!("{number:05}"), "")));
    let last = format!("{PAGE_ITEMS_MAX:05}");
    let list =
        async |query: &str| get(&format!("{}?matchGlob={last}{query}", face.objects)).await.json();
    let page = list("").await;
    let token = page["nextPageToken"].as_str().unwrap();
    assert_eq!(page, json!({"kind": "storage#objects", "nextPageToken": token}));
    let page = list(&format!("&fields=items/name,nextPageToken&pageToken={token}")).await;
    assert_eq!(page, json!({"items": [{"name": last}]}));
}

#[tokio::test]
async fn metadata_of_any_text_comes_back_as_it_went_in() {
    let face = face().await;
    let metadata = json!({"camelCase": "français", "a b": " padded ", "ключ": "1\n2"});
    let resource = json!({"name": "a", "metadata": metadata});
    let body = format!("--x\r\n\r\n{resource}\r\n--x\r\n\r\n1\r\n--x--\r\n");
    let upload = format!("{}?uploadType=multipart", face.uploads);
    let headers = [("content-type", "multipart/related; boundary=x")];
    let answer = send(Method::POST, &upload, &headers, body).await.unwrap();
    assert_eq!((answer.status, &answer.json()["metadata"]), (200, &metadata));
    let url = format!("{}/a", face.objects);
    assert_eq!(get(&url).await.json()["metadata"], metadata);
    let media = get(&format!("{url}?alt=media")).await;
    assert_eq!((media.status, media.body.as_ref()), (200, b"1".as_slice()));
}

#[tokio::test]
async fn a_bucket_has_no_managed_folders() {
    let face = face().await;
    let folders = |bucket| format!("{}/storage/v1/b/{bucket}/managedFolders", face.emulator.url());
    assert_eq!(get(&folders("b")).await.json(), json!({"kind": "storage#managedFolders"}));
    assert_eq!(get(&folders("missing")).await.status, 404);
}

#[tokio::test]
async fn too_many_writes_answer_429() {
    let face = face().await;
    face.memory.limit_write_rate(Some(std::time::Duration::from_secs(3600)));
    assert_eq!(face.media("name=a", &[], "1").await.status, 200);
    let answer = face.media("name=a", &[], "1").await;
    assert_eq!(answer.error(), (429, "rateLimitExceeded".to_owned()));
}

#[tokio::test]
async fn requests_are_counted_by_class() {
    let face = face().await;
    face.media("name=a", &[], "1").await;
    get(&face.objects).await;
    get(&format!("{}/a?alt=media", face.objects)).await;
    get(&format!("{}/missing", face.objects)).await;
    face.delete("a").await;
    let expected = Operations { class_a: 2, class_b: 2, deletes: 1 };
    assert_eq!(face.emulator.requests(), expected);
}

#[tokio::test]
async fn an_object_takes_one_write_within_the_interval_that_is_asked_for() {
    let options = Options {
        write_interval: Some(std::time::Duration::from_secs(3600)),
        latency: Some(std::time::Duration::from_millis(1)),
        ..Options::default()
    };
    let emulator = Emulator::start(options).await.unwrap();
    emulator.create_bucket("b").unwrap();
    let put = async |name: &str| {
        let url =
            format!("{}/upload/storage/v1/b/b/o?uploadType=media&name={name}", emulator.url());
        send(Method::POST, &url, &[], "1").await.unwrap().status
    };
    assert_eq!([put("a").await, put("a").await, put("b").await], [200, 429, 200]);
}
