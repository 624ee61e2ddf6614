//! Notifications of what happens to objects, as Cloud Storage publishes them.
//! (Cloud Storage documentation, "Pub/Sub notifications for Cloud Storage".)

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::Instant;

use crate::memory::{Event, EventType, Stored};
use crate::resource;

/// The most custom attributes of a configuration. (Same page, "Limits".)
pub(crate) const CUSTOM_ATTRIBUTES_MAX: usize = 10;

/// The most configurations of a bucket, and of one event type. (Same page, "Limits".)
pub(crate) const CONFIGURATIONS_MAX: usize = 100;
pub(crate) const CONFIGURATIONS_OF_TYPE_MAX: usize = 10;

/// A notification configuration of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    /// The topic, spelled as in the subscriptions that it feeds.
    pub topic: String,
    /// Only objects whose names begin with this; all when empty.
    pub object_name_prefix: String,
    /// Only these events; all when empty.
    pub event_types: Vec<EventType>,
    /// Attributes of every message beside those of the service, which win where both have one.
    pub custom_attributes: BTreeMap<String, String>,
    /// What the data of a message is.
    pub payload: Payload,
    /// The id within its bucket, from 1 on.
    pub id: u64,
}

/// What the data of a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Payload {
    /// The object resource.
    #[default]
    Json,
    /// Nothing.
    None,
}

impl Payload {
    /// The word of the service.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "JSON_API_V1",
            Self::None => "NONE",
        }
    }
}

impl Notification {
    /// Of every new version of an object whose name begins with `object_name_prefix`.
    pub fn finalized(topic: impl Into<String>, object_name_prefix: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            object_name_prefix: object_name_prefix.into(),
            event_types: vec![EventType::Finalize],
            ..Self::default()
        }
    }

    /// Whether it speaks of `event`.
    pub(crate) fn matches(&self, event: &Event) -> bool {
        let wanted = self.event_types.is_empty() || self.event_types.contains(&event.event_type);
        wanted && event.stored.name.starts_with(self.object_name_prefix.as_str())
    }

    /// Attributes and data of its message about `event` of an object of `bucket`.
    pub(crate) fn message(
        &self,
        bucket: &str,
        event: &Event,
        event_at: Instant,
    ) -> (BTreeMap<String, String>, Bytes) {
        let mut all = self.custom_attributes.clone();
        let said = attributes(bucket, self.id, event, event_at).into_iter();
        all.extend(said);
        all.insert("payloadFormat".to_owned(), self.payload.as_str().to_owned());
        let data = match self.payload {
            Payload::Json => payload(bucket, &event.stored),
            Payload::None => Bytes::new(),
        };
        (all, data)
    }
}

/// The attributes of the notification number `id` of `bucket` about `event`.
///
/// The time of the event is close to the time of creation, before or after it, as it is in the
/// service: nobody may order by it.
pub fn attributes(
    bucket: &str,
    id: u64,
    event: &Event,
    event_at: Instant,
) -> BTreeMap<String, String> {
    let stored = &event.stored;
    let config = format!("projects/_/buckets/{bucket}/notificationConfigs/{id}");
    let finalized = event.event_type == EventType::Finalize;
    let overwrote = stored.overwrote.filter(|_| finalized);
    let attributes = [
        ("notificationConfig", Some(config)),
        ("eventType", Some(event.event_type.as_str().to_owned())),
        ("payloadFormat", Some(Payload::Json.as_str().to_owned())),
        ("bucketId", Some(bucket.to_owned())),
        ("objectId", Some(stored.name.clone())),
        ("objectGeneration", Some(stored.generation.to_string())),
        ("eventTime", Some(event_at.to_micros_text())),
        ("overwroteGeneration", overwrote.map(|generation| generation.to_string())),
        ("overwrittenByGeneration", event.overwritten_by.map(|it| it.to_string())),
    ];
    let present = attributes.into_iter().filter_map(|(key, value)| Some((key, value?)));
    present.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The payload `JSON_API_V1`: the object resource over many lines, and a line feed.
pub fn payload(bucket: &str, stored: &Stored) -> Bytes {
    format!("{:#}\n", resource::of(bucket, stored, resource::GOOGLE)).into()
}
