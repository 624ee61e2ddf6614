//! What a journal says, as JSON: changes of objects, of buckets and of messages.

use bytes::Bytes;
use domain::{Generation, Instant};
use serde_json::{Map, Value, json};

use super::frame::Frame;
use crate::buckets::Settings;
use crate::memory::{Change, EventType, Stored};
use crate::notification::{Notification, Payload};

/// One record of a journal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record {
    /// The first one: what the file is.
    Format(u64),
    /// Changes of one bucket that were made together, and what followed from them.
    Objects { bucket: String, changes: Vec<Filed>, messages: Vec<Value> },
    /// What is set on a bucket from here on.
    Bucket { name: String, settings: Settings, notifications: Vec<Notification> },
    /// The bucket is gone.
    NoBucket { name: String },
    /// Changes of topics, subscriptions and messages alone.
    Messages(Vec<Value>),
}

/// A change, and the file that an inserted version is shown in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filed {
    pub(crate) change: Change,
    pub(crate) file: Option<String>,
}

impl Record {
    /// Head and bodies of the frame.
    pub(super) fn encode(&self) -> (String, Vec<Bytes>) {
        let mut bodies = Vec::new();
        let value = match self {
            Self::Format(version) => json!({"strata_emulator": version}),
            Self::Objects { bucket, changes, messages } => {
                let changes: Vec<Value> =
                    changes.iter().map(|filed| change_to_json(filed, &mut bodies)).collect();
                json!({"bucket": bucket, "objects": changes, "messages": messages})
            }
            Self::Bucket { name, settings, notifications } => {
                let notifications: Vec<Value> =
                    notifications.iter().map(notification_to_json).collect();
                let settings = settings_to_json(settings);
                json!({"bucket": name, "settings": settings, "notifications": notifications})
            }
            Self::NoBucket { name } => json!({"bucket": name, "settings": null}),
            Self::Messages(messages) => json!({"messages": messages}),
        };
        (value.to_string(), bodies)
    }

    /// Reads a frame back; `None` for one that no version of this program has written.
    pub(super) fn decode(frame: &Frame) -> Option<Self> {
        let mut value: Value = serde_json::from_slice(&frame.head).ok()?;
        if let Some(version) = value.get("strata_emulator") {
            return Some(Self::Format(version.as_u64()?));
        }
        let messages = match value.get_mut("messages").map(Value::take) {
            Some(Value::Array(messages)) => messages,
            _ => Vec::new(),
        };
        let Some(name) = value.get("bucket") else { return Some(Self::Messages(messages)) };
        let bucket = name.as_str()?.to_owned();
        if let Some(changes) = value.get("objects") {
            let mut bodies = frame.bodies.clone();
            let changes = changes.as_array()?.iter();
            let changes = changes.map(|change| change_from_json(change, &mut bodies));
            let changes = changes.collect::<Option<_>>()?;
            return Some(Self::Objects { bucket, changes, messages });
        }
        if value.get("settings")?.is_null() {
            return Some(Self::NoBucket { name: bucket });
        }
        let notifications = value.get("notifications")?.as_array()?.iter();
        Some(Self::Bucket {
            name: bucket,
            settings: settings_from_json(value.get("settings")?)?,
            notifications: notifications.map(notification_from_json).collect::<Option<_>>()?,
        })
    }
}

fn change_to_json(filed: &Filed, bodies: &mut Vec<Bytes>) -> Value {
    match &filed.change {
        Change::Insert(stored) => {
            bodies.push(stored.body.clone());
            json!({"insert": stored_to_json(stored), "file": filed.file})
        }
        Change::Keep(stored) => {
            bodies.push(stored.body.clone());
            json!({"keep": stored_to_json(stored), "file": filed.file})
        }
        // The body is that of the version.
        Change::Edit(stored) => json!({"edit": stored_to_json(stored)}),
        Change::Remove { name, at } => json!({"remove": name, "at": at.to_micros_text()}),
        Change::Erase { name, generation } => {
            json!({"erase": name, "generation": generation.to_string()})
        }
    }
}

fn change_from_json(value: &Value, bodies: &mut Bytes) -> Option<Filed> {
    let file = value.get("file").and_then(Value::as_str).map(str::to_owned);
    let change = if let Some(stored) = value.get("insert") {
        Change::Insert(stored_from_json(stored, Some(bodies))?)
    } else if let Some(stored) = value.get("keep") {
        Change::Keep(stored_from_json(stored, Some(bodies))?)
    } else if let Some(stored) = value.get("edit") {
        Change::Edit(stored_from_json(stored, None)?)
    } else if let Some(name) = value.get("remove") {
        Change::Remove { name: name.as_str()?.to_owned(), at: instant(value, "at")? }
    } else {
        let name = value.get("erase")?.as_str()?.to_owned();
        Change::Erase { name, generation: generation(value, "generation")? }
    };
    Some(Filed { change, file })
}

fn stored_to_json(stored: &Stored) -> Value {
    json!({
        "name": stored.name,
        "body_bytes": stored.body.len(),
        "generation": stored.generation.to_string(),
        "metageneration": stored.metageneration,
        "metadata": stored.metadata,
        "content_type": stored.content_type,
        "content_encoding": stored.content_encoding,
        "properties": stored.properties,
        "crc32c": stored.crc32c,
        "md5": stored.md5,
        "component_count": stored.component_count,
        "created_at": stored.created_at.to_micros_text(),
        "updated_at": stored.updated_at.to_micros_text(),
        "noncurrent_at": stored.noncurrent_at.map(|at| at.to_micros_text()),
        "overwrote": stored.overwrote.map(|generation| generation.to_string()),
        "live": stored.live,
    })
}

/// Takes the body from the front of `bodies`.
fn stored_from_json(value: &Value, bodies: Option<&mut Bytes>) -> Option<Stored> {
    let body_bytes = usize::try_from(value.get("body_bytes")?.as_u64()?).ok()?;
    let body = match bodies {
        Some(bodies) if bodies.len() >= body_bytes => bodies.split_to(body_bytes),
        Some(_) => return None,
        None => Bytes::new(),
    };
    let component_count = value.get("component_count").and_then(Value::as_u64);
    Some(Stored {
        name: text(value, "name")?,
        body,
        generation: generation(value, "generation")?,
        metageneration: value.get("metageneration")?.as_u64()?,
        metadata: serde_json::from_value(value.get("metadata")?.clone()).ok()?,
        content_type: text(value, "content_type")?,
        content_encoding: text(value, "content_encoding"),
        properties: serde_json::from_value(value.get("properties")?.clone()).ok()?,
        crc32c: text(value, "crc32c")?,
        md5: text(value, "md5"),
        component_count: component_count.and_then(|count| u32::try_from(count).ok()),
        created_at: instant(value, "created_at")?,
        updated_at: instant(value, "updated_at")?,
        noncurrent_at: instant(value, "noncurrent_at"),
        overwrote: generation(value, "overwrote"),
        live: value.get("live")?.as_bool()?,
    })
}

fn settings_to_json(settings: &Settings) -> Value {
    json!({
        "project": settings.project,
        "created_at": settings.created_at.to_micros_text(),
        "updated_at": settings.updated_at.to_micros_text(),
        "metageneration": settings.metageneration,
        "properties": settings.properties,
        "policy": settings.policy,
        "notification_next": settings.notification_next,
    })
}

fn settings_from_json(value: &Value) -> Option<Settings> {
    let properties: &Map<String, Value> = value.get("properties")?.as_object()?;
    Some(Settings {
        project: text(value, "project")?,
        created_at: instant(value, "created_at")?,
        updated_at: instant(value, "updated_at")?,
        metageneration: value.get("metageneration")?.as_u64()?,
        properties: properties.clone(),
        policy: value.get("policy").filter(|policy| !policy.is_null()).cloned(),
        notification_next: value.get("notification_next")?.as_u64()?,
    })
}

fn notification_to_json(notification: &Notification) -> Value {
    let types: Vec<_> = notification.event_types.iter().map(|it| it.as_str()).collect();
    json!({
        "id": notification.id,
        "topic": notification.topic,
        "object_name_prefix": notification.object_name_prefix,
        "event_types": types,
        "custom_attributes": notification.custom_attributes,
        "payload": notification.payload.as_str(),
    })
}

fn notification_from_json(value: &Value) -> Option<Notification> {
    let types = value.get("event_types")?.as_array()?.iter();
    let event_type = |word: &Value| EventType::ALL.into_iter().find(|it| word == it.as_str());
    let payload = value.get("payload")?;
    let attributes = value.get("custom_attributes")?.clone();
    Some(Notification {
        id: value.get("id")?.as_u64()?,
        topic: text(value, "topic")?,
        object_name_prefix: text(value, "object_name_prefix")?,
        event_types: types.map(event_type).collect::<Option<_>>()?,
        custom_attributes: serde_json::from_value(attributes).ok()?,
        payload: [Payload::Json, Payload::None].into_iter().find(|it| payload == it.as_str())?,
    })
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn instant(value: &Value, key: &str) -> Option<Instant> {
    Instant::parse(value.get(key)?.as_str()?)
}

fn generation(value: &Value, key: &str) -> Option<Generation> {
    Generation::parse(value.get(key)?.as_str()?)
}
