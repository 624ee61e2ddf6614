//! Topics and subscriptions: each message reaches its function, or waits where somebody looks.

use serde_json::{Value, json};

use super::check::Subject;
use super::google::{Service, encode};
use super::visit::Visit;
use crate::terraform::planned::Resource;

/// Looks at the topics.
pub(super) async fn topics(visit: &mut Visit<'_>) {
    for planned in visit.planned.of("google_pubsub_topic") {
        let name = planned.text("/name");
        let mut subject = Subject::of("topic", name, planned, visit.env);
        let path = path(planned, "topics", name);
        if let Some(there) = subject.there(visit.google.look(Service::PubSub, &path).await) {
            let regions = "/message_storage_policy/0/allowed_persistence_regions";
            let kept = there.pointer("/messageStoragePolicy/allowedPersistenceRegions");
            subject.same("regions", &said(planned, regions), kept.unwrap_or(&Value::Null));
        }
        visit.add(subject);
    }
}

/// Looks at the subscriptions.
pub(super) async fn subscriptions(visit: &mut Visit<'_>) {
    for planned in visit.planned.of("google_pubsub_subscription") {
        let name = planned.text("/name");
        let mut subject = Subject::of("subscription", name, planned, visit.env);
        let path = path(planned, "subscriptions", name);
        if let Some(there) = subject.there(visit.google.look(Service::PubSub, &path).await) {
            compare(&mut subject, planned, &there);
        }
        visit.add(subject);
    }
}

/// (Pub/Sub REST reference, `projects.subscriptions`.)
fn compare(subject: &mut Subject, planned: &Resource, there: &Value) {
    let project = planned.text("/project");
    let topic = planned.text("/topic");
    let topic = match topic.starts_with("projects/") {
        true => topic.to_owned(),
        // What was read of a topic that was deleted is `_deleted-topic_`.
        false => format!("projects/{project}/topics/{topic}"),
    };
    subject.same("topic", &json!(topic), &there["topic"]);
    subject.same("filter", &said(planned, "/filter"), &there["filter"]);
    subject.same("deadline", &said(planned, "/ack_deadline_seconds"), &there["ackDeadlineSeconds"]);
    let retention = said(planned, "/message_retention_duration");
    subject.same("retention", &retention, &there["messageRetentionDuration"]);
    // No policy at all would mean 31 days.
    let never = there["expirationPolicy"].is_object() && there["expirationPolicy"]["ttl"].is_null();
    subject.holds("no expiry", never, || {
        let after = there["expirationPolicy"]["ttl"].as_str().unwrap_or("the usual 31 days");
        format!("is deleted when nothing happens for {after}")
    });
    let push = &there["pushConfig"];
    subject.same("endpoint", &said(planned, "/push_config/0/push_endpoint"), &push["pushEndpoint"]);
    let token = "/push_config/0/oidc_token/0";
    let account = said(planned, &format!("{token}/service_account_email"));
    subject.same("identity", &account, &push["oidcToken"]["serviceAccountEmail"]);
    let audience = said(planned, &format!("{token}/audience"));
    subject.same("audience", &audience, &push["oidcToken"]["audience"]);
    for (aspect, ours, theirs) in [
        ("least wait", "/retry_policy/0/minimum_backoff", "minimumBackoff"),
        ("longest wait", "/retry_policy/0/maximum_backoff", "maximumBackoff"),
    ] {
        subject.same(aspect, &said(planned, ours), &there["retryPolicy"][theirs]);
    }
    let dead = said(planned, "/dead_letter_policy/0/dead_letter_topic");
    subject.same("dead letters", &dead, &there["deadLetterPolicy"]["deadLetterTopic"]);
    let attempts = said(planned, "/dead_letter_policy/0/max_delivery_attempts");
    subject.same("attempts", &attempts, &there["deadLetterPolicy"]["maxDeliveryAttempts"]);
    // One that pushes to a place that is gone for good, or whose topic is, says so here.
    subject.holds("state", there["state"] == "ACTIVE", || format!("is {}", there["state"]));
}

fn path(planned: &Resource, collection: &str, name: &str) -> String {
    format!("/v1/projects/{}/{collection}/{}", encode(planned.text("/project")), encode(name))
}

fn said(planned: &Resource, pointer: &str) -> Value {
    planned.get(pointer).cloned().unwrap_or_default()
}
