//! The HTTP face of Cloud Storage: what clients call of the JSON API.
//! (Cloud Storage JSON API, `Objects`.)

mod faults;
mod fields;
mod insert;
mod list;
mod multipart;
mod params;
mod read;
mod refusal;
mod serve;

pub use faults::{Fault, Faults, InstructionError, Instructions};
pub(crate) use serve::serve;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::Value;
use store::Operations;

use crate::{Memory, resource};
use faults::Plan;
use refusal::Refusal;

/// The largest body of a request.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What requests are answered from.
pub(crate) struct Service {
    buckets: Mutex<BTreeMap<String, Arc<Memory>>>,
    pub(crate) faults: Plan,
    class_a: AtomicU64,
    class_b: AtomicU64,
    deletes: AtomicU64,
}

type Shared = State<Arc<Service>>;

impl Service {
    pub(crate) fn new(faults: Option<Faults>) -> Self {
        Self {
            buckets: Mutex::default(),
            faults: Plan::new(faults),
            class_a: AtomicU64::new(0),
            class_b: AtomicU64::new(0),
            deletes: AtomicU64::new(0),
        }
    }

    /// The bucket `name`, or the one that is made.
    pub(crate) fn bucket_or(&self, name: &str, make: impl FnOnce() -> Arc<Memory>) -> Arc<Memory> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.entry(name.to_owned()).or_insert_with(make).clone()
    }

    pub(crate) fn operations(&self) -> Operations {
        Operations {
            class_a: self.class_a.load(Ordering::Relaxed),
            class_b: self.class_b.load(Ordering::Relaxed),
            deletes: self.deletes.load(Ordering::Relaxed),
        }
    }

    fn bucket(&self, name: &str) -> Result<Arc<Memory>, Refusal> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(name).cloned().ok_or_else(Refusal::no_bucket)
    }

    /// Counts what comes to a path of the API, by the class in which it is billed.
    fn count(&self, request: &Request) {
        let object = request.uri().path().split('/').nth(6).is_some();
        let counter = match *request.method() {
            Method::DELETE => &self.deletes,
            Method::GET if object => &self.class_b,
            _ => &self.class_a,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// An object name stands in one segment of the path: an unescaped `/` matches no route.
fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/storage/v1/b/{bucket}/o", get(list::list))
        .route("/storage/v1/b/{bucket}/o/{object}", get(read::read).delete(delete))
        .route("/upload/storage/v1/b/{bucket}/o", post(insert::insert))
        .fallback(async || Refusal::no_route())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(service.clone(), through_faults))
        .with_state(service)
}

async fn through_faults(State(service): Shared, request: Request, next: Next) -> Response {
    let request = match service.faults.control(request).await {
        Ok(answer) => return answer,
        Err(request) => request,
    };
    service.count(&request);
    service.faults.run(request, next).await
}

async fn delete(
    State(service): Shared,
    Path((bucket, object)): Path<(String, String)>,
    params: params::Params,
) -> Result<StatusCode, Refusal> {
    let memory = service.bucket(&bucket)?;
    let conditions = params.conditions()?;
    let deleted = match params.generation()? {
        Some(generation) => memory.erase(&object, generation, &conditions),
        None => memory.remove(&object, &conditions),
    };
    match deleted.map_err(|err| Refusal::of(&err, &bucket, &object))? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refusal::no_object(&bucket, &object)),
    }
}

/// Answers with as much of `value` as the request selects.
fn json(params: &params::Params, value: Value) -> Result<Response, Refusal> {
    let selected = match params.text("fields") {
        Some(fields) => fields::select(fields, value).ok_or_else(Refusal::fields)?,
        None => value,
    };
    Ok(refusal::json_response(StatusCode::OK, &selected))
}

/// The resource of `stored` with links to the host that the client called.
fn resource_of(bucket: &str, stored: &crate::Stored, origin: &str) -> Value {
    resource::of(bucket, stored, resource::Links { api: origin, media: origin })
}
