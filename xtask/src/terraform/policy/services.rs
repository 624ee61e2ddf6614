//! Policies about what runs.

use domain::limits::SERVICE_TIMEOUT;
use serde_json::Value;

use super::{Case, Policy, lines};
use crate::metadata::{Function, Kind};
use crate::terraform::planned::Resource;

/// What an accident may start, of one service.
const INSTANCES_MAX: f64 = 100.0;

/// What Cloud Run asks while a service starts. It reads nothing of the bucket.
const HEALTH: &str = "/health";

const SERVICE: &str = "google_cloud_run_v2_service";
const JOB: &str = "google_cloud_run_v2_job";

pub(super) const POLICIES: &[Policy] = &[
    Policy {
        name: "images-are-pinned",
        why: "a tag can mean another image tomorrow",
        check: pinned,
    },
    Policy {
        name: "services-are-internal",
        why: "nobody outside has anything to say to a function",
        check: internal,
    },
    Policy {
        name: "every-function-runs",
        why: "what is not deployed does nothing",
        check: deployed,
    },
    Policy {
        name: "services-are-as-the-metadata-says",
        why: "memory, concurrency and timeout are part of how a function works",
        check: described,
    },
    Policy {
        name: "instances-are-bounded",
        why: "an accident costs what is not bounded",
        check: instances,
    },
    Policy {
        name: "probes-cost-nothing",
        why: "a probe that reads the bucket is paid for with every start",
        check: probes,
    },
    Policy {
        name: "functions-know-the-bucket",
        why: "without BUCKET a function does not start; another one it skips",
        check: settings,
    },
    Policy {
        name: "schedules-may-start-jobs-only",
        why: "a scheduler that administers services can replace them",
        check: schedules,
    },
];

/// Services and jobs, each with the JSON pointer of its one container.
fn running<'a>(case: &'a Case<'_>) -> impl Iterator<Item = (&'a Resource, &'static str)> {
    let services = case.planned.of(SERVICE).map(|it| (it, "/template/0/containers/0"));
    let jobs = case.planned.of(JOB).map(|it| (it, "/template/0/template/0/containers/0"));
    services.chain(jobs)
}

/// The function that a service or a job is of: that whose image it runs.
fn function<'a>(case: &'a Case<'_>, it: &Resource, container: &str) -> Option<&'a Function> {
    let image = it.text(&format!("{container}/image")).split(['@', ':']).next()?;
    let name = image.rsplit('/').next()?;
    case.functions.iter().find(|it| it.name == name)
}

fn pinned(case: &Case<'_>) -> Vec<String> {
    let wrong = running(case).filter_map(|(it, container)| {
        let image = it.text(&format!("{container}/image"));
        let digest = image.split_once("@sha256:").map(|(_, digest)| digest);
        let hex = |it: &str| it.len() == 64 && it.bytes().all(|b| b.is_ascii_hexdigit());
        (!digest.is_some_and(hex)).then(|| format!("{} runs {image}", it.address))
    });
    wrong.collect()
}

fn internal(case: &Case<'_>) -> Vec<String> {
    lines(case.planned.of(SERVICE), |it| {
        let fine = it.text("/ingress") == "INGRESS_TRAFFIC_INTERNAL_ONLY"
            && it.get("/invoker_iam_disabled") != Some(&Value::Bool(true));
        (!fine).then(|| "is open to requests from outside".to_owned())
    })
}

fn deployed(case: &Case<'_>) -> Vec<String> {
    let lacking = case.functions.iter().filter(|function| {
        let name = format!("{}-{}", case.env, function.name);
        let sort = match function.metadata.kind {
            Kind::Push => SERVICE,
            Kind::Job => JOB,
        };
        case.named(sort, "/name", &name).is_none()
    });
    lacking.map(|it| format!("{} is not deployed", it.name)).collect()
}

fn described(case: &Case<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (it, container) in running(case) {
        let Some(function) = function(case, it, container) else {
            wrong.push(format!("{} runs no function of ours", it.address));
            continue;
        };
        let said = &function.metadata;
        let memory = format!("{}Mi", said.memory_mib);
        if it.text(&format!("{container}/resources/0/limits/memory")) != memory {
            wrong.push(format!("{} has not the {memory} of its metadata", it.address));
        }
        if it.sort == JOB {
            continue;
        }
        let account = format!("{}-{}@", case.env, function.name);
        let cpu = it.text(&format!("{container}/resources/0/limits/cpu"));
        if it.number("/template/0/max_instance_request_concurrency")
            != Some(f64::from(said.concurrency))
        {
            wrong.push(format!("{} has not the concurrency of its metadata", it.address));
        } else if said.concurrency > 1 && cpu.parse::<f64>().is_ok_and(|cpu| cpu < 1.0) {
            wrong.push(format!("{} has less than a processor for several requests", it.address));
        }
        if it.seconds("/template/0/timeout") != Some(SERVICE_TIMEOUT.as_secs_f64()) {
            wrong.push(format!("{} has another timeout than the code counts on", it.address));
        }
        if !it.text("/template/0/service_account").starts_with(&account) {
            wrong.push(format!("{} runs as somebody else", it.address));
        }
    }
    wrong
}

fn instances(case: &Case<'_>) -> Vec<String> {
    lines(case.planned.of(SERVICE), |it| {
        let most = it.number("/template/0/scaling/0/max_instance_count");
        let least = it.number("/template/0/scaling/0/min_instance_count").unwrap_or_default();
        let fine = most.is_some_and(|most| (1.0..=INSTANCES_MAX).contains(&most) && least <= most);
        (!fine).then(|| format!("has {least} to {most:?} instances"))
    })
}

fn probes(case: &Case<'_>) -> Vec<String> {
    lines(case.planned.of(SERVICE), |it| {
        let probe = "/template/0/containers/0/startup_probe/0/http_get/0/path";
        let alive = it.each("/template/0/containers/0/liveness_probe");
        let fine = it.text(probe) == HEALTH && alive.is_empty();
        (!fine).then(|| format!("is not probed at {HEALTH}, at its start only"))
    })
}

fn settings(case: &Case<'_>) -> Vec<String> {
    let told = case.planned.of("google_storage_notification").next();
    let bucket = told.map_or("", |it| it.text("/bucket"));
    let wrong = running(case).filter(|(it, container)| {
        let mut variables = it.each(&format!("{container}/env")).iter();
        !variables.any(|it| it["name"] == "BUCKET" && it["value"] == bucket)
    });
    wrong.map(|(it, _)| format!("{} does not have BUCKET={bucket}", it.address)).collect()
}

fn schedules(case: &Case<'_>) -> Vec<String> {
    let mut wrong = lines(case.planned.of("google_cloud_scheduler_job"), |it| {
        let email = it.text("/http_target/0/oauth_token/0/service_account_email");
        let job = it.text("/http_target/0/uri").rsplit('/').next().unwrap_or_default();
        let job = job.trim_end_matches(":run");
        let sort = "google_cloud_run_v2_job_iam_member";
        let may = case.bound(sort, "/name", job, "roles/run.invoker", email);
        (email.is_empty() || !may).then(|| format!("may not start {job}"))
    });
    let bindings = case.planned.present().filter(|it| {
        it.sort.starts_with("google_cloud_run_v2_") && it.sort.ends_with("_iam_member")
    });
    wrong.extend(lines(bindings, |it| {
        let role = it.text("/role");
        (role != "roles/run.invoker").then(|| format!("gives {role}"))
    }));
    wrong
}
