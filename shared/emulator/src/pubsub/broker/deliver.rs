//! What publishers and subscribers do with messages.

use std::time::Duration;

use tokio::time::Instant;

use super::Broker;
use crate::pubsub::change::{Change, Point, Publication};
use crate::pubsub::names::{Kind, PROJECT};
use crate::pubsub::problem::{Code, Problem};
use crate::pubsub::queue::Delivery;
use crate::pubsub::state::{Draft, State};

/// How long a message waits for another attempt to record what became of it.
pub(super) const UNRECORDED_DELAY: Duration = Duration::from_secs(1);

/// How many dead letters are published again at once.
const REDRIVEN_MAX: usize = 1_000;

/// What somebody who pulls gives back to acknowledge: the message, and the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AckId {
    message: String,
    attempt: u32,
}

impl AckId {
    pub(crate) fn of(delivery: &Delivery) -> Self {
        Self { message: delivery.message.message_id.clone(), attempt: delivery.attempt }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let parts = text.split_once('-').filter(|(message, attempt)| {
            [message, attempt].iter().all(|it| it.bytes().all(|b| b.is_ascii_digit()))
        });
        let parts = parts.and_then(|(message, attempt)| Some((message, attempt.parse().ok()?)));
        let (message, attempt) = parts.ok_or_else(|| {
            let message =
                format!("You have passed an invalid ack ID to the service (ack_id={text}).");
            Problem::invalid(message)
        })?;
        Ok(Self { message: message.to_owned(), attempt })
    }
}

impl std::fmt::Display for AckId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.message, self.attempt)
    }
}

impl Broker {
    /// Publishes all of `drafts` or none; their ids.
    pub(crate) fn publish_all(
        &self,
        topic: &str,
        drafts: Vec<Draft>,
    ) -> Result<Vec<String>, Problem> {
        self.change(|state| {
            state.topic(topic)?;
            let now = self.clock.now();
            let publications: Vec<Publication> = drafts
                .into_iter()
                .map(|draft| state.publication(topic, draft, now, &self.chance))
                .collect();
            let ids = publications.iter().map(|it| it.message.message_id.clone()).collect();
            Ok((publications.into_iter().map(Change::Published).collect(), ids))
        })
    }

    /// At most so many messages of a pull subscription, leased until its ack deadline.
    pub(crate) fn pull(
        &self,
        subscription: &str,
        messages_max: usize,
    ) -> Result<Vec<Delivery>, Problem> {
        let mut desk = self.desk();
        self.pass_time(&mut desk);
        let queue = desk.state.queues.get_mut(subscription);
        let queue = queue.ok_or_else(|| Problem::missing(subscription))?;
        if queue.subscription.push.is_some() || queue.subscription.detached {
            let message = match queue.subscription.detached {
                true => "The subscription is detached from its topic.",
                false => "This method is not supported for push subscriptions.",
            };
            return Err(Problem::new(Code::FailedPrecondition, message));
        }
        let leased = queue.lease(Instant::now(), messages_max);
        drop(desk);
        if !leased.is_empty() {
            // The pump has to know when the leases end.
            self.changed.notify_waiters();
        }
        Ok(leased)
    }

    /// The same, and when there is none waits for one.
    pub(crate) async fn pull_within(
        &self,
        subscription: &str,
        messages_max: usize,
        patience: Duration,
    ) -> Result<Vec<Delivery>, Problem> {
        let end = Instant::now() + patience;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let leased = self.pull(subscription, messages_max)?;
            let now = Instant::now();
            if !leased.is_empty() || now >= end {
                return Ok(leased);
            }
            // A delay may end though nothing changes.
            let wakes_at = self.desk().state.queue(subscription)?.due_at(now).unwrap_or(end);
            drop(tokio::time::timeout_at(wakes_at.min(end), changed).await);
        }
    }

    /// Ends messages, also those whose leases have ended since.
    pub(crate) fn acknowledge(&self, subscription: &str, ids: &[AckId]) -> Result<(), Problem> {
        self.change(|state| {
            let queue = state.queue(subscription)?;
            let open = ids.iter().filter(|id| queue.open(&id.message).is_some());
            let messages: Vec<_> = open.map(|id| id.message.clone()).collect();
            let subscription = subscription.to_owned();
            let changes = match messages.is_empty() {
                true => Vec::new(),
                false => vec![Change::Acknowledged { subscription, messages }],
            };
            Ok((changes, ()))
        })
    }

    /// Sets the ends of leases to so long from now; at once, the messages have failed.
    pub(crate) fn modify_ack_deadline(
        &self,
        subscription: &str,
        ids: &[AckId],
        deadline: Duration,
    ) -> Result<(), Problem> {
        let mut desk = self.desk();
        desk.state.queue(subscription)?;
        let until = Instant::now() + deadline;
        for id in ids {
            let Some(queue) = desk.state.queues.get_mut(subscription) else { continue };
            queue.prolong(&id.message, id.attempt, until);
        }
        self.pass_time(&mut desk);
        drop(desk);
        self.changed.notify_waiters();
        Ok(())
    }

    /// Goes to another point of a subscription's history.
    pub(crate) fn seek(&self, subscription: &str, to: Point) -> Result<(), Problem> {
        self.pass_time(&mut self.desk());
        self.change(|state| {
            let queue = state.queue(subscription)?;
            if let Point::Snapshot(name) = &to
                && state.snapshot(name)?.topic != queue.subscription.full_topic()
            {
                return Err(Problem::argument("snapshot"));
            }
            let subscription = subscription.to_owned();
            Ok((vec![Change::Sought { subscription, to }], ()))
        })
    }

    /// Publishes the dead letters that wait in `subscription` again where they came from, without
    /// what made them dead letters; at most [`REDRIVEN_MAX`] of them. Says how many.
    pub(crate) fn redrive(&self, subscription: &str) -> Result<usize, Problem> {
        let name = Kind::Subscription.full(subscription);
        self.change(|state| {
            let queue = state.queue(&name)?;
            let mut changes = Vec::new();
            for (_, held) in queue.held().filter(|(_, held)| !held.acknowledged) {
                let Some(topic) = origin(state, &held.message.attributes) else { continue };
                let draft = Draft {
                    attributes: held.message.attributes_before(),
                    data: held.message.data.clone(),
                    ordering_key: held.message.ordering_key.clone(),
                };
                let messages = vec![held.message.message_id.clone()];
                changes.push(Change::Acknowledged { subscription: name.clone(), messages });
                let now = self.clock.now();
                let publication = state.publication(&topic, draft, now, &self.chance);
                changes.push(Change::Published(publication));
                if changes.len() >= 2 * REDRIVEN_MAX {
                    break;
                }
            }
            let count = changes.len() / 2;
            Ok((changes, count))
        })
    }
}

/// The topic that a dead letter came from, if it is there.
fn origin(
    state: &State,
    attributes: &std::collections::BTreeMap<String, String>,
) -> Option<String> {
    let attribute = |key: &str| attributes.get(&format!("{}{key}", crate::pubsub::DEAD_LETTER));
    let project = attribute("SourceSubscriptionProject").map_or(PROJECT, |it| it);
    let source = attribute("SourceSubscription")?;
    let source = format!("projects/{project}/subscriptions/{source}");
    let topic = state.queues.get(&source)?.subscription.full_topic();
    state.topics.contains_key(&topic).then_some(topic)
}
