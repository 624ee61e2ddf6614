//! Snapshots. (Pub/Sub REST reference, `projects.snapshots`.)

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::answer::{self, Answer, Body, Path, Query, page};
use super::{Named, Shared, iam, looked_at, mask, update_request};
use crate::pubsub::names::Kind;
use crate::pubsub::snapshot::Snapshot;
use crate::pubsub::subscription::check_labels;

/// What an update may change.
const MUTABLE: [&str; 2] = ["labels", "expireTime"];

type At = Path<(String, String)>;

pub(super) async fn list(
    State(broker): Shared,
    Path(project): Path<String>,
    query: Query,
) -> Result<Response, Answer> {
    let prefix = format!("projects/{project}/");
    let snapshots = broker.snapshots().into_iter().filter(|it| it.name.starts_with(&prefix));
    page(&query, "snapshots", snapshots.map(|it| (it.name.clone(), it.resource())))
}

pub(super) async fn get(State(broker): Shared, at: At) -> Result<Response, Answer> {
    let Named { name, method } = Named::of(Kind::Snapshot, at);
    looked_at(method.as_deref(), &broker.snapshot(&name)?.resource())
}

pub(super) async fn create(State(broker): Shared, at: At, body: Body) -> Result<Response, Answer> {
    let name = Named::plain(Kind::Snapshot, at)?;
    Kind::Snapshot.check(&name)?;
    let fields = body.fields()?;
    fields.only(&["subscription", "labels", "tags"])?;
    let labels = fields.map("labels")?;
    check_labels(&labels)?;
    let subscription = Kind::Subscription.full(fields.text("subscription")?);
    let snapshot = broker.create_snapshot(&name, &subscription, labels)?;
    Ok(answer::json(&snapshot.resource()))
}

pub(super) async fn update(State(broker): Shared, at: At, body: Body) -> Result<Response, Answer> {
    let name = Named::plain(Kind::Snapshot, at)?;
    let (given, paths) = update_request(body, "snapshot")?;
    let updated = broker.update_snapshot(&name, |stored| {
        let json: Value = mask::apply("Snapshot", stored.resource(), &given, &paths, &MUTABLE)?;
        let read = Snapshot::from_json(&json)?;
        check_labels(&read.labels)?;
        Ok(Snapshot { messages: stored.messages.clone(), ..read })
    })?;
    Ok(answer::json(&updated.resource()))
}

pub(super) async fn delete(State(broker): Shared, at: At) -> Result<Response, Answer> {
    broker.delete_snapshot(&Named::plain(Kind::Snapshot, at)?)?;
    Ok(answer::nothing())
}

/// The methods after a colon.
pub(super) async fn call(State(broker): Shared, at: At, body: Body) -> Result<Response, Answer> {
    let Named { name, method } = Named::of(Kind::Snapshot, at);
    broker.snapshot(&name)?;
    iam::call(method.as_deref(), &body)
}
