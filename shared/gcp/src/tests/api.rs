//! Calls of other APIs: what is sent to whom, and what is repeated.

use serde_json::json;

use super::*;
use crate::given::given_token;
use crate::{Api, Payload};

fn api() -> Api {
    Api::new(Arc::new(Still), Arc::new(Still))
}

#[tokio::test]
async fn nobody_but_google_and_loopback_is_called() {
    for url in [
        "https://example.com/storage.googleapis.com",
        "https://evilgoogleapis.com/",
        "https://storage.googleapis.com.example.com/",
        "https://person@storage.googleapis.com/",
        "http://storage.googleapis.com/storage/v1/b/a",
        "http://127.0.0.1.example.com/",
        "no url",
    ] {
        let err = api().send("GET", url, Payload::Nothing, Some("secret")).await.unwrap_err();
        assert_eq!(err.kind, ErrorKind::Rejected, "{url}");
        assert!(err.to_string().contains("neither Google's nor on loopback"), "{err}");
        assert!(!err.to_string().contains("secret"), "{err}");
    }
}

#[tokio::test]
async fn a_stand_in_on_another_host_is_called_when_it_is_named_and_gets_no_token() {
    let url = "http://emulator.invalid:8085/v1/thing";
    let named = api().with_stand_in("http://emulator.invalid:8085");
    assert_eq!(named.token(url).await.unwrap(), "loopback");
    let err = named.send("POST", url, Payload::Nothing, None).await.unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unavailable, "{err}");
    let other = named.send("POST", "http://emulator.invalid:1/", Payload::Nothing, None).await;
    assert_eq!(other.unwrap_err().kind, ErrorKind::Rejected);
    // Google itself is never spoken to in the clear.
    let google = api().with_stand_in("https://pubsub.googleapis.com");
    let clear = google.send("POST", "http://pubsub.googleapis.com/", Payload::Nothing, None);
    assert_eq!(clear.await.unwrap_err().kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn a_look_is_repeated_and_a_change_is_not() {
    let server = Server::start([say(503, &[], b""), say(200, &[], b"{\"a\": 1}")]).await;
    let url = format!("http://{}/v1/thing", server.host);
    let reply = api().send("GET", &url, Payload::Nothing, None).await.unwrap();
    assert_eq!((reply.status, reply.json()), (200, Some(json!({"a": 1}))));
    assert_eq!(server.requests().len(), 2);
    assert_eq!(server.requests()[0].header("authorization"), None);

    let server = Server::start([say(500, &[], b"")]).await;
    let url = format!("http://{}/v1/thing", server.host);
    let err = api().send("GET", &url, Payload::Nothing, None).await.unwrap_err();
    assert!(err.to_string().ends_with("answer 500, 4 attempts"), "{err}");

    let server = Server::start([say(503, &[], b""), say(200, &[], b"{}")]).await;
    let url = format!("http://{}/v1/thing", server.host);
    let body = Payload::Json(json!({"b": 2}));
    let reply = api().send("PUT", &url, body, Some("less")).await.unwrap();
    assert_eq!(reply.status, 503);
    let [request] = server.requests().try_into().unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer less"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.body, b"{\"b\":2}");
}

#[tokio::test]
async fn what_a_service_refuses_is_an_answer_with_one_line() {
    let body = br#"{"error": {"code": 403, "message": "Permission x denied\n on resource.", "status": "PERMISSION_DENIED"}}"#;
    let server = Server::start([say(403, &[], body), say(404, &[], b"nothing here")]).await;
    let url = format!("http://{}/v1/thing", server.host);
    let refused = api().send("GET", &url, Payload::Nothing, None).await.unwrap();
    assert_eq!(
        (refused.status, refused.reason().as_str()),
        (403, "Permission x denied on resource.")
    );
    let missing = api().send("GET", &url, Payload::Nothing, None).await.unwrap();
    assert_eq!((missing.status, missing.reason().as_str()), (404, ""));
}

#[tokio::test]
async fn a_token_that_was_given_is_the_one_that_is_sent() {
    let given = given_token(Some(" ya29.abc\n".to_owned())).ok().unwrap();
    assert_eq!(given.token().await.ok().unwrap().0, "ya29.abc");
    for wrong in [None, Some(" \n".to_owned()), Some("two words".to_owned()), Some("ä".to_owned())]
    {
        let err = given_token(wrong).err().unwrap();
        assert_eq!(err.text, "GOOGLE_OAUTH_ACCESS_TOKEN is no token");
    }
}
