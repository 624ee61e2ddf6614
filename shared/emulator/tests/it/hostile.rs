//! Requests that no client of Google's would send: each is refused in JSON, and nothing else
//! happens.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use emulator::Chance;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Answer, Rest, exchange};

const TOPICS: &str = "/v1/projects/p/topics";
const SUBSCRIPTIONS: &str = "/v1/projects/p/subscriptions";

/// Objects, a notification configuration, a topic and a subscription.
async fn rest() -> Rest {
    let rest = Rest::with_bucket(json!({})).await;
    rest.upload("a", "0123456789").await;
    rest.upload("c", "c").await;
    rest.ok(Method::PUT, &format!("{TOPICS}/topic"), json!({})).await;
    let subscription = json!({"topic": "projects/p/topics/topic"});
    rest.ok(Method::PUT, &format!("{SUBSCRIPTIONS}/sub"), subscription).await;
    let configuration = json!({"topic": "projects/p/topics/topic", "payload_format": "NONE"});
    rest.ok(Method::POST, "b/bbb/notificationConfigs", configuration).await;
    rest
}

/// Everything that a refused request must leave as it is.
async fn all(rest: &Rest) -> Vec<Value> {
    let mut all = vec![json!(rest.content("a").await.as_ref())];
    for path in [
        "b?project=p",
        "b/bbb/o?versions=true",
        "b/bbb/iam",
        "b/bbb/notificationConfigs",
        TOPICS,
        SUBSCRIPTIONS,
    ] {
        all.push(rest.get(path).await);
    }
    all
}

/// Why an answer is none that a client can read: it has to be a success, or an error in JSON.
fn flaw(answer: &Answer) -> Option<&'static str> {
    match answer.status {
        // What a session is told when it is incomplete, and when it is cancelled.
        200..=299 | 304 | 308 | 499 => None,
        400..=498 => {
            let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
            let error = &body["error"];
            if error["code"] != answer.status {
                return Some("the body is no error");
            }
            let says = error["message"].as_str().is_some_and(|message| !message.is_empty());
            if says { None } else { Some("the error says nothing") }
        }
        _ => Some("the status is none that a mistake deserves"),
    }
}

/// What was not refused as it should have been.
#[derive(Default)]
struct Flaws(Vec<String>);

impl Flaws {
    fn add(&mut self, answer: &Answer, what: &str) {
        let flaw = if answer.status < 400 { Some("it is not refused") } else { flaw(answer) };
        self.0.extend(flaw.map(|flaw| format!("{what}: {flaw}, {}", answer.status)));
    }

    /// Asserts that there are none, and that everything is as it was `before`.
    async fn are_none(self, rest: &Rest, before: &[Value]) {
        assert_eq!(self.0, Vec::<String>::new());
        assert_eq!(all(rest).await, before);
    }
}

/// What a field has to be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
    List,
    Map,
    /// A map of texts.
    Texts,
}

impl Kind {
    /// What it must not be.
    fn others(self) -> Vec<Value> {
        let (one, flag, text, list, map) =
            (json!(1), json!(true), json!("x"), json!([1]), json!({"k": 1}));
        match self {
            Self::Text => vec![one, flag, list, map],
            Self::Number => vec![json!(1.5), flag, text, list, map],
            Self::Flag => vec![one, text, list, map],
            Self::List => vec![one, flag, text, map],
            Self::Map => vec![one, flag, text, list],
            Self::Texts => vec![one, flag, text, list, map],
        }
    }
}

const OBJECT_FIELDS: &[(&str, Kind)] = &[
    ("contentType", Kind::Text),
    ("contentEncoding", Kind::Text),
    ("contentLanguage", Kind::Text),
    ("contentDisposition", Kind::Text),
    ("cacheControl", Kind::Text),
    ("storageClass", Kind::Text),
    ("customTime", Kind::Text),
    ("metadata", Kind::Texts),
    ("eventBasedHold", Kind::Flag),
    ("temporaryHold", Kind::Flag),
];

const BUCKET_FIELDS: &[(&str, Kind)] = &[
    ("location", Kind::Text),
    ("storageClass", Kind::Text),
    ("rpo", Kind::Text),
    ("defaultEventBasedHold", Kind::Flag),
    ("labels", Kind::Texts),
    ("versioning", Kind::Map),
    ("iamConfiguration", Kind::Map),
    ("lifecycle", Kind::Map),
    ("encryption", Kind::Map),
    ("website", Kind::Map),
    ("logging", Kind::Map),
    ("billing", Kind::Map),
    ("retentionPolicy", Kind::Map),
    ("softDeletePolicy", Kind::Map),
    ("autoclass", Kind::Map),
    ("cors", Kind::List),
];

const SUBSCRIPTION_FIELDS: &[(&str, Kind)] = &[
    ("topic", Kind::Text),
    ("filter", Kind::Text),
    ("ackDeadlineSeconds", Kind::Number),
    ("messageRetentionDuration", Kind::Text),
    ("enableMessageOrdering", Kind::Flag),
    ("retainAckedMessages", Kind::Flag),
    ("enableExactlyOnceDelivery", Kind::Flag),
    ("labels", Kind::Texts),
    ("pushConfig", Kind::Map),
    ("deadLetterPolicy", Kind::Map),
    ("retryPolicy", Kind::Map),
    ("expirationPolicy", Kind::Map),
];

#[tokio::test]
async fn a_field_of_the_wrong_type_is_refused() {
    let rest = rest().await;
    let before = all(&rest).await;
    let mut flaws = Flaws::default();
    let topic = "projects/p/topics/topic";
    let configuration = json!({"topic": topic, "payload_format": "NONE"});
    let subscription = json!({"topic": topic});
    let methods = [
        (Method::POST, "b?project=p", json!({"name": "ccc"}), BUCKET_FIELDS),
        (Method::POST, "b?project=p", json!({}), &[("name", Kind::Text)]),
        (Method::PATCH, "b/bbb", json!({}), BUCKET_FIELDS),
        (Method::PUT, "b/bbb", json!({}), BUCKET_FIELDS),
        (Method::PATCH, "b/bbb/o/a", json!({}), OBJECT_FIELDS),
        (Method::PUT, "b/bbb/o/a", json!({}), OBJECT_FIELDS),
        (Method::POST, "b/bbb/o/a/copyTo/b/bbb/o/x", json!({}), OBJECT_FIELDS),
        (Method::POST, "b/bbb/o/a/rewriteTo/b/bbb/o/x", json!({}), OBJECT_FIELDS),
        (
            Method::POST,
            "/upload/storage/v1/b/bbb/o?uploadType=resumable&name=x",
            json!({}),
            OBJECT_FIELDS,
        ),
        (
            Method::POST,
            "b/bbb/o/x/compose",
            json!({"sourceObjects": [{"name": "a"}]}),
            &[("sourceObjects", Kind::List), ("destination", Kind::Map)],
        ),
        (
            Method::POST,
            "b/bbb/notificationConfigs",
            configuration,
            &[
                ("topic", Kind::Text),
                ("payload_format", Kind::Text),
                ("object_name_prefix", Kind::Text),
                ("event_types", Kind::List),
                ("custom_attributes", Kind::Texts),
            ],
        ),
        (
            Method::PUT,
            "b/bbb/iam",
            json!({}),
            &[("bindings", Kind::List), ("etag", Kind::Text), ("version", Kind::Number)],
        ),
        (
            Method::PUT,
            "/v1/projects/p/topics/other",
            json!({}),
            &[("labels", Kind::Texts), ("messageRetentionDuration", Kind::Text)],
        ),
        (Method::PUT, "/v1/projects/p/subscriptions/other", subscription, SUBSCRIPTION_FIELDS),
        (
            Method::POST,
            "/v1/projects/p/topics/topic:publish",
            json!({}),
            &[("messages", Kind::List)],
        ),
        (
            Method::POST,
            "/v1/projects/p/subscriptions/sub:pull",
            json!({"maxMessages": 1, "returnImmediately": true}),
            &[("maxMessages", Kind::Number), ("returnImmediately", Kind::Flag)],
        ),
        (
            Method::POST,
            "/v1/projects/p/subscriptions/sub:modifyAckDeadline",
            json!({"ackIds": ["x"], "ackDeadlineSeconds": 10}),
            &[("ackIds", Kind::List), ("ackDeadlineSeconds", Kind::Number)],
        ),
        (
            Method::POST,
            "/v1/projects/p/subscriptions/sub:seek",
            json!({}),
            &[("time", Kind::Text), ("snapshot", Kind::Text)],
        ),
    ];
    for (method, path, valid, fields) in methods {
        for (key, kind) in fields {
            for wrong in kind.others() {
                let mut body = valid.clone();
                body[*key] = wrong;
                let answer = rest.call(method.clone(), path, body.clone()).await;
                flaws.add(&answer, &format!("{method} {path} {body}"));
            }
        }
    }
    flaws.are_none(&rest, &before).await;
}

/// Requests with a body that is wrong in another way than by a type.
const BODIES: &[(&str, &str, &str)] = &[
    ("POST", "b?project=p", ""),
    ("POST", "b?project=p", "{"),
    ("POST", "b?project=p", "[]"),
    ("POST", "b?project=p", "null"),
    ("POST", "b?project=p", "{\"name\":\"ccc\"}x"),
    ("POST", "b?project=p", "{\"name\":\"\"}"),
    ("POST", "b?project=p", "{\"name\":\"CCC\"}"),
    ("POST", "b?project=p", "{\"name\":\"a/b\"}"),
    ("POST", "b?project=p", "{\"name\":\"\\ud800\"}"),
    ("POST", "b?project=p", "{\"name\":\"192.168.1.1\"}"),
    ("POST", "b?project=p", "{\"name\":\"goog-ccc\"}"),
    ("POST", "b?project=p", "{\"name\":\"ccc\",\"storageClass\":\"FAST\"}"),
    ("POST", "b?project=p", "{\"name\":\"ccc\",\"versioning\":{\"enabled\":\"true\"}}"),
    ("POST", "b?project=", "{\"name\":\"ccc\"}"),
    ("PATCH", "b/bbb", "{\"location\":null}"),
    ("PATCH", "b/bbb", "{\"location\":\"EU\"}"),
    ("PATCH", "b/bbb", "{\"storageClass\":null}"),
    ("PATCH", "b/bbb", "{\"storageClass\":\"FAST\"}"),
    ("PATCH", "b/bbb", "\"x\""),
    ("PUT", "b/bbb", "{\"location\":\"EU\"}"),
    ("PUT", "b/bbb/iam", "{\"bindings\":[1]}"),
    ("PUT", "b/bbb/iam", "{\"bindings\":[{\"role\":1,\"members\":[]}]}"),
    ("PUT", "b/bbb/iam", "{\"bindings\":[{\"role\":\"r\",\"members\":[1]}]}"),
    ("PUT", "b/bbb/iam", "{\"bindings\":[{\"role\":\"r\",\"members\":\"allUsers\"}]}"),
    ("PATCH", "b/bbb/o/a", "{\"metadata\":{\"k\":{}}}"),
    ("PATCH", "b/bbb/o/a", "{\"metadata\":{\"\":\"v\"}}"),
    ("PATCH", "b/bbb/o/a", "{\"customTime\":\"yesterday\"}"),
    ("PATCH", "b/bbb/o/a", "{\"storageClass\":\"FAST\"}"),
    ("PATCH", "b/bbb/o/a", "{\"metadata\":"),
    ("PATCH", "b/bbb/o/a?generation=99999999999999999999", "{}"),
    ("PATCH", "b/bbb/o/a?ifMetagenerationMatch=1e3", "{}"),
    ("POST", "b/bbb/o/x/compose", "{}"),
    ("POST", "b/bbb/o/x/compose", "{\"sourceObjects\":[]}"),
    ("POST", "b/bbb/o/x/compose", "{\"sourceObjects\":[1]}"),
    ("POST", "b/bbb/o/x/compose", "{\"sourceObjects\":[{}]}"),
    ("POST", "b/bbb/o/x/compose", "{\"sourceObjects\":[{\"name\":\"missing\"}]}"),
    ("POST", "b/bbb/o/x/compose", "{\"sourceObjects\":[{\"name\":\"a\",\"generation\":-1}]}"),
    ("POST", "b/bbb/o/x/compose", "{\"sourceObjects\":[{\"name\":\"a\",\"generation\":1.5}]}"),
    ("POST", "b/bbb/o/x/compose", "{\"sourceObjects\":[{\"name\":\"a\",\"generation\":\"+1\"}]}"),
    (
        "POST",
        "b/bbb/o/x/compose",
        "{\"sourceObjects\":[{\"name\":\"a\",\"generation\":\"18446744073709551615\"}]}",
    ),
    (
        "POST",
        "b/bbb/o/x/compose",
        "{\"sourceObjects\":[{\"name\":\"a\",\"objectPreconditions\":1}]}",
    ),
    (
        "POST",
        "b/bbb/o/x/compose",
        "{\"sourceObjects\":[{\"name\":\"a\",\"objectPreconditions\":{\"ifGenerationMatch\":[]}}]}",
    ),
    ("POST", "b/bbb/o/a/rewriteTo/b/bbb/o/x?maxBytesRewrittenPerCall=0", "{}"),
    ("POST", "b/bbb/o/a/rewriteTo/b/bbb/o/x?rewriteToken=AAAA", "{}"),
    ("POST", "b/bbb/o/a/rewriteTo/b/bbb/o/x?sourceGeneration=x", "{}"),
    ("POST", "b/bbb/o/a/rewriteTo/b/missing/o/x", "{}"),
    ("POST", "b/bbb/o/a/copyTo/b/bbb/o/%0A", "{}"),
    ("POST", "b/bbb/o/a/moveTo/o/a", "{}"),
    ("POST", "b/bbb/o/a/moveTo/o/%0D", "{}"),
    ("POST", "b/bbb/notificationConfigs", "{\"topic\":\"t\",\"payload_format\":\"NONE\"}"),
    (
        "POST",
        "b/bbb/notificationConfigs",
        "{\"topic\":\"projects/p/topics/topic/x\",\"payload_format\":\"NONE\"}",
    ),
    ("POST", "b/bbb/notificationConfigs", "{\"topic\":\"projects/p/topics/topic\"}"),
    (
        "POST",
        "b/bbb/notificationConfigs",
        "{\"topic\":\"projects/p/topics/topic\",\"payload_format\":\"NONE\",\"event_types\":[\"x\"]}",
    ),
    ("DELETE", "b/bbb/notificationConfigs/99999999999999999999", ""),
    ("DELETE", "b/bbb/notificationConfigs/01", ""),
    ("DELETE", "b/bbb/o/a?generation=0", ""),
    ("DELETE", "b/bbb/o/a?ifGenerationMatch=0", ""),
    ("DELETE", "b/bbb?ifMetagenerationMatch=x", ""),
    ("GET", "b?project=p&maxResults=-1", ""),
    ("GET", "b?project=p&maxResults=99999999999999999999", ""),
    ("GET", "b?project=p&pageToken=%21", ""),
    ("GET", "b?project=p&pageToken=bbb", ""),
    ("GET", "b?project=p&pageToken=AAAA", ""),
    ("GET", "b/bbb/o?maxResults=x", ""),
    ("GET", "b/bbb/o?pageToken=%F0%9F%92%A9", ""),
    ("GET", "b/bbb/o?pageToken=AAAA", ""),
    ("GET", "b/bbb/o?matchGlob=%7Ba", ""),
    ("GET", "b/bbb/o?prefix=%C3%28", ""),
    ("GET", "b/bbb/o?fields=items(name", ""),
    ("GET", "b/bbb/o?includeTrailingDelimiter=2", ""),
    ("GET", "b/bbb/o/a?generation=99999999999999999999", ""),
    ("GET", "b/bbb/o/a?generation=", ""),
    ("GET", "b/bbb/o/a?alt=", ""),
    ("GET", "b/bbb/o//a", ""),
    ("GET", "b//o/a", ""),
    ("POST", "/upload/storage/v1/b/bbb/o?uploadType=media&name=", "x"),
    ("POST", "/upload/storage/v1/b/bbb/o?uploadType=media&name=.", "x"),
    ("POST", "/upload/storage/v1/b/bbb/o?uploadType=media&name=a%0Ab", "x"),
    ("POST", "/upload/storage/v1/b/bbb/o?uploadType=multipart&name=x", "x"),
    ("POST", "/upload/storage/v1/b/bbb/o?uploadType=media&name=x&ifGenerationMatch=1x", "x"),
    ("PUT", "/upload/storage/v1/b/bbb/o?upload_id=x", "x"),
    ("DELETE", "/upload/storage/v1/b/bbb/o?upload_id=%00", ""),
    ("POST", "/batch/storage/v1", "x"),
    ("PUT", "/v1/projects/p/topics/t", "{}"),
    ("PUT", "/v1/projects/p/topics/1topic", "{}"),
    ("PUT", "/v1/projects/p/topics/goog-topic", "{}"),
    ("PUT", "/v1/projects/p/topics/other", "{\"unknown\":1}"),
    ("PUT", "/v1/projects/p/topics/other", "["),
    ("PUT", "/v1/projects/p/topics/topic:publish", "{}"),
    ("PATCH", "/v1/projects/p/topics/topic", "{\"topic\":{},\"updateMask\":\"name\"}"),
    ("PATCH", "/v1/projects/p/topics/topic", "{\"topic\":1,\"updateMask\":\"labels\"}"),
    ("POST", "/v1/projects/p/topics/topic:publish", "{\"messages\":[]}"),
    ("POST", "/v1/projects/p/topics/topic:publish", "{\"messages\":[{}]}"),
    ("POST", "/v1/projects/p/topics/topic:publish", "{\"messages\":[{\"data\":\"%\"}]}"),
    ("POST", "/v1/projects/p/topics/topic:publish", "{\"messages\":[{\"data\":\"eA==\"},1]}"),
    ("POST", "/v1/projects/p/topics/topic:publish", "{\"messages\":[{\"attributes\":{\"k\":1}}]}"),
    ("POST", "/v1/projects/p/topics/topic:unknown", "{}"),
    ("PUT", "/v1/projects/p/subscriptions/other", "{}"),
    ("PUT", "/v1/projects/p/subscriptions/other", "{\"topic\":\"projects/p/topics/missing\"}"),
    (
        "PUT",
        "/v1/projects/p/subscriptions/other",
        "{\"topic\":\"projects/p/topics/topic\",\"filter\":\"(((\"}",
    ),
    (
        "PUT",
        "/v1/projects/p/subscriptions/other",
        "{\"topic\":\"projects/p/topics/topic\",\"ackDeadlineSeconds\":99999999999999999999}",
    ),
    (
        "PUT",
        "/v1/projects/p/subscriptions/other",
        "{\"topic\":\"projects/p/topics/topic\",\"messageRetentionDuration\":\"9e9s\"}",
    ),
    (
        "PUT",
        "/v1/projects/p/subscriptions/other",
        "{\"topic\":\"projects/p/topics/topic\",\"pushConfig\":{\"pushEndpoint\":\"ftp://x\"}}",
    ),
    ("POST", "/v1/projects/p/subscriptions/sub:pull", "{\"maxMessages\":0}"),
    ("POST", "/v1/projects/p/subscriptions/sub:pull", "{\"maxMessages\":-1}"),
    ("POST", "/v1/projects/p/subscriptions/sub:pull", "{\"maxMessages\":9223372036854775808}"),
    ("POST", "/v1/projects/p/subscriptions/sub:acknowledge", "{\"ackIds\":[]}"),
    ("POST", "/v1/projects/p/subscriptions/sub:acknowledge", "{\"ackIds\":[\"\\u0000\"]}"),
    ("POST", "/v1/projects/p/subscriptions/sub:seek", "{\"time\":\"never\"}"),
    ("POST", "/v1/projects/p/subscriptions/sub:seek", "{}"),
    ("GET", "/v1/projects/p/topics?pageSize=-1", ""),
    ("GET", "/v1/projects/p/topics?pageSize=99999999999999999999", ""),
    ("GET", "/v1/projects/p/topics?pageToken=%FF", ""),
    ("GET", "/v1/projects/p/topics/topic/unknown", ""),
];

#[tokio::test]
async fn a_request_without_sense_is_refused() {
    let rest = rest().await;
    let before = all(&rest).await;
    let mut flaws = Flaws::default();
    for (method, path, body) in BODIES {
        let headers = [("content-type", "application/json")];
        let answer = rest.send(method.parse().unwrap(), path, &headers, *body).await;
        flaws.add(&answer, &format!("{method} {path} {body}"));
    }
    flaws.are_none(&rest, &before).await;
}

#[tokio::test]
async fn what_is_too_long_is_refused() {
    let rest = rest().await;
    let before = all(&rest).await;
    let mut flaws = Flaws::default();
    let name = "n".repeat(1025);
    let upload = "/upload/storage/v1/b/bbb/o?uploadType";
    let metadata = json!({"metadata": {"k": "v".repeat(9 * 1024)}});
    let sources: Vec<Value> = (0..33).map(|_| json!({"name": "a"})).collect();
    let nested = "[".repeat(10_000);
    let messages: Vec<Value> = (0..1001).map(|_| json!({"data": "eA=="})).collect();
    for (method, path, body) in [
        (Method::POST, format!("{upload}=media&name={name}"), json!(1)),
        (Method::POST, format!("{upload}=resumable&name={name}"), json!({})),
        (
            Method::POST,
            format!("b/bbb/o/{name}/compose"),
            json!({"sourceObjects": [{"name": "a"}]}),
        ),
        (Method::POST, format!("b/bbb/o/a/copyTo/b/bbb/o/{name}"), json!({})),
        (Method::POST, format!("b/bbb/o/a/rewriteTo/b/bbb/o/{name}"), json!({})),
        (Method::POST, format!("b/bbb/o/a/moveTo/o/{name}"), json!({})),
        (Method::GET, format!("b/bbb/o/{name}"), Value::Null),
        (Method::PATCH, "b/bbb/o/a".to_owned(), metadata.clone()),
        (Method::POST, format!("{upload}=resumable&name=x"), metadata),
        (Method::POST, "b/bbb/o/x/compose".to_owned(), json!({"sourceObjects": sources})),
        (Method::POST, "b?project=p".to_owned(), json!({"name": name})),
        (Method::GET, format!("b/bbb/o?matchGlob={name}"), Value::Null),
        (Method::PUT, format!("{TOPICS}/{name}"), json!({})),
        (Method::POST, format!("{TOPICS}/topic:publish"), json!({"messages": messages})),
    ] {
        let answer = rest.call(method.clone(), &path, body).await;
        flaws.add(&answer, &format!("{method} {path}"));
    }
    for path in ["b?project=p", "/v1/projects/p/topics/topic:publish"] {
        let answer = rest.send(Method::POST, path, &[], nested.clone()).await;
        flaws.add(&answer, path);
    }
    flaws.are_none(&rest, &before).await;
}

#[tokio::test]
async fn headers_without_sense_are_passed_over_or_refused() {
    let rest = rest().await;
    let before = all(&rest).await;
    let mut flaws = Flaws::default();
    let media = "b/bbb/o/a?alt=media";
    for (range, status) in [
        ("bytes=99999999999999999999-", 416),
        ("bytes=10-", 416),
        ("bytes=-0", 416),
        ("bytes=0-99999999999999999999", 206),
        ("bytes=-99999999999999999999", 206),
        ("bytes=5-1", 200),
        ("bytes=0-1,3-4", 200),
        ("bytes=a-b", 200),
        ("bytes=", 200),
        ("lines=1-2", 200),
    ] {
        let answer = rest.send(Method::GET, media, &[("range", range)], "").await;
        assert_eq!(answer.status, status, "{range}");
        assert_eq!(flaw(&answer), None, "{range}: {answer:?}");
    }
    let upload = "/upload/storage/v1/b/bbb/o?uploadType";
    for (path, name, value) in [
        ("=media&name=x", "x-goog-hash", "crc32c"),
        ("=media&name=x", "x-goog-hash", "crc32c=AAAA"),
        ("=media&name=x", "x-goog-hash", "sha1=AAAAAA=="),
        ("=multipart&name=x", "content-type", "multipart/related"),
        ("=multipart&name=x", "content-type", "multipart/related; boundary=\"b"),
        ("=resumable&name=x", "x-upload-content-length", "-1"),
        ("=resumable&name=x", "x-upload-content-length", "99999999999999999999"),
    ] {
        let answer =
            rest.send(Method::POST, &format!("{upload}{path}"), &[(name, value)], "").await;
        flaws.add(&answer, &format!("{path} {name}: {value}"));
    }
    // One that begins too late is answered with 503, as the service does.
    for range in [
        "",
        "bytes",
        "bytes 0-",
        "bytes 9-0/10",
        "bytes 0-9/5",
        "bytes */-1",
        "bytes 0-99999999999999999999/*",
        "bytes 0-4/99999999999999999999",
    ] {
        let session = rest.send(Method::POST, &format!("{upload}=resumable&name=x"), &[], "").await;
        let location = session.header("location").unwrap();
        let path = location.strip_prefix(&rest.emulator.url()).unwrap();
        let answer = rest.send(Method::PUT, path, &[("content-range", range)], "01234").await;
        flaws.add(&answer, range);
    }
    flaws.are_none(&rest, &before).await;
}

/// Reads one answer off a connection that stays open; its status.
async fn next_status(stream: &mut TcpStream) -> u16 {
    let mut seen = Vec::new();
    loop {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "closed");
        let text = String::from_utf8_lossy(&seen).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.unwrap().parse().unwrap() {
            return head.split(' ').nth(1).unwrap().parse().unwrap();
        }
    }
}

#[tokio::test]
async fn a_connection_outlives_what_is_refused_on_it() {
    let rest = rest().await;
    let address = rest.emulator.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    for (method, path, body) in BODIES {
        let below = if path.starts_with('/') { "" } else { "/storage/v1/" };
        let length = body.len();
        let request = format!(
            "{method} {below}{path} HTTP/1.1\r\nHost: {address}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let status = next_status(&mut stream).await;
        assert!(matches!(status, 400..=498), "{method} {path} {body}: {status}");
    }
}

/// Clients that look for an answer when they have sent everything, as Python's does.
#[tokio::test]
async fn a_long_body_that_nobody_reads_does_not_cost_the_answer() {
    let rest = rest().await;
    let address = rest.emulator.url().replace("http://", "");
    let body = vec![b' '; 8 * 1024 * 1024];
    for (method, path) in [
        ("PATCH", "/storage/v1/b/bbb/o/%FF"),
        ("PATCH", "/storage/v1/b/bbb/o/a?fields=%FF"),
        ("POST", "/upload/storage/v1/b/bbb/o?uploadType=media&name=%FF"),
        ("POST", "/nowhere"),
        ("PUT", "/storage/v1/b/bbb/o"),
        ("DELETE", "/storage/v1/b/missing"),
        ("POST", "/v1/projects/%FF/topics/topic:publish"),
        ("PATCH", "/oauth2/v3/certs"),
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\ncontent-length: {length}\r\n\r\n"
        );
        for _ in 0..2 {
            stream.write_all(head.as_bytes()).await.unwrap();
            let sent = stream.write_all(&body).await;
            assert!(sent.is_ok(), "{method} {path}: {sent:?}");
            let status = next_status(&mut stream).await;
            assert!(matches!(status, 400..=498), "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn a_body_that_waits_to_be_asked_for_is_not_waited_for() {
    let rest = rest().await;
    let address = rest.emulator.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "PATCH /storage/v1/b/bbb/o/%FF HTTP/1.1\r\nHost: {address}\r\n\
         content-length: 10\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(next_status(&mut stream).await, 400);
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_long_is_not_asked_for() {
    let rest = rest().await;
    let address = rest.emulator.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "PATCH /storage/v1/b/bbb/o/a HTTP/1.1\r\nHost: {address}\r\n\
         content-length: 8388608\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(next_status(&mut stream).await, 413);
}

/// Nothing tells before how long it is.
#[tokio::test]
async fn a_body_that_was_asked_for_is_read_to_its_end() {
    const CHUNK_BYTES: usize = 0x800000;
    let rest = rest().await;
    let address = rest.emulator.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "PATCH /storage/v1/b/bbb/o/a HTTP/1.1\r\nHost: {address}\r\n\
         transfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n"
    );
    for _ in 0..2 {
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut asked = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut asked).await.unwrap();
        let mut body = format!("{CHUNK_BYTES:x}\r\n").into_bytes();
        body.resize(body.len() + CHUNK_BYTES, b' ');
        body.extend_from_slice(b"\r\n0\r\n\r\n");
        stream.write_all(&body).await.unwrap();
        assert_eq!(next_status(&mut stream).await, 413);
    }
}

/// A request of which any part may be damaged. [`Known`] fills in what stands in angle brackets.
struct Valid {
    method: &'static str,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

const fn valid(
    method: &'static str,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> Valid {
    Valid { method, target, headers, body }
}

/// None of them waits, and none of them takes away what a later one needs.
const VALID: &[Valid] = &[
    valid("GET", "/storage/v1/b/bbb/o?prefix=a&delimiter=%2F&maxResults=2&versions=true", &[], ""),
    valid(
        "GET",
        "/storage/v1/b/bbb/o?matchGlob=%7Ba*,b%5Ba-c%5D%7D&fields=items(name,size)",
        &[],
        "",
    ),
    valid(
        "GET",
        "/storage/v1/b/bbb/o/a?alt=media",
        &[("range", "bytes=2-5"), ("if-range", "x")],
        "",
    ),
    valid("GET", "/storage/v1/b/bbb/o/a?ifGenerationMatch=<a>", &[("if-none-match", "\"x\"")], ""),
    valid(
        "PATCH",
        "/storage/v1/b/bbb/o/a?ifMetagenerationMatch=1",
        &[("content-type", "application/json"), ("if-match", "*")],
        "{\"metadata\":{\"k\":\"v\",\"n\":null},\"customTime\":\"2026-11-20T08:48:37.758Z\"}",
    ),
    valid(
        "POST",
        "/storage/v1/b/bbb/o/x/compose?ifGenerationMatch=0",
        &[],
        "{\"sourceObjects\":[{\"name\":\"a\",\"generation\":\"<a>\",\"objectPreconditions\":\
         {\"ifGenerationMatch\":\"<a>\"}},{\"name\":\"c\"}],\"destination\":{\"contentType\":\"t\"}}",
    ),
    valid(
        "POST",
        "/storage/v1/b/bbb/o/large/rewriteTo/b/bbb/o/x?maxBytesRewrittenPerCall=1048576\
         &rewriteToken=<rewrite>",
        &[],
        "{\"storageClass\":\"NEARLINE\"}",
    ),
    valid(
        "POST",
        "/upload/storage/v1/b/bbb/o?uploadType=media&name=x&contentEncoding=gzip",
        &[("x-goog-hash", "crc32c=KXvQqg==,md5=mZFLkyvTelC5g8XnyQrpOw==")],
        "{}",
    ),
    valid(
        "POST",
        "/upload/storage/v1/b/bbb/o?uploadType=resumable&name=x",
        &[("x-upload-content-length", "10"), ("x-upload-content-type", "text/plain")],
        "{\"metadata\":{\"k\":\"v\"},\"md5Hash\":\"mZFLkyvTelC5g8XnyQrpOw==\"}",
    ),
    valid(
        "POST",
        "/storage/v1/b?project=p",
        &[],
        "{\"name\":\"ddd\",\"location\":\"EU\",\"versioning\":{\"enabled\":true},\"labels\":{\"k\":\"v\"}}",
    ),
    valid("PATCH", "/storage/v1/b/bbb?fields=labels", &[], "{\"labels\":{\"k\":null,\"l\":\"m\"}}"),
    valid(
        "PUT",
        "/storage/v1/b/bbb/iam",
        &[],
        "{\"version\":3,\"bindings\":[{\"role\":\"r\",\"members\":[\"allUsers\"]}]}",
    ),
    valid(
        "POST",
        "/storage/v1/b/bbb/notificationConfigs",
        &[],
        "{\"topic\":\"//pubsub.googleapis.com/projects/p/topics/topic\",\"payload_format\":\
         \"JSON_API_V1\",\"event_types\":[\"OBJECT_FINALIZE\"],\"custom_attributes\":{\"k\":\"v\"}}",
    ),
    valid(
        "POST",
        "/batch/storage/v1",
        &[("content-type", "multipart/mixed; boundary=b")],
        "--b\r\nContent-Type: application/http\r\n\r\nGET /storage/v1/b/bbb/o/a?fields=name \
         HTTP/1.1\r\n\r\n\r\n--b--\r\n",
    ),
    valid("PUT", "/v1/projects/p/topics/other", &[], "{\"labels\":{\"k\":\"v\"}}"),
    valid(
        "PUT",
        "/v1/projects/p/subscriptions/other",
        &[],
        "{\"topic\":\"projects/p/topics/topic\",\"ackDeadlineSeconds\":10,\"filter\":\
         \"attributes.k = \\\"v\\\" AND NOT hasPrefix(attributes.l, \\\"m\\\")\"}",
    ),
    valid(
        "POST",
        "/v1/projects/p/topics/topic:publish",
        &[],
        "{\"messages\":[{\"data\":\"eA==\",\"attributes\":{\"k\":\"v\"},\"orderingKey\":\"o\"}]}",
    ),
    valid("POST", "/v1/projects/p/subscriptions/sub:acknowledge", &[], "{\"ackIds\":[\"<ack>\"]}"),
    valid(
        "POST",
        "/v1/projects/p/subscriptions/sub:seek",
        &[],
        "{\"time\":\"2026-11-20T08:48:37.758Z\"}",
    ),
    valid(
        "PATCH",
        "/v1/projects/p/subscriptions/sub",
        &[],
        "{\"subscription\":{\"ackDeadlineSeconds\":20},\"updateMask\":\"ackDeadlineSeconds\"}",
    ),
    valid("GET", "/v1/projects/p/topics?pageSize=1&pageToken=<page>", &[], ""),
    valid("POST", "/storage/v1/b/bbb/o/a/moveTo/o/y?ifSourceGenerationMatch=<a>", &[], ""),
    valid("DELETE", "/storage/v1/b/bbb/o/c?generation=<c>&ifGenerationMatch=<c>", &[], ""),
];

/// What an emulator has given out.
struct Known([(&'static str, String); 5]);

impl Known {
    async fn of(rest: &Rest) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let [a, c] = [rest.get("b/bbb/o/a").await, rest.get("b/bbb/o/c").await];
        let upload = "/upload/storage/v1/b/bbb/o?uploadType=media&name=large";
        let large = vec![b' '; 1024 * 1024 + 1];
        assert_eq!(rest.send(Method::POST, upload, &[], large).await.status, 200);
        let rewrite = "b/bbb/o/large/rewriteTo/b/bbb/o/x?maxBytesRewrittenPerCall=1048576";
        let rewrite = rest.ok(Method::POST, rewrite, json!({"storageClass": "NEARLINE"})).await;
        let messages = json!({"messages": [{"data": "eA=="}]});
        rest.ok(Method::POST, &format!("{TOPICS}/topic:publish"), messages).await;
        let pull = format!("{SUBSCRIPTIONS}/sub:pull");
        let pulled = rest.ok(Method::POST, &pull, json!({"maxMessages": 1})).await;
        rest.ok(Method::PUT, &format!("{TOPICS}/second"), json!({})).await;
        let page = rest.get(&format!("{TOPICS}?pageSize=1")).await;
        Self([
            ("<a>", text(&a["generation"])),
            ("<c>", text(&c["generation"])),
            ("<rewrite>", text(&rewrite["rewriteToken"])),
            ("<ack>", text(&pulled["receivedMessages"][0]["ackId"])),
            ("<page>", text(&page["nextPageToken"])),
        ])
    }

    fn fill(&self, text: &str) -> String {
        let Self(known) = self;
        known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

/// `valid` with a bit flipped, a piece cut out or a piece doubled.
fn damaged(valid: &str, chance: &Chance) -> Vec<u8> {
    let mut damaged = valid.as_bytes().to_vec();
    let length = damaged.len() as u64;
    if length == 0 {
        return damaged;
    }
    let at = chance.below(length) as usize;
    let end = (at + 1 + chance.below(8) as usize).min(damaged.len());
    match chance.below(3) {
        0 => damaged[at] ^= 1 << chance.below(8),
        1 => drop(damaged.drain(at..end)),
        _ => {
            let piece = damaged[at..end].to_vec();
            damaged.splice(at..at, piece);
        }
    }
    damaged
}

/// A request, damaged if there is a chance; `None` where nothing is left that HTTP can carry.
fn request(
    valid: &Valid,
    known: &Known,
    origin: &str,
    chance: Option<&Chance>,
) -> Option<Request<Body>> {
    let part = chance.map(|chance| (chance, chance.below(3)));
    let damaged = |wanted, text: &str| match part {
        Some((chance, part)) if part == wanted => damaged(text, chance),
        _ => text.as_bytes().to_vec(),
    };
    let target = String::from_utf8(damaged(0, &known.fill(valid.target))).ok()?;
    let uri: Uri = format!("{origin}{target}").parse().ok()?;
    // A damaged origin is another host.
    target.starts_with('/').then_some(())?;
    let mut request = Request::builder().method(valid.method).uri(uri);
    for (name, value) in valid.headers {
        let value = HeaderValue::from_bytes(&damaged(1, value)).ok()?;
        request = request.header(HeaderName::from_static(name), value);
    }
    request.body(Body::from(damaged(2, &known.fill(valid.body)))).ok()
}

#[tokio::test]
async fn what_is_going_to_be_damaged_is_taken_undamaged() {
    let rest = rest().await;
    let known = Known::of(&rest).await;
    let mut refused = Vec::new();
    for valid in VALID {
        let request = request(valid, &known, &rest.emulator.url(), None).unwrap();
        let what = format!("{} {}", valid.method, valid.target);
        let answer = exchange(request).await.unwrap();
        if answer.status >= 400 {
            refused.push(format!("{what}: {answer:?}"));
        }
    }
    assert_eq!(refused, Vec::<String>::new());
}

#[tokio::test]
async fn no_damage_to_a_request_is_answered_with_more_than_a_refusal() {
    let seed = 41;
    let chance = Chance::new(seed);
    let (mut taken, mut refused) = (0, 0);
    for life in 0..30 {
        let rest = rest().await;
        let known = Known::of(&rest).await;
        rest.ok(Method::POST, "b?project=q", json!({"name": "untouched"})).await;
        let upload = "/upload/storage/v1/b/untouched/o?uploadType=media&name=a";
        assert_eq!(rest.send(Method::POST, upload, &[], "safe").await.status, 200);
        let before = rest.get("b/untouched/o?versions=true").await;
        for valid in VALID.iter().chain(VALID) {
            let request = request(valid, &known, &rest.emulator.url(), Some(&chance));
            let Some(request) = request else { continue };
            let what = format!("seed {seed}, life {life}: {request:?}");
            let answer = exchange(request).await.unwrap_or_else(|err| panic!("{what}: {err}"));
            assert_eq!(flaw(&answer), None, "{what}: {answer:?}");
            if answer.status < 400 { taken += 1 } else { refused += 1 }
        }
        assert_eq!(rest.get("b/untouched/o?versions=true").await, before);
        rest.upload("a", "0123456789").await;
        assert_eq!(rest.content("a").await, "0123456789");
    }
    assert!(taken > 300 && refused > 300, "{taken} and {refused} are too few of one kind");
}
