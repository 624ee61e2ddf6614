//! The bucket, and what it tells.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::check::{Outcome, Subject};
use super::google::{Look, Service, encode};
use super::visit::Visit;
use crate::terraform::planned::Resource;

/// Conditions of lifecycle rules, as Terraform and as the API call them. (Cloud Storage JSON API,
/// `Buckets` resource.)
const CONDITIONS: [(&str, &str); 6] = [
    ("age", "age"),
    ("num_newer_versions", "numNewerVersions"),
    ("days_since_noncurrent_time", "daysSinceNoncurrentTime"),
    ("matches_prefix", "matchesPrefix"),
    ("matches_suffix", "matchesSuffix"),
    ("matches_storage_class", "matchesStorageClass"),
];

/// Looks at the bucket.
pub(super) async fn settings(visit: &mut Visit<'_>) {
    let bucket = visit.bucket.clone();
    let planned = visit.planned.of("google_storage_bucket").next();
    let mut subject = match planned {
        Some(planned) => Subject::of("bucket", &bucket, planned, visit.env),
        // Another environment has it; what is true of every bucket is true of it.
        None => Subject::named(format!("bucket {bucket}")),
    };
    let path = format!("/storage/v1/b/{}?projection=noAcl", encode(&bucket));
    if let Some(there) = subject.there(visit.google.look(Service::Storage, &path).await) {
        let at = |pointer: &str| there.pointer(pointer).cloned().unwrap_or_default();
        let on = Value::Bool(true);
        subject.same("versioning", &on, &at("/versioning/enabled"));
        let uniform = "/iamConfiguration/uniformBucketLevelAccess/enabled";
        subject.same("uniform access", &on, &at(uniform));
        let prevention = at("/iamConfiguration/publicAccessPrevention");
        subject.same("public access prevention", &json!("enforced"), &prevention);
        // It would freeze snapshots.
        subject.same("no retention", &Value::Null, &at("/retentionPolicy"));
        if let Some(planned) = planned {
            compare(&mut subject, planned, &there);
        }
    }
    visit.add(subject);
}

fn compare(subject: &mut Subject, planned: &Resource, there: &Value) {
    let at = |pointer: &str| there.pointer(pointer).cloned().unwrap_or_default();
    let said = |pointer: &str| planned.get(pointer).cloned().unwrap_or_default();
    let region = |text: Value| text.as_str().unwrap_or_default().to_ascii_lowercase();
    subject.same("location", &region(said("/location")).into(), &region(at("/location")).into());
    let kept = said("/soft_delete_policy/0/retention_duration_seconds");
    subject.same("soft delete", &kept, &at("/softDeletePolicy/retentionDurationSeconds"));
    let retention = if said("/enable_object_retention") == true { "Enabled" } else { "" };
    subject.same("retention of objects", &json!(retention), &at("/objectRetention/mode"));
    let key = at("/encryption/defaultKmsKeyName");
    match planned.get("/encryption/0/default_kms_key_name") {
        Some(name) => subject.same("key", name, &key),
        // With a key whose name the apply tells.
        None if !planned.each("/encryption").is_empty() => {
            subject.holds("key", key.is_string(), || "is not set".to_owned());
        }
        None => subject.same("key", &Value::Null, &key),
    }
    lifecycle(subject, planned.each("/lifecycle_rule"), &at("/lifecycle/rule"));
}

fn lifecycle(subject: &mut Subject, planned: &[Value], there: &Value) {
    let planned: BTreeSet<String> = planned.iter().map(planned_rule).collect();
    let there = there.as_array().into_iter().flatten();
    let there: BTreeSet<String> = there.map(rule).collect();
    let mut differing = planned.difference(&there).map(|it| format!("lacks {it}"));
    let more = there.difference(&planned).map(|it| format!("also has {it}"));
    let differing: Vec<String> = differing.by_ref().chain(more).collect();
    subject.holds("lifecycle", differing.is_empty(), || differing.join("; "));
}

fn planned_rule(rule: &Value) -> String {
    let one = |pointer: &str| rule.pointer(pointer).cloned().unwrap_or_default();
    let state = match one("/condition/0/with_state").as_str() {
        Some("ARCHIVED") => "noncurrent",
        Some("LIVE") => "live",
        _ => "any",
    };
    let conditions = CONDITIONS.map(|(ours, name)| (name, one(&format!("/condition/0/{ours}"))));
    spelled(&one("/action/0/type"), &one("/action/0/storage_class"), state, conditions)
}

fn rule(rule: &Value) -> String {
    let one = |pointer: &str| rule.pointer(pointer).cloned().unwrap_or_default();
    let state = match one("/condition/isLive").as_bool() {
        Some(false) => "noncurrent",
        Some(true) => "live",
        None => "any",
    };
    let mut others = rule["condition"].as_object().into_iter().flatten();
    let conditions = CONDITIONS.map(|(_, name)| (name, one(&format!("/condition/{name}"))));
    let text = spelled(&one("/action/type"), &one("/action/storageClass"), state, conditions);
    let known = |name: &str| name == "isLive" || CONDITIONS.iter().any(|(_, it)| *it == name);
    // A condition that nobody here knows makes it another rule.
    match others.find(|(name, _)| !known(name)) {
        Some((name, value)) => format!("{text} {name}={value}"),
        None => text,
    }
}

fn spelled(
    action: &Value,
    class: &Value,
    state: &str,
    conditions: [(&str, Value); CONDITIONS.len()],
) -> String {
    let mut words = vec![action.as_str().unwrap_or_default().to_owned()];
    words.extend(class.as_str().filter(|it| !it.is_empty()).map(str::to_owned));
    words.push(format!("of {state}"));
    for (name, value) in conditions {
        let value = match value {
            Value::Array(mut items) if !items.is_empty() => {
                items.sort_by_key(Value::to_string);
                Value::Array(items).to_string()
            }
            // Terraform has a zero where nothing is said.
            Value::Number(number) if number.as_f64() != Some(0.0) => number.to_string(),
            _ => continue,
        };
        words.push(format!("{name}={value}"));
    }
    words.join(" ")
}

/// Looks at what the bucket publishes.
pub(super) async fn notifications(visit: &mut Visit<'_>) {
    let bucket = visit.bucket.clone();
    let path = format!("/storage/v1/b/{}/notificationConfigs", encode(&bucket));
    let look = visit.google.look(Service::Storage, &path).await;
    let there = match &look {
        Look::Found(page) => page["items"].as_array().cloned().unwrap_or_default(),
        _ => Vec::new(),
    };
    let mut topics = BTreeSet::new();
    for planned in visit.planned.of("google_storage_notification") {
        let topic = planned.text("/topic");
        topics.insert(topic.to_owned());
        let name = topic.rsplit('/').next().unwrap_or_default();
        let mut subject = Subject::of("notification to", name, planned, visit.env);
        if let Look::Unknown { .. } = &look {
            subject.there(look.clone());
        } else {
            one(&mut subject, &bucket, planned, &there);
        }
        visit.add(subject);
    }
    let own = format!("env/{}/", visit.env);
    for it in there {
        let topic = it["topic"].as_str().unwrap_or_default();
        let prefix = it["object_name_prefix"].as_str().unwrap_or_default();
        if !topics.contains(topic) && (prefix.starts_with(&own) || own.starts_with(prefix)) {
            let mut subject = Subject::named(format!("bucket {bucket}"));
            let what = format!("{prefix:?} is also published to {topic}, which is not in the plan");
            subject.add("notification", Outcome::NotKnown(what), Some(forget(&bucket, &it)));
            visit.add(subject);
        }
    }
}

fn one(subject: &mut Subject, bucket: &str, planned: &Resource, there: &[Value]) {
    let same = |it: &&Value| it["topic"] == planned.text("/topic");
    let mut found = there.iter().filter(same);
    let Some(first) = found.next() else {
        subject.wrong("existence", "is missing".to_owned());
        return;
    };
    let said = |pointer: &str| planned.get(pointer).cloned().unwrap_or_default();
    subject.same("prefix", &said("/object_name_prefix"), &first["object_name_prefix"]);
    subject.same("events", &said("/event_types"), &first["event_types"]);
    subject.same("payload", &said("/payload_format"), &first["payload_format"]);
    for more in found {
        let what = "is there twice: everything is published twice".to_owned();
        subject.add("once", Outcome::Wrong(what), Some(forget(bucket, more)));
    }
}

fn forget(bucket: &str, notification: &Value) -> String {
    let id = notification["id"].as_str().unwrap_or_default();
    format!(
        "gcloud storage buckets notifications delete \
         projects/_/buckets/{bucket}/notificationConfigs/{id}"
    )
}
