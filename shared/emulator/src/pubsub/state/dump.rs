//! The shortest list of changes that leads to the present.

use std::collections::BTreeMap;

use super::State;
use crate::pubsub::change::{Change, Publication};

impl State {
    /// Applied to an empty state, this gives the present one: topics, subscriptions, messages in
    /// the order of their publication, what became of them, snapshots.
    pub(crate) fn dump(&self) -> Vec<Change> {
        let topics = self.topics.values().cloned().map(Change::TopicSet);
        let queues = self.queues.values();
        let subscriptions =
            queues.map(|queue| Change::SubscriptionSet(Box::new((*queue.subscription).clone())));
        let snapshots = self.snapshots.values().cloned().map(Change::SnapshotSet);
        let publications = self.publications().into_values().map(Change::Published);
        // Snapshots last: they hold what is published to their topics.
        topics
            .chain(subscriptions)
            .chain(publications)
            .chain(self.fates())
            .chain(snapshots)
            .collect()
    }

    /// Every message that is held somewhere, by its number.
    fn publications(&self) -> BTreeMap<u64, Publication> {
        let mut publications: BTreeMap<u64, Publication> = BTreeMap::new();
        for (name, queue) in &self.queues {
            for (number, held) in queue.held() {
                let publication = publications.entry(number).or_insert_with(|| Publication {
                    topic: queue.subscription.full_topic(),
                    message: held.message.clone(),
                    subscriptions: Vec::new(),
                });
                publication.subscriptions.push(name.clone());
            }
        }
        publications
    }

    /// What became of messages so far.
    fn fates(&self) -> Vec<Change> {
        let mut fates = Vec::new();
        for (name, queue) in &self.queues {
            let subscription = || name.clone();
            let done = queue.held().filter(|(_, held)| held.acknowledged);
            let messages: Vec<_> = done.map(|(_, held)| held.message.message_id.clone()).collect();
            if !messages.is_empty() {
                fates.push(Change::Acknowledged { subscription: subscription(), messages });
            }
            for (_, held) in queue.held().filter(|(_, it)| !it.acknowledged && it.attempts > 0) {
                let message = held.message.message_id.clone();
                let attempts = held.attempts;
                fates.push(Change::Failed { subscription: subscription(), message, attempts });
            }
        }
        fates
    }
}
