//! What time and order do to deliveries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use bytes::Bytes;
use domain::Clock as _;
use tokio::net::TcpListener;

use crate::TestClock;
use crate::pubsub::broker::Broker;
use crate::pubsub::change::Point;
use crate::pubsub::names::Kind;
use crate::pubsub::state::Draft;
use crate::pubsub::{DeadLetterPolicy, Push, RetryPolicy, Subscription};

const NAME: &str = "projects/local/subscriptions/s";
const PATIENCE: Duration = Duration::from_secs(60);

fn with(subscription: Subscription) -> (Arc<Broker>, Arc<TestClock>) {
    let clock = TestClock::at(crate::NOW);
    let broker = Broker::new(1, None, clock.clone());
    broker.subscribe(subscription).unwrap();
    (broker, clock)
}

fn publish(broker: &Broker, key: &str, data: &'static [u8]) {
    let draft = Draft {
        attributes: BTreeMap::new(),
        data: Bytes::from_static(data),
        ordering_key: key.to_owned(),
    };
    broker.publish_all(&Kind::Topic.full("t"), vec![draft]).unwrap();
}

/// The payloads and attempts that a pull gets.
fn pull(broker: &Broker) -> Vec<(String, u32)> {
    let text = |data: &Bytes| String::from_utf8(data.to_vec()).unwrap();
    let pulled = broker.pull(NAME, 10).unwrap().into_iter();
    pulled.map(|it| (text(&it.message.data), it.attempt)).collect()
}

fn first(text: &str) -> (String, u32) {
    (text.to_owned(), 1)
}

#[tokio::test]
async fn a_message_ends_with_its_retention_acknowledged_or_not() {
    let retention = Duration::from_secs(600);
    let subscription =
        Subscription { retention, retain_acked: true, ..Subscription::new("s", "t") };
    let (broker, clock) = with(subscription);
    publish(&broker, "", b"old");
    let old = broker.pull(NAME, 1).unwrap();
    let ids: Vec<_> = old.iter().map(crate::pubsub::broker::AckId::of).collect();
    broker.acknowledge(NAME, &ids).unwrap();
    clock.advance(Duration::from_secs(599));
    publish(&broker, "", b"new");
    let back = Point::Time(domain::Instant::from_unix_millis(0));
    broker.seek(NAME, back.clone()).unwrap();
    assert_eq!(pull(&broker), [first("old"), first("new")]);
    clock.advance(Duration::from_secs(1));
    broker.seek(NAME, Point::Time(clock.now())).unwrap();
    broker.seek(NAME, back).unwrap();
    assert_eq!(pull(&broker), [first("new")], "the other one is too old");
    clock.advance(retention);
    assert_eq!(pull(&broker), []);
    assert_eq!(broker.dump().len(), 2, "a topic and a subscription");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ends_is_a_failed_attempt() {
    let grave = DeadLetterPolicy { topic: "dead".to_owned(), attempts_max: 3 };
    let (broker, _) =
        with(Subscription { dead_letter: Some(grave), ..Subscription::new("s", "t") });
    publish(&broker, "", b"1");
    for attempt in 1..=3 {
        assert_eq!(pull(&broker), [("1".to_owned(), attempt)]);
        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert_eq!(pull(&broker), []);
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    assert_eq!(pull(&broker), []);
    assert_eq!(broker.dead_letters("dead").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pull_waits_for_the_end_of_a_backoff() {
    let delay = Duration::from_secs(5);
    let retry = RetryPolicy { minimum_backoff: delay, maximum_backoff: delay };
    let (broker, _) = with(Subscription { retry: Some(retry), ..Subscription::new("s", "t") });
    publish(&broker, "", b"1");
    let pulled = broker.pull(NAME, 1).unwrap();
    let ids: Vec<_> = pulled.iter().map(crate::pubsub::broker::AckId::of).collect();
    broker.modify_ack_deadline(NAME, &ids, Duration::ZERO).unwrap();
    assert!(broker.pull_within(NAME, 1, Duration::from_secs(4)).await.unwrap().is_empty());
    let pulled = broker.pull_within(NAME, 1, Duration::from_secs(4)).await.unwrap();
    assert_eq!(pulled[0].attempt, 2);
}

#[tokio::test]
async fn what_is_pulled_in_order_comes_again_in_order() {
    let (broker, _) = with(Subscription { ordered: true, ..Subscription::new("s", "t") });
    for (key, data) in [("k", b"1"), ("", b"x"), ("k", b"2"), ("l", b"3"), ("k", b"4")] {
        publish(&broker, key, data);
    }
    let pulled = broker.pull(NAME, 3).unwrap();
    let data: Vec<_> = pulled.iter().map(|it| it.message.data.clone()).collect();
    assert_eq!(data, ["1", "x", "2"]);
    assert_eq!(pull(&broker), [first("3")], "4 waits for 1 and 2");
    let ids: Vec<_> = pulled.iter().map(crate::pubsub::broker::AckId::of).collect();
    broker.modify_ack_deadline(NAME, &ids[..1], Duration::ZERO).unwrap();
    let again = [("1".to_owned(), 2), first("2"), first("4")];
    assert_eq!(pull(&broker), again, "who comes after the failed one comes again");
}

/// An endpoint that answers as it is told, then 204, and the bodies that came.
async fn endpoint(statuses: &[u16]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let (came, statuses) = (bodies.clone(), statuses.to_vec());
    let router = Router::new().fallback(move |body: String| {
        let mut came = came.lock().unwrap();
        came.push(body);
        let status = statuses.get(came.len() - 1).copied().unwrap_or(204);
        async move { StatusCode::from_u16(status).unwrap() }
    });
    tokio::spawn(async { axum::serve(listener, router).await });
    (url, bodies)
}

#[tokio::test]
async fn what_has_an_ordering_key_is_pushed_one_after_the_other_and_says_so() {
    let (url, bodies) = endpoint(&[503, 503]).await;
    let delay = Duration::from_millis(1);
    let (broker, _) = with(Subscription {
        push: Some(Push::to(url)),
        ordered: true,
        retry: Some(RetryPolicy { minimum_backoff: delay, maximum_backoff: delay }),
        ..Subscription::new("s", "t")
    });
    broker.hold(true);
    for data in [b"1", b"2", b"3"] {
        publish(&broker, "k", data);
    }
    broker.hold(false);
    broker.settled(PATIENCE).await.unwrap();
    let bodies = bodies.lock().unwrap();
    let data = bodies.iter().map(|body| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["message"]["orderingKey"], "k");
        body["message"]["data"].as_str().unwrap().to_owned()
    });
    assert_eq!(data.collect::<Vec<_>>(), ["MQ==", "MQ==", "MQ==", "Mg==", "Mw=="]);
    broker.abort();
}

#[tokio::test]
async fn a_subscription_that_is_deleted_in_flight_leaves_nothing_behind() {
    let (url, bodies) = endpoint(&[503]).await;
    let subscription = Subscription { push: Some(Push::to(url)), ..Subscription::new("s", "t") };
    let (broker, _) = with(subscription.clone());
    publish(&broker, "", b"1");
    // It is in flight or has failed once, and another one of its name takes its place.
    tokio::task::yield_now().await;
    broker.delete_subscription(NAME).unwrap();
    broker.subscribe(subscription).unwrap();
    publish(&broker, "", b"2");
    broker.settled(PATIENCE).await.unwrap();
    assert!(bodies.lock().unwrap().iter().any(|body| body.contains("Mg==")));
    assert_eq!(broker.dump().len(), 2, "a topic and a subscription");
    broker.abort();
}
