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
use crate::pubsub::Broker;

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
    pub(crate) fn announce(&self, bucket: &str, notifications: &Notifications, event: &Event) {
        let notifications = notifications.lock().unwrap_or_else(PoisonError::into_inner);
        for notification in notifications.iter().filter(|it| it.matches(event)) {
            for _ in 0..self.repeat {
                let (attributes, data) = notification.message(bucket, event, self.event_at());
                self.broker.publish(&notification.topic, attributes, data);
            }
        }
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
        if let Some(folder) = &self.hub.folder {
            folder.objects(&self.bucket, changes, Vec::new())?;
        }
        for event in events {
            self.hub.announce(&self.bucket, &self.notifications, event);
        }
        Ok(())
    }
}
