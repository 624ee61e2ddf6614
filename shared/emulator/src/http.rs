//! The HTTP face of Cloud Storage: what clients call of the JSON API.
//! (Cloud Storage JSON API, `Objects`.)

mod bucket_fields;
mod bucket_resource;
mod buckets;
mod caller;
mod calls;
mod copy;
mod edit;
mod faults;
mod fields;
mod list;
mod notifications;
mod params;
mod path;
mod refusal;
mod serve;
mod unread;

// Uploads, downloads and batches.
mod batch;
mod body;
mod content_range;
mod description;
mod entity_tags;
mod insert;
mod media;
mod multipart;
mod range;
mod read;
mod refused_upload;
mod resumable;
mod sessions;

#[cfg(test)]
mod tests;

pub use calls::Call;
pub use faults::{Fault, Faults, InstructionError, Instructions};
pub(crate) use serve::serve;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use domain::Instant;
use serde_json::Value;
use store::Operations;

use crate::buckets::Buckets;
use crate::{Memory, Upload, resource};
use caller::{Caller, Guard};
use faults::Plan;
use path::Path;
use refusal::Refusal;
use sessions::Sessions;

/// The largest body of a request.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What stands before the paths of the API.
const PREFIXES: [&str; 4] =
    ["/resumable/upload/storage/v1", "/upload/storage/v1", "/download/storage/v1", "/storage/v1"];

/// What requests are answered from.
pub(crate) struct Service {
    pub(crate) buckets: Arc<Buckets>,
    pub(crate) faults: Plan,
    pub(crate) guard: Guard,
    latency: Option<Duration>,
    /// What answers say of their time, instead of the time.
    pub(crate) date: Mutex<Option<Instant>>,
    pub(crate) calls: calls::Calls,
    sessions: Sessions,
    class_a: AtomicU64,
    class_b: AtomicU64,
    deletes: AtomicU64,
}

type Shared = State<Arc<Service>>;

impl Service {
    pub(crate) fn new(
        buckets: Arc<Buckets>,
        faults: Option<Faults>,
        latency: Option<Duration>,
    ) -> Self {
        Self {
            buckets,
            faults: Plan::new(faults),
            guard: Guard::default(),
            latency,
            date: Mutex::default(),
            calls: calls::Calls::default(),
            sessions: Sessions::new(),
            class_a: AtomicU64::new(0),
            class_b: AtomicU64::new(0),
            deletes: AtomicU64::new(0),
        }
    }

    pub(crate) fn operations(&self) -> Operations {
        Operations {
            class_a: self.class_a.load(Ordering::Relaxed),
            class_b: self.class_b.load(Ordering::Relaxed),
            deletes: self.deletes.load(Ordering::Relaxed),
        }
    }

    /// What the header `Date` of an answer says, where it is not the time of the machine.
    pub(crate) fn date(&self) -> Option<HeaderValue> {
        let date = *self.date.lock().unwrap_or_else(PoisonError::into_inner);
        HeaderValue::try_from(date?.to_http_text()).ok()
    }

    fn bucket(&self, name: &str) -> Result<Arc<Memory>, Refusal> {
        self.buckets.memory(name).ok_or_else(Refusal::no_bucket)
    }

    /// An upload to `bucket`, which has the storage class of new objects there unless it says
    /// another.
    fn with_class(&self, bucket: &str, mut upload: Upload) -> Upload {
        const KEY: &str = "storageClass";
        let settings = self.buckets.get(bucket).map(|bucket| bucket.settings);
        let class = settings.and_then(|settings| settings.properties.get(KEY).cloned());
        if let Some(class) = class {
            upload.properties.entry(KEY.to_owned()).or_insert(class);
        }
        upload
    }

    /// Counts what comes to a path of the API, by the class in which it is billed.
    ///
    /// An upload is one operation in however many requests, and so is each call of a batch.
    fn count(&self, request: &Request) {
        let continues = request.uri().query().is_some_and(|query| query.contains("upload_id="));
        if continues || request.uri().path().starts_with("/batch") {
            return;
        }
        let path = request.uri().path();
        let begin = PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix));
        let lists = matches!(
            begin.unwrap_or(path).split('/').collect::<Vec<_>>()[..],
            ["", "b"] | ["", "b", _, "o" | "notificationConfigs"]
        );
        let counter = match *request.method() {
            Method::DELETE => &self.deletes,
            Method::GET | Method::HEAD if !lists => &self.class_b,
            _ => &self.class_a,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// An object name stands in one segment of the path: an unescaped `/` matches no route.
fn router(service: Arc<Service>) -> Router {
    let api = api(&service);
    api.clone()
        .merge(content(&service))
        .merge(batches(&service, api))
        .fallback(async || Refusal::no_route())
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .layer(middleware::from_fn_with_state(service.clone(), through_faults))
}

/// What is not content, under the path of the API and under the bare one that Node's client calls
/// when it is told of an emulator.
fn api(service: &Arc<Service>) -> Router {
    let held = middleware::from_fn_with_state(service.clone(), caller::about_buckets);
    let calls = Router::new().merge(bucket_calls().route_layer(held)).merge(object_calls());
    let calls = calls.with_state(service.clone());
    Router::new().nest("/storage/v1", calls.clone()).merge(calls)
}

fn bucket_calls() -> Router<Arc<Service>> {
    let bucket = get(buckets::get).patch(buckets::patch).put(buckets::update);
    Router::new()
        .route("/b", get(buckets::list).post(buckets::insert))
        .route("/b/{bucket}", bucket.delete(buckets::delete))
        .route("/b/{bucket}/storageLayout", get(buckets::storage_layout))
        .route("/b/{bucket}/managedFolders", get(buckets::managed_folders))
        .route("/b/{bucket}/iam", get(buckets::policy).put(buckets::set_policy))
        .route("/b/{bucket}/iam/testPermissions", get(buckets::test_permissions))
        .route(
            "/b/{bucket}/notificationConfigs",
            get(notifications::list).post(notifications::insert),
        )
        .route(
            "/b/{bucket}/notificationConfigs/{notification}",
            get(notifications::get).delete(notifications::delete),
        )
        .route("/projects/{projectId}/serviceAccount", get(buckets::service_account))
}

fn object_calls() -> Router<Arc<Service>> {
    let object = get(read::read).patch(edit::patch).put(edit::update).delete(delete);
    Router::new()
        .route("/b/{bucket}/o", get(list::list))
        .route("/b/{bucket}/o/{object}", object)
        .route("/b/{bucket}/o/{object}/compose", post(copy::compose))
        .route(
            "/b/{bucket}/o/{object}/copyTo/b/{destinationBucket}/o/{destinationObject}",
            post(copy::copy),
        )
        .route(
            "/b/{bucket}/o/{object}/rewriteTo/b/{destinationBucket}/o/{destinationObject}",
            post(copy::rewrite),
        )
        .route("/b/{bucket}/o/{object}/moveTo/o/{destinationObject}", post(copy::move_to))
}

/// Uploads and downloads.
fn content(service: &Arc<Service>) -> Router {
    let uploads = || post(insert::insert).put(resumable::put).delete(resumable::cancel);
    Router::new()
        .route("/upload/storage/v1/b/{bucket}/o", uploads())
        .route("/resumable/upload/storage/v1/b/{bucket}/o", uploads())
        .route("/download/storage/v1/b/{bucket}/o/{object}", get(read::download))
        .with_state(service.clone())
}

/// Several calls of `api` in one request.
fn batches(service: &Arc<Service>, api: Router) -> Router {
    let calls = api
        .fallback(async || Refusal::no_route())
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .layer(middleware::from_fn_with_state(service.clone(), counted));
    let batch = || {
        let calls = calls.clone();
        post(async move |headers, body| batch::batch(calls, headers, body).await)
    };
    Router::new().route("/batch", batch()).route("/batch/storage/v1", batch())
}

async fn through_faults(State(service): Shared, request: Request, next: Next) -> Response {
    let request = match service.faults.control(request).await {
        Ok(answer) => return answer,
        Err(request) => request,
    };
    service.count(&request);
    if let Some(latency) = service.latency {
        tokio::time::sleep(latency).await;
    }
    service.faults.run(request, next).await
}

async fn counted(State(service): Shared, request: Request, next: Next) -> Response {
    service.count(&request);
    next.run(request).await
}

async fn delete(
    State(service): Shared,
    caller: Caller,
    Path((bucket, object)): Path<(String, String)>,
    params: params::Params,
) -> Result<StatusCode, Refusal> {
    let memory = service.bucket(&bucket)?;
    caller.needs_object(caller::DELETE, &bucket, &object)?;
    let conditions = params.conditions()?;
    let deleted = match params.generation()? {
        Some(generation) => memory.erase(&object, generation, &conditions),
        None => memory.remove(&object, &conditions),
    };
    match deleted.map_err(|err| Refusal::of(&err, &bucket, &object))? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(caller.missing(&bucket, &object)),
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
