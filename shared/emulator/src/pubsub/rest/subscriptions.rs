//! Subscriptions as resources. (Pub/Sub REST reference, `projects.subscriptions`.)

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::answer::{self, Answer, Body, Path, Query, page};
use super::{Named, Shared, looked_at, mask, update_request};
use crate::pubsub::names::Kind;
use crate::pubsub::problem::Problem;
use crate::pubsub::subscription::Subscription;

/// What an update may change: neither the filter nor whether order is kept.
const MUTABLE: [&str; 9] = [
    "pushConfig",
    "ackDeadlineSeconds",
    "retainAckedMessages",
    "messageRetentionDuration",
    "labels",
    "expirationPolicy",
    "deadLetterPolicy",
    "retryPolicy",
    "enableExactlyOnceDelivery",
];

type At = Path<(String, String)>;

pub(super) async fn list(
    State(broker): Shared,
    Path(project): Path<String>,
    query: Query,
) -> Result<Response, Answer> {
    let prefix = format!("projects/{project}/");
    let subscriptions = broker.subscriptions().into_iter();
    let subscriptions = subscriptions.map(|it| (it.full_name(), it.resource()));
    page(&query, "subscriptions", subscriptions.filter(|(name, _)| name.starts_with(&prefix)))
}

pub(super) async fn get(State(broker): Shared, at: At) -> Result<Response, Answer> {
    let Named { name, method } = Named::of(Kind::Subscription, at);
    looked_at(method.as_deref(), &broker.subscription(&name)?.resource())
}

pub(super) async fn create(
    State(broker): Shared,
    at: At,
    Body(body): Body,
) -> Result<Response, Answer> {
    let name = Named::plain(Kind::Subscription, at)?;
    Subscription::check_fields(&body)?;
    let given = Subscription::from_json(&body)?;
    let topic = Kind::Topic.full(&given.topic);
    Kind::Topic.check(&topic)?;
    let subscription = Subscription { name, topic, detached: false, ..given };
    subscription.check()?;
    broker.create_subscription(subscription.clone())?;
    Ok(answer::json(&subscription.resource()))
}

pub(super) async fn update(State(broker): Shared, at: At, body: Body) -> Result<Response, Answer> {
    let name = Named::plain(Kind::Subscription, at)?;
    let (given, paths) = update_request(body, "subscription")?;
    let updated = broker.update_subscription(&name, |stored| {
        let json = mask::apply("Subscription", stored.to_json(), &given, &paths, &MUTABLE)?;
        checked(stored, &json)
    })?;
    Ok(answer::json(&updated.resource()))
}

/// Looks only at what the update can have changed: one that was made in process may have been
/// made as the service would not make it.
fn checked(stored: &Subscription, json: &Value) -> Result<Subscription, Problem> {
    let updated = Subscription::from_json(json)?;
    match stored.check() {
        Ok(()) => updated.check()?,
        Err(_) => updated.push.as_ref().map_or(Ok(()), |push| push.check())?,
    }
    Ok(updated)
}

pub(super) async fn delete(State(broker): Shared, at: At) -> Result<Response, Answer> {
    broker.delete_subscription(&Named::plain(Kind::Subscription, at)?)?;
    Ok(answer::nothing())
}
