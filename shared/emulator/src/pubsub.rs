//! Pub/Sub with push subscriptions: topics, filters, redelivery, dead letters.
//!
//! At least once and in no promised order, like the service. Everything that is counted is
//! counted under one lock, so that nothing can be between two counts.

mod message;
mod push;
mod queue;

pub use message::{Attempt, Message, Outstanding, Subscription};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::Clock as _;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::SystemClock;
use crate::chance::Chance;
use push::Pusher;
use queue::{Disorder, Queue};

/// Message ids look like those of the service: sixteen digits.
const MESSAGE_ID_MIN: u64 = 1_000_000_000_000_000;
const MESSAGE_IDS: u64 = 9_000_000_000_000_000;

/// Topics, subscriptions and what waits in them.
pub(crate) struct Broker {
    state: Mutex<State>,
    /// Told after every change of `state` that somebody may wait for.
    changed: Notify,
    chance: Chance,
    disorder: Option<Disorder>,
    tasks: Mutex<JoinSet<()>>,
    runtime: Handle,
    pusher: Pusher,
}

#[derive(Default)]
struct State {
    queues: Vec<Queue>,
    held: bool,
    attempts: Vec<Attempt>,
    dead_letters: BTreeMap<String, Vec<Message>>,
    published: u64,
}

impl Broker {
    /// Runs its pushes on the runtime that this is called in.
    pub(crate) fn new(seed: u64, shuffle: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Notify::new(),
            chance: Chance::new(seed),
            disorder: shuffle.map(Disorder::new),
            tasks: Mutex::default(),
            runtime: Handle::current(),
            pusher: Pusher::new(),
        })
    }

    /// Publishes to every subscription of `topic` whose filter matches; returns the message id.
    pub(crate) fn publish(
        &self,
        topic: &str,
        attributes: BTreeMap<String, String>,
        data: Bytes,
    ) -> String {
        let message = Arc::new(Message {
            message_id: (MESSAGE_ID_MIN + self.chance.below(MESSAGE_IDS)).to_string(),
            attributes,
            data,
            published_at: SystemClock.now(),
        });
        self.state().enqueue(topic, &message, self.disorder.as_ref());
        self.changed.notify_waiters();
        message.message_id.clone()
    }

    pub(crate) fn subscribe(self: &Arc<Self>, subscription: Subscription) {
        let number = {
            let mut state = self.state();
            state.queues.push(Queue::new(subscription));
            state.queues.len() - 1
        };
        let pump = self.clone().pump(number);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn_on(pump, &self.runtime);
    }

    pub(crate) fn hold(&self, held: bool) {
        self.state().held = held;
        self.changed.notify_waiters();
    }

    pub(crate) async fn settled(&self, timeout: Duration) -> Result<(), Outstanding> {
        let settled = async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                // Before looking: a change after the look wakes this.
                changed.as_mut().enable();
                if self.state().outstanding().is_none() {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(timeout, settled).await.is_ok() {
            return Ok(());
        }
        self.state().outstanding().map_or(Ok(()), Err)
    }

    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.state().attempts.clone()
    }

    pub(crate) fn dead_letters(&self, topic: &str) -> Vec<Message> {
        self.state().dead_letters.get(topic).cloned().unwrap_or_default()
    }

    /// Ends every push, answered or not, without waiting for that.
    pub(crate) fn abort(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    /// Ends every push, answered or not.
    pub(crate) async fn stop(&self) {
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pushes what is due in one subscription, for ever.
    async fn pump(self: Arc<Self>, number: usize) {
        let mut pushes = JoinSet::new();
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            while pushes.try_join_next().is_some() {}
            let next = self.state().next(number);
            match next {
                Next::Push(subscription, job) => {
                    let broker = self.clone();
                    pushes.spawn(async move {
                        let pushed = broker.pusher.push(&subscription, &job).await;
                        broker.finish(number, &subscription, job, pushed);
                    });
                }
                Next::Later(due) => {
                    // Whether it is time or something changed: look again.
                    if tokio::time::timeout_at(due, changed).await.is_err() {
                        continue;
                    }
                }
                Next::Idle => changed.await,
            }
        }
    }

    /// Records how a push ended, and acknowledges, delays or gives up the message.
    fn finish(
        &self,
        number: usize,
        subscription: &Subscription,
        job: queue::Job,
        pushed: push::Pushed,
    ) {
        let mut state = self.state();
        state.attempts.push(Attempt::of(subscription, &job, &pushed));
        let acknowledged = push::is_acknowledged(pushed.status);
        if let Some(queue) = state.queues.get_mut(number) {
            queue.in_flight -= 1;
            if !acknowledged && !subscription.is_exhausted(job.attempt) {
                queue.put_back(job, self.disorder.as_ref());
            } else if let (false, Some(topic)) = (acknowledged, &subscription.dead_letter_topic) {
                let id = MESSAGE_ID_MIN + self.chance.below(MESSAGE_IDS);
                let message = job.message.dead_letter(subscription, job.attempt, id.to_string());
                state.enqueue(topic, &Arc::new(message.clone()), self.disorder.as_ref());
                state.dead_letters.entry(topic.clone()).or_default().push(message);
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }
}

/// What a subscription can do at this moment.
enum Next {
    Push(Arc<Subscription>, queue::Job),
    Later(tokio::time::Instant),
    Idle,
}

impl State {
    fn enqueue(&mut self, topic: &str, message: &Arc<Message>, disorder: Option<&Disorder>) {
        self.published += 1;
        for queue in self.queues.iter_mut().filter(|queue| queue.subscription.topic == topic) {
            if queue.subscription.matches(message) {
                queue.add(message.clone(), self.published, disorder);
            }
        }
    }

    fn next(&mut self, number: usize) -> Next {
        let held = self.held;
        match self.queues.get_mut(number) {
            Some(queue) if !held => queue.next(),
            _ => Next::Idle,
        }
    }

    fn outstanding(&self) -> Option<Outstanding> {
        let busy = self.queues.iter().filter(|queue| queue.waiting() + queue.in_flight > 0);
        let counts: Vec<_> = busy
            .map(|queue| (queue.subscription.name.clone(), queue.waiting(), queue.in_flight))
            .collect();
        (!counts.is_empty()).then_some(Outstanding { subscriptions: counts })
    }
}
