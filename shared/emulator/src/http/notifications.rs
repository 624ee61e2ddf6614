//! `Notifications`: which events of a bucket are published to which topic.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::body::Resource;
use super::params::Params;
use super::path::Path;
use super::read::origin;
use super::refusal::Refusal;
use super::{Shared, description, json as answer};
use crate::buckets::Settings;
use crate::memory::EventType;
use crate::notification::{
    CONFIGURATIONS_MAX, CONFIGURATIONS_OF_TYPE_MAX, CUSTOM_ATTRIBUTES_MAX, Notification, Payload,
};

/// Begins the full resource name of a topic.
const TOPIC_HOST: &str = "//pubsub.googleapis.com/";

/// Adds a configuration.
pub(super) async fn insert(
    State(service): Shared,
    Path(bucket): Path<String>,
    params: Params,
    headers: HeaderMap,
    Resource(resource): Resource,
) -> Result<Response, Refusal> {
    let notification = read(&resource)?;
    let add = |settings: &mut Settings, notifications: &mut Vec<Notification>| {
        check_limits(notifications, &notification)?;
        let added = Notification { id: settings.draw_notification_id(), ..notification };
        notifications.push(added.clone());
        Ok::<_, Refusal>(added)
    };
    let added = service.buckets.change(&bucket, add)?;
    answer(&params, self::resource(&bucket, &added, &origin(&headers)))
}

/// Every configuration of a bucket.
pub(super) async fn list(
    State(service): Shared,
    Path(bucket): Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let notifications = service.buckets.get(&bucket).ok_or_else(Refusal::no_bucket)?;
    let notifications = notifications.notifications();
    let mut page = json!({"kind": "storage#notifications"});
    if !notifications.is_empty() {
        let origin = origin(&headers);
        page["items"] = notifications.iter().map(|it| resource(&bucket, it, &origin)).collect();
    }
    answer(&params, page)
}

/// One configuration.
pub(super) async fn get(
    State(service): Shared,
    Path((bucket, id)): Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let found = service.buckets.get(&bucket).ok_or_else(Refusal::no_bucket)?.notifications();
    let found = found.iter().find(|it| it.id.to_string() == id);
    let found = found.ok_or_else(|| missing(&bucket, &id))?;
    answer(&params, resource(&bucket, found, &origin(&headers)))
}

/// Removes a configuration.
pub(super) async fn delete(
    State(service): Shared,
    Path((bucket, id)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    service.buckets.change(&bucket, |_, notifications| {
        let found = notifications.iter().position(|it| it.id.to_string() == id);
        notifications.remove(found.ok_or_else(|| missing(&bucket, &id))?);
        Ok::<_, Refusal>(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

fn missing(bucket: &str, id: &str) -> Refusal {
    Refusal::missing(format!("Cannot find notification {id} on bucket {bucket}."))
}

fn read(resource: &Map<String, Value>) -> Result<Notification, Refusal> {
    let topic = description::text(resource, "topic")?.ok_or_else(|| Refusal::required("topic"))?;
    let topic = topic.strip_prefix(TOPIC_HOST).unwrap_or(&topic);
    let parts: Vec<&str> = topic.split('/').collect();
    if !matches!(parts[..], ["projects", project, "topics", topic] if !project.is_empty() && !topic.is_empty())
    {
        return Err(Refusal::invalid(format!("Invalid value for: topic {topic:?}")));
    }
    Ok(Notification {
        topic: topic.to_owned(),
        object_name_prefix: description::text(resource, "object_name_prefix")?.unwrap_or_default(),
        event_types: event_types(resource.get("event_types"))?,
        custom_attributes: custom_attributes(resource.get("custom_attributes"))?,
        payload: payload(description::text(resource, "payload_format")?.as_deref())?,
        id: 0,
    })
}

fn event_types(value: Option<&Value>) -> Result<Vec<EventType>, Refusal> {
    let invalid = || Refusal::invalid("Invalid value for: event_types");
    let words = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(words) => words.as_array().ok_or_else(invalid)?,
    };
    let event_type = |word: &Value| EventType::ALL.into_iter().find(|it| word == it.as_str());
    words.iter().map(event_type).collect::<Option<_>>().ok_or_else(invalid)
}

fn custom_attributes(value: Option<&Value>) -> Result<BTreeMap<String, String>, Refusal> {
    let invalid = || Refusal::invalid("Invalid value for: custom_attributes");
    let pairs = match value {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(pairs) => pairs.as_object().ok_or_else(invalid)?,
    };
    if pairs.len() > CUSTOM_ATTRIBUTES_MAX {
        return Err(invalid());
    }
    let pair = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    pairs.iter().map(pair).collect::<Option<_>>().ok_or_else(invalid)
}

fn payload(word: Option<&str>) -> Result<Payload, Refusal> {
    let Some(word) = word else { return Err(Refusal::required("payload_format")) };
    let payload = [Payload::Json, Payload::None].into_iter().find(|it| it.as_str() == word);
    payload.ok_or_else(|| Refusal::invalid("Invalid value for: payload_format"))
}

fn check_limits(notifications: &[Notification], more: &Notification) -> Result<(), Refusal> {
    let types = |it: &Notification| match it.event_types.is_empty() {
        true => EventType::ALL.to_vec(),
        false => it.event_types.clone(),
    };
    let full = |wanted: EventType| {
        let same = notifications.iter().filter(|it| types(it).contains(&wanted));
        same.count() >= CONFIGURATIONS_OF_TYPE_MAX
    };
    if notifications.len() >= CONFIGURATIONS_MAX || types(more).into_iter().any(full) {
        let message = "Too many overlapping notification configurations for this bucket.";
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

/// (Cloud Storage JSON API, `Notifications` resource.)
fn resource(bucket: &str, notification: &Notification, origin: &str) -> Value {
    let id = notification.id.to_string();
    // In-process, a topic can be named without its project.
    let topic = match notification.topic.contains('/') {
        true => notification.topic.clone(),
        false => format!("projects/local/topics/{}", notification.topic),
    };
    let mut resource = json!({
        "kind": "storage#notification",
        "id": id,
        "selfLink": format!("{origin}/storage/v1/b/{bucket}/notificationConfigs/{id}"),
        "topic": format!("{TOPIC_HOST}{topic}"),
        "payload_format": notification.payload.as_str(),
        "etag": id,
    });
    if !notification.event_types.is_empty() {
        let words = notification.event_types.iter().map(|it| it.as_str());
        resource["event_types"] = words.collect();
    }
    if !notification.custom_attributes.is_empty() {
        resource["custom_attributes"] = json!(notification.custom_attributes);
    }
    if !notification.object_name_prefix.is_empty() {
        resource["object_name_prefix"] = notification.object_name_prefix.as_str().into();
    }
    resource
}
