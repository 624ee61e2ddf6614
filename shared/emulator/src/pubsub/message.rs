//! Messages, in a push and on their way to the dead letters.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Instant;
use serde_json::{Map, Value, json};

use super::json::{Fields, parse_base64};
use super::names;
use super::problem::Problem;

/// What the attributes begin with that a dead letter has more than the message it was.
pub(crate) const DEAD_LETTER: &str = "CloudPubSubDeadLetter";

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
    /// Messages with the same key are delivered in order by a subscription that keeps order;
    /// none when empty.
    pub ordering_key: String,
}

impl Message {
    /// The name of the object that a notification is about.
    pub fn object(&self) -> Option<&str> {
        self.attributes.get("objectId").map(String::as_str)
    }

    /// The body of a push of this message to `subscription`, as the service makes it; with the
    /// number of the attempt where the subscription has a dead-letter topic. Keys are in
    /// alphabetic order, and what is empty is left out. (Pub/Sub documentation, "Push
    /// subscriptions", "Receive messages"; ProtoJSON Format, "Presence and default-values".)
    pub fn push_body(&self, subscription: &str, attempt: Option<u32>) -> String {
        let published_at = self.published_at.to_millis_text();
        let mut body = Map::new();
        if let Some(attempt) = attempt {
            body.insert("deliveryAttempt".to_owned(), Value::from(attempt));
        }
        let mut message = json!({
            "attributes": self.attributes,
            "data": STANDARD.encode(&self.data),
            "messageId": self.message_id,
            "message_id": self.message_id,
            "orderingKey": self.ordering_key,
            "publishTime": published_at,
            "publish_time": published_at,
        });
        leave_out_empty(&mut message);
        body.insert("message".to_owned(), message);
        body.insert("subscription".to_owned(), Value::from(subscription));
        Value::Object(body).to_string()
    }

    /// The resource, with the time in full.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({
            "data": STANDARD.encode(&self.data),
            "attributes": self.attributes,
            "messageId": self.message_id,
            "publishTime": self.published_at.to_string(),
            "orderingKey": self.ordering_key,
        });
        leave_out_empty(&mut json);
        json
    }

    /// Reads what [`Message::to_json`] wrote.
    pub(crate) fn from_json(json: &Value) -> Result<Self, Problem> {
        let fields = Fields::of(json, "message")?;
        let problem = |field| move || Problem::argument(field);
        let published_at = Instant::parse(fields.text("publishTime")?);
        Ok(Self {
            message_id: fields.text("messageId")?.to_owned(),
            attributes: fields.map("attributes")?,
            data: parse_base64(fields.text("data")?).ok_or_else(problem("data"))?,
            published_at: published_at.ok_or_else(problem("publishTime"))?,
            ordering_key: fields.text("orderingKey")?.to_owned(),
        })
    }

    /// The attributes with which this message goes to the dead-letter topic of `subscription`.
    /// (Pub/Sub documentation, "Dead-letter topics", "How dead-letter topics work".)
    pub(crate) fn dead_letter_attributes(
        &self,
        subscription: &str,
        attempts: u32,
    ) -> BTreeMap<String, String> {
        let (project, name) = names::parts(subscription);
        let notes = [
            ("SourceDeliveryCount", attempts.to_string()),
            ("SourceSubscription", name.to_owned()),
            ("SourceSubscriptionProject", project.to_owned()),
            // With a numeric offset, unlike every other time in Pub/Sub.
            ("SourceTopicPublishTime", self.published_at.to_millis_text().replace('Z', "+00:00")),
        ];
        let notes = notes.map(|(note, value)| (format!("{DEAD_LETTER}{note}"), value));
        self.attributes.clone().into_iter().chain(notes).collect()
    }

    /// The attributes that this dead letter had before it became one.
    pub(crate) fn attributes_before(&self) -> BTreeMap<String, String> {
        let own = self.attributes.iter().filter(|(key, _)| !key.starts_with(DEAD_LETTER));
        own.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

fn leave_out_empty(json: &mut Value) {
    let is_empty = |value: &Value| match value {
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    if let Some(fields) = json.as_object_mut() {
        fields.retain(|_, value| !is_empty(value));
    }
}
