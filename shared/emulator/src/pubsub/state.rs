//! Topics, subscriptions and messages: what changes make of them.

mod dump;
mod plan;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::change::{Change, Point, Publication};
use super::message::Message;
use super::names::DELETED_TOPIC;
use super::problem::Problem;
use super::queue::{Disorder, Queue};
use super::snapshot::Snapshot;
use super::subscription::Subscription;
use super::topic::Topic;

pub(crate) use plan::Draft;

/// How many dead letters are remembered for [`crate::Emulator::dead_letters`].
const LETTERS_MAX: usize = 10_000;

/// The present. Keys are full names.
#[derive(Default)]
pub(super) struct State {
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) queues: BTreeMap<String, Queue>,
    pub(super) snapshots: BTreeMap<String, Snapshot>,
    disorder: Option<Disorder>,
    /// Topics and messages of the last dead letters.
    letters: VecDeque<(String, Arc<Message>)>,
    published: u64,
    incarnations: u64,
}

impl State {
    pub(super) fn new(shuffle: Option<u64>) -> Self {
        Self { disorder: shuffle.map(Disorder::new), ..Self::default() }
    }

    /// Makes `change` happen. What it names and is not there is no matter: it was there when the
    /// change was planned.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::TopicSet(topic) => {
                self.topics.insert(topic.name.clone(), topic);
            }
            Change::TopicDeleted(name) => self.delete_topic(&name),
            Change::SubscriptionSet(subscription) => self.set_subscription(*subscription),
            Change::SubscriptionDeleted(name) => {
                self.queues.remove(&name);
            }
            Change::Published(publication) => self.publish(publication),
            Change::Acknowledged { subscription, messages } => {
                self.each(&subscription, &messages, Queue::acknowledge);
            }
            Change::Failed { subscription, message, attempts } => {
                if let Some(queue) = self.queues.get_mut(&subscription) {
                    queue.fail(&message, attempts, self.disorder.as_ref());
                }
            }
            Change::DeadLettered { subscription, message, publication } => {
                self.each(&subscription, &[message], Queue::acknowledge);
                self.remember(&publication);
                self.publish(publication);
            }
            Change::Expired { subscription, messages } => {
                self.each(&subscription, &messages, Queue::expire);
            }
            Change::Sought { subscription, to } => self.seek(&subscription, &to),
            Change::SnapshotSet(snapshot) => {
                self.snapshots.insert(snapshot.name.clone(), snapshot);
            }
            Change::SnapshotDeleted(name) => {
                self.snapshots.remove(&name);
            }
        }
    }

    /// The dead letters of a topic that are remembered, in order.
    pub(super) fn letters(&self, topic: &str) -> Vec<Message> {
        let letters = self.letters.iter().filter(|(to, _)| to == topic);
        letters.map(|(_, message)| Message::clone(message)).collect()
    }

    pub(super) fn topic(&self, name: &str) -> Result<&Topic, Problem> {
        self.topics.get(name).ok_or_else(|| Problem::missing(name))
    }

    pub(super) fn queue(&self, name: &str) -> Result<&Queue, Problem> {
        self.queues.get(name).ok_or_else(|| Problem::missing(name))
    }

    pub(super) fn snapshot(&self, name: &str) -> Result<&Snapshot, Problem> {
        self.snapshots.get(name).ok_or_else(|| Problem::missing(name))
    }

    fn delete_topic(&mut self, name: &str) {
        self.topics.remove(name);
        for queue in self.queues.values_mut() {
            if queue.subscription.full_topic() == name {
                let topic = DELETED_TOPIC.to_owned();
                let orphan = Subscription { topic, ..Subscription::clone(&queue.subscription) };
                queue.configure(Arc::new(orphan));
            }
        }
    }

    fn set_subscription(&mut self, subscription: Subscription) {
        let name = subscription.full_name();
        let subscription = Arc::new(subscription);
        if let Some(queue) = self.queues.get_mut(&name) {
            queue.configure(subscription);
            return;
        }
        self.incarnations += 1;
        self.queues.insert(name, Queue::new(subscription, self.incarnations));
    }

    fn publish(&mut self, publication: Publication) {
        let Publication { topic, message, subscriptions } = publication;
        self.published += 1;
        for name in subscriptions {
            if let Some(queue) = self.queues.get_mut(&name) {
                queue.add(self.published, message.clone(), self.disorder.as_ref());
            }
        }
        for snapshot in self.snapshots.values_mut().filter(|it| it.topic == topic) {
            snapshot.messages.push(message.clone());
        }
    }

    fn remember(&mut self, publication: &Publication) {
        if self.letters.len() >= LETTERS_MAX {
            self.letters.pop_front();
        }
        self.letters.push_back((publication.topic.clone(), publication.message.clone()));
    }

    fn each(&mut self, subscription: &str, messages: &[String], end: fn(&mut Queue, &str)) {
        if let Some(queue) = self.queues.get_mut(subscription) {
            messages.iter().for_each(|id| end(queue, id));
        }
    }

    fn seek(&mut self, subscription: &str, to: &Point) {
        let Some(queue) = self.queues.get_mut(subscription) else { return };
        match to {
            Point::Time(time) => queue.seek(|message| message.published_at >= *time),
            Point::Snapshot(name) => {
                let Some(snapshot) = self.snapshots.get(name) else { return };
                for message in &snapshot.messages {
                    let wanted = queue.subscription.filter.matches(&message.attributes);
                    if wanted && !queue.holds(&message.message_id) {
                        self.published += 1;
                        queue.add(self.published, message.clone(), self.disorder.as_ref());
                    }
                }
                let ids: BTreeSet<&str> =
                    snapshot.messages.iter().map(|it| it.message_id.as_str()).collect();
                queue.seek(|message| ids.contains(message.message_id.as_str()));
            }
        }
    }
}
