//! Topics, subscriptions and snapshots come, change and go, as the service lets them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Broker;
use crate::pubsub::change::Change;
use crate::pubsub::names::{DELETED_TOPIC, Kind};
use crate::pubsub::problem::{Code, Problem};
use crate::pubsub::snapshot::Snapshot;
use crate::pubsub::state::State;
use crate::pubsub::subscription::{Push, Subscription};
use crate::pubsub::topic::Topic;

/// The most topics, subscriptions or snapshots of an emulator, as of a project.
const RESOURCES_MAX: usize = 10_000;

impl Broker {
    pub(crate) fn topics(&self) -> Vec<Topic> {
        self.desk().state.topics.values().cloned().collect()
    }

    pub(crate) fn topic(&self, name: &str) -> Result<Topic, Problem> {
        self.desk().state.topic(name).cloned()
    }

    pub(crate) fn create_topic(&self, topic: Topic) -> Result<(), Problem> {
        self.change(|state| {
            if state.topics.contains_key(&topic.name) {
                return Err(Problem::exists(&topic.name));
            }
            check_room(state.topics.len())?;
            Ok((vec![Change::TopicSet(topic)], ()))
        })
    }

    /// Replaces a topic by what `update` makes of it.
    pub(crate) fn update_topic(
        &self,
        name: &str,
        update: impl FnOnce(&Topic) -> Result<Topic, Problem>,
    ) -> Result<Topic, Problem> {
        self.change(|state| {
            let topic = update(state.topic(name)?)?;
            Ok((vec![Change::TopicSet(topic.clone())], topic))
        })
    }

    pub(crate) fn delete_topic(&self, name: &str) -> Result<(), Problem> {
        self.change(|state| {
            state.topic(name)?;
            Ok((vec![Change::TopicDeleted(name.to_owned())], ()))
        })
    }

    pub(crate) fn subscriptions(&self) -> Vec<Arc<Subscription>> {
        self.desk().state.queues.values().map(|queue| queue.subscription.clone()).collect()
    }

    pub(crate) fn subscription(&self, name: &str) -> Result<Arc<Subscription>, Problem> {
        self.desk().state.queue(name).map(|queue| queue.subscription.clone())
    }

    pub(crate) fn create_subscription(&self, subscription: Subscription) -> Result<(), Problem> {
        self.change(|state| {
            let name = subscription.full_name();
            if state.queues.contains_key(&name) {
                return Err(Problem::exists(&name));
            }
            check_room(state.queues.len())?;
            state.topic(&subscription.full_topic())?;
            check_grave(state, &subscription)?;
            Ok((vec![Change::SubscriptionSet(Box::new(subscription))], ()))
        })
    }

    /// Replaces a subscription by what `update` makes of it.
    pub(crate) fn update_subscription(
        &self,
        name: &str,
        update: impl FnOnce(&Subscription) -> Result<Subscription, Problem>,
    ) -> Result<Subscription, Problem> {
        self.change(|state| {
            let subscription = update(&state.queue(name)?.subscription)?;
            check_grave(state, &subscription)?;
            let change = Change::SubscriptionSet(Box::new(subscription.clone()));
            Ok((vec![change], subscription))
        })
    }

    /// Pushes elsewhere from here on, or nowhere.
    pub(crate) fn modify_push(&self, name: &str, push: Option<Push>) -> Result<(), Problem> {
        let update = |it: &Subscription| Ok(Subscription { push, ..it.clone() });
        self.update_subscription(name, update).map(drop)
    }

    /// Cuts a subscription off from its topic, with the loss of its messages.
    pub(crate) fn detach(&self, name: &str) -> Result<(), Problem> {
        let update = |it: &Subscription| Ok(Subscription { detached: true, ..it.clone() });
        self.update_subscription(name, update).map(drop)
    }

    pub(crate) fn delete_subscription(&self, name: &str) -> Result<(), Problem> {
        self.change(|state| {
            state.queue(name)?;
            Ok((vec![Change::SubscriptionDeleted(name.to_owned())], ()))
        })
    }

    pub(crate) fn snapshots(&self) -> Vec<Snapshot> {
        self.desk().state.snapshots.values().cloned().collect()
    }

    pub(crate) fn snapshot(&self, name: &str) -> Result<Snapshot, Problem> {
        self.desk().state.snapshot(name).cloned()
    }

    pub(crate) fn create_snapshot(
        &self,
        name: &str,
        subscription: &str,
        labels: BTreeMap<String, String>,
    ) -> Result<Snapshot, Problem> {
        self.pass_time(&mut self.desk());
        self.change(|state| {
            if state.snapshots.contains_key(name) {
                return Err(Problem::exists(name));
            }
            check_room(state.snapshots.len())?;
            if state.queue(subscription)?.subscription.topic == DELETED_TOPIC {
                let message = "The topic of the subscription was deleted.";
                return Err(Problem::new(Code::FailedPrecondition, message));
            }
            let now = self.clock.now();
            let snapshot = state.snapshot_of(name, subscription, labels, now);
            let snapshot = snapshot.ok_or_else(|| Problem::missing(subscription))?;
            Ok((vec![Change::SnapshotSet(snapshot.clone())], snapshot))
        })
    }

    /// Replaces a snapshot by what `update` makes of it.
    pub(crate) fn update_snapshot(
        &self,
        name: &str,
        update: impl FnOnce(&Snapshot) -> Result<Snapshot, Problem>,
    ) -> Result<Snapshot, Problem> {
        self.change(|state| {
            let snapshot = update(state.snapshot(name)?)?;
            Ok((vec![Change::SnapshotSet(snapshot.clone())], snapshot))
        })
    }

    pub(crate) fn delete_snapshot(&self, name: &str) -> Result<(), Problem> {
        self.change(|state| {
            state.snapshot(name)?;
            Ok((vec![Change::SnapshotDeleted(name.to_owned())], ()))
        })
    }
}

fn check_room(count: usize) -> Result<(), Problem> {
    match count < RESOURCES_MAX {
        true => Ok(()),
        false => Err(Problem::too_large("resources", count + 1, RESOURCES_MAX)),
    }
}

/// A dead-letter topic has to be there when it is named.
fn check_grave(state: &State, subscription: &Subscription) -> Result<(), Problem> {
    let Some(policy) = &subscription.dead_letter else { return Ok(()) };
    state.topic(&Kind::Topic.full(&policy.topic)).map(drop)
}
