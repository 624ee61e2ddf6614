//! Deliveries of one entity, handled together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Delivery, Disposition, Failure, Outcome};
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::{Fake, delivery, until};
use crate::{BATCH_MAX, Coalescer, CoalescerShortcut};

/// The outcome that tells one delivery from all others.
fn own(delivery: &Delivery) -> Outcome {
    Ok(Disposition::Rejected(vec![delivery.name.to_string()]))
}

/// A handler that waits for one permit of `gate` for each batch.
fn gated(gate: &Arc<Semaphore>) -> Arc<Fake> {
    let gate = Arc::clone(gate);
    Fake::new(move |batch| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            batch.iter().map(own).collect()
        }
    })
}

struct Bench {
    gate: Arc<Semaphore>,
    handler: Arc<Fake>,
    coalescer: Arc<Coalescer>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|handler| Coalescer::new(handler))
    }

    fn with(coalescer: impl Fn(Arc<Fake>) -> Coalescer) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let handler = gated(&gate);
        let coalescer = Arc::new(coalescer(handler.clone()));
        Self { gate, handler, coalescer }
    }

    fn send(&self, delivery: Delivery) -> JoinHandle<Outcome> {
        let coalescer = Arc::clone(&self.coalescer);
        tokio::spawn(async move { coalescer.handle(delivery).await })
    }

    /// Sends one delivery, which leads, and when it is being handled the others.
    async fn send_behind_a_leader(&self, count: u64) -> Vec<JoinHandle<Outcome>> {
        let mut tasks = vec![self.send(delivery("V1", 0))];
        until(|| self.handler.sizes() == [1]).await;
        tasks.extend((1..count).map(|generation| self.send(delivery("V1", generation))));
        // One thread: each task has taken its seat when this one runs again.
        tokio::task::yield_now().await;
        tasks
    }
}

async fn outcomes(tasks: Vec<JoinHandle<Outcome>>) -> Vec<Outcome> {
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

fn owns(count: u64) -> Vec<Outcome> {
    (0..count).map(|generation| own(&delivery("V1", generation))).collect()
}

#[tokio::test]
async fn fifty_deliveries_are_two_batches_and_each_gets_its_own_outcome() {
    let bench = Bench::new();
    let tasks = bench.send_behind_a_leader(50).await;
    bench.gate.add_permits(50);
    assert_eq!(outcomes(tasks).await, owns(50));
    assert_eq!(bench.handler.sizes(), [1, 49]);
}

#[tokio::test]
async fn followers_that_are_acknowledged_before_they_are_handled_are_seen() {
    let bug = CoalescerShortcut::FollowersAcknowledged;
    let bench = Bench::with(|handler| Coalescer::with_bug(handler, bug));
    let tasks = bench.send_behind_a_leader(3).await;
    bench.gate.add_permits(3);
    let acknowledged = Ok(Disposition::Skipped("another delivery leads"));
    let expected = [own(&delivery("V1", 0)), acknowledged.clone(), acknowledged];
    assert_eq!(outcomes(tasks).await, expected);
    assert_eq!(bench.handler.sizes(), [1], "nobody has seen the others");
}

#[tokio::test]
async fn batches_are_bounded() {
    let bench = Bench::new();
    let tasks = bench.send_behind_a_leader(251).await;
    bench.gate.add_permits(251);
    assert_eq!(outcomes(tasks).await, owns(251));
    assert_eq!(bench.handler.sizes(), [1, BATCH_MAX, BATCH_MAX, 50]);
}

#[tokio::test]
async fn subjects_do_not_wait_for_each_other() {
    let bench = Bench::new();
    let blocked = bench.send(delivery("V1", 1));
    until(|| bench.handler.sizes() == [1]).await;
    let other = bench.send(delivery("V2", 2));
    until(|| bench.handler.sizes() == [1, 1]).await;
    assert_eq!(bench.coalescer.subjects(), 2);
    bench.gate.add_permits(2);
    outcomes(vec![blocked, other]).await;
}

#[tokio::test]
async fn followers_survive_a_leader_that_vanishes() {
    let bench = Bench::new();
    let mut tasks = bench.send_behind_a_leader(5).await;
    let leader = tasks.remove(0);
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    until(|| bench.handler.sizes() == [1, 4]).await;
    // The next leader vanishes too, with its batch in its hands.
    let leader = tasks.remove(0);
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    bench.gate.add_permits(5);
    assert_eq!(outcomes(tasks).await, owns(5)[2..]);
    assert_eq!(bench.handler.sizes(), [1, 4, 3]);
    assert_eq!(bench.coalescer.subjects(), 0);
}

#[tokio::test]
async fn a_follower_that_vanishes_is_not_handled() {
    let bench = Bench::new();
    let mut tasks = bench.send_behind_a_leader(4).await;
    let follower = tasks.remove(2);
    follower.abort();
    assert!(follower.await.unwrap_err().is_cancelled());
    bench.gate.add_permits(4);
    let expected = [0, 1, 3].map(|generation| own(&delivery("V1", generation)));
    assert_eq!(outcomes(tasks).await, expected);
    assert_eq!(bench.handler.sizes(), [1, 2]);
}

#[tokio::test]
async fn the_same_delivery_is_handed_over_once_and_answered_to_all() {
    let bench = Bench::new();
    let mut tasks = bench.send_behind_a_leader(1).await;
    tasks.extend([7, 8, 7, 7].map(|generation| bench.send(delivery("V1", generation))));
    tokio::task::yield_now().await;
    bench.gate.add_permits(2);
    let expected = [0, 7, 8, 7, 7].map(|generation| own(&delivery("V1", generation)));
    assert_eq!(outcomes(tasks).await, expected);
    assert_eq!(bench.handler.sizes(), [1, 2]);
}

#[tokio::test]
async fn a_panic_is_a_retry_for_its_batch_and_poisons_nothing() {
    // Before the future is returned, inside of it, and not at all.
    let broken = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&broken);
    let handler = Fake::new(move |batch| {
        let early = state.load(Ordering::Relaxed) && batch[0].generation.0 == 1;
        assert!(!early, "panic before the future");
        let late = state.load(Ordering::Relaxed);
        async move {
            tokio::task::yield_now().await;
            assert!(!late, "panic inside the future");
            batch.iter().map(own).collect()
        }
    });
    let coalescer = Coalescer::new(handler);
    let panicked = Err(Failure::Retry("handler panicked".to_owned()));
    assert_eq!(coalescer.handle(delivery("V1", 1)).await, panicked);
    let both = join_all([2, 3].map(|it| coalescer.handle(delivery("V1", it)))).await;
    assert_eq!(both, [panicked.clone(), panicked]);
    broken.store(false, Ordering::Relaxed);
    assert_eq!(coalescer.handle(delivery("V1", 1)).await, own(&delivery("V1", 1)));
    assert_eq!(coalescer.subjects(), 0);
}

#[tokio::test]
async fn a_handler_that_forgets_an_outcome_is_not_believed() {
    let handler = Fake::new(|_| std::future::ready(vec![]));
    let outcome = Coalescer::new(handler).handle(delivery("V1", 1)).await;
    let reason = "handler gave no outcome for each delivery".to_owned();
    assert_eq!(outcome, Err(Failure::Retry(reason)));
}

#[tokio::test]
async fn nothing_is_left_of_ten_thousand_subjects() {
    let bench = Bench::new();
    let ids = (0..10_000_u64).map(|it| (format!("V{it}"), it));
    let tasks: Vec<_> = ids.map(|(id, it)| bench.send(delivery(&id, it))).collect();
    until(|| bench.coalescer.subjects() == 10_000).await;
    // Half of the callers vanish, the others are answered.
    for task in tasks.iter().step_by(2) {
        task.abort();
    }
    bench.gate.add_permits(10_000);
    let answered = join_all(tasks).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(answered, 5_000);
    assert_eq!(bench.coalescer.subjects(), 0);
}
