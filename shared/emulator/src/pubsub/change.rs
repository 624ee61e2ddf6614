//! Changes: all that can happen to topics, subscriptions and messages.
//!
//! Whatever changes is first computed as a list of these, then recorded, then applied: the list of
//! all changes since the beginning gives the present state, and so does [`State::dump`].
//! What a restart may forget is no change: who is being asked at the moment, and until when.
//!
//! [`State::dump`]: super::state::State::dump

mod json;

use std::io;
use std::sync::Arc;

use domain::Instant;

use super::message::Message;
use super::snapshot::Snapshot;
use super::subscription::Subscription;
use super::topic::Topic;

/// One thing that happens. Names are full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A topic is created or updated.
    TopicSet(Topic),
    /// A topic is deleted; its subscriptions stay.
    TopicDeleted(String),
    /// A subscription is created or updated.
    SubscriptionSet(Box<Subscription>),
    /// A subscription is deleted with all its messages.
    SubscriptionDeleted(String),
    /// A message comes to its subscriptions.
    Published(Publication),
    /// Messages of a subscription are done.
    Acknowledged { subscription: String, messages: Vec<String> },
    /// A message was delivered so many times in vain.
    Failed { subscription: String, message: String, attempts: u32 },
    /// A message is given up: done here, and published there.
    DeadLettered { subscription: String, message: String, publication: Publication },
    /// The retention of messages in a subscription ended.
    Expired { subscription: String, messages: Vec<String> },
    /// A subscription goes to another point of its history.
    Sought { subscription: String, to: Point },
    /// A snapshot is created or updated.
    SnapshotSet(Snapshot),
    /// A snapshot is deleted or has expired.
    SnapshotDeleted(String),
}

/// A message and the subscriptions that take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) topic: String,
    pub(crate) message: Arc<Message>,
    pub(crate) subscriptions: Vec<String>,
}

/// Where a subscription is sought to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// What was published before is done, what was published from then on is not.
    Time(Instant),
    /// What the snapshot of this name holds is not done, and all else is.
    Snapshot(String),
}

/// Keeps changes, so that a restart finds them again.
pub(crate) trait Recorder: Send + Sync {
    /// Keeps all of `changes` or none. Called with the broker locked: it must not call it.
    ///
    /// # Errors
    ///
    /// When nothing is kept. Then nothing is changed either.
    fn record(&self, changes: &[Change]) -> io::Result<()>;
}
