//! What is done with the messages of a subscription: the methods after a colon.
//! (Pub/Sub REST reference, `projects.subscriptions`.)

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{self, Answer, Body, Path};
use super::{Named, Shared, iam};
use crate::pubsub::broker::{AckId, Broker};
use crate::pubsub::change::Point;
use crate::pubsub::json::Fields;
use crate::pubsub::names::Kind;
use crate::pubsub::problem::Problem;
use crate::pubsub::queue::Delivery;
use crate::pubsub::subscription::{Push, bad_deadline};

/// The most messages of one pull.
const PULLED_MAX: usize = 1_000;

/// How long a pull waits for a message.
const PULL_PATIENCE: Duration = Duration::from_secs(10);

/// The longest lease.
const LEASE_SECONDS_MAX: i64 = 600;

pub(super) async fn call(
    State(broker): Shared,
    at: Path<(String, String)>,
    body: Body,
) -> Result<Response, Answer> {
    let Named { name, method } = Named::of(Kind::Subscription, at);
    let fields = body.fields()?;
    match method.as_deref() {
        Some("pull") => return pull(&broker, &name, fields).await,
        Some("acknowledge") => broker.acknowledge(&name, &ack_ids(fields)?)?,
        Some("modifyAckDeadline") => modify_ack_deadline(&broker, &name, fields)?,
        Some("modifyPushConfig") => modify_push(&broker, &name, fields)?,
        Some("seek") => broker.seek(&name, Point::from_json(fields)?)?,
        Some("detach") => broker.detach(&name)?,
        method => {
            broker.subscription(&name)?;
            return iam::call(method, &body);
        }
    }
    Ok(answer::nothing())
}

async fn pull(broker: &Broker, name: &str, fields: Fields<'_>) -> Result<Response, Answer> {
    let messages_max = usize::try_from(fields.number("maxMessages")?).unwrap_or(0);
    if messages_max == 0 {
        return Err(Problem::argument("max_messages").into());
    }
    let at_once = fields.flag("returnImmediately")?;
    let patience = if at_once { Duration::ZERO } else { PULL_PATIENCE };
    let deliveries = broker.pull_within(name, messages_max.min(PULLED_MAX), patience).await?;
    let counts = broker.subscription(name)?.dead_letter.is_some();
    let received: Vec<Value> = deliveries.iter().map(|it| received(it, counts)).collect();
    if received.is_empty() {
        return Ok(answer::nothing());
    }
    Ok(answer::json(&json!({"receivedMessages": received})))
}

fn received(delivery: &Delivery, counts: bool) -> Value {
    let id = AckId::of(delivery).to_string();
    let mut message = delivery.message.to_json();
    message["publishTime"] = delivery.message.published_at.to_millis_text().into();
    let mut received = json!({"ackId": id, "message": message});
    if counts {
        received["deliveryAttempt"] = delivery.attempt.into();
    }
    received
}

fn ack_ids(fields: Fields<'_>) -> Result<Vec<AckId>, Problem> {
    let ids = fields.texts("ackIds")?;
    if ids.is_empty() {
        return Err(Problem::invalid("You have not specified an ack ID in the request."));
    }
    ids.iter().map(|id| AckId::parse(id)).collect()
}

fn modify_ack_deadline(broker: &Broker, name: &str, fields: Fields<'_>) -> Result<(), Problem> {
    let ids = ack_ids(fields)?;
    let seconds = fields.number("ackDeadlineSeconds")?;
    let deadline = u64::try_from(seconds).ok().filter(|_| seconds <= LEASE_SECONDS_MAX);
    let deadline = deadline.ok_or_else(|| bad_deadline(seconds, 0))?;
    broker.modify_ack_deadline(name, &ids, Duration::from_secs(deadline))
}

fn modify_push(broker: &Broker, name: &str, fields: Fields<'_>) -> Result<(), Problem> {
    let push = fields.object("pushConfig")?.map(Push::from_json).transpose()?.flatten();
    push.as_ref().map_or(Ok(()), Push::check)?;
    broker.modify_push(name, push)
}
