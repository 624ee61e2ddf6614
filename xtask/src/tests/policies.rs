//! Every policy against a plan that is right, and against one with a mistake in it.

use std::collections::BTreeSet;

use domain::Definitions;
use serde_json::{Value, json};

use super::workspace;
use crate::metadata::Function;
use crate::terraform::access::Access;
use crate::terraform::golden;
use crate::terraform::planned::{Action, Planned, Resource};
use crate::terraform::policy::{self, Case};
use crate::terraform::stored;

/// A mistake, and the policy that has to find it.
#[derive(Clone)]
pub(super) struct Mistake {
    /// The row of FACTS B2 where an earlier platform made it; 0 for others.
    pub(super) row: u8,
    what: &'static str,
    policy: &'static str,
    make: fn(&mut Planned),
}

const fn mistake(
    row: u8,
    what: &'static str,
    policy: &'static str,
    make: fn(&mut Planned),
) -> Mistake {
    Mistake { row, what, policy, make }
}

fn plan() -> Planned {
    golden::read(include_str!("plans/prod.jsonl")).unwrap()
}

/// What the policies whose names begin so find.
fn found(planned: &Planned, functions: &[Function], policy: &str) -> Vec<String> {
    let definitions = Definitions::embedded();
    let case = Case::new(golden::ENV, planned, functions, &definitions).unwrap();
    let asked = policy::policies().filter(|it| it.name.starts_with(policy));
    asked
        .flat_map(|it| it.findings(&case))
        .map(|it| format!("{}: {}", it.policy, it.what))
        .collect()
}

/// The resource at an address.
fn at<'a>(planned: &'a mut Planned, address: &str) -> &'a mut Resource {
    let found = planned.resources.iter_mut().find(|it| it.address == address);
    found.unwrap_or_else(|| panic!("no {address} in the plan"))
}

/// Puts `value` at a JSON pointer of the resource at `address`.
fn set(planned: &mut Planned, address: &str, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let values = &mut at(planned, address).values;
    let parent = values.pointer_mut(parent).unwrap_or_else(|| panic!("{address} has no {parent}"));
    match parent {
        Value::Array(items) => items[field.parse::<usize>().unwrap()] = value,
        parent => parent[field] = value,
    }
}

/// Takes away every resource whose address begins so.
fn drop_all(planned: &mut Planned, address: &str) {
    let before = planned.resources.len();
    planned.resources.retain(|it| !it.address.starts_with(address));
    assert!(planned.resources.len() < before, "no {address} in the plan");
}

/// Adds a copy of the resource at `address` with another value at `pointer`.
fn again(planned: &mut Planned, address: &str, pointer: &str, value: Value) {
    let mut copy = at(planned, address).clone();
    copy.address = format!("{address}.again");
    let name = copy.address.clone();
    planned.resources.push(copy);
    set(planned, &name, pointer, value);
}

const BUCKET: &str = "google_storage_bucket.this[0]";
const PUSH: &str = "google_pubsub_subscription.push[\"index-writer-snapshot\"]";
const BUILDER: &str = "google_pubsub_subscription.push[\"snapshot-builder-history\"]";
const DEAD: &str = "google_pubsub_subscription.dead[\"index-writer-snapshot\"]";
const SERVICE: &str = "google_cloud_run_v2_service.this[\"index-writer\"]";
const SNAPSHOTS: &str = "google_storage_notification.this[\"snapshots\"]";
const GRANT: &str = "google_storage_bucket_iam_member.grant[\"snapshot-builder-rewrite-rest-0\"]";
const CONDITION: &str = "/condition/0/expression";
const VIEW: &str = "google_bigquery_table.view[\"kpis\"]";
const LINES: &str = "google_bigquery_table.lines[\"kpis_export_lines\"]";

/// A condition that holds for what begins with `prefix`.
fn starts_with(prefix: &str) -> Value {
    let object = format!("projects/_/buckets/strata-prod-example/objects/env/prod/{prefix}");
    Value::from(format!("resource.name.startsWith(\"{object}\")"))
}

/// Everything that is planted.
pub(super) fn mistakes() -> Vec<Mistake> {
    [about_deliveries(), about_feeding(), about_data(), about_rights(), about_standing()].concat()
}

fn about_deliveries() -> Vec<Mistake> {
    vec![
        mistake(4, "pushes to the root", "push-endpoint-answers", |it| {
            let root = "https://prod-index-writer-100000000003.europe-west1.run.app";
            set(it, PUSH, "/push_config/0/push_endpoint", json!(root));
        }),
        mistake(4, "pushes to a service that is not there", "push-endpoint-answers", |it| {
            let other = "https://prod-writer-100000000003.europe-west1.run.app/pubsub/push";
            set(it, PUSH, "/push_config/0/push_endpoint", json!(other));
        }),
        mistake(30, "pushes as the function", "push-has-its-own-identity", |it| {
            let runs = "prod-index-writer@strata-prod-example.iam.gserviceaccount.com";
            set(it, PUSH, "/push_config/0/oidc_token/0/service_account_email", json!(runs));
        }),
        mistake(30, "pushes without a token", "push-has-its-own-identity", |it| {
            set(it, PUSH, "/push_config/0/oidc_token", json!([]));
        }),
        mistake(6, "may not invoke", "push-has-its-own-identity", |it| {
            drop_all(it, "google_cloud_run_v2_service_iam_member.push[\"index-writer\"]");
        }),
        mistake(6, "Pub/Sub may not sign", "push-has-its-own-identity", |it| {
            drop_all(it, "google_service_account_iam_member.push[\"index-writer\"]");
        }),
        mistake(20, "deadline below the timeout", "deadlines-are-in-order", |it| {
            set(it, PUSH, "/ack_deadline_seconds", json!(20));
        }),
        mistake(20, "the default deadline", "deadlines-are-in-order", |it| {
            set(it, PUSH, "/ack_deadline_seconds", json!(10));
        }),
        mistake(0, "no retry policy", "pushes-are-spaced-out", |it| {
            set(it, PUSH, "/retry_policy", json!([]));
        }),
        mistake(3, "no dead letters", "dead-letters-are-kept", |it| {
            set(it, PUSH, "/dead_letter_policy", json!([]));
        }),
        mistake(21, "five attempts", "dead-letters-are-kept", |it| {
            set(it, PUSH, "/dead_letter_policy/0/max_delivery_attempts", json!(5));
        }),
        mistake(6, "nobody reads dead letters", "dead-letters-are-kept", |it| drop_all(it, DEAD)),
        mistake(6, "no publisher of dead letters", "dead-letters-are-kept", |it| {
            drop_all(it, "google_pubsub_topic_iam_member.dead[\"index-writer-snapshot\"]");
        }),
        mistake(6, "no subscriber for dead letters", "dead-letters-are-kept", |it| {
            drop_all(it, "google_pubsub_subscription_iam_member.dead[\"index-writer-snapshot\"]");
        }),
        mistake(6, "31 days", "subscriptions-do-not-expire", |it| {
            set(it, PUSH, "/expiration_policy", json!([]));
        }),
        mistake(6, "dead letters expire", "subscriptions-do-not-expire", |it| {
            set(it, DEAD, "/expiration_policy/0/ttl", json!("2678400s"));
        }),
        mistake(6, "a pull subscription that nobody reads", "every-subscription-is-read", |it| {
            again(it, DEAD, "/topic", json!("prod-changes"));
        }),
        mistake(6, "the bucket may not publish", "bucket-may-publish", |it| {
            drop_all(it, "google_pubsub_topic_iam_member.storage[\"changes\"]");
        }),
        mistake(7, "all events are told", "bucket-may-publish", |it| {
            let all = json!(["OBJECT_ARCHIVE", "OBJECT_DELETE", "OBJECT_FINALIZE"]);
            set(it, SNAPSHOTS, "/event_types", all);
        }),
    ]
}

fn about_feeding() -> Vec<Mistake> {
    vec![
        mistake(7, "both prefixes are everything", "notifications-are-the-known-ones", |it| {
            set(it, SNAPSHOTS, "/object_name_prefix", json!("env/"));
        }),
        mistake(7, "one notification is gone", "notifications-are-the-known-ones", |it| {
            drop_all(it, SNAPSHOTS);
        }),
        mistake(7, "a function without its subscription", "every-function-is-fed", |it| {
            drop_all(it, PUSH);
        }),
        mistake(7, "the filter is another one", "every-function-is-fed", |it| {
            set(it, BUILDER, "/filter", json!("attributes.eventType = \"OBJECT_FINALIZE\""));
        }),
        mistake(7, "a filter that is too long", "filters-are-understood", |it| {
            let long = format!("hasPrefix(attributes.objectId, \"{}\")", "x".repeat(256));
            set(it, BUILDER, "/filter", json!(long));
        }),
        mistake(7, "no filter: every write wakes", "functions-get-their-classes-alone", |it| {
            set(it, BUILDER, "/filter", json!(""));
        }),
        mistake(7, "reports are filtered as a whole", "functions-get-their-classes-alone", |it| {
            let none = "NOT hasPrefix(attributes.objectId, \"env/prod/reports/\")";
            set(it, BUILDER, "/filter", json!(none));
        }),
        mistake(
            7,
            "a function that writes what it is fed with",
            "no-function-feeds-itself",
            |it| {
                set(it, GRANT, CONDITION, starts_with("ventures/"));
            },
        ),
        mistake(7, "a round over two functions", "no-function-feeds-itself", |it| {
            let grant = "google_storage_bucket_iam_member.grant[\"rules-engine-write-rest-0\"]";
            set(it, grant, CONDITION, starts_with("reports/"));
        }),
    ]
}

fn about_data() -> Vec<Mistake> {
    vec![
        mistake(0, "access lists on objects", "bucket-is-private", |it| {
            set(it, BUCKET, "/uniform_bucket_level_access", json!(false));
        }),
        mistake(0, "public access is inherited", "bucket-is-private", |it| {
            set(it, BUCKET, "/public_access_prevention", json!("inherited"));
        }),
        mistake(0, "no versions", "bucket-keeps-versions", |it| {
            set(it, BUCKET, "/versioning/0/enabled", json!(false));
        }),
        mistake(0, "a retention on the bucket", "bucket-keeps-versions", |it| {
            set(it, BUCKET, "/retention_policy", json!([{ "retention_period": "86400" }]));
        }),
        mistake(0, "a multi-region", "bucket-keeps-versions", |it| {
            set(it, BUCKET, "/location", json!("EU"));
        }),
        mistake(32, "soft delete is not said", "soft-delete-is-chosen", |it| {
            set(it, BUCKET, "/soft_delete_policy", json!([]));
        }),
        mistake(22, "old manifests stay for ever", "old-versions-go-in-time", |it| {
            set(it, BUCKET, "/lifecycle_rule/1/condition/0/matches_prefix", json!([]));
        }),
        mistake(22, "age counts from the creation", "old-versions-go-in-time", |it| {
            let age = json!([{
                "age": 30, "with_state": "ARCHIVED", "matches_prefix": ["env/prod/snapshots/"],
            }]);
            set(it, BUCKET, "/lifecycle_rule/0/condition", age);
        }),
        mistake(22, "versions go before messages", "old-versions-go-in-time", |it| {
            let rule = "/lifecycle_rule/0/condition/0/days_since_noncurrent_time";
            set(it, BUCKET, rule, json!(7));
        }),
        mistake(22, "alerts are deleted with their reports", "history-is-never-deleted", |it| {
            let rule = "/lifecycle_rule/3/condition/0/matches_prefix";
            set(it, BUCKET, rule, json!(["env/prod/reports/"]));
        }),
        mistake(0, "a rule without a prefix", "history-is-never-deleted", |it| {
            set(it, BUCKET, "/lifecycle_rule/6/condition/0/matches_prefix", json!([]));
        }),
        mistake(22, "everything moves to Nearline", "storage-classes-fit-small-objects", |it| {
            let moves = json!([{ "type": "SetStorageClass", "storage_class": "NEARLINE" }]);
            set(it, BUCKET, "/lifecycle_rule/8/action", moves);
        }),
        mistake(0, "the key's grant is gone", "bucket-key-works", |it| {
            drop_all(it, "google_kms_crypto_key_iam_member.storage");
        }),
        mistake(0, "the key never rotates", "bucket-key-works", |it| {
            set(it, "google_kms_crypto_key.bucket[0]", "/rotation_period", Value::Null);
        }),
        mistake(0, "the bucket is replaced", "data-is-not-destroyed", |it| {
            at(it, BUCKET).action = Action::Replace;
        }),
        mistake(0, "the bucket goes", "data-is-not-destroyed", |it| {
            at(it, BUCKET).action = Action::Destroy;
        }),
        mistake(0, "the bucket may be emptied", "data-is-not-destroyed", |it| {
            set(it, BUCKET, "/force_destroy", json!(true));
        }),
        mistake(0, "conditions of each function alone", "bucket-policy-fits", |it| {
            for grant in &mut it.resources {
                let whose = grant.address.clone();
                if let Some(condition) = grant.values.pointer_mut("/condition/0") {
                    condition["title"] = json!(whose);
                    condition["description"] = json!("Why it is so. ".repeat(20));
                }
            }
        }),
        mistake(24, "columns are guessed", "tables-have-columns", |it| {
            set(it, LINES, "/external_data_configuration/0/autodetect", json!(true));
        }),
        mistake(24, "columns where they are refused", "tables-have-columns", |it| {
            let columns = at(it, LINES).text("/schema").to_owned();
            set(it, LINES, "/external_data_configuration/0/schema", json!(columns));
        }),
        mistake(24, "two stars", "tables-are-over-large-files", |it| {
            let uris = json!(["gs://b/env/prod/*/history/*.json"]);
            set(it, LINES, "/external_data_configuration/0/source_uris", uris);
        }),
        mistake(24, "a view of what no snapshot has", "views-read-what-is-there", |it| {
            let query = at(it, VIEW).text("/view/0/query").replacen("`id`", "`ptr`", 1);
            set(it, VIEW, "/view/0/query", json!(query));
        }),
        mistake(24, "a view with tombstones", "views-read-what-is-there", |it| {
            let query = at(it, VIEW).text("/view/0/query").replace("WHERE op IS NULL", "");
            set(it, VIEW, "/view/0/query", json!(query));
        }),
        mistake(24, "a connection elsewhere", "queries-stay-in-one-place", |it| {
            set(it, "google_bigquery_connection.this[0]", "/location", json!("US"));
        }),
    ]
}

fn about_rights() -> Vec<Mistake> {
    vec![
        mistake(5, "the builder cannot read history", "functions-may-do-what-they-say", |it| {
            drop_all(
                it,
                "google_storage_bucket_iam_member.grant[\"snapshot-builder-read-history-0\"]",
            );
        }),
        mistake(
            5,
            "the index writer cannot read snapshots",
            "functions-may-do-what-they-say",
            |it| {
                drop_all(it, "google_storage_bucket_iam_member.grant[\"index-writer-read-");
            },
        ),
        mistake(19, "a whole environment is granted", "functions-may-do-what-they-say", |it| {
            set(it, GRANT, CONDITION, starts_with(""));
        }),
        mistake(0, "no grant to replace", "functions-may-do-what-they-say", |it| {
            let role = "google_project_iam_custom_role.objects[\"write\"]";
            set(it, role, "/permissions", json!(["storage.objects.create"]));
        }),
        mistake(0, "history can be replaced", "functions-may-do-what-they-say", |it| {
            let grant = "google_storage_bucket_iam_member.grant[\"operator-append-history-0\"]";
            let role = "projects/strata-prod-example/roles/strata_prod_objects_write";
            set(it, grant, "/role", json!(role));
        }),
        mistake(
            0,
            "who sends alerts writes what is open",
            "functions-may-do-what-they-say",
            |it| {
                let grant =
                    "google_storage_bucket_iam_member.grant[\"alert-dispatcher-rewrite-rest-0\"]";
                set(it, grant, CONDITION, starts_with("indices/alerts/"));
            },
        ),
        mistake(15, "no right to list: 403 for what is missing", "functions-may-list", |it| {
            drop_all(it, "google_storage_bucket_iam_member.list[\"index-writer\"]");
        }),
        mistake(5, "listing under a condition on names", "functions-may-list", |it| {
            let list = "google_storage_bucket_iam_member.list[\"index-writer\"]";
            at(it, list).values["condition"] = json!([{ "expression": starts_with("snapshots/") }]);
        }),
        mistake(0, "a condition that is too long", "conditions-fit", |it| {
            let one = starts_with("snapshots/");
            let long = vec![one.as_str().unwrap(); 14].join(" || ");
            set(it, GRANT, CONDITION, json!(long));
        }),
        mistake(0, "allUsers", "nobody-is-everybody", |it| {
            let reader = "google_storage_bucket_iam_member.reader[\"investor\"]";
            set(it, reader, "/member", json!("allUsers"));
        }),
        mistake(30, "every secret of the project", "roles-are-narrow", |it| {
            let role = "google_project_iam_member.ci[\"deploy-run.admin\"]";
            set(it, role, "/role", json!("roles/secretmanager.secretAccessor"));
        }),
        mistake(30, "an editor", "roles-are-narrow", |it| {
            let role = "google_project_iam_member.ci[\"deploy-run.admin\"]";
            set(it, role, "/role", json!("roles/editor"));
        }),
        mistake(30, "a function with a role on the project", "roles-are-narrow", |it| {
            let member =
                "serviceAccount:prod-index-writer@strata-prod-example.iam.gserviceaccount.com";
            let role = "google_project_iam_member.ci[\"deploy-run.admin\"]";
            set(it, role, "/member", json!(member));
        }),
        mistake(0, "a job that reads more than measures", "roles-are-narrow", |it| {
            let role = "google_project_iam_custom_role.measures[0]";
            set(it, role, "/permissions", json!(["monitoring.timeSeries.list", "monitoring.x"]));
        }),
        mistake(0, "a job with a role of Google's on the project", "roles-are-narrow", |it| {
            let role = "google_project_iam_member.measures[0]";
            set(it, role, "/role", json!("roles/monitoring.viewer"));
        }),
        mistake(0, "a function that reads measures", "roles-are-narrow", |it| {
            let member =
                "serviceAccount:prod-index-writer@strata-prod-example.iam.gserviceaccount.com";
            set(it, "google_project_iam_member.measures[0]", "/member", json!(member));
        }),
        mistake(0, "the operator takes deliveries", "functions-take-no-deliveries", |it| {
            let paused = "google_pubsub_subscription_iam_member.paused[\"index-writer-snapshot\"]";
            set(it, paused, "/role", json!("roles/pubsub.subscriber"));
        }),
        mistake(0, "a function takes dead letters", "functions-take-no-deliveries", |it| {
            let dead = "google_pubsub_subscription_iam_member.operator[\"index-writer-snapshot\"]";
            let member =
                "serviceAccount:prod-index-writer@strata-prod-example.iam.gserviceaccount.com";
            set(it, dead, "/member", json!(member));
        }),
        mistake(30, "a secret for who does not read it", "secrets-are-bound-one-by-one", |it| {
            again(it, "google_project_iam_member.ci[\"deploy-run.admin\"]", "/role", json!("r"));
            let last = it.resources.last_mut().unwrap();
            last.sort = "google_secret_manager_secret_iam_member".to_owned();
            last.values["secret_id"] = json!("prod-webhook");
        }),
        mistake(
            0,
            "a reader of history",
            "outsiders-read-what-is-derived-and-append-history",
            |it| {
                let reader = "google_storage_bucket_iam_member.reader[\"investor\"]";
                set(it, reader, CONDITION, starts_with("ventures/"));
            },
        ),
        mistake(
            0,
            "a reader who writes",
            "outsiders-read-what-is-derived-and-append-history",
            |it| {
                let reader = "google_storage_bucket_iam_member.reader[\"investor\"]";
                set(it, reader, "/role", json!("roles/storage.objectUser"));
            },
        ),
        mistake(
            0,
            "a reader who lists everything",
            "outsiders-read-what-is-derived-and-append-history",
            |it| {
                let reader = "google_storage_bucket_iam_member.reader_list[\"investor\"]";
                set(it, reader, "/condition", json!([]));
            },
        ),
        mistake(
            0,
            "a writer of snapshots",
            "outsiders-read-what-is-derived-and-append-history",
            |it| {
                let writer = "google_storage_bucket_iam_member.writer[\"cockpit-history-0\"]";
                set(it, writer, CONDITION, starts_with("snapshots/"));
            },
        ),
        mistake(
            0,
            "a writer who replaces",
            "outsiders-read-what-is-derived-and-append-history",
            |it| {
                let writer = "google_storage_bucket_iam_member.writer[\"cockpit-history-0\"]";
                set(
                    it,
                    writer,
                    "/role",
                    json!("projects/strata-prod-example/roles/strata_prod_objects_write"),
                );
            },
        ),
        mistake(0, "any repository", "federation-names-its-repository", |it| {
            let provider = "google_iam_workload_identity_pool_provider.ci[0]";
            set(it, provider, "/attribute_condition", Value::Null);
        }),
        mistake(0, "every branch deploys", "deployments-are-approved", |it| {
            let deploy = "google_service_account_iam_member.ci[\"deploy\"]";
            let plan = "google_service_account_iam_member.ci[\"plan\"]";
            let everybody = at(it, plan).values["member"].clone();
            set(it, deploy, "/member", everybody);
        }),
        mistake(0, "nobody is asked", "deployments-are-approved", |it| {
            let deploy = "google_service_account_iam_member.ci[\"deploy\"]";
            let member = at(it, deploy).text("/member").replace(":prod", "");
            set(it, deploy, "/member", json!(member));
        }),
        mistake(0, "a long account", "account-names-fit", |it| {
            let account = "google_service_account.scheduler";
            set(it, account, "/account_id", json!("x".repeat(31)));
        }),
    ]
}

fn about_standing() -> Vec<Mistake> {
    vec![
        mistake(0, "a tag", "images-are-pinned", |it| {
            let image = "/template/0/containers/0/image";
            set(it, SERVICE, image, json!("europe-west1-docker.pkg.dev/p/s/index-writer:latest"));
        }),
        mistake(0, "open to the internet", "services-are-internal", |it| {
            set(it, SERVICE, "/ingress", json!("INGRESS_TRAFFIC_ALL"));
        }),
        mistake(0, "a function is not deployed", "every-function-runs", |it| drop_all(it, SERVICE)),
        mistake(0, "less memory", "services-are-as-the-metadata-says", |it| {
            set(it, SERVICE, "/template/0/containers/0/resources/0/limits/memory", json!("128Mi"));
        }),
        mistake(20, "another timeout", "services-are-as-the-metadata-says", |it| {
            set(it, SERVICE, "/template/0/timeout", json!("300s"));
        }),
        mistake(0, "no bound of instances", "instances-are-bounded", |it| {
            set(it, SERVICE, "/template/0/scaling/0/max_instance_count", Value::Null);
        }),
        mistake(31, "a probe that reads", "probes-cost-nothing", |it| {
            let path = "/template/0/containers/0/startup_probe/0/http_get/0/path";
            set(it, SERVICE, path, json!("/ops/health"));
        }),
        mistake(0, "another bucket", "functions-know-the-bucket", |it| {
            set(it, SERVICE, "/template/0/containers/0/env/0/value", json!("other"));
        }),
        mistake(30, "the scheduler administers", "schedules-may-start-jobs-only", |it| {
            let grant = "google_cloud_run_v2_job_iam_member.scheduler[\"operator-quarantine\"]";
            set(it, grant, "/role", json!("roles/run.admin"));
        }),
        mistake(0, "no labels", "labels-are-everywhere", |it| {
            set(it, BUCKET, "/effective_labels", json!({ "app": "strata" }));
        }),
        mistake(0, "nobody is told of dead letters", "people-are-told", |it| {
            drop_all(it, "google_monitoring_alert_policy.this[\"dead-letters\"]");
        }),
        mistake(0, "a subscription is forgotten in the alert", "people-are-told", |it| {
            let alert = "google_monitoring_alert_policy.this[\"dead-letters\"]";
            let filter = "/conditions/0/condition_threshold/0/filter";
            let less = at(it, alert).text(filter).replace("index-writer-snapshot-dead", "other");
            set(it, alert, filter, json!(less));
        }),
        mistake(
            29,
            "all services are logged",
            "audit-logs-are-of-the-bucket-and-without-functions",
            |it| {
                set(
                    it,
                    "google_project_iam_audit_config.storage[0]",
                    "/service",
                    json!("allServices"),
                );
            },
        ),
        mistake(
            29,
            "functions are logged",
            "audit-logs-are-of-the-bucket-and-without-functions",
            |it| {
                let audit = "google_project_iam_audit_config.storage[0]";
                set(it, audit, "/audit_log_config/0/exempted_members", json!([]));
            },
        ),
        mistake(0, "images for ever", "old-images-go", |it| {
            set(it, "google_artifact_registry_repository.this[0]", "/cleanup_policies", json!([]));
        }),
    ]
}

#[test]
fn nothing_is_wrong_with_the_plan() {
    let functions = workspace().functions().unwrap();
    let found = found(&plan(), &functions, "");
    let hint = "after a new function or kind: `cargo xtask terraform check --update` plans anew";
    assert_eq!(found, Vec::<String>::new(), "{hint}");
}

#[test]
fn nothing_is_wrong_with_the_plan_after_the_first_apply() {
    let mut planned = plan();
    let account = "bqcx-1@gcp-sa-bigquery-condel.iam.gserviceaccount.com";
    let connection = "google_bigquery_connection.this[0]";
    let resource = json!([{ "service_account_id": account }]);
    at(&mut planned, connection).values["cloud_resource"] = resource;
    for binding in ["bigquery", "bigquery_list"] {
        let address = format!("google_storage_bucket_iam_member.{binding}[0]");
        at(&mut planned, &address).values["member"] = json!(format!("serviceAccount:{account}"));
    }
    let functions = workspace().functions().unwrap();
    assert_eq!(found(&planned, &functions, ""), Vec::<String>::new());
}

#[test]
fn whoever_deploys_may_do_the_smoke_test_and_nothing_else_with_objects() {
    let planned = plan();
    let access = Access::of(&planned).unwrap();
    let account = |it: &&Resource| it.text("/account_id") == "prod-ci-deploy";
    let member = planned.of("google_service_account").find(account).unwrap().text("/member");
    let may = |permission: &str, name: &str| {
        access.may(member, &format!("storage.objects.{permission}"), &format!("env/prod/{name}"))
    };
    assert!(may("create", "ventures/smoke-1/history/2025/01/02/a_b.json"));
    assert!(!may("create", "ventures/V1/history/2025/01/02/a_b.json"));
    assert!(!may("create", "snapshots/ventures/smoke-1.json"));
    for name in ["snapshots/ventures/smoke-1.json", "manifests/ventures/by-id/smoke-1.json"] {
        assert!(may("get", name));
        assert!(!may("delete", name));
    }
    assert!(may("get", "indices/ventures/by-status/pilot/smoke-1.json"));
    assert!(!may("get", "snapshots/ventures/V1.json"));
    assert!(access.may_list(member, ""));
}

#[test]
fn the_policy_of_a_bucket_has_one_binding_for_all_under_the_same_condition() {
    let binding = |who: &str, title: &str| {
        let values = json!({
            "bucket": "b", "role": "r", "member": format!("serviceAccount:{who}"),
            "condition": [{ "title": title, "expression": "e" }],
        });
        let address = format!("google_storage_bucket_iam_member.{who}");
        let sort = "google_storage_bucket_iam_member".to_owned();
        Resource { address, sort, action: Action::Create, values, changed: Vec::new() }
    };
    let gone = Resource { action: Action::Destroy, ..binding("c", "t") };
    let resources = vec![binding("b", "t"), binding("a", "t"), binding("a", "u"), gone];
    let planned = Planned { resources };
    let condition = |title: &str| json!({ "title": title, "expression": "e" });
    let expected = json!([
        { "role": "r", "members": ["serviceAccount:a", "serviceAccount:b"], "condition": condition("t") },
        { "role": "r", "members": ["serviceAccount:a"], "condition": condition("u") },
    ]);
    let policy = stored::policy(&planned);
    assert_eq!(policy["bindings"], expected);
    assert_eq!(stored::bytes(&planned), policy.to_string().len());
}

#[test]
fn functions_share_bindings_of_the_bucket() {
    let policy = stored::policy(&plan());
    let bindings = policy["bindings"].as_array().unwrap();
    let titled = |title: &str| {
        let found = bindings.iter().filter(|it| it["condition"]["title"] == title);
        found.map(|it| it["members"].as_array().unwrap().len()).collect::<Vec<_>>()
    };
    // The operator with the index-writer, the manifest-writer, and a writer from outside; who
    // reads history appends none, but for the operator; the compactor only reads manifests.
    for (title, members) in
        [("pointer-0", vec![2]), ("manifest-0", vec![1, 2]), ("history-0", vec![2, 2])]
    {
        assert_eq!(titled(title), members, "{title}");
    }
}

#[test]
fn every_mistake_is_found_by_its_policy() {
    let functions = workspace().functions().unwrap();
    let mut missed = Vec::new();
    for Mistake { what, policy, make, .. } in mistakes() {
        let mut planned = plan();
        make(&mut planned);
        if found(&planned, &functions, policy).is_empty() {
            let others = found(&planned, &functions, "");
            missed.push(format!("{what}: {policy} does not find it, but: {others:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_policy_has_a_mistake_that_it_finds() {
    let caught: BTreeSet<&str> = mistakes().iter().map(|it| it.policy).collect();
    let all: BTreeSet<&str> = policy::policies().map(|it| it.name).collect();
    assert_eq!(all, caught);
}
