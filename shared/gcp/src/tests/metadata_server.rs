//! The metadata server over real sockets: slow, gone, refusing, or something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::{BoxFuture, Clock, Instant};
use store::{ErrorKind, Store as _};
use tokio::net::TcpListener;

use super::server::{Server, Step, answer, say};
use super::{bucket, sent};
use crate::DEADLINE;
use crate::metadata_server::MetadataServer;
use crate::tokens::{TokenProvider, Tokens};

/// A clock that somebody sets.
#[derive(Default)]
pub(super) struct Set(pub(super) AtomicI64);

impl Clock for Set {
    fn now(&self) -> Instant {
        Instant::from_unix_millis(self.0.load(Ordering::Relaxed))
    }

    fn sleep(&self, _delay: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn tokens(host: &str, deadline: Duration, clock: &Arc<Set>) -> Tokens {
    let (host, clock) = (host.to_owned(), clock.clone());
    Tokens::from_source(move || {
        let server = MetadataServer::at(&host, deadline, clock.clone()).unwrap();
        Box::pin(std::future::ready(Ok(Arc::new(server) as Arc<dyn TokenProvider>)))
    })
}

fn token(text: &str, expires_in: u64) -> Step {
    google(200, &format!(r#"{{"access_token":"{text}","expires_in":{expires_in}}}"#))
}

fn google(status: u16, body: &str) -> Step {
    say(status, &[("Metadata-Flavor", "Google")], body.as_bytes())
}

/// How a read ends while the metadata server does `steps`; with how many requests to that server.
async fn end(steps: impl Into<Vec<Step>>) -> (String, usize) {
    let metadata = Server::start(steps).await;
    let server = Server::start([say(404, &[], b"")]).await;
    let tokens = tokens(&metadata.host, DEADLINE, &Arc::default());
    let read = bucket(&server, DEADLINE, tokens).get("a", None).await;
    let err = read.unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unavailable, "{err}");
    assert_eq!(sent(&server), [], "nothing is sent without a token");
    (err.to_string(), metadata.requests().len())
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let metadata = Server::start([token("first", 3600), token("second", 3600)]).await;
    let server = Server::start([say(404, &[], b"")]).await;
    let clock = Arc::new(Set::default());
    let bucket = bucket(&server, DEADLINE, tokens(&metadata.host, DEADLINE, &clock));
    for seconds in [0, 3569, 3570] {
        clock.0.store(seconds * 1000, Ordering::Relaxed);
        assert_eq!(bucket.get("a", None).await.unwrap(), None);
    }
    let bearer = |text: &str| Some(format!("Bearer {text}"));
    assert_eq!(sent(&server), [bearer("first"), bearer("first"), bearer("second")]);
    let line = "GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.1";
    assert_eq!(metadata.lines(), [line; 2]);
    assert_eq!(metadata.requests()[0].header("metadata-flavor"), Some("Google"));
}

#[tokio::test]
async fn a_lifetime_beyond_the_calendar_is_a_day() {
    let metadata = Server::start([token("eternal", u64::MAX), token("second", 3600)]).await;
    let server = Server::start([say(404, &[], b"")]).await;
    let clock = Arc::new(Set::default());
    let bucket = bucket(&server, DEADLINE, tokens(&metadata.host, DEADLINE, &clock));
    for day in 0..2 {
        clock.0.store(day * 86_400_000, Ordering::Relaxed);
        assert_eq!(bucket.get("a", None).await.unwrap(), None);
    }
    assert_eq!(metadata.requests().len(), 2);
}

#[tokio::test]
async fn what_is_no_token_ends_the_call_in_fixed_words() {
    let json = "get a: no token: metadata server answers with no token";
    for body in ["", "[]", "secret words", r#"{"access_token":"secret words"}"#] {
        assert_eq!(end([google(200, body)]).await, (json.to_owned(), 1));
    }
    let page = say(200, &[], br#"{"access_token":"stolen","expires_in":3600}"#);
    let other = "get a: no token: something else answers as the metadata server";
    assert_eq!(end([page]).await, (other.to_owned(), 1));
    let refused = "get a: no token: metadata server refuses a token";
    for status in [301, 403, 404] {
        assert_eq!(end([google(status, "secret words")]).await, (refused.to_owned(), 1));
    }
    let large = format!(r#"{{"access_token":"{}","expires_in":1}}"#, "a".repeat(100_000));
    let large = end([google(200, &large)]).await;
    assert_eq!(large.1, 1);
    assert!(large.0.ends_with("gives a large answer"), "{}", large.0);
}

#[tokio::test]
async fn what_passes_is_asked_for_again() {
    let cut = Step::Cut(answer(200, &[("Metadata-Flavor", "Google")], b"{}")[..20].to_vec());
    for trouble in [google(503, ""), google(429, ""), cut] {
        let metadata = Server::start([trouble, token("second", 3600)]).await;
        let server = Server::start([say(404, &[], b"")]).await;
        let tokens = tokens(&metadata.host, DEADLINE, &Arc::default());
        assert_eq!(bucket(&server, DEADLINE, tokens).get("a", None).await.unwrap(), None);
        assert_eq!(sent(&server), [Some("Bearer second".to_owned())]);
    }
}

#[tokio::test]
async fn one_that_is_silent_once_is_asked_again() {
    let deadline = Duration::from_secs(3);
    let metadata = Server::start([Step::Stall(Vec::new()), token("second", 3600)]).await;
    let server = Server::start([say(404, &[], b"")]).await;
    let tokens = tokens(&metadata.host, deadline, &Arc::default());
    assert_eq!(bucket(&server, deadline, tokens).get("a", None).await.unwrap(), None);
    assert_eq!(sent(&server), [Some("Bearer second".to_owned())]);
}

#[tokio::test]
async fn one_that_is_gone_makes_the_call_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let server = Server::start([say(404, &[], b"")]).await;
    let tokens = tokens(&host, DEADLINE, &Arc::default());
    let err = bucket(&server, DEADLINE, tokens).get("a", None).await.unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unavailable);
    assert!(err.to_string().starts_with("get a: no token: metadata server does not answer"));
    assert_eq!(sent(&server), []);
}
