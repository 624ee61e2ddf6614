//! Services, jobs and schedules.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::check::{Outcome, Subject};
use super::google::{Service, encode};
use super::visit::Visit;
use crate::terraform::planned::Resource;

/// What Cloud Run says of what is ready. (Cloud Run Admin API v2, `Condition`.)
const READY: &str = "CONDITION_SUCCEEDED";

/// Looks at the services.
pub(super) async fn services(visit: &mut Visit<'_>) {
    for planned in visit.planned.of("google_cloud_run_v2_service") {
        let name = planned.text("/name");
        let mut subject = Subject::of("service", name, planned, visit.env);
        let path = path(planned, "services", name);
        if let Some(there) = subject.there(visit.google.look(Service::Run, &path).await) {
            ready(&mut subject, visit, name, &there);
            service(&mut subject, planned, &there);
        }
        visit.add(subject);
    }
}

/// (Cloud Run Admin API v2, `projects.locations.services`.)
fn service(subject: &mut Subject, planned: &Resource, there: &Value) {
    subject.same("ingress", &said(planned, "/ingress"), &there["ingress"]);
    let template = &there["template"];
    let container = &template["containers"][0];
    image(subject, said(planned, "/template/0/containers/0/image"), container);
    for (aspect, ours, theirs) in [
        ("identity", "/service_account", "/serviceAccount"),
        ("timeout", "/timeout", "/timeout"),
        ("concurrency", "/max_instance_request_concurrency", "/maxInstanceRequestConcurrency"),
        ("least instances", "/scaling/0/min_instance_count", "/scaling/minInstanceCount"),
        ("most instances", "/scaling/0/max_instance_count", "/scaling/maxInstanceCount"),
        ("environment", "/execution_environment", "/executionEnvironment"),
    ] {
        let is = template.pointer(theirs).unwrap_or(&Value::Null);
        subject.same(aspect, &said(planned, &format!("/template/0{ours}")), is);
    }
    for (aspect, ours, theirs) in [
        ("memory", "/resources/0/limits/memory", "/resources/limits/memory"),
        ("processor", "/resources/0/limits/cpu", "/resources/limits/cpu"),
        ("idle processor", "/resources/0/cpu_idle", "/resources/cpuIdle"),
        ("startup boost", "/resources/0/startup_cpu_boost", "/resources/startupCpuBoost"),
        ("startup probe", "/startup_probe/0/http_get/0/path", "/startupProbe/httpGet/path"),
        ("probe period", "/startup_probe/0/period_seconds", "/startupProbe/periodSeconds"),
        ("probe failures", "/startup_probe/0/failure_threshold", "/startupProbe/failureThreshold"),
    ] {
        let is = container.pointer(theirs).unwrap_or(&Value::Null);
        subject.same(aspect, &said(planned, &format!("/template/0/containers/0{ours}")), is);
    }
    let planned = said(planned, "/template/0/containers/0/env");
    subject.same("settings", &settings(&planned), &settings(&container["env"]));
    let newest = there["latestCreatedRevision"] == there["latestReadyRevision"];
    subject.holds("newest revision", newest, || {
        format!("is {}, which is not ready", there["latestCreatedRevision"])
    });
    let mut traffic = there["traffic"].as_array().into_iter().flatten();
    let other = traffic.find(|it| {
        it["type"] == "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION" && it["percent"] != json!(0)
    });
    subject.holds("traffic", other.is_none(), || {
        format!("goes to {}, not to the newest", other.map_or(&Value::Null, |it| &it["revision"]))
    });
}

/// Looks at the jobs.
pub(super) async fn jobs(visit: &mut Visit<'_>) {
    for planned in visit.planned.of("google_cloud_run_v2_job") {
        let name = planned.text("/name");
        let mut subject = Subject::of("job", name, planned, visit.env);
        let path = path(planned, "jobs", name);
        if let Some(there) = subject.there(visit.google.look(Service::Run, &path).await) {
            ready(&mut subject, visit, name, &there);
            let task = &there["template"]["template"];
            let container = &task["containers"][0];
            let said = |pointer: &str| said(planned, &format!("/template/0/template/0{pointer}"));
            image(&mut subject, said("/containers/0/image"), container);
            subject.same("arguments", &said("/containers/0/args"), &container["args"]);
            let memory = &container["resources"]["limits"]["memory"];
            subject.same("memory", &said("/containers/0/resources/0/limits/memory"), memory);
            let planned = settings(&said("/containers/0/env"));
            subject.same("settings", &planned, &settings(&container["env"]));
            subject.same("identity", &said("/service_account"), &task["serviceAccount"]);
            subject.same("timeout", &said("/timeout"), &task["timeout"]);
            subject.same("retries", &said("/max_retries"), &task["maxRetries"]);
        }
        visit.add(subject);
    }
}

/// Looks at the schedules. (Cloud Scheduler REST reference, `projects.locations.jobs`.)
pub(super) async fn schedules(visit: &mut Visit<'_>) {
    for planned in visit.planned.of("google_cloud_scheduler_job") {
        let name = planned.text("/name");
        let mut subject = Subject::of("schedule", name, planned, visit.env);
        let (project, region) = (planned.text("/project"), planned.text("/region"));
        let path = format!(
            "/v1/projects/{}/locations/{}/jobs/{}",
            encode(project),
            encode(region),
            encode(name)
        );
        if let Some(there) = subject.there(visit.google.look(Service::Scheduler, &path).await) {
            subject.same("time", &said(planned, "/schedule"), &there["schedule"]);
            subject.same("time zone", &said(planned, "/time_zone"), &there["timeZone"]);
            let target = &there["httpTarget"];
            subject.same("target", &said(planned, "/http_target/0/uri"), &target["uri"]);
            let account = "/http_target/0/oauth_token/0/service_account_email";
            let token = &target["oauthToken"]["serviceAccountEmail"];
            subject.same("identity", &said(planned, account), token);
            if there["state"] == "ENABLED" {
                subject.add("state", Outcome::Ok, None);
            } else {
                let mend = format!(
                    "gcloud scheduler jobs resume {name} --project {project} --location {region}"
                );
                let what = format!("is {}", there["state"]);
                subject.add("state", Outcome::Wrong(what), Some(mend));
            }
            // Missing before the first time, and a code of zero is left out.
            let code = there["status"]["code"].as_i64().unwrap_or_default();
            if code == 0 {
                subject.add("last time", Outcome::Ok, None);
            } else {
                let what = format!("ended with code {code}");
                let mend = format!(
                    "gcloud logging read 'resource.type=cloud_scheduler_job AND \
                     resource.labels.job_id={name}' --project {project} --limit 5"
                );
                subject.add("last time", Outcome::Wrong(what), Some(mend));
            }
        }
        visit.add(subject);
    }
}

fn ready(subject: &mut Subject, visit: &Visit<'_>, name: &str, there: &Value) {
    let condition = &there["terminalCondition"];
    if condition["state"] == READY {
        subject.add("ready", Outcome::Ok, None);
        return;
    }
    let message = condition["message"].as_str().unwrap_or("no reason given");
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let what = format!("is {}: {message}", condition["state"]);
    let project = &visit.google.project;
    let mend = format!(
        "gcloud logging read 'labels.\"run.googleapis.com/service_name\"={name} OR \
         resource.labels.service_name={name} OR resource.labels.job_name={name}' --project \
         {project} --limit 20"
    );
    subject.add("ready", Outcome::Wrong(what), Some(mend));
}

/// By digest, and the one that was locked.
fn image(subject: &mut Subject, planned: Value, container: &Value) {
    let there = container["image"].as_str().unwrap_or_default();
    let pinned = there.contains("@sha256:");
    subject.holds("image by digest", pinned, || format!("is {there:?}, which can become another"));
    subject.same("image", &planned, &container["image"]);
}

/// Settings by name: Google need not keep their order. A secret is known by the end of its name.
fn settings(env: &Value) -> Value {
    let settings = env.as_array().into_iter().flatten();
    let settings = settings.map(|it| {
        let name = it["name"].as_str().unwrap_or_default().to_owned();
        let ours = it.pointer("/value_source/0/secret_key_ref/0");
        let reference = ours.or(it.pointer("/valueSource/secretKeyRef"));
        let value = match reference {
            Some(secret) => {
                let secret_name = secret["secret"].as_str().unwrap_or_default();
                let short = secret_name.rsplit('/').next().unwrap_or_default();
                format!("secret {short}:{}", secret["version"].as_str().unwrap_or_default())
            }
            None => it["value"].as_str().unwrap_or_default().to_owned(),
        };
        (name, Value::from(value))
    });
    json!(settings.collect::<BTreeMap<String, Value>>())
}

fn path(planned: &Resource, collection: &str, name: &str) -> String {
    let (project, location) = (planned.text("/project"), planned.text("/location"));
    format!(
        "/v2/projects/{}/locations/{}/{collection}/{}",
        encode(project),
        encode(location),
        encode(name)
    )
}

fn said(planned: &Resource, pointer: &str) -> Value {
    planned.get(pointer).cloned().unwrap_or_default()
}
