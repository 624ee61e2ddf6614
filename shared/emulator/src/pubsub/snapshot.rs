//! Snapshots: what a subscription had not done at some time, and all that came to its topic since.
//! (Pub/Sub documentation, "Replay and purge messages with seek".)

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Instant;
use serde_json::{Map, Value, json};

use super::json::Fields;
use super::message::Message;
use super::problem::Problem;

/// How long a snapshot is kept.
pub(crate) const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The full name.
    pub(crate) name: String,
    /// The full name of the topic.
    pub(crate) topic: String,
    pub(crate) expires_at: Instant,
    pub(crate) labels: BTreeMap<String, String>,
    /// In the order of publication.
    pub(crate) messages: Vec<Arc<Message>>,
}

impl Snapshot {
    /// The resource, as the service shows it.
    pub(crate) fn resource(&self) -> Value {
        let mut json = Map::new();
        json.insert("name".to_owned(), self.name.clone().into());
        json.insert("topic".to_owned(), self.topic.clone().into());
        json.insert("expireTime".to_owned(), self.expires_at.to_string().into());
        if !self.labels.is_empty() {
            json.insert("labels".to_owned(), json!(self.labels));
        }
        Value::Object(json)
    }

    /// The resource and its messages.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = self.resource();
        json["messages"] = self.messages.iter().map(|it| it.to_json()).collect();
        json
    }

    /// Reads what [`Snapshot::to_json`] wrote.
    pub(crate) fn from_json(json: &Value) -> Result<Self, Problem> {
        let fields = Fields::of(json, "snapshot")?;
        let expires_at = Instant::parse(fields.text("expireTime")?);
        let messages = fields.array("messages")?.iter();
        let messages = messages.map(|message| Message::from_json(message).map(Arc::new));
        Ok(Self {
            name: fields.text("name")?.to_owned(),
            topic: fields.text("topic")?.to_owned(),
            expires_at: expires_at.ok_or_else(|| Problem::argument("expireTime"))?,
            labels: fields.map("labels")?,
            messages: messages.collect::<Result<_, _>>()?,
        })
    }
}
