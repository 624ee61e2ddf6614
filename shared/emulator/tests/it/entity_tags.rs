//! `If-Match`, `If-None-Match` and the tags of policies, on whatever writes.

use axum::http::Method;
use serde_json::{Value, json};

use crate::client::Rest;

const OBJECT: &str = "b/bbb/o/a";

/// Every call that writes the object `a`, with its body.
fn writes() -> [(Method, &'static str, Value); 9] {
    let sources = json!({"sourceObjects": [{"name": "source"}]});
    [
        (Method::PATCH, OBJECT, json!({"metadata": {"k": "v"}})),
        (Method::PUT, OBJECT, json!({"metadata": {"k": "v"}})),
        (Method::DELETE, OBJECT, Value::Null),
        (Method::POST, "/upload/storage/v1/b/bbb/o?uploadType=media&name=a", json!(1)),
        (Method::POST, "/upload/storage/v1/b/bbb/o?uploadType=resumable&name=a", json!({})),
        (Method::POST, "b/bbb/o/a/compose", sources),
        (Method::POST, "b/bbb/o/source/copyTo/b/bbb/o/a", Value::Null),
        (Method::POST, "b/bbb/o/source/rewriteTo/b/bbb/o/a", Value::Null),
        (Method::POST, "b/bbb/o/source/moveTo/o/a", Value::Null),
    ]
}

#[tokio::test]
async fn every_write_of_an_object_holds_to_the_tag_that_it_names() {
    for (method, path, body) in writes() {
        let rest = Rest::with_bucket(json!({})).await;
        rest.upload("source", "source").await;
        let stale = rest.upload("a", "1").await;
        let live = rest.ok(Method::PATCH, OBJECT, json!({"contentType": "text/x"})).await;
        let [stale, live_tag] = [&stale, &live].map(|it| it["etag"].as_str().unwrap());
        let quoted = format!("\"x\", \"{live_tag}\"");
        let send = async |name, tag| {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            rest.send(method.clone(), path, &[(name, tag)], body).await
        };
        for (name, tag) in [
            ("if-match", stale),
            ("if-match", ""),
            ("if-none-match", live_tag),
            ("if-none-match", &quoted),
            ("if-none-match", "*"),
        ] {
            let answer = send(name, tag).await;
            assert_eq!(answer.error(), (412, "conditionNotMet".to_owned()), "{method} {path}");
            assert_eq!(rest.get(OBJECT).await, live, "{method} {path} {name}: {tag}");
        }
        let answer = send("if-match", &quoted).await;
        assert!(matches!(answer.status, 200 | 204), "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_tag_is_of_something_that_is_there() {
    let rest = Rest::with_bucket(json!({})).await;
    let path = "/upload/storage/v1/b/bbb/o?uploadType=media&name=a";
    for (name, status) in [("if-match", 412), ("if-none-match", 200), ("if-none-match", 412)] {
        let answer = rest.send(Method::POST, path, &[(name, "*")], "1").await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn a_session_holds_to_its_tag_when_it_ends() {
    let rest = Rest::with_bucket(json!({})).await;
    let tag = rest.upload("a", "1").await["etag"].as_str().unwrap().to_owned();
    let path = "/upload/storage/v1/b/bbb/o?uploadType=resumable&name=a";
    let session = rest.send(Method::POST, path, &[("if-match", &tag)], "{}").await;
    let location = session.header("location").unwrap();
    let session = location.strip_prefix(&rest.emulator.url()).unwrap();
    rest.upload("a", "2").await;
    let ended = rest.send(Method::PUT, session, &[], "3").await;
    assert_eq!(ended.error(), (412, "conditionNotMet".to_owned()));
    assert_eq!(rest.content("a").await, "2");
}

#[tokio::test]
async fn every_write_of_a_bucket_holds_to_the_tag_that_it_names() {
    let rest = Rest::with_bucket(json!({})).await;
    let stale = rest.get("b/bbb").await["etag"].as_str().unwrap().to_owned();
    let live = rest.ok(Method::PATCH, "b/bbb", json!({"labels": {"k": "v"}})).await;
    let tag = live["etag"].as_str().unwrap();
    for (method, path) in
        [(Method::PATCH, "b/bbb"), (Method::PUT, "b/bbb"), (Method::DELETE, "b/bbb")]
    {
        for header in [("if-match", stale.as_str()), ("if-none-match", tag)] {
            let answer = rest.send(method.clone(), path, &[header], "{}").await;
            assert_eq!(answer.error(), (412, "conditionNotMet".to_owned()), "{method} {header:?}");
            assert_eq!(rest.get("b/bbb").await, live);
        }
    }
    let same = rest.send(Method::GET, "b/bbb", &[("if-none-match", tag)], "").await;
    assert_eq!(same.status, 304);
    let deleted = rest.send(Method::DELETE, "b/bbb", &[("if-match", tag)], "").await;
    assert_eq!(deleted.status, 204);
}

#[tokio::test]
async fn a_policy_with_the_tag_of_another_is_not_set() {
    let rest = Rest::with_bucket(json!({})).await;
    let read = rest.get("b/bbb/iam").await;
    let binding = json!([{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]);
    let policy = json!({"etag": read["etag"], "bindings": binding});
    let set = rest.ok(Method::PUT, "b/bbb/iam", policy.clone()).await;
    assert_ne!(set["etag"], read["etag"]);
    let refused = rest.refused(Method::PUT, "b/bbb/iam", policy).await;
    assert_eq!(refused, (412, "conditionNotMet".to_owned()));
    assert_eq!(rest.get("b/bbb/iam").await, set);
    for etag in [set["etag"].clone(), json!(""), Value::Null] {
        let policy = json!({"etag": etag, "bindings": binding});
        rest.ok(Method::PUT, "b/bbb/iam", policy).await;
    }
    assert_eq!(rest.refused(Method::PUT, "b/bbb/iam", json!({"etag": 1})).await.0, 400);
}
