//! What waits in one subscription, and what is next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Next;
use super::message::{Message, Subscription};
use crate::chance::Chance;

/// The longest delay by which a shuffled message is late.
const DISORDER_MS_MAX: u64 = 20;

/// Seeded disorder of deliveries.
pub(super) struct Disorder(Chance);

impl Disorder {
    pub(super) fn new(seed: u64) -> Self {
        Self(Chance::new(seed))
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(self.0.below(DISORDER_MS_MAX + 1))
    }
}

/// A message on its way through one subscription.
pub(super) struct Job {
    pub(super) message: Arc<Message>,
    /// The attempt that is made or was made last, counted from 1.
    pub(super) attempt: u32,
    rank: Rank,
}

/// The place among waiting messages: the smallest that is due goes first.
type Rank = (u64, u64);

struct Waiting {
    job: Job,
    due: Instant,
}

/// One subscription with its messages.
pub(super) struct Queue {
    pub(super) subscription: Arc<Subscription>,
    pub(super) in_flight: usize,
    waiting: BTreeMap<Rank, Waiting>,
}

impl Queue {
    pub(super) fn new(subscription: Subscription) -> Self {
        Self { subscription: Arc::new(subscription), in_flight: 0, waiting: BTreeMap::new() }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Adds a message, the `number`th that was published.
    pub(super) fn add(&mut self, message: Arc<Message>, number: u64, disorder: Option<&Disorder>) {
        let rank = (disorder.map_or(0, |disorder| disorder.0.next()), number);
        let delay = disorder.map_or(Duration::ZERO, Disorder::delay);
        let job = Job { message, attempt: 0, rank };
        self.waiting.insert(rank, Waiting { job, due: Instant::now() + delay });
    }

    /// Puts a message back after an attempt that failed.
    pub(super) fn put_back(&mut self, job: Job, disorder: Option<&Disorder>) {
        let delay = disorder.map_or(Duration::ZERO, Disorder::delay);
        let due = Instant::now() + self.subscription.backoff(job.attempt) + delay;
        self.waiting.insert(job.rank, Waiting { job, due });
    }

    /// Takes what may be pushed, or tells when something may.
    pub(super) fn next(&mut self) -> Next {
        if self.in_flight >= self.subscription.in_flight_max.max(1) {
            return Next::Idle;
        }
        let now = Instant::now();
        let due = self.waiting.iter().find(|(_, waiting)| waiting.due <= now);
        let Some(rank) = due.map(|(rank, _)| *rank) else {
            let earliest = self.waiting.values().map(|waiting| waiting.due).min();
            return earliest.map_or(Next::Idle, Next::Later);
        };
        let Some(Waiting { mut job, .. }) = self.waiting.remove(&rank) else { return Next::Idle };
        job.attempt += 1;
        self.in_flight += 1;
        Next::Push(self.subscription.clone(), job)
    }
}
