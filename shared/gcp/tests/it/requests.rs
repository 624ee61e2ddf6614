//! What goes over the wire, byte for byte.

use bytes::Bytes;
use domain::Generation;
use store::{ErrorKind, List, Listed, Metadata, Precondition, Store};

use crate::client::{bucket, object};
use crate::server::{Server, say};

/// A name in which everything needs care: a slash, a space, a percent sign that looks like an
/// encoding, a plus, a letter outside of ASCII, and what needs none.
const NAME: &str = "a/b c%41+é~-_.json";
const ENCODED: &str = "a%2Fb%20c%2541%2B%C3%A9~-_.json";

#[tokio::test]
async fn a_read_is_one_request_with_the_name_encoded() {
    let server = Server::start([object(b"{}", &[])]).await;
    let read = bucket(&server).get(NAME, None).await.unwrap().unwrap();
    assert_eq!(read.generation, Generation(7));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let line = format!("GET /storage/v1/b/bucket/o/{ENCODED}?alt=media HTTP/1.1");
    assert_eq!(requests[0].line, line);
    assert_eq!(requests[0].header("accept-encoding"), Some("gzip"));
    assert_eq!(requests[0].header("authorization"), None);
    assert!(requests[0].header("user-agent").unwrap().starts_with("strata/"));
}

#[tokio::test]
async fn every_reserved_character_is_encoded() {
    let server = Server::start([object(b"", &[])]).await;
    let name = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}\u{7f}\u{1}../.";
    bucket(&server).get(name, None).await.unwrap();
    let encoded = "%21%22%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3C%3D%3E%3F%40%5B%5C%5D%5E%60%7B%7C%7D%7F%01..%2F.";
    assert_eq!(
        server.lines(),
        [format!("GET /storage/v1/b/bucket/o/{encoded}?alt=media HTTP/1.1")]
    );
}

#[tokio::test]
async fn an_old_generation_is_asked_for() {
    let server = Server::start([object(b"{}", &[])]).await;
    bucket(&server).get("a", Some(Generation(7))).await.unwrap().unwrap();
    let line = "GET /storage/v1/b/bucket/o/a?alt=media&generation=7 HTTP/1.1";
    assert_eq!(server.lines(), [line]);
}

#[tokio::test]
async fn a_write_carries_resource_content_and_precondition() {
    let server = Server::start([say(200, &[], br#"{"generation":"12"}"#)]).await;
    let metadata = Metadata::from([("source".to_owned(), "x \"y\"".to_owned())]);
    let bucket = bucket(&server);
    let put = bucket.put(
        NAME,
        Bytes::from_static(b"123456789"),
        &metadata,
        Precondition::At(Generation(11)),
    );
    assert_eq!(put.await.unwrap(), Generation(12));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let line = "POST /upload/storage/v1/b/bucket/o\
                ?uploadType=multipart&ifGenerationMatch=11&fields=generation HTTP/1.1";
    assert_eq!(requests[0].line, line);
    let boundary = "strata-ffffffffffffffffffffffffffffffff";
    let content_type = format!("multipart/related; boundary={boundary}");
    assert_eq!(requests[0].header("content-type"), Some(content_type.as_str()));
    // 0xE3069283 is the check value of CRC-32C. (RFC 3720, appendix B.4; catalogue of CRCs.)
    let body = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n\
         {{\"name\":\"{NAME}\",\"contentType\":\"application/json\",\"crc32c\":\"4waSgw==\",\
         \"metadata\":{{\"source\":\"x \\\"y\\\"\"}}}}\r\n\
         --{boundary}\r\nContent-Type: application/json\r\n\r\n\
         123456789\r\n--{boundary}--\r\n"
    );
    assert_eq!(String::from_utf8(requests[0].body.clone()).unwrap(), body);
}

#[tokio::test]
async fn a_creation_matches_generation_zero_and_the_name_tells_the_type() {
    for (name, content_type) in [
        ("a.json", "application/json"),
        ("a.ndjson", "application/x-ndjson"),
        ("a.json.gz", "application/gzip"),
        ("json", "application/octet-stream"),
    ] {
        let server = Server::start([say(200, &[], br#"{"generation":"1"}"#)]).await;
        let put =
            bucket(&server).put(name, Bytes::new(), &Metadata::new(), Precondition::Absent).await;
        assert_eq!(put.unwrap(), Generation(1));
        let request = &server.requests()[0];
        assert!(request.line.contains("&ifGenerationMatch=0&"), "{}", request.line);
        let body = String::from_utf8(request.body.clone()).unwrap();
        assert!(body.contains(&format!("\"contentType\":\"{content_type}\"")), "{body}");
        assert!(!body.contains("\"metadata\""), "{body}");
    }
}

#[tokio::test]
async fn a_delete_matches_its_generation() {
    let server =
        Server::start([say(204, &[], b""), say(404, &[], b"Not Found"), say(412, &[], b"{}")])
            .await;
    let bucket = bucket(&server);
    assert!(bucket.delete(NAME, Generation(5)).await.unwrap());
    assert!(!bucket.delete(NAME, Generation(5)).await.unwrap());
    let conflict = bucket.delete(NAME, Generation(5)).await.unwrap_err();
    assert_eq!(conflict.kind, ErrorKind::Conflict);
    let line = format!("DELETE /storage/v1/b/bucket/o/{ENCODED}?ifGenerationMatch=5 HTTP/1.1");
    assert_eq!(server.lines(), [line.clone(), line.clone(), line]);
}

#[tokio::test]
async fn what_is_erased_is_one_version_and_its_name_may_have_another() {
    let server = Server::start([say(204, &[], b""), say(404, &[], b"Not Found")]).await;
    let bucket = bucket(&server);
    assert!(bucket.erase(NAME, Generation(5)).await.unwrap());
    assert!(!bucket.erase(NAME, Generation(5)).await.unwrap());
    let line = format!("DELETE /storage/v1/b/bucket/o/{ENCODED}?generation=5 HTTP/1.1");
    assert_eq!(server.lines(), [line.clone(), line]);
}

#[tokio::test]
async fn an_object_that_is_held_says_by_what() {
    for reason in ["retentionPolicyNotMet", "objectUnderActiveHold"] {
        let body = format!(r#"{{"error":{{"code":403,"errors":[{{"reason":"{reason}"}}]}}}}"#);
        let server = Server::start([say(403, &[], body.as_bytes())]).await;
        let held = bucket(&server).erase("a", Generation(5)).await.unwrap_err();
        assert_eq!(held.to_string(), format!("erase a: answer 403 ({reason})"));
    }
}

#[tokio::test]
async fn a_list_selects_fields_and_encodes_every_value() {
    let page = br#"{"kind":"storage#objects","nextPageToken":"t/=","prefixes":["p/x/"],"items":[
        {"name":"p/a","generation":"18446744073709551615","size":"3",
         "timeCreated":"2026-01-02T03:04:05.678Z"}]}"#;
    let server = Server::start([say(200, &[], page), say(200, &[], b"{}")]).await;
    let bucket = bucket(&server);
    let list = List {
        prefix: "p/é".to_owned(),
        delimiter: Some("/".to_owned()),
        start_offset: Some("p/a b".to_owned()),
        end_offset: Some("p/+".to_owned()),
        page_token: Some("t&=".to_owned()),
        versions: false,
    };
    let page = bucket.list(&list).await.unwrap();
    let item = Listed {
        name: "p/a".to_owned(),
        generation: Generation(u64::MAX),
        size_bytes: 3,
        created_at: domain::Instant::parse("2026-01-02T03:04:05.678Z").unwrap(),
        live: true,
    };
    assert_eq!(page.items, [item]);
    assert_eq!(page.prefixes, ["p/x/"]);
    assert_eq!(page.next_page_token.as_deref(), Some("t/="));
    assert_eq!(bucket.list(&List::default()).await.unwrap(), store::Page::default());
    let fields =
        "fields=items%28name%2Cgeneration%2Csize%2CtimeCreated%29%2Cprefixes%2CnextPageToken";
    let all =
        "prefix=p%2F%C3%A9&delimiter=%2F&startOffset=p%2Fa%20b&endOffset=p%2F%2B&pageToken=t%26%3D";
    let path = "GET /storage/v1/b/bucket/o";
    assert_eq!(
        server.lines(),
        [format!("{path}?{fields}&{all} HTTP/1.1"), format!("{path}?{fields}&prefix= HTTP/1.1"),]
    );
}

#[tokio::test]
async fn versions_are_those_of_one_name_oldest_first() {
    let first = br#"{"nextPageToken":"two","items":[
        {"name":"v","generation":"9","size":"1","timeCreated":"2026-01-01T00:00:01Z",
         "timeDeleted":"2026-01-01T00:00:02Z"},
        {"name":"v","generation":"10","size":"1","timeCreated":"2026-01-01T00:00:03Z"}]}"#;
    let second = br#"{"nextPageToken":"three","items":[
        {"name":"v","generation":"11","size":"1","timeCreated":"2026-01-01T00:00:00Z",
         "timeDeleted":"2026-01-01T00:00:01Z"},
        {"name":"v.copy","generation":"12","size":"1","timeCreated":"2026-01-01T00:00:00Z"}]}"#;
    let server = Server::start([say(200, &[], first), say(200, &[], second)]).await;
    let versions = bucket(&server).versions("v").await.unwrap();
    let seen: Vec<_> = versions.iter().map(|item| (item.generation.0, item.live)).collect();
    assert_eq!(seen, [(11, false), (9, false), (10, true)]);
    let fields = "fields=items%28name%2Cgeneration%2Csize%2CtimeCreated%2CtimeDeleted%29%2Cprefixes%2CnextPageToken";
    let line = format!("GET /storage/v1/b/bucket/o?{fields}&versions=true&prefix=v");
    let lines = [format!("{line} HTTP/1.1"), format!("{line}&pageToken=two HTTP/1.1")];
    assert_eq!(server.lines(), lines);
}

#[tokio::test]
async fn what_can_never_be_stored_is_refused_without_a_request() {
    let server = Server::start([say(200, &[], br#"{"generation":"1"}"#)]).await;
    let bucket = bucket(&server);
    let rejected = Err(ErrorKind::Rejected);
    for name in ["", ".", "..", "a\nb", "a\rb", &"x".repeat(1025)] {
        let got = bucket.get(name, None).await.map(drop).map_err(|err| err.kind);
        assert_eq!(got, rejected, "get {name:?}");
        let deleted = bucket.delete(name, Generation(1)).await.map(drop).map_err(|err| err.kind);
        assert_eq!(deleted, rejected, "delete {name:?}");
        let erased = bucket.erase(name, Generation(1)).await.map(drop).map_err(|err| err.kind);
        assert_eq!(erased, rejected, "erase {name:?}");
        let put = bucket.put(name, Bytes::new(), &Metadata::new(), Precondition::Absent).await;
        assert_eq!(put.map(drop).map_err(|err| err.kind), rejected, "put {name:?}");
    }
    let long = "x".repeat(store::METADATA_BYTES_MAX);
    for (key, value) in
        [("Key", "v"), ("", "v"), ("k", "é"), ("k", " v"), ("k", "a\r\nb"), ("k", long.as_str())]
    {
        let metadata = Metadata::from([(key.to_owned(), value.to_owned())]);
        let put = bucket.put("a", Bytes::new(), &metadata, Precondition::Absent).await;
        assert_eq!(put.map(drop).map_err(|err| err.kind), rejected, "metadata {key:?}");
    }
    assert_eq!(server.lines(), [""; 0]);
}
