//! Topics, and publishing to them. (Pub/Sub REST reference, `projects.topics`.)

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{self, Answer, Body, Path, Query, page};
use super::{Named, Shared, iam, looked_at, mask, no_method, update_request};
use crate::pubsub::json::{Fields, parse_base64};
use crate::pubsub::names::Kind;
use crate::pubsub::problem::Problem;
use crate::pubsub::state::Draft;
use crate::pubsub::subscription::check_labels;
use crate::pubsub::topic::{self, Topic};

/// What one publication may have. (Pub/Sub documentation, "Quotas and limits".)
const MESSAGES_MAX: usize = 1_000;
const REQUEST_BYTES_MAX: usize = 10_000_000;
const ATTRIBUTES_MAX: usize = 100;
const KEY_BYTES_MAX: usize = 256;
const VALUE_BYTES_MAX: usize = 1024;
const ORDERING_KEY_BYTES_MAX: usize = 1024;

type At = Path<(String, String)>;

pub(super) async fn list(
    State(broker): Shared,
    Path(project): Path<String>,
    query: Query,
) -> Result<Response, Answer> {
    let prefix = format!("projects/{project}/");
    let topics = broker.topics().into_iter().filter(|it| it.name.starts_with(&prefix));
    page(&query, "topics", topics.map(|it| (it.name.clone(), it.to_json())))
}

/// `topics/{topic}/subscriptions` and `topics/{topic}/snapshots`.
pub(super) async fn list_below(
    State(broker): Shared,
    Path((project, id, below)): Path<(String, String, String)>,
    query: Query,
) -> Result<Response, Answer> {
    let topic = broker.topic(&format!("projects/{project}/topics/{id}"))?.name;
    let names: Vec<String> = match below.as_str() {
        "subscriptions" => {
            let attached = broker.subscriptions().into_iter();
            let attached = attached.filter(|it| it.full_topic() == topic && !it.detached);
            attached.map(|it| it.full_name()).collect()
        }
        "snapshots" => {
            let snapshots = broker.snapshots().into_iter().filter(|it| it.topic == topic);
            snapshots.map(|it| it.name).collect()
        }
        _ => return Err(no_method().into()),
    };
    page(&query, &below, names.into_iter().map(|it| (it.clone(), it.into())))
}

pub(super) async fn get(State(broker): Shared, at: At) -> Result<Response, Answer> {
    let Named { name, method } = Named::of(Kind::Topic, at);
    looked_at(method.as_deref(), &broker.topic(&name)?.to_json())
}

pub(super) async fn create(
    State(broker): Shared,
    at: At,
    Body(body): Body,
) -> Result<Response, Answer> {
    let name = Named::plain(Kind::Topic, at)?;
    Kind::Topic.check(&name)?;
    Topic::check_fields(&body)?;
    let topic = read(&name, &body)?;
    broker.create_topic(topic.clone())?;
    Ok(answer::json(&topic.to_json()))
}

pub(super) async fn update(State(broker): Shared, at: At, body: Body) -> Result<Response, Answer> {
    let name = Named::plain(Kind::Topic, at)?;
    let (given, paths) = update_request(body, "topic")?;
    let mutable: Vec<&str> = topic::STORED.into_iter().chain(["labels"]).collect();
    let topic = broker.update_topic(&name, |stored| {
        read(&name, &mask::apply("Topic", stored.to_json(), &given, &paths, &mutable)?)
    })?;
    Ok(answer::json(&topic.to_json()))
}

fn read(name: &str, body: &Value) -> Result<Topic, Problem> {
    let topic = Topic { name: name.to_owned(), ..Topic::from_json(body)? };
    check_labels(&topic.labels)?;
    Fields::of(body, "topic")?.duration("messageRetentionDuration")?;
    Ok(topic)
}

pub(super) async fn delete(State(broker): Shared, at: At) -> Result<Response, Answer> {
    broker.delete_topic(&Named::plain(Kind::Topic, at)?)?;
    Ok(answer::nothing())
}

/// The methods after a colon.
pub(super) async fn call(State(broker): Shared, at: At, body: Body) -> Result<Response, Answer> {
    let Named { name, method } = Named::of(Kind::Topic, at);
    if method.as_deref() != Some("publish") {
        broker.topic(&name)?;
        return iam::call(method.as_deref(), &body);
    }
    let drafts = read_messages(body.fields()?.array("messages")?)?;
    let ids = broker.publish_all(&name, drafts)?;
    Ok(answer::json(&json!({"messageIds": ids})))
}

fn read_messages(messages: &[Value]) -> Result<Vec<Draft>, Problem> {
    if messages.is_empty() {
        return Err(Problem::invalid(
            "The value for message_count is too small. You passed 0 in the request, but the \
             minimum value is 1.",
        ));
    }
    within("message_count", messages.len(), MESSAGES_MAX)?;
    let drafts: Vec<Draft> = messages.iter().map(read_message).collect::<Result<_, _>>()?;
    within("request_size", drafts.iter().map(size).sum(), REQUEST_BYTES_MAX)?;
    Ok(drafts)
}

fn read_message(message: &Value) -> Result<Draft, Problem> {
    let fields = Fields::of(message, "messages")?;
    let data = parse_base64(fields.text("data")?);
    let data = data.ok_or_else(|| Problem::argument("messages.data"))?;
    let attributes = fields.map("attributes")?;
    if data.is_empty() && attributes.is_empty() {
        return Err(Problem::invalid(
            "One or more messages in the publish request is empty. Each message must contain \
             either non-empty data, or at least one attribute.",
        ));
    }
    within("num_attributes", attributes.len(), ATTRIBUTES_MAX)?;
    for (key, value) in &attributes {
        if key.is_empty() || key.starts_with("goog") {
            return Err(Problem::argument("messages.attributes"));
        }
        within("attribute_key_size", key.len(), KEY_BYTES_MAX)?;
        within("attribute_value_size", value.len(), VALUE_BYTES_MAX)?;
    }
    let ordering_key = fields.text("orderingKey")?.to_owned();
    within("ordering_key_size", ordering_key.len(), ORDERING_KEY_BYTES_MAX)?;
    Ok(Draft { attributes, data, ordering_key })
}

fn size(draft: &Draft) -> usize {
    let attributes = draft.attributes.iter().map(|(key, value)| key.len() + value.len());
    draft.data.len() + draft.ordering_key.len() + attributes.sum::<usize>()
}

fn within(what: &str, value: usize, max: usize) -> Result<(), Problem> {
    if value <= max { Ok(()) } else { Err(Problem::too_large(what, value, max)) }
}
