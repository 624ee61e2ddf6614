//! The broker: one state under one lock, and what happens to it.
//!
//! Everything that is counted is counted under that lock, so that nothing can be between two
//! counts. Changes are planned, recorded and applied without letting it go. Whoever holds it calls
//! nobody but the [`Recorder`].

mod admin;
mod deliver;
mod journal;
mod pump;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::Clock;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::attempt::{Attempt, Outstanding};
use super::change::{Change, Recorder};
use super::message::Message;
use super::names::Kind;
use super::problem::Problem;
use super::push::Pusher;
use super::state::{Draft, State};
use super::subscription::Subscription;
use super::token::Signer;
use super::topic::Topic;
use crate::chance::Chance;

pub(crate) use deliver::AckId;

/// How many attempts are remembered for [`crate::Emulator::attempts`].
const ATTEMPTS_MAX: usize = 100_000;

/// Topics, subscriptions and what waits in them.
pub(crate) struct Broker {
    desk: Mutex<Desk>,
    /// Told after every change that somebody may wait for.
    changed: Notify,
    recorder: OnceLock<Arc<dyn Recorder>>,
    clock: Arc<dyn Clock>,
    chance: Chance,
    tasks: Mutex<JoinSet<()>>,
    pusher: Pusher,
    signer: Signer,
}

/// What the lock holds.
struct Desk {
    state: State,
    held: bool,
    attempts: VecDeque<Attempt>,
}

impl Broker {
    /// Runs its pushes on the runtime that this is called in.
    ///
    /// `seed` decides message ids. Whoever starts from recorded changes wants another one than
    /// the runs before had, for else the ids of acknowledged messages come again.
    pub(crate) fn new(seed: u64, shuffle: Option<u64>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let desk = Desk { state: State::new(shuffle), held: false, attempts: VecDeque::new() };
        let broker = Arc::new(Self {
            desk: Mutex::new(desk),
            changed: Notify::new(),
            recorder: OnceLock::new(),
            clock,
            chance: Chance::new(seed),
            tasks: Mutex::default(),
            pusher: Pusher::new(),
            signer: Signer::default(),
        });
        let pump = broker.clone().pump();
        let mut tasks = broker.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn_on(pump, &Handle::current());
        drop(tasks);
        broker
    }

    /// Signs the tokens that come with pushes.
    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Publishes to every subscription of `topic` whose filter matches; returns the message id.
    pub(crate) fn publish(
        &self,
        topic: &str,
        attributes: BTreeMap<String, String>,
        data: Bytes,
    ) -> io::Result<String> {
        let draft = Draft { attributes, data, ordering_key: String::new() };
        let mut desk = self.desk();
        let publication = desk.state.publication(topic, draft, self.clock.now(), &self.chance);
        let id = publication.message.message_id.clone();
        self.commit(&mut desk, vec![Change::Published(publication)])?;
        Ok(id)
    }

    /// Creates or updates a subscription without looking whether the service would, and the
    /// topics that it needs.
    pub(crate) fn subscribe(&self, subscription: Subscription) -> io::Result<()> {
        let mut desk = self.desk();
        let grave = subscription.dead_letter.as_ref().map(|policy| Kind::Topic.full(&policy.topic));
        let topics = [Some(subscription.full_topic()), grave].into_iter().flatten();
        let topics = topics.filter(|topic| !desk.state.topics.contains_key(topic));
        let mut changes: Vec<_> = topics.map(|it| Change::TopicSet(Topic::new(&it))).collect();
        let stored = desk.state.queues.get(&subscription.full_name());
        if stored.is_none_or(|queue| *queue.subscription != subscription) {
            changes.push(Change::SubscriptionSet(Box::new(subscription)));
        }
        self.commit(&mut desk, changes)
    }

    pub(crate) fn hold(&self, held: bool) {
        self.desk().held = held;
        self.changed.notify_waiters();
    }

    pub(crate) async fn settled(&self, timeout: Duration) -> Result<(), Outstanding> {
        let settled = async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                // Before looking: a change after the look wakes this.
                changed.as_mut().enable();
                if self.desk().outstanding().is_none() {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(timeout, settled).await.is_ok() {
            return Ok(());
        }
        self.desk().outstanding().map_or(Ok(()), Err)
    }

    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.desk().attempts.iter().cloned().collect()
    }

    pub(crate) fn take_attempts(&self) -> Vec<Attempt> {
        std::mem::take(&mut self.desk().attempts).into()
    }

    pub(crate) fn dead_letters(&self, topic: &str) -> Vec<Message> {
        self.desk().state.letters(&Kind::Topic.full(topic))
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

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans changes, records and applies them; says what the plan says.
    fn change<T>(
        &self,
        plan: impl FnOnce(&State) -> Result<(Vec<Change>, T), Problem>,
    ) -> Result<T, Problem> {
        let mut desk = self.desk();
        let (changes, told) = plan(&desk.state)?;
        self.commit(&mut desk, changes)?;
        Ok(told)
    }

    /// Records `changes` and applies them, or does neither.
    fn commit(&self, desk: &mut Desk, changes: Vec<Change>) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        if let Some(recorder) = self.recorder.get() {
            recorder.record(&changes)?;
        }
        changes.into_iter().for_each(|change| desk.state.apply(change));
        self.changed.notify_waiters();
        Ok(())
    }
}

impl Desk {
    /// What has not yet been pushed with success. What waits to be pulled may wait for ever.
    fn outstanding(&self) -> Option<Outstanding> {
        let pushing = self.state.queues.values().filter(|it| it.subscription.push.is_some());
        let counts =
            pushing.map(|queue| (queue.subscription.name.clone(), queue.waiting(), queue.pushes));
        let counts: Vec<_> = counts.filter(|(_, waiting, pushes)| waiting + pushes > 0).collect();
        (!counts.is_empty()).then_some(Outstanding { subscriptions: counts })
    }

    fn remember(&mut self, attempt: Attempt) {
        if self.attempts.len() >= ATTEMPTS_MAX {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
    }
}
