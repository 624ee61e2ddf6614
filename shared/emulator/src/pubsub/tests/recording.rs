//! Changes are recorded before they happen, or do not happen.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use tokio::net::TcpListener;

use crate::TestClock;
use crate::pubsub::broker::{AckId, Broker};
use crate::pubsub::change::{Change, Recorder};
use crate::pubsub::problem::Code;
use crate::pubsub::{Push, RetryPolicy, Subscription};

const SUBSCRIPTION: &str = "projects/local/subscriptions/s";
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps what it is given, unless it is full.
#[derive(Default)]
pub(super) struct Journal {
    pub(super) changes: Mutex<Vec<Change>>,
    full: AtomicBool,
}

impl Recorder for Journal {
    fn record(&self, changes: &[Change]) -> io::Result<()> {
        if self.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.changes.lock().unwrap().extend_from_slice(changes);
        Ok(())
    }
}

pub(super) fn recorded(clock: Arc<TestClock>) -> (Arc<Broker>, Arc<Journal>) {
    let broker = Broker::new(1, None, clock);
    let journal = Arc::new(Journal::default());
    broker.record_to(journal.clone());
    (broker, journal)
}

fn clock() -> Arc<TestClock> {
    TestClock::at(crate::NOW)
}

fn publish(broker: &Broker, data: &'static str) -> io::Result<String> {
    broker.publish("t", BTreeMap::new(), Bytes::from_static(data.as_bytes()))
}

fn pull(broker: &Broker) -> Vec<(String, u32)> {
    let pulled = broker.pull(SUBSCRIPTION, 100).unwrap().into_iter();
    pulled.map(|it| (it.message.message_id.clone(), it.attempt)).collect()
}

fn ack_id((message, attempt): &(String, u32)) -> AckId {
    AckId::parse(&format!("{message}-{attempt}")).unwrap()
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_happen_and_is_told() {
    let (broker, journal) = recorded(clock());
    broker.subscribe(Subscription::new("s", "t")).unwrap();
    let kept = publish(&broker, "kept").unwrap();
    let before = broker.dump();
    journal.full.store(true, Ordering::Relaxed);
    publish(&broker, "lost").unwrap_err();
    broker.subscribe(Subscription::new("other", "t")).unwrap_err();
    let pulled = pull(&broker);
    assert_eq!(pulled, [(kept.clone(), 1)]);
    let err = broker.acknowledge(SUBSCRIPTION, &[ack_id(&pulled[0])]).unwrap_err();
    assert_eq!(err.code, Code::Unavailable);
    assert_eq!(broker.dump(), before);
    assert_eq!(*journal.changes.lock().unwrap(), before);
    journal.full.store(false, Ordering::Relaxed);
    broker.acknowledge(SUBSCRIPTION, &[ack_id(&pulled[0])]).unwrap();
    assert_eq!(journal.changes.lock().unwrap().len(), before.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_be_recorded_is_not_counted_and_the_message_comes_again() {
    let (broker, journal) = recorded(clock());
    broker.subscribe(Subscription::new("s", "t")).unwrap();
    let id = publish(&broker, "1").unwrap();
    let pulled = pull(&broker);
    journal.full.store(true, Ordering::Relaxed);
    broker.modify_ack_deadline(SUBSCRIPTION, &[ack_id(&pulled[0])], Duration::ZERO).unwrap();
    assert_eq!(pull(&broker), [], "not at once: the disk is full");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(pull(&broker), [(id.clone(), 1)], "nobody has counted");
    journal.full.store(false, Ordering::Relaxed);
    broker.modify_ack_deadline(SUBSCRIPTION, &[ack_id(&pulled[0])], Duration::ZERO).unwrap();
    assert_eq!(pull(&broker), [(id, 2)]);
}

#[tokio::test]
async fn a_push_whose_acknowledgement_cannot_be_recorded_is_pushed_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let (broker, journal) = recorded(clock());
    // The disk is full during the first push and empty during the others.
    let pushes = Arc::new(Mutex::new(0));
    let (count, disk) = (pushes.clone(), journal.clone());
    let answer = Router::new().fallback(move || {
        let mut count = count.lock().unwrap();
        *count += 1;
        disk.full.store(*count == 1, Ordering::Relaxed);
        async {}
    });
    tokio::spawn(async { axum::serve(listener, answer).await });
    broker
        .subscribe(Subscription {
            push: Some(Push::to(endpoint)),
            retry: Some(RetryPolicy {
                minimum_backoff: Duration::from_millis(1),
                maximum_backoff: Duration::from_millis(1),
            }),
            ..Subscription::new("s", "t")
        })
        .unwrap();
    publish(&broker, "1").unwrap();
    // The recorder is full until the second push, which nothing but this failure can cause.
    broker.settled(PATIENCE).await.unwrap();
    assert_eq!(*pushes.lock().unwrap(), 2);
    let changes = journal.changes.lock().unwrap().clone();
    assert!(matches!(changes.last(), Some(Change::Acknowledged { .. })), "{changes:?}");
    broker.abort();
}

#[tokio::test]
async fn planning_changes_nothing_and_applying_records_nothing() {
    let (broker, journal) = recorded(clock());
    broker.subscribe(Subscription::new("s", "t")).unwrap();
    let before = broker.dump();
    let plan = broker.plan_publish("t", BTreeMap::new(), Bytes::from_static(b"1"));
    assert_eq!(broker.dump(), before);
    broker.apply(vec![plan.clone()]);
    assert_eq!(broker.dump(), [before.clone(), vec![plan.clone()]].concat());
    assert_eq!(*journal.changes.lock().unwrap(), before);
    // Whoever applies twice has still one message.
    broker.apply(vec![plan]);
    assert_eq!(pull(&broker).len(), 1);
    assert_eq!(broker.dump_to(<[Change]>::len), before.len() + 1);
}
