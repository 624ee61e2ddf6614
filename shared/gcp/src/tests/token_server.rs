//! Credentials over real sockets: a server of tokens that is slow, gone, or answers something else.
//!
//! A key file names the address of its token server. `gcp_auth` asks it, with its own repetition and
//! without a time limit.

use std::sync::Arc;
use std::time::Duration;

use gcp_auth::CustomServiceAccount;
use store::{ErrorKind, Store as _};
use tokio::net::TcpListener;

use super::server::{Server, Step, answer, say};
use super::{bucket, sent};
use crate::DEADLINE;
use crate::developer::Library;
use crate::tokens::{OBJECTS, TokenProvider, Tokens};

/// PKCS #8, made for these tests; it opens nothing.
const KEY: &str = include_str!("../../tests/fixtures/token_key.base64");

/// What `gcp_auth` makes of failures that may pass: so many requests.
const LIBRARY_ATTEMPTS: usize = 5;

/// Tokens of the server at `host`.
fn tokens(host: &str) -> Tokens {
    let key = serde_json::json!({
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{KEY}-----END PRIVATE KEY-----\n"),
        "client_email": "test@example.com",
        "token_uri": format!("http://{host}/token"),
    });
    Tokens::from_source(move || {
        let account = Arc::new(CustomServiceAccount::from_json(&key.to_string()).unwrap());
        let found =
            Arc::new(Library { provider: account, scope: OBJECTS }) as Arc<dyn TokenProvider>;
        Box::pin(std::future::ready(Ok(found)))
    })
}

fn token(text: &str, expires_in: u64) -> Step {
    let json = format!(r#"{{"access_token":"{text}","expires_in":{expires_in}}}"#);
    say(200, &[("Content-Type", "application/json")], json.as_bytes())
}

/// How a read ends whose token server does `step`; with how many requests to that server.
async fn end(step: Step) -> (String, usize) {
    let token_server = Server::start([step]).await;
    let server = Server::start([say(404, &[], b"")]).await;
    let read = bucket(&server, DEADLINE, tokens(&token_server.host)).get("a", None).await;
    let err = read.unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unavailable, "{err}");
    assert_eq!(sent(&server), [], "nothing is sent without a token");
    (err.to_string(), token_server.requests().len())
}

#[tokio::test]
async fn a_token_is_fetched_once_and_again_when_it_expires() {
    let token_server = Server::start([token("first", 0), token("second", 3600)]).await;
    let server = Server::start([say(404, &[], b"")]).await;
    let bucket = bucket(&server, DEADLINE, tokens(&token_server.host));
    for _ in 0..3 {
        assert_eq!(bucket.get("a", None).await.unwrap(), None);
    }
    let bearer = |text: &str| Some(format!("Bearer {text}"));
    assert_eq!(sent(&server), [bearer("first"), bearer("second"), bearer("second")]);
    assert_eq!(token_server.lines(), ["POST /token HTTP/1.1"; 2]);
}

#[tokio::test]
async fn a_token_server_that_answers_something_else_is_told_in_fixed_words() {
    let json = "get a: no token: failed to deserialize token from response";
    let page = say(200, &[("Content-Type", "text/html")], b"<html>secret words</html>");
    for garbage in [page, say(200, &[], b""), say(200, &[], b"\xff\xfe"), say(200, &[], b"[]")] {
        assert_eq!(end(garbage).await, (json.to_owned(), 1));
    }
    let partial = br#"{"access_token":"secret words"}"#;
    assert_eq!(end(say(200, &[], partial)).await, (json.to_owned(), 1));
    let negative = br#"{"access_token":"secret words","expires_in":-1}"#;
    assert_eq!(end(say(200, &[], negative)).await, (json.to_owned(), 1));
}

#[tokio::test]
async fn a_token_server_that_fails_is_asked_a_few_times_by_its_library_and_not_by_us() {
    let elsewhere = Server::start([token("stolen", 3600)]).await;
    let location = format!("http://{}/token", elsewhere.host);
    let refused = "get a: no token: token request failed";
    let ends = tokio::join!(
        end(say(503, &[], b"secret words")),
        end(say(404, &[], b"<html>secret words</html>")),
        end(say(307, &[("Location", location.as_str())], b"")),
        end(Step::Cut(answer(200, &[], b"{}")[..20].to_vec())),
    );
    for (message, requests) in [ends.0, ends.1, ends.2] {
        assert_eq!((message.as_str(), requests), (refused, LIBRARY_ATTEMPTS));
    }
    assert_eq!(ends.3, ("get a: no token: HTTP request failed".to_owned(), LIBRARY_ATTEMPTS));
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_token_server_that_is_gone_makes_the_call_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let server = Server::start([say(404, &[], b"")]).await;
    let err = bucket(&server, DEADLINE, tokens(&host)).get("a", None).await.unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unavailable);
    assert_eq!(err.to_string(), "get a: no token: HTTP request failed");
    assert_eq!(sent(&server), []);
}

#[tokio::test]
async fn a_token_server_that_is_silent_once_is_asked_again() {
    let head = answer(200, &[], b"{}")[..20].to_vec();
    for silent in [Step::Stall(Vec::new()), Step::Stall(head)] {
        let token_server = Server::start([silent, token("second", 3600)]).await;
        let server = Server::start([say(404, &[], b"")]).await;
        let bucket = bucket(&server, Duration::from_secs(3), tokens(&token_server.host));
        assert_eq!(bucket.get("a", None).await.unwrap(), None);
        assert_eq!(sent(&server), [Some("Bearer second".to_owned())]);
    }
}

/// The library computes when a token expires and does not check. A panic of a handler is a
/// delivery that comes again, so it is left at that; what counts is that the client lives on.
#[tokio::test]
async fn a_lifetime_beyond_the_calendar_ends_the_call_and_not_the_client() {
    let token_server = Server::start([token("eternal", u64::MAX), token("second", 3600)]).await;
    let server = Server::start([say(404, &[], b"")]).await;
    let bucket = Arc::new(bucket(&server, DEADLINE, tokens(&token_server.host)));
    let shared = bucket.clone();
    let panicked = tokio::spawn(async move { shared.get("a", None).await.is_ok() }).await;
    assert!(panicked.unwrap_err().is_panic());
    assert_eq!(bucket.get("a", None).await.unwrap(), None);
    assert_eq!(sent(&server), [Some("Bearer second".to_owned())]);
}
