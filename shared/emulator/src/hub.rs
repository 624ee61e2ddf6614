//! Between buckets and topics: what a change of an object makes known, and where it is noted.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Clock as _, Instant};

use crate::SystemClock;
use crate::chance::Chance;
use crate::folder::Folder;
use crate::memory::{self, Change, Event};
use crate::notification::Notification;
use crate::pubsub::{self, Broker};

/// The notification configurations of one bucket.
pub(crate) type Notifications = Arc<Mutex<Vec<Notification>>>;

/// Publishes what happens.
pub(crate) struct Hub {
    pub(crate) broker: Arc<Broker>,
    pub(crate) chance: Chance,
    /// How many messages each notification becomes.
    pub(crate) repeat: u32,
    /// Where everything is noted before it happens; nowhere when missing.
    pub(crate) folder: Option<Arc<Folder>>,
}

impl Hub {
    /// Publishes `event` to the topic of every configuration that speaks of it.
    ///
    /// # Errors
    ///
    /// When it cannot be noted.
    pub(crate) fn announce(
        &self,
        bucket: &str,
        notifications: &Notifications,
        event: &Event,
    ) -> io::Result<()> {
        let changes = self.messages(bucket, notifications, event);
        if let Some(folder) = &self.folder {
            pubsub::Recorder::record(&**folder, &changes)?;
        }
        self.broker.apply(changes);
        Ok(())
    }

    /// The messages that follow from `event`.
    fn messages(
        &self,
        bucket: &str,
        notifications: &Notifications,
        event: &Event,
    ) -> Vec<pubsub::Change> {
        let notifications = notifications.lock().unwrap_or_else(PoisonError::into_inner);
        let matching = notifications.iter().filter(|it| it.matches(event));
        let repeated = matching.flat_map(|it| (0..self.repeat).map(move |_| it));
        let message = |it: &Notification| {
            let (attributes, data) = it.message(bucket, event, self.event_at());
            self.broker.plan_publish(&it.topic, attributes, data)
        };
        repeated.map(message).collect()
    }

    /// The present, and some microseconds that no clock here tells.
    fn event_at(&self) -> Instant {
        SystemClock.now().after(Duration::from_micros(self.chance.below(1000)))
    }
}

/// Takes note of what happens in one bucket.
pub(crate) struct Recorder {
    pub(crate) hub: Arc<Hub>,
    pub(crate) bucket: String,
    pub(crate) notifications: Notifications,
}

impl memory::Recorder for Recorder {
    fn record(&self, changes: &[Change], events: &[Event]) -> io::Result<()> {
        let hub = &self.hub;
        let messages = |event| hub.messages(&self.bucket, &self.notifications, event);
        let messages: Vec<pubsub::Change> = events.iter().flat_map(messages).collect();
        if let Some(folder) = &hub.folder {
            let noted = messages.iter().map(pubsub::Change::to_json).collect();
            folder.objects(&self.bucket, changes, noted)?;
        }
        hub.broker.apply(messages);
        Ok(())
    }
}
