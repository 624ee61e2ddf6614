//! Which changes follow from what happens. Nothing here changes anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::Instant;

use super::State;
use crate::chance::Chance;
use crate::pubsub::change::{Change, Publication};
use crate::pubsub::message::Message;
use crate::pubsub::names::Kind;
use crate::pubsub::queue::Held;
use crate::pubsub::snapshot::{self, Snapshot};

/// Message ids look like those of the service: sixteen digits.
const MESSAGE_ID_MIN: u64 = 1_000_000_000_000_000;
const MESSAGE_IDS: u64 = 9_000_000_000_000_000;

/// How often an id is drawn until none of the messages has it.
const DRAWS_MAX: usize = 16;

/// A message that is not published yet.
pub(crate) struct Draft {
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) data: Bytes,
    pub(crate) ordering_key: String,
}

impl State {
    /// `draft` as a message to `topic`, published at `now`, to the subscriptions that take it.
    pub(crate) fn publication(
        &self,
        topic: &str,
        draft: Draft,
        now: Instant,
        chance: &Chance,
    ) -> Publication {
        let topic = Kind::Topic.full(topic);
        let Draft { attributes, data, ordering_key } = draft;
        let message_id = self.unused_id(chance);
        let message = Message { message_id, attributes, data, published_at: now, ordering_key };
        let takes = self.queues.iter().filter(|(_, queue)| {
            let it = &queue.subscription;
            !it.detached && it.full_topic() == topic && it.filter.matches(&message.attributes)
        });
        let subscriptions = takes.map(|(name, _)| name.clone()).collect();
        Publication { topic, message: Arc::new(message), subscriptions }
    }

    /// What becomes of a message whose delivery failed once more; nothing if it is done already.
    pub(crate) fn failure(
        &self,
        subscription: &str,
        message: &str,
        now: Instant,
        chance: &Chance,
    ) -> Option<Change> {
        let queue = self.queues.get(subscription)?;
        let (_, held) = queue.open(message)?;
        let attempts = held.attempts.saturating_add(1);
        let (subscription, message) = (subscription.to_owned(), message.to_owned());
        let grave = queue.subscription.gives_up(attempts);
        // The service keeps trying when the dead-letter topic is gone.
        let Some(topic) = grave.filter(|topic| self.topics.contains_key(topic)) else {
            return Some(Change::Failed { subscription, message, attempts });
        };
        let draft = Draft {
            attributes: held.message.dead_letter_attributes(&subscription, attempts),
            data: held.message.data.clone(),
            ordering_key: held.message.ordering_key.clone(),
        };
        let publication = self.publication(&topic, draft, now, chance);
        Some(Change::DeadLettered { subscription, message, publication })
    }

    /// What has come to the end of its time.
    pub(crate) fn ended(&self, now: Instant) -> Vec<Change> {
        let queues = self.queues.iter().filter_map(|(name, queue)| {
            let retention = queue.subscription.retention;
            let ended = |held: &Held| held.message.published_at.after(retention) <= now;
            // In the order of publication, but for what came back from a snapshot.
            let first = queue.held().next().is_some_and(|(_, held)| ended(held));
            let all = queue.held().filter(|(_, held)| first && ended(held));
            let messages: Vec<_> = all.map(|(_, held)| held.message.message_id.clone()).collect();
            let subscription = name.clone();
            (!messages.is_empty()).then_some(Change::Expired { subscription, messages })
        });
        let snapshots = self.snapshots.values().filter(|snapshot| snapshot.expires_at <= now);
        let snapshots = snapshots.map(|snapshot| Change::SnapshotDeleted(snapshot.name.clone()));
        queues.chain(snapshots).collect()
    }

    /// A snapshot of what `subscription` has not done; it lives as long as the oldest of that.
    pub(crate) fn snapshot_of(
        &self,
        name: &str,
        subscription: &str,
        labels: BTreeMap<String, String>,
        now: Instant,
    ) -> Option<Snapshot> {
        let queue = self.queues.get(subscription)?;
        let open = queue.held().filter(|(_, held)| !held.acknowledged);
        let messages: Vec<_> = open.map(|(_, held)| held.message.clone()).collect();
        let oldest = messages.iter().map(|message| message.published_at).min();
        Some(Snapshot {
            name: name.to_owned(),
            topic: queue.subscription.full_topic(),
            expires_at: oldest.unwrap_or(now).min(now).after(snapshot::LIFETIME),
            labels,
            messages,
        })
    }

    /// An id that none of the messages here has; ids of messages that are gone may come again.
    fn unused_id(&self, chance: &Chance) -> String {
        let draw = || (MESSAGE_ID_MIN + chance.below(MESSAGE_IDS)).to_string();
        let is_used = |id: &String| {
            self.queues.values().any(|queue| queue.holds(id))
                || self.snapshots.values().any(|it| it.messages.iter().any(|m| m.message_id == *id))
        };
        let mut draws = std::iter::repeat_with(draw).take(DRAWS_MAX);
        draws.find(|id| !is_used(id)).unwrap_or_else(draw)
    }
}
