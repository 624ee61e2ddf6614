//! Policies about subscriptions: each message reaches its function or waits where somebody looks.

use domain::limits::HANDLER_BUDGET;

use super::{Case, Policy, lines, texts};
use crate::terraform::planned::Resource;

/// Attempts that outlast an hour of outage.
const ATTEMPTS_MIN: f64 = 20.0;

/// Pub/Sub waits for an answer no longer. (Pub/Sub documentation, "Subscription properties".)
const DEADLINE_MAX: f64 = 600.0;

const PUBSUB_AGENT: &str = "@gcp-sa-pubsub.iam.gserviceaccount.com";
const STORAGE_AGENT: &str = "@gs-project-accounts.iam.gserviceaccount.com";

pub(super) const POLICIES: &[Policy] = &[
    Policy {
        name: "push-endpoint-answers",
        why: "elsewhere a function answers 404, and each push is a refusal",
        check: endpoint,
    },
    Policy {
        name: "push-has-its-own-identity",
        why: "who pushes could otherwise do what the function may, or is not let in",
        check: identity,
    },
    Policy {
        name: "deadlines-are-in-order",
        why: "an attempt begins while the one before still runs",
        check: deadlines,
    },
    Policy {
        name: "pushes-are-spaced-out",
        why: "without a retry policy a message comes again at once",
        check: retries,
    },
    Policy {
        name: "dead-letters-are-kept",
        why: "what is published to a topic without a subscription is lost",
        check: dead_letters,
    },
    Policy {
        name: "subscriptions-do-not-expire",
        why: "a quiet environment loses its functions after 31 days",
        check: expiry,
    },
    Policy {
        name: "every-subscription-is-read",
        why: "a backlog that nobody reads is paid for",
        check: unread,
    },
    Policy {
        name: "bucket-may-publish",
        why: "a notification without that permission is not created, or is deleted after days",
        check: publisher,
    },
];

/// The service that a subscription pushes to, by the address that Cloud Run gives it.
fn service<'a>(case: &'a Case<'_>, pushing: &Resource) -> Option<&'a Resource> {
    let endpoint = pushing.text("/push_config/0/push_endpoint");
    let host = endpoint.strip_prefix("https://")?.split('/').next()?;
    let is = |it: &&Resource| {
        let name = host.strip_prefix(it.text("/name")).and_then(|it| it.strip_prefix('-'));
        let number = |rest: &str| rest.split('.').next().map(str::to_owned);
        let region = host.ends_with(&format!(".{}.run.app", it.text("/location")));
        region && name.and_then(number).is_some_and(|it| it.bytes().all(|b| b.is_ascii_digit()))
    };
    case.planned.of("google_cloud_run_v2_service").find(is)
}

fn endpoint(case: &Case<'_>) -> Vec<String> {
    lines(case.pushing(), |it| {
        let endpoint = it.text("/push_config/0/push_endpoint");
        let fine = endpoint.ends_with(".run.app/pubsub/push") && service(case, it).is_some();
        (!fine).then(|| format!("pushes to {endpoint:?}, where no function takes pushes"))
    })
}

fn identity(case: &Case<'_>) -> Vec<String> {
    let sort = "google_cloud_run_v2_service_iam_member";
    let mut wrong = lines(case.pushing(), |it| {
        let email = it.text("/push_config/0/oidc_token/0/service_account_email");
        if email.is_empty() {
            return Some("pushes without a token".to_owned());
        }
        let service = service(case, it)?;
        let account = format!("projects/{}/serviceAccounts/{email}", it.text("/project"));
        let signs = "roles/iam.serviceAccountOpenIdTokenCreator";
        let accounts = "google_service_account_iam_member";
        let invokes = case.bound(sort, "/name", service.text("/name"), "roles/run.invoker", email);
        let others = case.planned.of(sort).filter(|it| {
            it.text("/member").contains(email) && it.text("/name") != service.text("/name")
        });
        let runs = case.planned.of("google_cloud_run_v2_service");
        let audience = it.text("/push_config/0/oidc_token/0/audience");
        if runs.map(|it| it.text("/template/0/service_account")).any(|it| it == email) {
            Some(format!("pushes as {email}, which a function runs as"))
        } else if !invokes {
            Some(format!("pushes as {email}, which may not invoke {}", service.text("/name")))
        } else if others.count() > 0 {
            Some(format!("pushes as {email}, which may invoke other services"))
        } else if !case.bound(accounts, "/service_account_id", &account, signs, PUBSUB_AGENT) {
            Some(format!("pushes as {email}, which Pub/Sub may not sign for"))
        } else if !it.text("/push_config/0/push_endpoint").starts_with(audience) {
            Some(format!("has a token for {audience}, which is another service"))
        } else {
            None
        }
    });
    wrong.sort();
    wrong
}

fn deadlines(case: &Case<'_>) -> Vec<String> {
    lines(case.pushing(), |it| {
        let deadline = it.number("/ack_deadline_seconds")?;
        let timeout = service(case, it)?.seconds("/template/0/timeout")?;
        let fine = HANDLER_BUDGET.as_secs_f64() < timeout
            && timeout < deadline
            && deadline <= DEADLINE_MAX;
        (!fine).then(|| {
            format!(
                "waits {deadline} s for a service that is cut off after {timeout} s and works up to \
                 {} s",
                HANDLER_BUDGET.as_secs()
            )
        })
    })
}

fn retries(case: &Case<'_>) -> Vec<String> {
    lines(case.pushing(), |it| {
        let least = it.seconds("/retry_policy/0/minimum_backoff").unwrap_or_default();
        (least < 1.0).then(|| "has no retry policy".to_owned())
    })
}

fn dead_letters(case: &Case<'_>) -> Vec<String> {
    lines(case.pushing(), |it| {
        let topic = it.text("/dead_letter_policy/0/dead_letter_topic");
        let Some(topic) = topic.rsplit('/').next().filter(|it| !it.is_empty()) else {
            return Some("has no dead-letter topic".to_owned());
        };
        let name = it.text("/name");
        let subscriptions = "google_pubsub_subscription_iam_member";
        let topics = "google_pubsub_topic_iam_member";
        let read = case.named("google_pubsub_subscription", "/topic", topic).is_some();
        let attempts = it.number("/dead_letter_policy/0/max_delivery_attempts");
        let taker = "roles/pubsub.subscriber";
        if attempts.is_none_or(|it| it < ATTEMPTS_MIN) {
            Some("gives up after too few attempts".to_owned())
        } else if !read {
            Some(format!("has dead letters in {topic}, which has no subscription"))
        } else if !case.bound(topics, "/topic", topic, "roles/pubsub.publisher", PUBSUB_AGENT) {
            Some(format!("has a dead-letter topic that Pub/Sub may not publish to: {topic}"))
        } else if !case.bound(subscriptions, "/subscription", name, taker, PUBSUB_AGENT) {
            Some("does not let Pub/Sub take its dead letters away".to_owned())
        } else {
            None
        }
    })
}

fn expiry(case: &Case<'_>) -> Vec<String> {
    lines(case.planned.of("google_pubsub_subscription"), |it| {
        let never = it.get("/expiration_policy/0/ttl").is_some_and(|it| it == "");
        (!never).then(|| "expires".to_owned())
    })
}

fn unread(case: &Case<'_>) -> Vec<String> {
    let dead: Vec<&str> = case
        .pushing()
        .filter_map(|it| it.text("/dead_letter_policy/0/dead_letter_topic").rsplit('/').next())
        .collect();
    lines(case.planned.of("google_pubsub_subscription"), |it| {
        let pushed = !it.each("/push_config").is_empty();
        let fine = pushed || dead.contains(&it.text("/topic"));
        (!fine).then(|| "is neither pushed nor for dead letters".to_owned())
    })
}

fn publisher(case: &Case<'_>) -> Vec<String> {
    let sort = "google_pubsub_topic_iam_member";
    lines(case.planned.of("google_storage_notification"), |it| {
        let topic = it.text("/topic").rsplit('/').next().unwrap_or_default();
        let may = case.bound(sort, "/topic", topic, "roles/pubsub.publisher", STORAGE_AGENT);
        let types = texts(it, "/event_types");
        if !may {
            Some(format!("publishes to {topic}, and Cloud Storage may not"))
        } else if types != ["OBJECT_FINALIZE"] {
            Some(format!("tells of {types:?}: only finalized objects concern anybody"))
        } else {
            None
        }
    })
}
