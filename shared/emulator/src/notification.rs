//! Notifications of finalized objects, as Cloud Storage publishes them.
//! (Cloud Storage documentation, "Pub/Sub notifications for Cloud Storage".)

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::Instant;

use crate::memory::Stored;
use crate::resource;

/// A notification configuration of a bucket for `OBJECT_FINALIZE` with payload `JSON_API_V1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The topic, spelled as in the subscriptions that it feeds.
    pub topic: String,
    /// Only objects whose names begin with this; all when empty.
    pub object_name_prefix: String,
}

/// The attributes of the notification number `id` of `bucket` about `stored`.
///
/// The time of the event is close to the time of creation, before or after it, as it is in the
/// service: nobody may order by it.
pub fn attributes(
    bucket: &str,
    id: usize,
    stored: &Stored,
    event_at: Instant,
) -> BTreeMap<String, String> {
    let config = format!("projects/_/buckets/{bucket}/notificationConfigs/{id}");
    let event_time = event_at.to_micros_text();
    let attributes = [
        ("notificationConfig", Some(config)),
        ("eventType", Some("OBJECT_FINALIZE".to_owned())),
        ("payloadFormat", Some("JSON_API_V1".to_owned())),
        ("bucketId", Some(bucket.to_owned())),
        ("objectId", Some(stored.name.clone())),
        ("objectGeneration", Some(stored.generation.to_string())),
        ("eventTime", Some(event_time)),
        ("overwroteGeneration", stored.overwrote.map(|generation| generation.to_string())),
    ];
    let present = attributes.into_iter().filter_map(|(key, value)| Some((key, value?)));
    present.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The payload `JSON_API_V1`: the object resource over many lines, and a line feed.
pub fn payload(bucket: &str, stored: &Stored) -> Bytes {
    format!("{:#}\n", resource::of(bucket, stored, resource::GOOGLE)).into()
}
