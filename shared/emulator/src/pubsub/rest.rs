//! The REST face of Pub/Sub: what `gcloud pubsub` and Google's clients call.
//! (Pub/Sub REST reference, `v1`.)

mod answer;
mod consume;
mod iam;
mod mask;
mod snapshots;
mod subscriptions;
mod topics;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;

use super::broker::Broker;
use super::names::Kind;
use super::problem::{Code, Problem};
use super::token;
use answer::{Answer, Body, Path};

/// The largest body of a request: the largest messages, encoded, and what is around them.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

type Shared = State<Arc<Broker>>;

/// The routes of Pub/Sub, and those where the keys of its tokens are found.
pub(crate) fn router(broker: Arc<Broker>) -> Router {
    let topic = get(topics::get).put(topics::create).patch(topics::update).delete(topics::delete);
    let subscription = get(subscriptions::get)
        .put(subscriptions::create)
        .patch(subscriptions::update)
        .delete(subscriptions::delete);
    let snapshot = get(snapshots::get)
        .put(snapshots::create)
        .patch(snapshots::update)
        .delete(snapshots::delete);
    Router::new()
        .route("/v1/projects/{project}/topics", get(topics::list))
        .route("/v1/projects/{project}/topics/{topic}", topic.post(topics::call))
        .route("/v1/projects/{project}/topics/{topic}/{below}", get(topics::list_below))
        .route("/v1/projects/{project}/subscriptions", get(subscriptions::list))
        .route(
            "/v1/projects/{project}/subscriptions/{subscription}",
            subscription.post(consume::call),
        )
        .route("/v1/projects/{project}/snapshots", get(snapshots::list))
        .route("/v1/projects/{project}/snapshots/{snapshot}", snapshot.post(snapshots::call))
        .route("/oauth2/v3/certs", get(certificates))
        .route("/.well-known/openid-configuration", get(configuration))
        .method_not_allowed_fallback(async || Answer::from(no_method()))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(broker)
}

/// The name in a path, and the method after its colon, if any.
struct Named {
    name: String,
    method: Option<String>,
}

impl Named {
    fn of(kind: Kind, Path((project, id)): Path<(String, String)>) -> Self {
        // An id has no colon.
        let (id, method) = match id.split_once(':') {
            Some((id, method)) => (id.to_owned(), Some(method.to_owned())),
            None => (id, None),
        };
        let name = format!("projects/{project}/{}/{id}", kind.collection());
        Self { name, method }
    }

    /// The name in a path that has no method.
    fn plain(kind: Kind, path: Path<(String, String)>) -> Result<String, Problem> {
        let Self { name, method } = Self::of(kind, path);
        method.map_or(Ok(name), |_| Err(no_method()))
    }
}

/// `resource`, or what a method after its colon answers to GET.
fn looked_at(method: Option<&str>, resource: &Value) -> Result<Response, Answer> {
    match method {
        None => Ok(answer::json(resource)),
        Some("getIamPolicy") => Ok(iam::policy()),
        Some(_) => Err(no_method().into()),
    }
}

/// There is no such method.
fn no_method() -> Problem {
    Problem::new(Code::NotFound, "Method not found.")
}

/// The field of a request that holds the resource to update, and its mask.
fn update_request(body: Body, resource: &str) -> Result<(Value, Vec<String>), Problem> {
    let fields = body.fields()?;
    let paths = fields.text("updateMask")?.split(',').filter(|path| !path.is_empty());
    let paths: Vec<String> = paths
        .map(|path| path.split('.').map(super::json::camel_key).collect::<Vec<_>>().join("."))
        .collect();
    if paths.is_empty() {
        let mut name = resource.to_owned();
        name.replace_range(..1, &resource[..1].to_ascii_uppercase());
        return Err(Problem::invalid(format!(
            "The update_mask in the Update{name}Request must be set, and must contain a non-empty \
             paths list."
        )));
    }
    let value = fields.get(resource).filter(|value| value.is_object()).cloned();
    let value = value.ok_or_else(|| Problem::argument(resource))?;
    Ok((value, paths))
}

async fn certificates(State(broker): Shared) -> Result<Response, Answer> {
    let keys = broker.signer().key_set().await;
    let keys = keys.map_err(|err| Problem::new(Code::Unavailable, err.to_string()))?;
    Ok(answer::json(&keys))
}

async fn configuration(headers: HeaderMap) -> Response {
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    answer::json(&token::configuration(&format!("http://{host}")))
}
