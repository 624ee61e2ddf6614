//! Policies about the bucket: what is in it stays as long as it must, and no longer.

use serde_json::Value;

use super::{Case, Policy, lines};
use crate::terraform::planned::{Action, Resource};
use crate::terraform::stored;

const DAY: f64 = 86_400.0;

/// Where old versions have to go, below an environment.
const DERIVED: [&str; 5] =
    ["snapshots/", "manifests/", "indices/", "reports/alerts/", "reports/quarantine/"];

/// What holds what cannot be made again.
const DATA: [&str; 4] = [
    "google_storage_bucket",
    "google_kms_crypto_key",
    "google_kms_key_ring",
    "google_secret_manager_secret",
];

pub(super) const POLICIES: &[Policy] = &[
    Policy {
        name: "bucket-is-private",
        why: "an access list on one object could show it to the world",
        check: private,
    },
    Policy {
        name: "bucket-keeps-versions",
        why: "functions read overwritten versions; a retention on the bucket freezes snapshots; \
              multi-regions double the price of a write",
        check: versions,
    },
    Policy {
        name: "soft-delete-is-chosen",
        why: "what is not said is seven days of every overwritten pointer, paid for",
        check: soft_delete,
    },
    Policy {
        name: "old-versions-go-in-time",
        why: "they pile up, or go while a delivery still needs them",
        check: lifecycle,
    },
    Policy { name: "history-is-never-deleted", why: "history is the truth", check: history },
    Policy {
        name: "storage-classes-fit-small-objects",
        why: "a transition costs a Class A operation for each object of a kilobyte",
        check: classes,
    },
    Policy {
        name: "bucket-key-works",
        why: "without the agent's grant nothing can be written; a key that never rotates is none",
        check: key,
    },
    Policy {
        name: "data-is-not-destroyed",
        why: "what is lost there cannot be made again",
        check: protected,
    },
    Policy {
        name: "bucket-policy-fits",
        why: "Cloud Storage refuses a larger one, and nobody gets a grant any more",
        check: size,
    },
];

fn buckets<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a Resource> {
    case.planned.of("google_storage_bucket")
}

fn private(case: &Case<'_>) -> Vec<String> {
    lines(buckets(case), |it| {
        let uniform = it.get("/uniform_bucket_level_access") == Some(&Value::Bool(true));
        let fine = uniform && it.text("/public_access_prevention") == "enforced";
        (!fine).then(|| "lacks uniform access or the prevention of public access".to_owned())
    })
}

fn versions(case: &Case<'_>) -> Vec<String> {
    lines(buckets(case), |it| {
        let what = if it.get("/versioning/0/enabled") != Some(&Value::Bool(true)) {
            "has no versioning"
        } else if it.get("/retention_policy/0").is_some() {
            "has a retention policy"
        } else if it.get("/hierarchical_namespace/0/enabled") == Some(&Value::Bool(true)) {
            "has a hierarchical namespace, which takes no versions"
        } else if !it.text("/location").contains('-') {
            "is not in one region"
        } else {
            return None;
        };
        Some(what.to_owned())
    })
}

fn soft_delete(case: &Case<'_>) -> Vec<String> {
    lines(buckets(case), |it| {
        let said = it.number("/soft_delete_policy/0/retention_duration_seconds").is_some();
        (!said).then(|| "does not say for how long deleted versions are kept".to_owned())
    })
}

/// The longest that a message waits for its function.
fn retention_days(case: &Case<'_>) -> f64 {
    let retentions = case.pushing().filter_map(|it| it.seconds("/message_retention_duration"));
    retentions.fold(0.0, f64::max) / DAY
}

fn lifecycle(case: &Case<'_>) -> Vec<String> {
    let least = retention_days(case) + 1.0;
    let mut wrong = Vec::new();
    for bucket in buckets(case) {
        for prefix in DERIVED.map(|it| format!("env/{}/{it}", case.env)) {
            let rules = bucket.each("/lifecycle_rule").iter();
            let rules: Vec<&Value> = rules
                .filter(|it| action(it) == "Delete" && prefixes(it).contains(&prefix.as_str()))
                .collect();
            let number = |rule: &Value, field: &str| {
                rule.pointer("/condition/0").and_then(|it| it[field].as_f64()).unwrap_or_default()
            };
            let fine = |rule: &&Value| {
                rule.pointer("/condition/0/with_state").and_then(Value::as_str) == Some("ARCHIVED")
                    && number(rule, "num_newer_versions") >= 1.0
                    && number(rule, "days_since_noncurrent_time") >= least
            };
            if rules.is_empty() {
                wrong.push(format!("{} keeps every version below {prefix}", bucket.address));
            }
            if !rules.iter().all(fine) {
                wrong.push(format!(
                    "{} deletes below {prefix} what is not both noncurrent for {least} days and \
                     beyond the newest",
                    bucket.address
                ));
            }
        }
    }
    wrong
}

fn history(case: &Case<'_>) -> Vec<String> {
    let segments = case.definitions.entities();
    let sample = segments.map(|it| format!("env/{}/{}/id/history/", case.env, it.segment));
    let sample: Vec<String> = sample.collect();
    let mut wrong = Vec::new();
    for bucket in buckets(case) {
        for rule in bucket.each("/lifecycle_rule").iter().filter(|it| action(it) == "Delete") {
            let prefixes = prefixes(rule);
            let hit = |name: &&String| {
                prefixes.is_empty() || prefixes.iter().any(|it| name.starts_with(it))
            };
            let hit = sample.iter().find(hit);
            wrong.extend(hit.map(|it| format!("{} deletes below {it}", bucket.address)));
        }
    }
    wrong
}

fn classes(case: &Case<'_>) -> Vec<String> {
    let derived = DERIVED.map(|it| format!("env/{}/{it}", case.env));
    let meets =
        |prefix: &str| derived.iter().any(|it| it.starts_with(prefix) || prefix.starts_with(it));
    lines(buckets(case), |bucket| {
        let mut rules = bucket.each("/lifecycle_rule").iter();
        let hit = |rule: &Value| {
            let prefixes = prefixes(rule);
            prefixes.is_empty() || prefixes.into_iter().any(meets)
        };
        rules
            .any(|it| action(it) == "SetStorageClass" && hit(it))
            .then(|| "moves what is overwritten".to_owned())
    })
}

fn key(case: &Case<'_>) -> Vec<String> {
    let agent = "@gs-project-accounts.iam.gserviceaccount.com";
    let keys = case.planned.of("google_kms_crypto_key");
    let mut wrong = lines(keys, |it| {
        it.seconds("/rotation_period").is_none().then(|| "is never rotated".to_owned())
    });
    let encrypted = buckets(case).any(|it| !it.each("/encryption").is_empty());
    let role = "roles/cloudkms.cryptoKeyEncrypterDecrypter";
    let mut grants = case.planned.of("google_kms_crypto_key_iam_member");
    if encrypted
        && !grants.any(|it| it.text("/role") == role && it.text("/member").ends_with(agent))
    {
        wrong.push("the agent of Cloud Storage may not use the key of the bucket".to_owned());
    }
    wrong
}

fn protected(case: &Case<'_>) -> Vec<String> {
    let gone = |it: &&Resource| matches!(it.action, Action::Destroy | Action::Replace);
    let data = case.planned.resources.iter().filter(|it| DATA.contains(&it.sort.as_str()));
    let mut wrong = lines(data.filter(gone), |it| Some(format!("is {}", it.action)));
    wrong.extend(lines(buckets(case), |it| {
        let forced = it.get("/force_destroy") == Some(&Value::Bool(true));
        forced.then(|| "may be destroyed with everything in it".to_owned())
    }));
    wrong
}

fn size(case: &Case<'_>) -> Vec<String> {
    let bytes = stored::bytes(case.planned);
    let over = (bytes > stored::BYTES_MAX).then(|| {
        let most = stored::BYTES_MAX;
        format!(
            "the bucket's IAM policy has {bytes} bytes of this environment, more than {most}: grant \
             less, or fewer outsiders"
        )
    });
    over.into_iter().collect()
}

fn action(rule: &Value) -> &str {
    rule.pointer("/action/0/type").and_then(Value::as_str).unwrap_or_default()
}

/// What a rule is about; nothing when that is the whole bucket. A rule that ends uploads deletes no
/// object.
fn prefixes(rule: &Value) -> Vec<&str> {
    let prefixes = rule.pointer("/condition/0/matches_prefix").and_then(Value::as_array);
    prefixes.into_iter().flatten().filter_map(Value::as_str).collect()
}
