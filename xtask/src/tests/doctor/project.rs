//! A project that is what a plan says: Cloud Storage and Pub/Sub in the emulator, all else in a
//! stand-in that serves the documents that Google's references describe.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use emulator::{Emulator, Options, SystemClock};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::doctor::check::{Check, Outcome};
use crate::doctor::google::{Google, Service};
use crate::doctor::visit;
use crate::http::Server;
use crate::terraform::golden;
use crate::terraform::planned::{Planned, Resource};
use crate::terraform::stored;

/// The project of the kept plan.
pub(super) const PROJECT: &str = "strata-prod-example";
pub(super) const BUCKET: &str = "strata-prod-example";
pub(super) const NUMBER: &str = "100000000003";

/// What the stand-in answers, by path without query; statuses instead of 200 first.
#[derive(Default)]
pub(super) struct Documents {
    pub(super) there: BTreeMap<String, Value>,
    pub(super) refused: BTreeMap<String, (u16, Value)>,
    /// What a token that may do less is told by Cloud Storage, by method and end of the name; the
    /// emulator answers all else.
    pub(super) bounded: Vec<(&'static str, &'static str, u16)>,
    /// The forms and bodies that came with a POST, by path.
    pub(super) posted: Vec<(String, String)>,
}

pub(super) struct Project {
    pub(super) emulator: Emulator,
    pub(super) server: Server,
    pub(super) planned: Planned,
    pub(super) documents: Arc<Mutex<Documents>>,
    pub(super) google: Google,
    /// Where the stand-in is, for every service.
    pub(super) url: String,
    _stand_in: tokio::task::JoinHandle<()>,
}

/// The address of the stand-in, for each service but Cloud Storage's own calls.
struct Front {
    documents: Arc<Mutex<Documents>>,
    emulator: Server,
}

impl Project {
    /// One in which everything is right.
    pub(super) async fn healthy() -> Self {
        let planned = golden::read(include_str!("../plans/prod.jsonl")).unwrap();
        let planned = known(planned);
        let emulator = Emulator::start(Options::default()).await.unwrap();
        let server = Server::at(&emulator.url()).unwrap();
        let documents = Arc::new(Mutex::new(Documents::default()));
        documents.lock().unwrap().there = described(&planned);
        let front = Arc::new(Front { documents: documents.clone(), emulator: server.clone() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(front);
        let stand_in = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let elsewhere = Service::ALL.into_iter().map(|it| (it, url.clone())).collect();
        let google = Google::new(PROJECT, &elsewhere, Arc::new(SystemClock)).unwrap();
        let project =
            Self { emulator, server, planned, documents, google, url, _stand_in: stand_in };
        project.deploy().await;
        project
    }

    /// Makes in the emulator what the plan says of it.
    async fn deploy(&self) {
        let bucket = self.planned.of("google_storage_bucket").next().unwrap();
        self.call("POST", &format!("/storage/v1/b?project={PROJECT}"), &bucket_resource(bucket))
            .await;
        for it in self.planned.of("google_pubsub_topic") {
            let regions = it.get("/message_storage_policy/0/allowed_persistence_regions").unwrap();
            let body = json!({"messageStoragePolicy": {"allowedPersistenceRegions": regions}});
            self.call("PUT", &topic(it.text("/name")), &body).await;
        }
        for it in self.planned.of("google_pubsub_subscription") {
            self.call("PUT", &subscription(it.text("/name")), &subscription_resource(it)).await;
        }
        for it in self.planned.of("google_storage_notification") {
            let body = json!({
                "topic": it.text("/topic"),
                "object_name_prefix": it.text("/object_name_prefix"),
                "event_types": ["OBJECT_FINALIZE"],
                "payload_format": "JSON_API_V1",
            });
            let path = format!("/storage/v1/b/{BUCKET}/notificationConfigs");
            self.call("POST", &path, &body).await;
        }
    }

    pub(super) async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let json = [("content-type".to_owned(), "application/json".to_owned())];
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let answer = self.server.send(method, path, &json, body).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status < 300, "{method} {path}: {} {text}", answer.status);
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Changes what the stand-in has at `path`.
    pub(super) fn edit(&self, path: &str, pointer: &str, value: Value) {
        let mut documents = self.documents.lock().unwrap();
        let document = documents.there.get_mut(path).unwrap_or_else(|| panic!("nothing at {path}"));
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        match document.pointer_mut(parent).unwrap_or_else(|| panic!("{path} has no {parent}")) {
            Value::Array(items) => items[field.parse::<usize>().unwrap()] = value,
            parent => parent[field] = value,
        }
    }

    pub(super) fn remove(&self, path: &str) {
        assert!(self.documents.lock().unwrap().there.remove(path).is_some(), "nothing at {path}");
    }

    pub(super) fn refuse(&self, path: &str, status: u16, error: Value) {
        self.documents.lock().unwrap().refused.insert(path.to_owned(), (status, error));
    }

    pub(super) async fn checks(&self) -> Vec<Check> {
        visit::all(&self.google, &self.planned, golden::ENV, |_| ()).await.unwrap()
    }

    /// What is not ok, each on a line.
    pub(super) async fn findings(&self) -> Vec<String> {
        let checks = self.checks().await.into_iter();
        let bad = checks.filter(|it| it.outcome != Outcome::Ok);
        bad.map(|it| {
            let (how, what) = match it.outcome {
                Outcome::Wrong(what) => ("wrong", what),
                Outcome::NotKnown(what) => ("not known", what),
                Outcome::Ok => unreachable!(),
            };
            let mend = it.mend.unwrap_or_default();
            format!("{how}: {}: {} {what} [{mend}]", it.subject, it.aspect)
        })
        .collect()
    }
}

async fn answer(
    State(front): State<Arc<Front>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let path = percent_decode_str(uri.path()).decode_utf8().unwrap().into_owned();
    let status = |it: u16| StatusCode::from_u16(it).unwrap();
    let bearer = headers.get("authorization").and_then(|it| it.to_str().ok()).unwrap_or_default();
    {
        let mut documents = front.documents.lock().unwrap();
        if let Some((code, error)) = documents.refused.get(&path) {
            return (status(*code), error.to_string());
        }
        if bearer.starts_with("Bearer less") {
            let query = percent_decode_str(uri.query().unwrap_or_default()).decode_utf8().unwrap();
            let whole = format!("{path}?{query}");
            let rule = documents.bounded.iter();
            let mut rule = rule.filter(|(verb, part, _)| method == *verb && whole.contains(part));
            if let Some((_, _, code)) = rule.next() {
                return (status(*code), error(*code, "bounded").to_string());
            }
        }
        if method == Method::POST {
            documents.posted.push((path.clone(), String::from_utf8(body.to_vec()).unwrap()));
        }
        if let Some(document) = documents.there.get(&path) {
            return (StatusCode::OK, document.to_string());
        }
    }
    let is_emulated = path.starts_with("/storage/")
        || path.starts_with("/upload/")
        || path.contains("/topics/")
        || path.contains("/subscriptions/");
    if !is_emulated || path.ends_with(":getIamPolicy") {
        return (StatusCode::NOT_FOUND, error(404, "not found").to_string());
    }
    let headers: Vec<(String, String)> = ["content-type"]
        .iter()
        .filter_map(|it| Some(((*it).to_owned(), headers.get(*it)?.to_str().ok()?.to_owned())))
        .collect();
    let target = uri.path_and_query().unwrap().as_str();
    let answer = front.emulator.send(method.as_str(), target, &headers, body).await.unwrap();
    (status(answer.status), String::from_utf8(answer.body.to_vec()).unwrap())
}

/// (Google Cloud APIs documentation, "Errors".)
pub(super) fn error(code: u16, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

pub(super) fn topic(name: &str) -> String {
    format!("/v1/projects/{PROJECT}/topics/{name}")
}

pub(super) fn subscription(name: &str) -> String {
    format!("/v1/projects/{PROJECT}/subscriptions/{name}")
}

pub(super) fn service(name: &str) -> String {
    format!("/v2/projects/{PROJECT}/locations/europe-west1/services/{name}")
}

pub(super) fn job(name: &str) -> String {
    format!("/v2/projects/{PROJECT}/locations/europe-west1/jobs/{name}")
}

pub(super) fn registry() -> String {
    format!("/v1/projects/{PROJECT}/locations/europe-west1/repositories/strata")
}

/// Values that the plan of a new project leaves open, and that of a deployed one has.
fn known(mut planned: Planned) -> Planned {
    planned.resources.push(registry_reader());
    let ring = format!("projects/{PROJECT}/locations/europe-west1/keyRings/prod-strata");
    for it in &mut planned.resources {
        match it.sort.as_str() {
            "google_storage_bucket" => {
                it.values["encryption"][0]["default_kms_key_name"] =
                    json!(format!("{ring}/cryptoKeys/bucket"));
            }
            "google_kms_crypto_key_iam_member" => {
                it.values["crypto_key_id"] = json!(format!("{ring}/cryptoKeys/bucket"));
            }
            "google_pubsub_subscription" => {
                // The emulator pushes on loopback only; nobody listens there.
                if let Some(Value::String(endpoint)) =
                    it.values.pointer_mut("/push_config/0/push_endpoint")
                {
                    *endpoint = endpoint.replace("https://", "http://127.0.0.1:9/");
                }
            }
            sort if sort.ends_with("_iam_member") && it.values.get("member").is_none() => {
                it.values["member"] =
                    json!("serviceAccount:bqcx-1@gcp-sa-bigquery-condel.iam.gserviceaccount.com");
            }
            _ => (),
        }
    }
    planned
}

/// A grant that prod has none of: the registry that all environments use is another project's.
fn registry_reader() -> Resource {
    let member = "serviceAccount:service-1@serverless-robot-prod.iam.gserviceaccount.com";
    Resource {
        address: format!("google_artifact_registry_repository_iam_member.reader[\"{member}\"]"),
        sort: "google_artifact_registry_repository_iam_member".to_owned(),
        action: crate::terraform::planned::Action::Create,
        values: json!({
            "project": PROJECT, "location": "europe-west1", "repository": "strata",
            "role": "roles/artifactregistry.reader", "member": member,
        }),
        changed: Vec::new(),
    }
}

/// (Cloud Storage JSON API, `Buckets` resource.)
fn bucket_resource(planned: &Resource) -> Value {
    let rule = |it: &Value| {
        let condition = &it["condition"][0];
        let mut there = serde_json::Map::new();
        for (ours, theirs) in [
            ("age", "age"),
            ("num_newer_versions", "numNewerVersions"),
            ("days_since_noncurrent_time", "daysSinceNoncurrentTime"),
            ("matches_prefix", "matchesPrefix"),
        ] {
            if let Some(value) = condition.get(ours) {
                there.insert(theirs.to_owned(), value.clone());
            }
        }
        if condition["with_state"] == "ARCHIVED" {
            there.insert("isLive".to_owned(), json!(false));
        }
        json!({"action": {"type": it["action"][0]["type"]}, "condition": there})
    };
    let rules: Vec<Value> = planned.each("/lifecycle_rule").iter().map(rule).collect();
    json!({
        "name": BUCKET,
        "location": planned.text("/location").to_uppercase(),
        "versioning": {"enabled": true},
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": true, "lockedTime": "2026-12-01T00:00:00Z"},
            "publicAccessPrevention": "enforced",
        },
        "softDeletePolicy": {
            "retentionDurationSeconds": "604800", "effectiveTime": "2026-11-01T00:00:00Z",
        },
        "objectRetention": {"mode": "Enabled"},
        "encryption": {
            "defaultKmsKeyName": planned.text("/encryption/0/default_kms_key_name"),
        },
        "lifecycle": {"rule": rules},
    })
}

/// (Pub/Sub REST reference, `projects.subscriptions`.)
pub(super) fn subscription_resource(it: &Resource) -> Value {
    let mut resource = json!({
        "topic": format!("projects/{PROJECT}/topics/{}", it.text("/topic")),
        "ackDeadlineSeconds": it.get("/ack_deadline_seconds"),
        "messageRetentionDuration": it.text("/message_retention_duration"),
        "expirationPolicy": {},
    });
    if let Some(filter) = it.get("/filter") {
        resource["filter"] = filter.clone();
    }
    if let Some(endpoint) = it.get("/push_config/0/push_endpoint") {
        let token = "/push_config/0/oidc_token/0";
        resource["pushConfig"] = json!({
            "pushEndpoint": endpoint,
            "oidcToken": {
                "serviceAccountEmail": it.text(&format!("{token}/service_account_email")),
                "audience": it.text(&format!("{token}/audience")),
            },
        });
        resource["retryPolicy"] = json!({"minimumBackoff": "10s", "maximumBackoff": "600s"});
        resource["deadLetterPolicy"] = json!({
            "deadLetterTopic": it.text("/dead_letter_policy/0/dead_letter_topic"),
            "maxDeliveryAttempts": it.get("/dead_letter_policy/0/max_delivery_attempts"),
        });
    }
    resource
}

/// (IAM REST reference, `Policy`.)
fn policy<'a>(members: impl Iterator<Item = &'a Resource>) -> Value {
    let binding = |it: &Resource| {
        let mut binding = json!({"role": it.text("/role"), "members": [it.text("/member")]});
        if let Some(condition) = it.get("/condition/0") {
            binding["condition"] = condition.clone();
        }
        binding
    };
    json!({"version": 3, "etag": "BwY=", "bindings": members.map(binding).collect::<Vec<_>>()})
}

/// What every bucket has besides.
fn with_owners(mut policy: Value) -> Value {
    let bindings = policy["bindings"].as_array_mut().unwrap();
    bindings.push(json!({
        "role": "roles/storage.legacyBucketOwner",
        "members": [format!("projectOwner:{PROJECT}"), format!("projectEditor:{PROJECT}")],
    }));
    policy
}

/// Everything but Cloud Storage and what the emulator has of Pub/Sub.
fn described(planned: &Planned) -> BTreeMap<String, Value> {
    let mut there = BTreeMap::new();
    for it in planned.of("google_project_service") {
        let path = format!("/v1/projects/{PROJECT}/services/{}", it.text("/service"));
        there.insert(path, json!({"state": "ENABLED", "parent": format!("projects/{NUMBER}")}));
    }
    for it in planned.of("google_service_account") {
        let email = it.text("/email");
        let path = format!("/v1/projects/{PROJECT}/serviceAccounts/{email}");
        there.insert(path, json!({"email": email, "projectId": PROJECT}));
    }
    for it in planned.of("google_project_iam_custom_role") {
        let path = format!("/v1/projects/{PROJECT}/roles/{}", it.text("/role_id"));
        let mut permissions = it.each("/permissions").to_vec();
        permissions.reverse();
        there.insert(path, json!({"includedPermissions": permissions, "stage": "GA"}));
    }
    for it in planned.of("google_cloud_run_v2_service") {
        there.insert(service(it.text("/name")), service_resource(it));
    }
    for it in planned.of("google_cloud_run_v2_job") {
        there.insert(job(it.text("/name")), job_resource(it));
    }
    for it in planned.of("google_cloud_scheduler_job") {
        let path =
            format!("/v1/projects/{PROJECT}/locations/europe-west1/jobs/{}", it.text("/name"));
        let account = "/http_target/0/oauth_token/0/service_account_email";
        let resource = json!({
            "schedule": it.text("/schedule"), "timeZone": "Etc/UTC", "state": "ENABLED",
            "status": {}, "attemptDeadline": "180s",
            "httpTarget": {
                "uri": it.text("/http_target/0/uri"), "httpMethod": "POST",
                "oauthToken": {
                    "serviceAccountEmail": it.text(account),
                    "scope": "https://www.googleapis.com/auth/cloud-platform",
                },
            },
        });
        there.insert(path, resource);
    }
    there.extend(policies(planned));
    // Larger than what the emulator takes.
    let policy = with_owners(stored::policy(planned));
    there.insert(format!("/storage/v1/b/{BUCKET}/iam"), policy);
    there
}

fn policies(planned: &Planned) -> BTreeMap<String, Value> {
    let mut grouped: BTreeMap<String, Vec<&Resource>> = BTreeMap::new();
    for it in planned.present() {
        let path = match it.sort.as_str() {
            "google_pubsub_topic_iam_member" => topic(it.text("/topic")),
            "google_pubsub_subscription_iam_member" => subscription(it.text("/subscription")),
            "google_cloud_run_v2_service_iam_member" => service(it.text("/name")),
            "google_cloud_run_v2_job_iam_member" => job(it.text("/name")),
            "google_service_account_iam_member" => {
                format!("/v1/{}", it.text("/service_account_id"))
            }
            "google_kms_crypto_key_iam_member" => format!("/v1/{}", it.text("/crypto_key_id")),
            "google_artifact_registry_repository_iam_member" => registry(),
            "google_project_iam_member" => format!("/v3/projects/{PROJECT}"),
            _ => continue,
        };
        grouped.entry(format!("{path}:getIamPolicy")).or_default().push(it);
    }
    let policies = grouped.into_iter().map(|(path, them)| (path, policy(them.into_iter())));
    policies.collect()
}

/// (Cloud Run Admin API v2, `projects.locations.services`.)
fn service_resource(it: &Resource) -> Value {
    let container = |pointer: &str| it.get(&format!("/template/0/containers/0{pointer}"));
    let template = |pointer: &str| it.get(&format!("/template/0{pointer}"));
    let mut env = container("/env").unwrap().as_array().unwrap().clone();
    env.reverse();
    let revision = format!("{}-00001-abc", it.text("/name"));
    json!({
        "name": service(it.text("/name")).trim_start_matches("/v2/"),
        "ingress": it.text("/ingress"),
        "launchStage": "GA",
        "template": {
            "scaling": {"maxInstanceCount": template("/scaling/0/max_instance_count")},
            "timeout": "45s",
            "serviceAccount": template("/service_account"),
            "containers": [{
                "image": container("/image"),
                "env": env,
                "ports": [{"name": "http1", "containerPort": 8080}],
                "resources": {
                    "limits": container("/resources/0/limits"),
                    "cpuIdle": true,
                    "startupCpuBoost": true,
                },
                "startupProbe": {
                    "timeoutSeconds": 1, "periodSeconds": 1, "failureThreshold": 20,
                    "httpGet": {"path": "/health", "port": 8080},
                },
            }],
            "maxInstanceRequestConcurrency": template("/max_instance_request_concurrency"),
            "executionEnvironment": template("/execution_environment"),
        },
        "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
        "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
        "latestCreatedRevision": revision,
        "latestReadyRevision": revision,
    })
}

/// (Cloud Run Admin API v2, `projects.locations.jobs`.)
fn job_resource(it: &Resource) -> Value {
    let task = |pointer: &str| it.get(&format!("/template/0/template/0{pointer}"));
    json!({
        "template": {"taskCount": 1, "parallelism": 1, "template": {
            "containers": [{
                "image": task("/containers/0/image"),
                "args": task("/containers/0/args"),
                "env": task("/containers/0/env"),
                "resources": {"limits": task("/containers/0/resources/0/limits")},
            }],
            "maxRetries": task("/max_retries"),
            "timeout": task("/timeout"),
            "serviceAccount": task("/service_account"),
        }},
        "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
    })
}
