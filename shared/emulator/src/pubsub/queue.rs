//! The messages of one subscription, and which of them is next.
//!
//! A message that is held is either acknowledged, or waits until it is due, or is out: in a push
//! or leased to somebody who pulls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::message::Message;
use super::subscription::Subscription;
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

/// The place among waiting messages: the smallest that is due goes first. Ends in the number.
type Rank = (u64, u64);

/// A message of the subscription.
pub(super) struct Held {
    pub(super) message: Arc<Message>,
    /// How many times it was delivered in vain.
    pub(super) attempts: u32,
    pub(super) acknowledged: bool,
    rank: Rank,
}

/// A message on its way to whoever gets it.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) number: u64,
    pub(crate) message: Arc<Message>,
    /// Counted from 1.
    pub(crate) attempt: u32,
}

/// One subscription with its messages, by the number of their publication.
pub(super) struct Queue {
    pub(super) subscription: Arc<Subscription>,
    /// Unlike that of any other subscription, of the same name or not.
    pub(super) incarnation: u64,
    /// Pushes without an answer, whatever became of their messages.
    pub(super) pushes: usize,
    held: BTreeMap<u64, Held>,
    numbers: BTreeMap<String, u64>,
    waiting: BTreeMap<Rank, Instant>,
    pushed: BTreeSet<u64>,
    leased: BTreeMap<u64, Instant>,
    /// What is not acknowledged, by ordering key.
    keys: BTreeMap<String, BTreeSet<u64>>,
}

impl Queue {
    pub(super) fn new(subscription: Arc<Subscription>, incarnation: u64) -> Self {
        Self {
            subscription,
            incarnation,
            pushes: 0,
            held: BTreeMap::new(),
            numbers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            pushed: BTreeSet::new(),
            leased: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Takes another configuration, with the messages that it still keeps.
    pub(super) fn configure(&mut self, subscription: Arc<Subscription>) {
        self.subscription = subscription;
        let (detached, retains) = (self.subscription.detached, self.subscription.retain_acked);
        let gone = |held: &Held| detached || (held.acknowledged && !retains);
        let gone = self.held.iter().filter(|(_, held)| gone(held));
        for number in gone.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.drop_message(number);
        }
    }

    /// How many messages wait for a delivery.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn held(&self) -> impl Iterator<Item = (u64, &Held)> {
        self.held.iter().map(|(number, held)| (*number, held))
    }

    /// The message with this id, if it is not acknowledged.
    pub(super) fn open(&self, id: &str) -> Option<(u64, &Held)> {
        let number = *self.numbers.get(id)?;
        let held = self.held.get(&number)?;
        (!held.acknowledged).then_some((number, held))
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.numbers.contains_key(id)
    }

    /// Adds a message, the `number`th that was published.
    pub(super) fn add(&mut self, number: u64, message: Arc<Message>, disorder: Option<&Disorder>) {
        if self.subscription.detached || self.holds(&message.message_id) {
            return;
        }
        let rank = (disorder.map_or(0, |disorder| disorder.0.next()), number);
        self.numbers.insert(message.message_id.clone(), number);
        self.held.insert(number, Held { message, attempts: 0, acknowledged: true, rank });
        self.reopen(number, disorder.map_or(Duration::ZERO, Disorder::delay));
    }

    /// Makes an acknowledged message wait again, from the first attempt.
    fn reopen(&mut self, number: u64, delay: Duration) {
        let Some(held) = self.held.get_mut(&number).filter(|held| held.acknowledged) else {
            return;
        };
        held.acknowledged = false;
        held.attempts = 0;
        self.waiting.insert(held.rank, Instant::now() + delay);
        let key = &held.message.ordering_key;
        if !key.is_empty() {
            self.keys.entry(key.clone()).or_default().insert(number);
        }
    }

    /// Ends a message; it is kept where the subscription keeps such.
    pub(super) fn acknowledge(&mut self, id: &str) {
        let Some((number, held)) = self.open(id) else { return };
        let (rank, key) = (held.rank, held.message.ordering_key.clone());
        self.waiting.remove(&rank);
        self.pushed.remove(&number);
        self.leased.remove(&number);
        if let Some(numbers) = self.keys.get_mut(&key) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.keys.remove(&key);
            }
        }
        match self.held.get_mut(&number) {
            Some(held) if self.subscription.retain_acked => held.acknowledged = true,
            _ => self.forget(number),
        }
    }

    /// Ends a message, which is kept nowhere.
    pub(super) fn expire(&mut self, id: &str) {
        if let Some(number) = self.numbers.get(id).copied() {
            self.drop_message(number);
        }
    }

    fn drop_message(&mut self, number: u64) {
        if let Some(id) = self.held.get(&number).map(|held| held.message.message_id.clone()) {
            self.acknowledge(&id);
            self.forget(number);
        }
    }

    fn forget(&mut self, number: u64) {
        if let Some(held) = self.held.remove(&number) {
            self.numbers.remove(&held.message.message_id);
        }
    }

    /// Makes a message wait for its next attempt after `attempts` in vain.
    pub(super) fn fail(&mut self, id: &str, attempts: u32, disorder: Option<&Disorder>) {
        let Some((number, _)) = self.open(id) else { return };
        if let Some(held) = self.held.get_mut(&number) {
            held.attempts = attempts;
        }
        let delay = disorder.map_or(Duration::ZERO, Disorder::delay);
        self.put_back(number, self.subscription.backoff(attempts) + delay);
        self.recall_after(number);
    }

    /// Makes a message that is out wait.
    pub(super) fn put_back(&mut self, number: u64, delay: Duration) {
        let Some(held) = self.held.get(&number).filter(|held| !held.acknowledged) else { return };
        self.pushed.remove(&number);
        self.leased.remove(&number);
        self.waiting.insert(held.rank, Instant::now() + delay);
    }

    /// Where order is kept, what was leased together with `number` comes again after it.
    fn recall_after(&mut self, number: u64) {
        let Some(held) = self.held.get(&number).filter(|_| self.subscription.ordered) else {
            return;
        };
        let later = self.keys.get(&held.message.ordering_key).into_iter().flatten();
        let later = later.filter(|it| **it > number && self.leased.contains_key(*it));
        for number in later.copied().collect::<Vec<_>>() {
            self.put_back(number, Duration::ZERO);
        }
    }

    /// Makes acknowledged messages wait again and ends others: those are left open that `opens`
    /// says so of.
    pub(super) fn seek(&mut self, opens: impl Fn(&Message) -> bool) {
        let all: Vec<_> = self.held.iter().map(|(n, held)| (*n, held.message.clone())).collect();
        for (number, message) in all {
            match opens(&message) {
                true => self.reopen(number, Duration::ZERO),
                false => self.acknowledge(&message.message_id),
            }
        }
    }

    /// Makes everything due that waits.
    pub(super) fn hurry(&mut self) {
        let now = Instant::now();
        self.waiting.values_mut().for_each(|due| *due = now);
    }

    /// Takes a message that may be pushed.
    pub(super) fn next_push(&mut self, now: Instant) -> Option<Delivery> {
        if self.pushes >= self.subscription.in_flight_max.max(1) {
            return None;
        }
        let delivery = self.take(now, &BTreeSet::new())?;
        self.pushes += 1;
        self.pushed.insert(delivery.number);
        Some(delivery)
    }

    /// Whether the push of `number` still decides about its message.
    pub(super) fn is_pushed(&self, number: u64) -> bool {
        self.pushed.contains(&number)
    }

    /// Takes messages for somebody who pulls, until the ack deadline.
    pub(super) fn lease(&mut self, now: Instant, messages_max: usize) -> Vec<Delivery> {
        let mut batch = BTreeSet::new();
        let mut deliveries = Vec::new();
        while deliveries.len() < messages_max
            && let Some(delivery) = self.take(now, &batch)
        {
            self.leased.insert(delivery.number, now + self.subscription.ack_deadline);
            batch.insert(delivery.number);
            deliveries.push(delivery);
        }
        deliveries
    }

    /// Prolongs the lease of a message that is leased and was delivered for the `attempt`th time.
    pub(super) fn prolong(&mut self, id: &str, attempt: u32, until: Instant) {
        let Some((number, held)) = self.open(id) else { return };
        if held.attempts + 1 == attempt
            && let Some(end) = self.leased.get_mut(&number)
        {
            *end = until;
        }
    }

    /// The ids of messages whose leases have ended.
    pub(super) fn overdue(&self, now: Instant) -> Vec<String> {
        let overdue = self.leased.iter().filter(|(_, end)| **end <= now);
        let held = overdue.filter_map(|(number, _)| self.held.get(number));
        held.map(|held| held.message.message_id.clone()).collect()
    }

    /// When something here changes by itself: a message is due or a lease ends.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let full = self.pushes >= self.subscription.in_flight_max.max(1);
        let pushes = self.subscription.push.is_some() && !full;
        // What waits for a message before it is woken by the end of that one.
        let turn = |(rank, _): &(&Rank, &Instant)| self.is_its_turn(rank.1, &BTreeSet::new());
        let waiting = pushes.then(|| self.waiting.iter().filter(turn).map(|(_, due)| *due).min());
        waiting.flatten().into_iter().chain(self.leased.values().copied()).min()
    }

    /// When the next message that is not due yet will be.
    pub(super) fn due_at(&self, now: Instant) -> Option<Instant> {
        self.waiting.values().copied().filter(|due| *due > now).min()
    }

    /// Takes a message that is due, when those of `batch` go before it.
    fn take(&mut self, now: Instant, batch: &BTreeSet<u64>) -> Option<Delivery> {
        let mut due = self.waiting.iter().filter(|(_, due)| **due <= now);
        let rank = *due.find(|(rank, _)| self.is_its_turn(rank.1, batch))?.0;
        self.waiting.remove(&rank);
        let held = self.held.get(&rank.1)?;
        Some(Delivery {
            number: rank.1,
            message: held.message.clone(),
            attempt: held.attempts.saturating_add(1),
        })
    }

    /// Whether nothing of the same ordering key has to be acknowledged before, but for `batch`.
    fn is_its_turn(&self, number: u64, batch: &BTreeSet<u64>) -> bool {
        let Some(held) = self.held.get(&number).filter(|_| self.subscription.ordered) else {
            return true;
        };
        let same = self.keys.get(&held.message.ordering_key).into_iter().flatten();
        same.take_while(|it| **it < number).all(|it| batch.contains(it))
    }
}
