//! Policies about what watches and what is paid for: labels, alerts, audit logs, images.

use std::collections::BTreeSet;

use super::{Case, Policy, lines, texts};

/// What somebody is told about, by the metric of the alert policy.
const ALERTS: [(&str, &str); 10] = [
    ("dead letters", "num_undelivered_messages"),
    ("the oldest message", "oldest_unacked_message_age"),
    ("answers of 5xx", "run.googleapis.com/request_count"),
    ("repeated pushes", "push_request_count"),
    ("slow handlers", "request_latencies"),
    ("lagging snapshots", "snapshot-builder-"),
    ("quarantine", "-rejected"),
    ("storage", "storage/v2/total_bytes"),
    ("objects", "storage/v2/total_count"),
    ("egress", "sent_bytes_count"),
];

pub(super) const POLICIES: &[Policy] = &[
    Policy { name: "labels-are-everywhere", why: "costs cannot be told apart", check: labels },
    Policy {
        name: "people-are-told",
        why: "what nobody is told about goes on for weeks",
        check: alerts,
    },
    Policy {
        name: "audit-logs-are-of-the-bucket-and-without-functions",
        why: "one entry for each operation of a function is a hundred gigabytes for a million events",
        check: audit,
    },
    Policy {
        name: "old-images-go",
        why: "every image of every commit is stored for ever",
        check: images,
    },
];

fn labels(case: &Case<'_>) -> Vec<String> {
    lines(case.planned.present(), |it| {
        let labels = it.get("/effective_labels").or_else(|| it.get("/user_labels"));
        // Not every type has labels.
        let labels = labels?.as_object()?;
        // A channel's own are its address.
        let fine = labels.get("app").is_some_and(|it| it == "strata")
            && labels.get("environment").is_some_and(|it| *it == case.env.to_string());
        (!fine).then(|| "does not say in its labels what it belongs to".to_owned())
    })
}

fn alerts(case: &Case<'_>) -> Vec<String> {
    let filters: Vec<&str> = case
        .planned
        .of("google_monitoring_alert_policy")
        .map(|it| it.text("/conditions/0/condition_threshold/0/filter"))
        .collect();
    let absent = ALERTS.iter().filter(|(_, metric)| !filters.iter().any(|it| it.contains(metric)));
    let mut wrong: Vec<String> =
        absent.map(|(what, _)| format!("nobody is told of {what}")).collect();
    let waiting = filters.iter().find(|it| it.contains("num_undelivered_messages"));
    for pushing in case.pushing() {
        let topic = pushing.text("/dead_letter_policy/0/dead_letter_topic");
        let topic = topic.rsplit('/').next().unwrap_or_default();
        if waiting.is_some_and(|it| !it.contains(&format!("\"{topic}\""))) {
            wrong.push(format!("nobody is told of dead letters in {topic}"));
        }
    }
    wrong
}

fn audit(case: &Case<'_>) -> Vec<String> {
    let functions: BTreeSet<String> =
        case.functions.iter().map(|it| case.member(&it.name)).collect();
    lines(case.planned.of("google_project_iam_audit_config"), |it| {
        if it.text("/service") != "storage.googleapis.com" {
            return Some(format!("is about {}", it.text("/service")));
        }
        let logs = 0..it.each("/audit_log_config").len();
        let exempted = |at| {
            let members = texts(it, &format!("/audit_log_config/{at}/exempted_members"));
            functions.iter().all(|function| members.contains(&function.as_str()))
        };
        (!logs.into_iter().all(exempted)).then(|| "logs what functions do".to_owned())
    })
}

fn images(case: &Case<'_>) -> Vec<String> {
    lines(case.planned.of("google_artifact_registry_repository"), |it| {
        let policies = it.each("/cleanup_policies");
        let deletes = policies.iter().any(|it| it["action"] == "DELETE");
        let keeps = policies.iter().any(|it| it["action"] == "KEEP");
        (!(deletes && keeps)).then(|| "keeps every image, or none for a rollback".to_owned())
    })
}
