//! `cargo xtask doctor`: nothing is found where nothing is wrong, and each mistake is found and
//! named.

mod command;
mod probing;
mod project;

use serde_json::{Value, json};

use crate::doctor::check::Outcome;
use crate::doctor::report::Report;
use crate::terraform::golden;
use project::{
    BUCKET, NUMBER, PROJECT, Project, error, job, registry, service, subscription, topic,
};

const BUILDER: &str = "prod-snapshot-builder";

/// The subscription of the snapshot-builder.
const HISTORY: &str = "prod-snapshot-builder-history";

fn plan(address: &str) -> String {
    format!(
        "cargo xtask plan --env prod --target '{address}' && cargo xtask deploy --env prod \
         --without-smoke"
    )
}

/// One finding, and what mends it.
#[track_caller]
fn one(findings: &[String], what: &str, mend: &str) {
    assert_eq!(findings, [format!("{what} [{mend}]")]);
}

#[tokio::test]
async fn nothing_is_found_in_a_project_that_is_as_planned() {
    let project = Project::healthy().await;
    assert_eq!(project.findings().await, Vec::<String>::new());
    let checks = project.checks().await;
    assert!(checks.len() > 450, "{}", checks.len());
    // Something of everything that the plan has was looked at.
    for subject in [
        "api run.googleapis.com",
        "bucket strata-prod-example",
        "notification to prod-changes",
        "topic prod-snapshot-builder-history-dead",
        "subscription prod-snapshot-builder-history",
        "subscription prod-snapshot-builder-history-dead",
        "service prod-index-writer",
        "job prod-operator-quarantine",
        "schedule prod-operator-quarantine",
        "account prod-operator",
        "role strata_prod_objects_list",
        "bucket strata-prod-example for prod-operator",
        "topic prod-changes for gs-project-accounts",
        "subscription prod-index-writer-snapshot for gcp-sa-pubsub",
        "service prod-index-writer for prod-push-index-writer",
        "account prod-push-index-writer for gcp-sa-pubsub",
        "key bucket for gs-project-accounts",
        "project strata-prod-example for prod-ci-plan",
    ] {
        assert!(checks.iter().any(|it| it.subject == subject), "{subject} was not looked at");
    }
}

/// Changes a bucket, and what is found then.
async fn bucket(patch: Value) -> Vec<String> {
    let project = Project::healthy().await;
    project.call("PATCH", &format!("/storage/v1/b/{BUCKET}"), &patch).await;
    project.findings().await
}

#[tokio::test]
async fn mistakes_of_the_bucket_are_named() {
    let mend = plan("google_storage_bucket.this[0]");
    for (patch, what) in [
        (json!({"versioning": {"enabled": false}}), "versioning is not set, not true"),
        (
            json!({"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": false}}}),
            "uniform access is not set, not true",
        ),
        (
            json!({"iamConfiguration": {"publicAccessPrevention": "inherited"}}),
            "public access prevention is \"inherited\", not \"enforced\"",
        ),
        (
            json!({"softDeletePolicy": {"retentionDurationSeconds": "0"}}),
            "soft delete is not set, not \"604800\"",
        ),
        (
            json!({"retentionPolicy": {"retentionPeriod": "86400"}}),
            "no retention is {\"retentionPeriod\":\"86400\"}, and is not to be set",
        ),
    ] {
        one(&bucket(patch).await, &format!("wrong: bucket {BUCKET}: {what}"), &mend);
    }
}

#[tokio::test]
async fn a_lifecycle_that_deletes_what_is_needed_is_told_rule_by_rule() {
    let delete = json!({"lifecycle": {"rule": [{
        "action": {"type": "Delete"}, "condition": {"age": 1, "isLive": true},
    }]}});
    let [finding] = bucket(delete).await.try_into().unwrap();
    assert!(finding.contains("lifecycle lacks AbortIncompleteMultipartUpload of any age=1"));
    assert!(finding.contains("lacks Delete of noncurrent numNewerVersions=10"), "{finding}");
    assert!(finding.contains("also has Delete of live age=1"), "{finding}");
}

#[tokio::test]
async fn mistakes_of_notifications_are_named() {
    let project = Project::healthy().await;
    let path = format!("/storage/v1/b/{BUCKET}/notificationConfigs");
    let there = project.call("GET", &path, &Value::Null).await;
    let items = there["items"].as_array().unwrap();
    let changes = items.iter().find(|it| it["object_name_prefix"] == "env/prod/").unwrap();
    let id = changes["id"].as_str().unwrap();
    project.call("DELETE", &format!("{path}/{id}"), &Value::Null).await;
    let mend = plan("google_storage_notification.this[\"changes\"]");
    let what = "wrong: notification to prod-changes: existence is missing";
    one(&project.findings().await, what, &mend);

    let mut wrong = changes.clone();
    wrong["object_name_prefix"] = json!("env/");
    wrong["event_types"] = json!([]);
    project.call("POST", &path, &wrong).await;
    let findings = project.findings().await;
    assert_eq!(
        findings,
        [
            format!(
                "wrong: notification to prod-changes: prefix is \"env/\", not \"env/prod/\" [{mend}]"
            ),
            format!(
                "wrong: notification to prod-changes: events is not set, not [\"OBJECT_FINALIZE\"] \
                 [{mend}]"
            ),
        ]
    );
}

#[tokio::test]
async fn what_is_published_twice_or_elsewhere_is_told_with_its_number() {
    let project = Project::healthy().await;
    let path = format!("/storage/v1/b/{BUCKET}/notificationConfigs");
    let changes = project.call("GET", &path, &Value::Null).await["items"][0].clone();
    let again = project.call("POST", &path, &changes).await;
    let name = changes["topic"].as_str().unwrap().rsplit('/').next().unwrap();
    let delete = |id: &Value| {
        format!(
            "gcloud storage buckets notifications delete \
             projects/_/buckets/{BUCKET}/notificationConfigs/{}",
            id.as_str().unwrap()
        )
    };
    let what = format!(
        "wrong: notification to {name}: once is there twice: everything is published twice"
    );
    one(&project.findings().await, &what, &delete(&again["id"]));
    project
        .call("DELETE", &format!("{path}/{}", again["id"].as_str().unwrap()), &Value::Null)
        .await;
    let mut other = changes.clone();
    let topic = format!("//pubsub.googleapis.com/projects/{PROJECT}/topics/others");
    other["topic"] = json!(topic);
    other["object_name_prefix"] = json!("env/prod/snapshots/");
    let other = project.call("POST", &path, &other).await;
    let what = format!(
        "not known: bucket {BUCKET}: notification \"env/prod/snapshots/\" is also published to \
         {topic}, which is not in the plan"
    );
    one(&project.findings().await, &what, &delete(&other["id"]));
}

type Change = fn(&mut Value);

/// Makes the subscription of the snapshot-builder again, changed, and what is found then.
async fn delivery(change: Change) -> Vec<String> {
    let project = Project::healthy().await;
    let mut planned = project.planned.of("google_pubsub_subscription");
    let planned = planned.find(|it| it.text("/name") == HISTORY).unwrap();
    let mut resource = project::subscription_resource(planned);
    change(&mut resource);
    project.call("DELETE", &subscription(HISTORY), &Value::Null).await;
    project.call("PUT", &subscription(HISTORY), &resource).await;
    project.findings().await
}

#[tokio::test]
async fn mistakes_of_a_subscription_are_named() {
    let mend = plan("google_pubsub_subscription.push[\"snapshot-builder-history\"]");
    let mistakes: [(Change, &str); 10] = [
        (
            |it| it["expirationPolicy"] = json!({"ttl": "2678400s"}),
            "no expiry is deleted when nothing happens for 2678400s",
        ),
        (|it| it["ackDeadlineSeconds"] = json!(10), "deadline is \"10\", not \"60\""),
        (
            |it| it["messageRetentionDuration"] = json!("600s"),
            "retention is \"600s\", not \"604800s\"",
        ),
        (
            |it| it["pushConfig"]["oidcToken"]["serviceAccountEmail"] = json!("a@b.c"),
            "identity is \"a@b.c\", not \
             \"prod-push-snapshot-builder@strata-prod-example.iam.gserviceaccount.com\"",
        ),
        (
            |it| it["retryPolicy"]["minimumBackoff"] = json!("1s"),
            "least wait is \"1s\", not \"10s\"",
        ),
        (
            |it| it["deadLetterPolicy"]["maxDeliveryAttempts"] = json!(5),
            "attempts is \"5\", not \"30\"",
        ),
        (
            |it| it["topic"] = json!(format!("projects/{PROJECT}/topics/prod-snapshots")),
            "topic is \"projects/strata-prod-example/topics/prod-snapshots\", not \
             \"projects/strata-prod-example/topics/prod-changes\"",
        ),
        (
            |it| {
                it["pushConfig"]["pushEndpoint"] = json!("http://127.0.0.1:9/");
            },
            "endpoint is \"http://127.0.0.1:9/\", not \"http://127.0.0.1:9/\
             prod-snapshot-builder-100000000003.europe-west1.run.app/pubsub/push\"",
        ),
        (
            |it| {
                let topic = format!("projects/{PROJECT}/topics/prod-changes");
                it["deadLetterPolicy"]["deadLetterTopic"] = json!(topic);
            },
            "dead letters is \"projects/strata-prod-example/topics/prod-changes\", not \
             \"projects/strata-prod-example/topics/prod-snapshot-builder-history-dead\"",
        ),
        (
            |it| drop(it["pushConfig"]["oidcToken"]["audience"].take()),
            "audience is not set, not \
             \"https://prod-snapshot-builder-100000000003.europe-west1.run.app\"",
        ),
    ];
    for (change, what) in mistakes {
        one(&delivery(change).await, &format!("wrong: subscription {HISTORY}: {what}"), &mend);
    }
    let [finding] = delivery(|it| {
        it["filter"] = json!("hasPrefix(attributes.objectId, \"env/prod/\")");
    })
    .await
    .try_into()
    .unwrap();
    let what =
        "filter is \"hasPrefix(attributes.objectId, \\\"env/prod/\\\")\", not \"NOT hasPrefix";
    assert!(finding.contains(what), "{finding}");
}

#[tokio::test]
async fn dead_letters_that_nobody_keeps_are_found() {
    let project = Project::healthy().await;
    let dead = format!("{HISTORY}-dead");
    project.call("DELETE", &subscription(&dead), &Value::Null).await;
    let mend = plan("google_pubsub_subscription.dead[\"snapshot-builder-history\"]");
    let what = format!("wrong: subscription {dead}: existence is missing");
    one(&project.findings().await, &what, &mend);
    // The topic too, and Pub/Sub then says of the subscription that its topic is gone.
    project.call("DELETE", &topic(&dead), &Value::Null).await;
    let findings = project.findings().await.join("\n");
    assert!(findings.contains(&format!("topic {dead}: existence is missing")), "{findings}");
}

#[tokio::test]
async fn mistakes_of_services_and_jobs_are_named() {
    let address = "google_cloud_run_v2_service.this[\"snapshot-builder\"]";
    let image = "europe-west1-docker.pkg.dev/placeholder/strata/snapshot-builder";
    let digest = format!("{image}@sha256:{}", "0".repeat(64));
    let other = format!("{image}@sha256:{}", "1".repeat(64));
    for (pointer, value, what) in [
        (
            "/ingress",
            "INGRESS_TRAFFIC_ALL",
            "ingress is \"INGRESS_TRAFFIC_ALL\", not \"INGRESS_TRAFFIC_INTERNAL_ONLY\"".to_owned(),
        ),
        ("/template/containers/0/image", &other, format!("image is \"{other}\", not \"{digest}\"")),
        (
            "/template/containers/0/startupProbe/httpGet/path",
            "/",
            "startup probe is \"/\", not \"/health\"".to_owned(),
        ),
        ("/template/timeout", "300s", "timeout is \"300s\", not \"45s\"".to_owned()),
        (
            "/latestCreatedRevision",
            "r2",
            "newest revision is \"r2\", which is not ready".to_owned(),
        ),
    ] {
        let project = Project::healthy().await;
        project.edit(&service(BUILDER), pointer, json!(value));
        let what = format!("wrong: service {BUILDER}: {what}");
        one(&project.findings().await, &what, &plan(address));
    }
    let project = Project::healthy().await;
    let tag = format!("{image}:latest");
    project.edit(&service(BUILDER), "/template/containers/0/image", json!(tag));
    project.edit(&job("prod-operator"), "/template/template/containers/0/args", json!(["none"]));
    let traffic = json!({"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "percent": 100, "revision": "r0"});
    project.edit(&service(BUILDER), "/traffic/0", traffic);
    let state = json!({"type": "Ready", "state": "CONDITION_FAILED", "message": "no\nimage"});
    project.edit(&service("prod-index-writer"), "/terminalCondition", state);
    project.remove(&service("prod-manifest-writer"));
    let findings = project.findings().await.join("\n");
    for what in [
        format!("service {BUILDER}: image by digest is \"{tag}\", which can become another"),
        format!("service {BUILDER}: image is \"{tag}\", not \"{digest}\""),
        format!("service {BUILDER}: traffic goes to \"r0\", not to the newest"),
        "job prod-operator: arguments is [\"none\"], not [\"quarantine\",\"list\",\"--env\",\"prod\"]".to_owned(),
        "service prod-index-writer: ready is \"CONDITION_FAILED\": no image [gcloud logging read".to_owned(),
        "service prod-manifest-writer: existence is missing".to_owned(),
    ] {
        assert!(findings.contains(&what), "{what}\n--\n{findings}");
    }
    assert_eq!(findings.lines().count(), 6, "{findings}");
}

#[tokio::test]
async fn a_schedule_that_rests_or_fails_is_found() {
    let project = Project::healthy().await;
    let name = "prod-operator-quarantine";
    let path = format!("/v1/projects/{PROJECT}/locations/europe-west1/jobs/{name}");
    project.edit(&path, "/state", json!("PAUSED"));
    project.edit(&path, "/status", json!({"code": 7}));
    project.edit(&path, "/schedule", json!("0 7 * * *"));
    let findings = project.findings().await;
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert!(findings[0].contains("time is \"0 7 * * *\", not \"0 6 * * *\""));
    let resume = format!(
        "[gcloud scheduler jobs resume {name} --project {PROJECT} --location europe-west1]"
    );
    assert!(findings[1].ends_with(&format!("state is \"PAUSED\" {resume}")), "{findings:?}");
    assert!(findings[2].contains("last time ended with code 7"));
}

#[tokio::test]
async fn a_grant_that_is_missing_is_named_with_whom_it_is_for() {
    let project = Project::healthy().await;
    for (path, member, what, address) in [
        (
            topic("prod-changes"),
            format!("serviceAccount:service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"),
            "topic prod-changes for gs-project-accounts: roles/pubsub.publisher \
             roles/pubsub.publisher is not granted",
            "google_pubsub_topic_iam_member.storage[\"changes\"]",
        ),
        (
            topic(&format!("{HISTORY}-dead")),
            format!("serviceAccount:service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com"),
            "topic prod-snapshot-builder-history-dead for gcp-sa-pubsub: \
             roles/pubsub.publisher roles/pubsub.publisher is not granted",
            "google_pubsub_topic_iam_member.dead[\"snapshot-builder-history\"]",
        ),
        (
            service(BUILDER),
            format!("serviceAccount:prod-push-snapshot-builder@{PROJECT}.iam.gserviceaccount.com"),
            "service prod-snapshot-builder for prod-push-snapshot-builder: roles/run.invoker \
             roles/run.invoker is not granted",
            "google_cloud_run_v2_service_iam_member.push[\"snapshot-builder\"]",
        ),
        (
            registry(),
            "serviceAccount:service-1@serverless-robot-prod.iam.gserviceaccount.com".to_owned(),
            "registry strata for serverless-robot-prod: roles/artifactregistry.reader \
             roles/artifactregistry.reader is not granted",
            "google_artifact_registry_repository_iam_member.reader[\"serviceAccount:\
             service-1@serverless-robot-prod.iam.gserviceaccount.com\"]",
        ),
    ] {
        let path = format!("{path}:getIamPolicy");
        let before = project.documents.lock().unwrap().there[&path].clone();
        assert_eq!(before["bindings"][0]["members"], json!([member]));
        project.edit(&path, "/bindings", json!([]));
        one(&project.findings().await, &format!("wrong: {what}"), &plan(address));
        project.documents.lock().unwrap().there.insert(path, before);
    }
    assert_eq!(project.findings().await, Vec::<String>::new());
}

#[tokio::test]
async fn grants_on_the_bucket_are_those_of_the_plan_and_no_others() {
    let project = Project::healthy().await;
    let path = format!("/storage/v1/b/{BUCKET}/iam");
    let mut policy = project.documents.lock().unwrap().there[&path].clone();
    let builder = format!("serviceAccount:{BUILDER}@{PROJECT}.iam.gserviceaccount.com");
    let bindings = policy["bindings"].as_array_mut().unwrap();
    let is = |it: &Value, title: &str, role: &str| {
        it["condition"]["title"] == title
            && it["role"].as_str().unwrap().ends_with(role)
            && it["members"].as_array().unwrap().contains(&json!(builder))
    };
    bindings.retain(|it| !is(it, "rest-0", "_write"));
    // Its binding is that of others too.
    let read = bindings.iter_mut().find(|it| is(it, "history-0", "_read")).unwrap();
    let members = read["members"].as_array_mut().unwrap();
    members.retain(|it| *it != json!(builder));
    assert_eq!(members.len(), 1);
    let role = read["role"].as_str().unwrap().to_owned();
    let condition = json!({"title": "history-0", "expression": "true"});
    bindings.push(json!({"role": role, "members": [builder], "condition": condition}));
    bindings.push(json!({"role": "roles/storage.admin", "members": [builder]}));
    bindings.push(json!({"role": "roles/storage.objectViewer", "members": ["allUsers"]}));
    bindings.push(json!({"role": "roles/storage.objectViewer", "members": ["user:a@example.com"]}));
    project.documents.lock().unwrap().there.insert(path, policy);
    let findings = project.findings().await;
    let take = |member: &str, role: &str, all: &str| {
        format!(
            "[gcloud storage buckets remove-iam-policy-binding gs://{BUCKET} --member={member} \
             --role={role}{all} --project {PROJECT}]"
        )
    };
    for expected in [
        format!(
            "wrong: bucket {BUCKET} for prod-snapshot-builder: rest-0 \
             projects/{PROJECT}/roles/strata_prod_objects_write is not granted [{}]",
            plan("google_storage_bucket_iam_member.grant[\"snapshot-builder-write-rest-0\"]")
        ),
        format!(
            "wrong: bucket {BUCKET}: nothing else roles/storage.objectViewer is granted to allUsers {}",
            take("allUsers", "roles/storage.objectViewer", "")
        ),
        format!(
            "wrong: bucket {BUCKET}: nothing else {builder} has roles/storage.admin besides, which \
             is not in the plan {}",
            take(&builder, "roles/storage.admin", "")
        ),
        format!(
            "wrong: bucket {BUCKET}: nothing else {builder} has {role} besides, which is not in the \
             plan {}",
            take(&builder, &role, " --all")
        ),
        format!(
            "not known: bucket {BUCKET}: nothing else user:a@example.com has \
             roles/storage.objectViewer, which is not in the plan {}",
            take("user:a@example.com", "roles/storage.objectViewer", "")
        ),
    ] {
        assert!(findings.contains(&expected), "{expected}\n--\n{}", findings.join("\n"));
    }
    // Not one that it is to have.
    let changed = "history-0 projects/strata-prod-example/roles/\
                   strata_prod_objects_read has another condition: true ";
    assert!(findings.iter().any(|it| it.contains(changed)), "{}", findings.join("\n"));
    assert_eq!(findings.len(), 6, "{}", findings.join("\n"));
}

#[tokio::test]
async fn accounts_roles_and_apis_are_looked_at() {
    let project = Project::healthy().await;
    let below = format!("/v1/projects/{PROJECT}");
    let account = format!("{below}/serviceAccounts/{BUILDER}@{PROJECT}.iam.gserviceaccount.com");
    project.edit(&account, "/disabled", json!(true));
    let role = format!("{below}/roles/strata_prod_objects_list");
    project.edit(
        &role,
        "/includedPermissions",
        json!(["storage.objects.list", "storage.objects.get"]),
    );
    project.edit(&format!("{below}/services/sts.googleapis.com"), "/state", json!("DISABLED"));
    let findings = project.findings().await;
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert!(findings[0].contains("api sts.googleapis.com: state is \"DISABLED\", not \"ENABLED\""));
    assert!(findings[1].contains("account prod-snapshot-builder: enabled is disabled"));
    assert!(findings[2].contains("role strata_prod_objects_list: permissions is"));
}

#[tokio::test]
async fn what_a_service_refuses_is_one_line_that_says_what_helps() {
    let project = Project::healthy().await;
    let bucket = format!("/storage/v1/b/{BUCKET}");
    project.refuse(&bucket, 403, error(403, "you@example.com does not have\nstorage.buckets.get"));
    let mend = format!(
        "gcloud projects add-iam-policy-binding {PROJECT} --member=user:YOU --role=roles/viewer"
    );
    let what = format!(
        "not known: bucket {BUCKET}: existence may not be looked at: you@example.com does not have \
         storage.buckets.get"
    );
    one(&project.findings().await, &what, &mend);

    let project = Project::healthy().await;
    let mut disabled = error(403, "Cloud Run Admin API has not been used");
    disabled["error"]["details"] = json!([{"reason": "SERVICE_DISABLED"}]);
    project.refuse(&service(BUILDER), 403, disabled);
    let mend = format!("gcloud services enable run.googleapis.com --project {PROJECT}");
    let what = format!("not known: service {BUILDER}: existence run.googleapis.com is not enabled");
    one(&project.findings().await, &what, &mend);

    // Some page that is not Google's is no answer.
    let project = Project::healthy().await;
    project.refuse(&service(BUILDER), 404, Value::Null);
    project.refuse(&job("prod-operator"), 400, error(400, "bad"));
    let findings = project.findings().await;
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(
        findings[1].contains("job prod-operator: existence run.googleapis.com answers 400: bad")
    );
}

#[tokio::test]
async fn what_does_not_answer_is_not_known_and_everything_else_is() {
    let project = Project::healthy().await;
    project.refuse(&service(BUILDER), 503, error(503, "try later"));
    let [finding] = project.findings().await.try_into().unwrap();
    assert!(
        finding.starts_with(&format!("not known: service {BUILDER}: existence no answer: GET ")),
        "{finding}"
    );
    assert!(finding.contains("answer 503") && !finding.contains('\n'), "{finding}");
}

#[tokio::test]
async fn who_does_not_answer_is_not_asked_for_ever() {
    let project = Project::healthy().await;
    let services: Vec<String> = project
        .planned
        .of("google_cloud_run_v2_service")
        .map(|it| service(it.text("/name")))
        .collect();
    for path in &services {
        project.refuse(path, 503, error(503, "try later"));
    }
    let findings = project.findings().await;
    let asked = findings.iter().filter(|it| it.contains("existence no answer: GET ")).count();
    let left = "existence run does not answer, and is not asked again";
    let left = findings.iter().filter(|it| it.contains(left)).count();
    // Jobs and the policies of either are Cloud Run's too.
    assert_eq!((services.len(), asked), (5, 3), "{findings:#?}");
    assert!(left > 2 && findings.len() == asked + left, "{findings:#?}");
}

#[tokio::test]
async fn a_bucket_of_another_environment_is_held_to_what_every_bucket_is() {
    let mut project = Project::healthy().await;
    project.planned.resources.retain(|it| it.sort != "google_storage_bucket");
    assert_eq!(project.findings().await, Vec::<String>::new());
    let patch = json!({"versioning": {"enabled": false}});
    project.call("PATCH", &format!("/storage/v1/b/{BUCKET}"), &patch).await;
    let what = format!("wrong: bucket {BUCKET}: versioning is not set, not true");
    one(&project.findings().await, &what, "");
}

#[tokio::test]
async fn what_the_plan_does_not_know_yet_is_not_called_wrong() {
    let mut project = Project::healthy().await;
    for it in &mut project.planned.resources {
        if it.address == "google_kms_crypto_key_iam_member.storage[0]" {
            it.values.as_object_mut().unwrap().remove("crypto_key_id");
        }
        if it.address == "google_storage_bucket_iam_member.bigquery[0]" {
            it.values.as_object_mut().unwrap().remove("member");
        }
    }
    let findings = project.findings().await;
    let deploy = "[cargo xtask deploy --env prod]";
    assert!(findings.iter().all(|it| it.starts_with("not known: ")), "{findings:?}");
    let known_later = findings.iter().filter(|it| it.ends_with(deploy)).count();
    assert_eq!(known_later, 2, "{findings:?}");
}

#[tokio::test]
async fn a_report_says_the_same_to_people_and_to_programs() {
    let project = Project::healthy().await;
    project.edit(&service(BUILDER), "/ingress", json!("INGRESS_TRAFFIC_ALL"));
    project.refuse(&job("prod-operator"), 403, error(403, "no"));
    let report = Report {
        env: golden::ENV,
        project: PROJECT.to_owned(),
        bucket: BUCKET.to_owned(),
        looked_at: domain::Instant::from_unix_millis(0),
        checks: project.checks().await,
        answers: crate::doctor::probes::none(golden::ENV),
    };
    assert!(!report.is_well());
    let table = report.table();
    let lines: Vec<&str> = table.lines().collect();
    let ok = "ok         subscription prod-index-writer-snapshot: topic, filter, deadline, retention, \
              no expiry, endpoint, identity, audience, least wait, longest wait, dead letters, \
              attempts, state, nothing else";
    assert!(lines.contains(&ok), "{table}");
    let wrong = "WRONG      service prod-snapshot-builder: ingress is \"INGRESS_TRAFFIC_ALL\", not \
                 \"INGRESS_TRAFFIC_INTERNAL_ONLY\"";
    let at = lines.iter().position(|it| *it == wrong).unwrap();
    assert!(lines[at + 1].starts_with("           mend: cargo xtask plan --env prod --target"));
    assert!(lines.contains(&"not known  job prod-operator: existence may not be looked at: no"));
    let json = report.json();
    let checks = json["checks"].as_array().unwrap();
    let of = |outcome: &str| checks.iter().filter(|it| it["outcome"] == outcome).count();
    assert_eq!((of("wrong"), of("not-known")), (1, 1));
    assert_eq!(report.sum(), format!("prod: {} ok, 1 wrong, 1 not known", of("ok")));
    assert!(checks.iter().all(|it| (it["outcome"] == "ok") == it.get("what").is_none()));
    let markdown = report.markdown();
    assert!(markdown.contains(&table) && markdown.contains(&report.sum()));
    // Every question of what only a project can answer is in it, answered or not.
    for probe in ["create-only", "list-prefix", "pushes", "writes", "unbilled", "cold-start"] {
        assert!(markdown.contains(&format!("| {probe} | ")), "{probe}");
    }
    assert!(report.checks.iter().any(|it| it.outcome == Outcome::Ok));
}
