//! Messages, subscriptions, and what is recorded about pushes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::{Generation, Instant};
use serde_json::{Map, Value, json};

use super::push::Pushed;
use super::queue::Job;

/// The project of names that come without one.
const PROJECT: &str = "local";

/// A message as published to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Unique among the messages of an emulator; the same for every attempt to deliver it.
    pub message_id: String,
    /// The attributes.
    pub attributes: BTreeMap<String, String>,
    /// The payload, not encoded.
    pub data: Bytes,
    /// When it was published.
    pub published_at: Instant,
}

impl Message {
    /// The name of the object that a notification is about.
    pub fn object(&self) -> Option<&str> {
        self.attributes.get("objectId").map(String::as_str)
    }

    /// The body of a push of this message to `subscription`, as the service makes it; with the
    /// number of the attempt where the subscription has a dead-letter topic. Keys are in
    /// alphabetic order. (Pub/Sub documentation, "Push subscriptions", "Receive messages".)
    pub fn push_body(&self, subscription: &str, attempt: Option<u32>) -> String {
        let published_at = self.published_at.to_millis_text();
        let mut body = Map::new();
        if let Some(attempt) = attempt {
            body.insert("deliveryAttempt".to_owned(), Value::from(attempt));
        }
        let message = json!({
            "attributes": self.attributes,
            "data": STANDARD.encode(&self.data),
            "messageId": self.message_id,
            "message_id": self.message_id,
            "publishTime": published_at,
            "publish_time": published_at,
        });
        body.insert("message".to_owned(), message);
        body.insert("subscription".to_owned(), Value::from(subscription));
        Value::Object(body).to_string()
    }

    /// This message as it is published to the dead-letter topic. (Pub/Sub documentation,
    /// "Dead-letter topics", "How dead-letter topics work".)
    pub(super) fn dead_letter(
        &self,
        from: &Subscription,
        attempts: u32,
        message_id: String,
    ) -> Self {
        let full_name = from.full_name();
        let mut parts = full_name.split('/');
        let (project, name) = (parts.nth(1).unwrap_or(PROJECT), parts.next_back().unwrap_or(""));
        let notes = [
            ("SourceDeliveryCount", attempts.to_string()),
            ("SourceSubscription", name.to_owned()),
            ("SourceSubscriptionProject", project.to_owned()),
            // With a numeric offset, unlike every other time in Pub/Sub.
            ("SourceTopicPublishTime", self.published_at.to_millis_text().replace('Z', "+00:00")),
        ];
        let mut message = Self { message_id, ..self.clone() };
        let notes = notes.map(|(note, value)| (format!("CloudPubSubDeadLetter{note}"), value));
        message.attributes.extend(notes);
        message
    }
}

/// A push subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The name, alone or as `projects/{project}/subscriptions/{name}`.
    pub name: String,
    /// The topic, spelled as in the notifications that feed it.
    pub topic: String,
    /// Where messages are posted to, `http://…`.
    pub push_endpoint: String,
    /// Only objects whose names begin with one of these; all when empty.
    pub include: Vec<String>,
    /// No object whose name begins with one of these.
    pub exclude: Vec<String>,
    /// How long an endpoint may take to answer.
    pub ack_deadline: Duration,
    /// The delay before the second attempt; it doubles with each further one.
    pub backoff_min: Duration,
    /// The longest delay between two attempts.
    pub backoff_max: Duration,
    /// After so many attempts a message goes to the dead-letter topic. Without such a topic it
    /// is tried for ever, as the service does until its retention ends.
    pub attempts_max: u32,
    /// Where messages go that were never acknowledged.
    pub dead_letter_topic: Option<String>,
    /// How many pushes may wait for their answers at once, at least 1.
    pub in_flight_max: usize,
}

impl Subscription {
    /// The name as push bodies carry it.
    pub(super) fn full_name(&self) -> String {
        match self.name.starts_with("projects/") {
            true => self.name.clone(),
            false => format!("projects/{PROJECT}/subscriptions/{}", self.name),
        }
    }

    pub(super) fn matches(&self, message: &Message) -> bool {
        let object = message.object().unwrap_or("");
        let begins = |prefixes: &[String]| prefixes.iter().any(|prefix| object.starts_with(prefix));
        (self.include.is_empty() || begins(&self.include)) && !begins(&self.exclude)
    }

    pub(super) fn is_exhausted(&self, attempt: u32) -> bool {
        self.dead_letter_topic.is_some() && attempt >= self.attempts_max
    }

    /// The delay after the failed attempt number `attempt`, counted from 1.
    pub(crate) fn backoff(&self, attempt: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.backoff_min.saturating_mul(doubled).min(self.backoff_max.max(self.backoff_min))
    }
}

/// One push and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The subscription.
    pub subscription: String,
    /// The object that the message is about; empty when it is about none.
    pub object: String,
    /// The version of that object.
    pub generation: Option<Generation>,
    /// The message.
    pub message_id: String,
    /// Counted from 1 for each message and subscription.
    pub attempt: u32,
    /// The answer; 0 when there was none in time.
    pub status: u16,
    /// From the beginning of the push to its answer.
    pub elapsed: Duration,
}

impl Attempt {
    pub(super) fn of(subscription: &Subscription, job: &Job, pushed: &Pushed) -> Self {
        let generation = job.message.attributes.get("objectGeneration");
        Self {
            subscription: subscription.name.clone(),
            object: job.message.object().unwrap_or("").to_owned(),
            generation: generation.and_then(|text| Generation::parse(text)),
            message_id: job.message.message_id.clone(),
            attempt: job.attempt,
            status: pushed.status,
            elapsed: pushed.elapsed,
        }
    }
}

/// What was not yet acknowledged when the patience of [`crate::Emulator::settled`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outstanding {
    /// Name, messages waiting and messages in flight of every subscription that has some.
    pub subscriptions: Vec<(String, usize, usize)>,
}

/// `snapshot-builder: 2 waiting, 1 in flight; …`
impl fmt::Display for Outstanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, waiting, in_flight)) in self.subscriptions.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{name}: {waiting} waiting, {in_flight} in flight")?;
        }
        Ok(())
    }
}

impl std::error::Error for Outstanding {}
