//! Notification configurations, and what comes of them, over REST alone.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use expect_test::expect;
use serde_json::{Value, json};

use crate::client::Rest;

const CONFIGURATIONS: &str = "b/bbb/notificationConfigs";
const TOPIC: &str = "projects/p/topics/topic";

/// The bucket `bbb` with this set, a topic, and a subscription `sub` with this filter.
async fn rest(settings: Value, filter: &str) -> Rest {
    let rest = Rest::with_bucket(settings).await;
    rest.ok(Method::PUT, &format!("/v1/{TOPIC}"), json!({})).await;
    let subscription = json!({"topic": TOPIC, "filter": filter});
    rest.ok(Method::PUT, "/v1/projects/p/subscriptions/sub", subscription).await;
    rest
}

fn versioned() -> Value {
    json!({"versioning": {"enabled": true}})
}

async fn configure(rest: &Rest, fields: Value) -> Value {
    let mut body = json!({"topic": TOPIC, "payload_format": "JSON_API_V1"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    rest.ok(Method::POST, CONFIGURATIONS, body).await
}

/// Takes every message that is there.
async fn pulled(rest: &Rest) -> Vec<Value> {
    let body = json!({"maxMessages": 100, "returnImmediately": true});
    let path = "/v1/projects/p/subscriptions/sub:pull";
    let answer = rest.ok(Method::POST, path, body).await;
    let received = answer["receivedMessages"].as_array().cloned().unwrap_or_default();
    if !received.is_empty() {
        let ids: Value = received.iter().map(|it| it["ackId"].clone()).collect();
        let path = "/v1/projects/p/subscriptions/sub:acknowledge";
        rest.ok(Method::POST, path, json!({"ackIds": ids})).await;
    }
    received.into_iter().map(|it| it["message"].clone()).collect()
}

/// Event type, object, generation, and the generation that came before or after it; sorted.
fn events(messages: &[Value]) -> Vec<[String; 4]> {
    let event = |message: &Value| {
        let text = |key: &str| message["attributes"][key].as_str().unwrap_or("").to_owned();
        let neighbour = text("overwroteGeneration") + &text("overwrittenByGeneration");
        [text("eventType"), text("objectId"), text("objectGeneration"), neighbour]
    };
    let mut events: Vec<_> = messages.iter().map(event).collect();
    events.sort();
    events
}

fn generation(resource: &Value) -> String {
    resource["generation"].as_str().unwrap().to_owned()
}

fn data(message: &Value) -> String {
    String::from_utf8(STANDARD.decode(message["data"].as_str().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn configurations_come_and_go_and_no_id_comes_twice() {
    let rest = rest(json!({}), "").await;
    assert_eq!(rest.get(CONFIGURATIONS).await, json!({"kind": "storage#notifications"}));
    let first = configure(&rest, json!({})).await;
    let link = format!("{}/storage/v1/{CONFIGURATIONS}/1", rest.emulator.url());
    let expected = json!({
        "kind": "storage#notification",
        "id": "1",
        "selfLink": link,
        "topic": format!("//pubsub.googleapis.com/{TOPIC}"),
        "payload_format": "JSON_API_V1",
        "etag": "1",
    });
    assert_eq!(first, expected);
    let fields = json!({
        "topic": format!("//pubsub.googleapis.com/{TOPIC}"),
        "payload_format": "NONE",
        "event_types": ["OBJECT_DELETE", "OBJECT_FINALIZE"],
        "object_name_prefix": "in/",
        "custom_attributes": {"k": "v"},
    });
    let second = configure(&rest, fields.clone()).await;
    for (key, value) in fields.as_object().unwrap() {
        assert_eq!(second[key], *value, "{key}");
    }
    assert_eq!(rest.get(CONFIGURATIONS).await["items"], json!([first, second]));
    assert_eq!(rest.get(&format!("{CONFIGURATIONS}/2")).await, second);
    assert_eq!(rest.delete(&format!("{CONFIGURATIONS}/2")).await, 204);
    for method in [Method::GET, Method::DELETE] {
        let gone = rest.refused(method, &format!("{CONFIGURATIONS}/2"), Value::Null).await;
        assert_eq!(gone, (404, "notFound".to_owned()));
    }
    assert_eq!(configure(&rest, fields).await["id"], "3");
    assert_eq!(rest.delete("b/missing/notificationConfigs/1").await, 404);
}

#[tokio::test]
async fn an_event_type_has_at_most_ten_configurations() {
    let rest = rest(json!({}), "").await;
    for _ in 0..10 {
        configure(&rest, json!({"event_types": ["OBJECT_FINALIZE"]})).await;
    }
    let all = json!({"topic": TOPIC, "payload_format": "NONE"});
    let refused = rest.refused(Method::POST, CONFIGURATIONS, all).await;
    assert_eq!(refused, (400, "invalid".to_owned()));
    configure(&rest, json!({"event_types": ["OBJECT_DELETE"]})).await;
}

#[tokio::test]
async fn a_topic_that_is_not_there_costs_its_messages_and_nothing_else() {
    let rest = rest(json!({}), "").await;
    let missing = json!({"topic": "projects/p/topics/missing"});
    assert_eq!(configure(&rest, missing).await["id"], "1");
    configure(&rest, json!({})).await;
    let uploaded = generation(&rest.upload("a", "1").await);
    let expected = ["OBJECT_FINALIZE".to_owned(), "a".to_owned(), uploaded, String::new()];
    assert_eq!(events(&pulled(&rest).await), [expected]);
}

#[tokio::test]
async fn a_message_says_all_that_the_service_says() {
    let rest = rest(versioned(), "attributes.team = \"x\"").await;
    configure(&rest, json!({"custom_attributes": {"team": "y"}})).await;
    let fields = json!({"custom_attributes": {"team": "x", "eventType": "mine"}});
    assert_eq!(configure(&rest, fields).await["id"], "2");
    let first = rest.upload("in%2Fa", "1").await;
    pulled(&rest).await;
    let body = "--b\r\n\r\n{\"name\":\"in/a\",\"metadata\":{\"k\":\"v\"},\"cacheControl\":\"no-store\"}\r\n\
                --b\r\ncontent-type: text/plain\r\n\r\n{}\r\n--b--\r\n";
    let path = "/upload/storage/v1/b/bbb/o?uploadType=multipart";
    let headers = [("content-type", "multipart/related; boundary=b")];
    let uploaded = rest.send(Method::POST, path, &headers, body).await.json();
    let messages = pulled(&rest).await;
    assert_eq!(messages.len(), 2, "the end of one version, and the beginning of another");
    let is_finalize = |it: &&Value| it["attributes"]["eventType"] == "OBJECT_FINALIZE";
    let mut message = messages.iter().find(is_finalize).unwrap().clone();
    let mut payload = data(&message);
    for field in ["generation", "timeCreated", "etag"] {
        payload = payload.replace(uploaded[field].as_str().unwrap(), &field.to_uppercase());
    }
    let time = message["attributes"]["eventTime"].as_str().unwrap();
    assert_eq!((time.len(), &time[19..20], &time[26..]), (27, ".", "Z"), "{time}");
    assert_eq!(message["attributes"]["objectGeneration"], uploaded["generation"]);
    assert_eq!(message["attributes"]["overwroteGeneration"], first["generation"]);
    for field in ["objectGeneration", "overwroteGeneration", "eventTime"] {
        message["attributes"][field] = "…".into();
    }
    for field in ["data", "messageId", "publishTime"] {
        assert!(message[field].is_string(), "{field}");
        message[field] = "…".into();
    }
    let said = format!("{message:#}\n{payload}");
    expect![[r#"
        {
          "data": "…",
          "attributes": {
            "bucketId": "bbb",
            "eventTime": "…",
            "eventType": "OBJECT_FINALIZE",
            "notificationConfig": "projects/_/buckets/bbb/notificationConfigs/2",
            "objectGeneration": "…",
            "objectId": "in/a",
            "overwroteGeneration": "…",
            "payloadFormat": "JSON_API_V1",
            "team": "x"
          },
          "messageId": "…",
          "publishTime": "…"
        }
        {
          "kind": "storage#object",
          "id": "bbb/in/a/GENERATION",
          "selfLink": "https://www.googleapis.com/storage/v1/b/bbb/o/in%2Fa",
          "name": "in/a",
          "bucket": "bbb",
          "generation": "GENERATION",
          "metageneration": "1",
          "contentType": "text/plain",
          "timeCreated": "TIMECREATED",
          "updated": "TIMECREATED",
          "storageClass": "STANDARD",
          "timeStorageClassUpdated": "TIMECREATED",
          "size": "2",
          "md5Hash": "mZFLkyvTelC5g8XnyQrpOw==",
          "mediaLink": "https://storage.googleapis.com/download/storage/v1/b/bbb/o/in%2Fa?generation=GENERATION&alt=media",
          "cacheControl": "no-store",
          "metadata": {
            "k": "v"
          },
          "crc32c": "KXvQqg==",
          "etag": "ETAG"
        }
    "#]].assert_eq(&said);
}

#[tokio::test]
async fn a_life_is_told_from_beginning_to_end() {
    for (settings, retired) in [(versioned(), "OBJECT_ARCHIVE"), (json!({}), "OBJECT_DELETE")] {
        let rest = rest(settings, "").await;
        configure(&rest, json!({})).await;
        let said = async |expected: &[[&str; 4]]| {
            let expected: Vec<_> = expected.iter().map(|it| it.map(str::to_owned)).collect();
            assert_eq!(events(&pulled(&rest).await), expected, "{retired}");
        };
        let first = generation(&rest.upload("a", "1").await);
        said(&[["OBJECT_FINALIZE", "a", &first, ""]]).await;
        let second = generation(&rest.upload("a", "2").await);
        let overwritten = [retired, "a", &first, &second];
        let mut both = [overwritten, ["OBJECT_FINALIZE", "a", &second, &first]];
        both.sort();
        said(&both).await;
        rest.ok(Method::PATCH, "b/bbb/o/a", json!({"metadata": {"k": "v"}})).await;
        said(&[["OBJECT_METADATA_UPDATE", "a", &second, ""]]).await;
        let copy = rest.ok(Method::POST, "b/bbb/o/a/copyTo/b/bbb/o/c", Value::Null).await;
        said(&[["OBJECT_FINALIZE", "c", &generation(&copy), ""]]).await;
        let moved = rest.ok(Method::POST, "b/bbb/o/c/moveTo/o/d", Value::Null).await;
        let mut both = [
            ["OBJECT_FINALIZE", "d", &generation(&moved), ""],
            [retired, "c", &generation(&copy), ""],
        ];
        both.sort();
        said(&both).await;
        let sources = json!({"sourceObjects": [{"name": "a"}]});
        let made = rest.ok(Method::POST, "b/bbb/o/e/compose", sources).await;
        said(&[["OBJECT_FINALIZE", "e", &generation(&made), ""]]).await;
        assert_eq!(rest.delete("b/bbb/o/a").await, 204);
        said(&[[retired, "a", &second, ""]]).await;
        if retired == "OBJECT_ARCHIVE" {
            assert_eq!(rest.delete(&format!("b/bbb/o/a?generation={first}")).await, 204);
            said(&[["OBJECT_DELETE", "a", &first, ""]]).await;
        }
        assert_eq!(rest.delete("b/bbb/o/a").await, 404);
        said(&[]).await;
    }
}

#[tokio::test]
async fn event_types_prefixes_and_filters_select() {
    let rest = rest(versioned(), "attributes.objectId != \"in/not\"").await;
    let fields = json!({
        "event_types": ["OBJECT_FINALIZE", "OBJECT_METADATA_UPDATE"],
        "object_name_prefix": "in/",
    });
    configure(&rest, fields).await;
    let mut expected = Vec::new();
    for name in ["in%2Fa", "in%2Fnot", "out%2Fa", "in", "In%2Fa"] {
        let uploaded = generation(&rest.upload(name, "1").await);
        let path = format!("b/bbb/o/{name}");
        rest.ok(Method::PATCH, &path, json!({"metadata": {"k": "v"}})).await;
        assert_eq!(rest.delete(&path).await, 204);
        expected.push(uploaded);
    }
    let of = |event: &str| [event, "in/a", &expected[0], ""].map(str::to_owned);
    let messages = pulled(&rest).await;
    assert_eq!(events(&messages), [of("OBJECT_FINALIZE"), of("OBJECT_METADATA_UPDATE")]);
}

#[tokio::test]
async fn a_payload_is_the_version_as_it_is_then_or_nothing() {
    let rest = rest(versioned(), "").await;
    configure(&rest, json!({"event_types": ["OBJECT_METADATA_UPDATE"]})).await;
    let without = json!({"event_types": ["OBJECT_FINALIZE"], "payload_format": "NONE"});
    configure(&rest, without).await;
    rest.upload("a", "1").await;
    let [message] = &pulled(&rest).await[..] else { panic!("one message") };
    assert_eq!(message["attributes"]["payloadFormat"], "NONE");
    assert!(message.get("data").is_none_or(|data| data == ""), "{message}");
    rest.ok(Method::PATCH, "b/bbb/o/a", json!({"metadata": {"k": "v"}})).await;
    let [message] = &pulled(&rest).await[..] else { panic!("one message") };
    let payload: Value = serde_json::from_str(&data(message)).unwrap();
    assert_eq!((&payload["metageneration"], &payload["metadata"]["k"]), (&json!("2"), &json!("v")));
}
