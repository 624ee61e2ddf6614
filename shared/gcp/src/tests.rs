//! Tokens and the retry policy, which the public interface does not reach without a network.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{BoxFuture, Clock, Ids, Instant};
use store::{ErrorKind, Metadata, Precondition, Store};

use crate::retry::{Cause, Effect, Policy};
use crate::tokens::{Token, TokenError, TokenProvider, Tokens};
use crate::{Bucket, DEADLINE, Options};

#[expect(dead_code, reason = "shared with the tests over the public interface")]
#[path = "../tests/it/server.rs"]
mod server;

mod api;
mod gcloud;
mod metadata_server;
mod token_server;

use server::{Server, Step, error, say};

/// Time stands still and chance is none.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_unix_millis(0)
    }

    fn sleep(&self, _delay: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Ids for Still {
    fn random(&self) -> u128 {
        0
    }
}

/// Gives one token for as long as it lives.
struct Fixed(Arc<Token>);

impl TokenProvider for Fixed {
    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, TokenError>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

type Found = Result<Arc<dyn TokenProvider>, TokenError>;

/// Credentials whose tokens are `secret-1`, `secret-2` and so on, each time they are found.
#[derive(Default)]
struct Numbered(AtomicUsize);

impl Numbered {
    fn next(&self) -> Found {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Arc::new(Fixed(Arc::new(Token(format!("secret-{number}"))))))
    }

    fn found(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn tokens(self: &Arc<Self>) -> Tokens {
        let numbered = self.clone();
        Tokens::from_source(move || Box::pin(std::future::ready(numbered.next())))
    }
}

fn bucket(server: &Server, deadline: Duration, tokens: Tokens) -> Bucket {
    let emulator_host = Some(server.host.clone());
    let options = Options { emulator_host, deadline, ..Options::new("bucket") };
    Bucket::with_tokens(options, Some(tokens), Arc::new(Still), Arc::new(Still)).unwrap()
}

fn sent(server: &Server) -> Vec<Option<String>> {
    let token = |request: &server::Request| request.header("authorization").map(str::to_owned);
    server.requests().iter().map(token).collect()
}

fn bearer(numbers: &[u32]) -> Vec<Option<String>> {
    numbers.iter().map(|number| Some(format!("Bearer secret-{number}"))).collect()
}

#[tokio::test]
async fn credentials_are_found_by_the_first_call_and_kept() {
    let server = Server::start([say(404, &[], b"")]).await;
    let numbered = Arc::new(Numbered::default());
    let bucket = bucket(&server, DEADLINE, numbered.tokens());
    assert_eq!(numbered.found(), 0);
    for _ in 0..3 {
        assert_eq!(bucket.get("a", None).await.unwrap(), None);
    }
    assert_eq!(sent(&server), bearer(&[1, 1, 1]));
    assert_eq!(numbered.found(), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_never_told() {
    let refused = error(401, "authError");
    let server = Server::start([refused.clone(), say(404, &[], b""), refused]).await;
    let bucket = bucket(&server, DEADLINE, Arc::new(Numbered::default()).tokens());
    assert_eq!(bucket.get("a", None).await.unwrap(), None);
    assert_eq!(sent(&server), bearer(&[1, 2]));
    let err = bucket.get("a", None).await.unwrap_err();
    assert_eq!(sent(&server), bearer(&[1, 2, 2, 3]));
    assert_eq!(err.kind, ErrorKind::Unavailable);
    assert_eq!(err.to_string(), "get a: answer 401 (authError), 2 attempts");
}

#[tokio::test]
async fn a_redirect_takes_the_token_nowhere() {
    let elsewhere = Server::start([say(200, &[], br#"{"generation":"1"}"#)]).await;
    for status in [301, 302, 303, 307, 308] {
        for location in [format!("http://{}/b", elsewhere.host), "/itself".to_owned()] {
            let step = say(status, &[("Location", &location)], b"");
            let server = Server::start([step]).await;
            let bucket = bucket(&server, DEADLINE, Arc::new(Numbered::default()).tokens());
            let err = bucket.get("a", None).await.unwrap_err();
            assert_eq!(err.to_string(), format!("get a: answer {status}"));
            let metadata = Metadata::new();
            let put = bucket.put("a", "{}".into(), &metadata, Precondition::Absent).await;
            assert_eq!((err.kind, put.unwrap_err().kind), (ErrorKind::Unavailable, err.kind));
            assert_eq!(sent(&server), bearer(&[1, 1]), "{status} to {location}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_late_refusal_does_not_forget_the_newer_token() {
    let numbered = Arc::new(Numbered::default());
    let tokens = numbered.tokens();
    let first = tokens.token().await.unwrap();
    tokens.forget(&first).await;
    let second = tokens.token().await.unwrap();
    tokens.forget(&first).await;
    assert!(Arc::ptr_eq(&second, &tokens.token().await.unwrap()));
    assert_eq!(numbered.found(), 2);
}

#[tokio::test]
async fn callers_at_the_same_time_look_for_credentials_once() {
    let numbered = Arc::new(Numbered::default());
    let slow = numbered.clone();
    let tokens = Tokens::from_source(move || {
        let found = slow.next();
        Box::pin(async move {
            tokio::task::yield_now().await;
            found
        })
    });
    let (first, second) = tokio::join!(tokens.token(), tokens.token());
    assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
    assert_eq!(numbered.found(), 1);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let server = Server::start([say(404, &[], b"")]).await;
    let asked = Arc::new(Mutex::new(0));
    let counted = asked.clone();
    let tokens = Tokens::from_source(move || {
        *counted.lock().unwrap() += 1;
        let err = TokenError { text: "token request failed", passes: false };
        Box::pin(std::future::ready(Err(err)))
    });
    let err = bucket(&server, DEADLINE, tokens).get("a", None).await.unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unavailable);
    assert_eq!(err.to_string(), "get a: no token: token request failed");
    assert_eq!(*asked.lock().unwrap(), 1);
    assert_eq!(sent(&server), []);
}

#[tokio::test]
async fn a_metadata_server_that_is_silent_is_asked_again() {
    let server = Server::start([say(404, &[], b"")]).await;
    let numbered = Arc::new(Numbered::default());
    let second = numbered.clone();
    let tokens = Tokens::from_source(move || match second.next() {
        _ if second.found() == 1 => Box::pin(std::future::pending()),
        found => Box::pin(std::future::ready(found)),
    });
    let bucket = bucket(&server, Duration::from_secs(3), tokens);
    assert_eq!(bucket.get("a", None).await.unwrap(), None);
    assert_eq!(sent(&server), bearer(&[2]));
}

#[tokio::test]
async fn a_metadata_server_that_stays_silent_ends_the_call() {
    let server = Server::start([say(404, &[], b"")]).await;
    let tokens = Tokens::from_source(|| Box::pin(std::future::pending()));
    let bucket = bucket(&server, Duration::from_millis(200), tokens);
    let err = bucket.get("a", None).await.unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unavailable);
    assert!(err.to_string().contains("no token: time is up"), "{err}");
    assert_eq!(sent(&server), []);
}

#[tokio::test]
async fn a_token_that_is_no_header_is_not_told_either() {
    let server = Server::start([Step::Cut(Vec::new())]).await;
    let tokens = Tokens::from_source(|| {
        let fixed = Fixed(Arc::new(Token("secret\n".to_owned())));
        Box::pin(std::future::ready(Ok(Arc::new(fixed) as Arc<dyn TokenProvider>)))
    });
    let err = bucket(&server, DEADLINE, tokens).get("a", None).await.unwrap_err();
    assert_eq!(err.to_string(), "get a: no token: it is not a header value");
}

#[test]
fn nothing_is_repeated_that_a_conflict_or_a_refusal_has_ended() {
    for cause in [Cause::Status(412), Cause::Status(304), Cause::Status(400), Cause::Refused] {
        for effect in [Effect::Read, Effect::Write] {
            assert!(!cause.is_repeatable(effect), "{cause:?}");
        }
    }
}

#[test]
fn a_write_without_a_precondition_cannot_be_said() {
    // Whoever adds a variant comes by here: scenario 3 of Google's retry conformance tests, which
    // asks that such a write is never repeated, is then no longer beside the point.
    let precondition = |precondition| match precondition {
        Precondition::Absent | Precondition::At(_) => Effect::Write,
    };
    let is_repeated = |effect| match effect {
        Effect::Read | Effect::Write => Cause::Connection.is_repeatable(effect),
    };
    assert!(is_repeated(precondition(Precondition::Absent)));
}

#[test]
fn the_longest_delays_leave_room_for_every_attempt() {
    let policy = Policy::within(DEADLINE);
    let bounds: Vec<_> = (1..).map_while(|attempt| policy.delay_bound(attempt)).collect();
    assert_eq!(bounds.len() + 1, usize::try_from(policy.attempts_max).unwrap());
    assert!(bounds.iter().sum::<Duration>() < DEADLINE);
    assert!(bounds.is_sorted());
    assert_eq!(policy.delay_bound(u32::MAX), None);
}
