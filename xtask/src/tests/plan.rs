//! Plans: read, shown to a person, and deployed only from images that were pushed.

use std::time::Duration;

use domain::{Definitions, Env};
use emulator::{Memory, TestClock};
use expect_test::expect;
use serde_json::json;

use super::workspace;
use crate::deploy::unready;
use crate::image::lock::{Lock, Locked};
use crate::plan::{judged, locked, protected};
use crate::terminal::Terminal;
use crate::terraform::planned::{Action, Planned, Resource};
use crate::terraform::smoke::Smoke;
use crate::terraform::{columns, golden, summary};

fn changed(address: &str, actions: &[&str], before: &str, after: &str) -> serde_json::Value {
    json!({
        "address": address, "mode": "managed", "type": address.split('.').next().unwrap(),
        "change": {
            "actions": actions, "before": { "name": before }, "after": { "name": after },
        },
    })
}

#[test]
fn a_summary_says_first_what_goes() {
    let shown = json!({ "resource_changes": [
        changed("google_pubsub_topic.a", &["create"], "", "a"),
        changed("google_pubsub_topic.b", &["create"], "", "b"),
        changed("google_pubsub_topic.c", &["update"], "c", "cc"),
        changed("google_pubsub_topic.d", &["delete", "create"], "d", "dd"),
        changed("google_storage_bucket.e", &["delete"], "e", ""),
        changed("google_pubsub_topic.f", &["no-op"], "f", "f"),
    ]});
    let planned = Planned::read(shown.to_string().as_bytes()).unwrap();
    let functions = workspace().functions().unwrap();
    let findings = judged(Env::Dev, &planned, &functions).unwrap();
    let data: Vec<_> =
        findings.into_iter().filter(|it| it.policy == "data-is-not-destroyed").collect();
    expect![[r#"
        plan for dev: 5 resources; 2 created, 1 changed, 1 replaced, 1 destroyed, 1 unchanged
          destroyed  google_storage_bucket.e
          replaced   google_pubsub_topic.d (name)
          changed    google_pubsub_topic.c (name)
          created       2 google_pubsub_topic
        idle: 0.00 USD a month, and what is stored
        bucket's IAM policy: 0 bindings, 0.1 KB
        policies: 1 found
          data-is-not-destroyed: google_storage_bucket.e is destroyed (what is lost there cannot be made again)"#]]
    .assert_eq(&summary::text(Env::Dev, &planned, &data));
}

/// What a plan says of a deployment that is there: the provider reads full names of what a
/// configuration names in short.
#[test]
fn a_plan_of_what_is_deployed_is_judged_as_the_first_one() {
    let functions = workspace().functions().unwrap();
    let kept = golden::read(include_str!("plans/prod.jsonl")).unwrap();
    let long = |it: &Resource, field: &str, kind: &str| {
        let (project, name) = (it.text("/project"), it.text(&format!("/{field}")));
        (field.to_owned(), json!(format!("projects/{project}/{kind}/{name}")))
    };
    let mut changed = 0;
    let changes = kept.resources.iter().map(|it| {
        let (field, name) = match it.sort.as_str() {
            "google_storage_bucket_iam_member" => {
                ("bucket".to_owned(), json!(format!("b/{}", it.text("/bucket"))))
            }
            "google_pubsub_topic_iam_member" | "google_pubsub_subscription" => {
                long(it, "topic", "topics")
            }
            "google_pubsub_subscription_iam_member" => long(it, "subscription", "subscriptions"),
            "google_cloud_run_v2_service_iam_member" => {
                long(it, "name", "locations/europe-west1/services")
            }
            "google_cloud_run_v2_job_iam_member" => long(it, "name", "locations/europe-west1/jobs"),
            _ => ("project".to_owned(), json!(it.text("/project"))),
        };
        let mut after = it.values.clone();
        changed += usize::from(field != "project");
        after[field] = name;
        json!({
            "address": it.address, "mode": "managed", "type": it.sort,
            "change": {"actions": ["no-op"], "before": after, "after": after},
        })
    });
    let shown = json!({ "resource_changes": changes.collect::<Vec<_>>() }).to_string();
    assert!(changed > 50);
    let planned = Planned::read(shown.as_bytes()).unwrap();
    assert_eq!(judged(golden::ENV, &planned, &functions).unwrap(), []);
}

#[test]
fn an_action_that_nobody_knows_is_an_error() {
    let shown =
        json!({ "resource_changes": [changed("google_pubsub_topic.a", &["conjure"], "", "")] });
    let err = Planned::read(shown.to_string().as_bytes()).unwrap_err();
    expect![[r#"google_pubsub_topic.a: terraform plans ["conjure"], which nobody here knows"#]]
        .assert_eq(&err.to_string());
}

#[test]
fn what_is_protected_is_told_before_half_of_it_is_gone() {
    let mut planned = golden::read(include_str!("plans/prod.jsonl")).unwrap();
    assert_eq!(protected(Env::Prod, &planned), None);
    for it in &mut planned.resources {
        it.action = Action::Destroy;
    }
    let what = protected(Env::Prod, &planned).unwrap();
    assert!(what.contains(" more are protected: set deletion_protection = false in"), "{what}");
    assert!(what.contains("terraform/environments/prod.tfvars, plan and deploy that"), "{what}");
    for it in &mut planned.resources {
        if it.get("/deletion_protection").is_some() {
            it.values["deletion_protection"] = json!(false);
        }
    }
    assert_eq!(protected(Env::Prod, &planned), None);
}

#[test]
fn the_kept_plan_is_one_of_everything() {
    let planned = golden::read(include_str!("plans/prod.jsonl")).unwrap();
    assert!(planned.count(Action::Create) == planned.resources.len());
    assert!(planned.of("google_kms_crypto_key").count() == 1);
    assert_eq!(golden::text(&planned).unwrap(), include_str!("plans/prod.jsonl"));
}

#[test]
fn nothing_is_planned_without_an_image_of_every_function() {
    let functions = workspace().functions().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("images.lock.json");
    let absent = locked(&lock, &functions).unwrap_err().to_string();
    assert!(absent.contains("has no image of alert-dispatcher, index-writer"), "{absent}");
    assert!(absent.contains("cargo xtask image --push"), "{absent}");
}

#[test]
fn what_is_deployed_is_what_was_pushed_by_its_digest() {
    let functions = workspace().functions().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("images.lock.json");
    let digest = format!("sha256:{}", "0".repeat(64));
    let mut lock = Lock::read(&file).unwrap();
    for name in functions.iter().map(|it| it.name.as_str()).chain(["gone"]) {
        let locked = Locked {
            reference: format!("r.example/strata/{name}@{digest}"),
            digest: digest.clone(),
            platform: "linux/amd64".to_owned(),
            tags: Vec::new(),
            revision: None,
            binary_sha256: String::new(),
            bytes: 1,
        };
        lock.images.insert(name.to_owned(), locked);
    }
    lock.write(&file).unwrap();
    let images = locked(&file, &functions).unwrap();
    // The image of a function that is gone is deployed no more.
    assert_eq!(images.len(), functions.len());
    assert_eq!(images["index-writer"], format!("r.example/strata/index-writer@{digest}"));
}

#[test]
fn a_service_that_is_not_ready_is_named() {
    let service = |name: &str, state: &str| {
        json!({
            "type": "google_cloud_run_v2_service", "address": name,
            "values": { "terminal_condition": [{ "state": state }] },
        })
    };
    let shown = json!({ "values": { "root_module": { "resources": [
        service("a", "CONDITION_SUCCEEDED"),
        service("b", "CONDITION_FAILED"),
        { "type": "google_pubsub_topic", "address": "c", "values": {} },
    ]}}});
    assert_eq!(unready(&shown), ["b"]);
}

#[tokio::test]
async fn a_deployment_in_which_nothing_happens_is_told_apart() {
    let clock = TestClock::at("2025-11-06T10:00:00Z");
    let store = Memory::new("b", clock.clone(), 1);
    let trial = Smoke { env: Env::Dev, store: &*store, clock: &*clock, wait_max: Duration::ZERO };
    let err = trial.run(&Terminal::on(std::io::sink())).await.unwrap_err().to_string();
    assert!(err.starts_with("env/dev/snapshots/ventures/smoke-"), "{err}");
    assert!(err.contains("has not come within 0 s"), "{err}");
}

#[test]
fn columns_follow_definitions_and_schemas() {
    let definitions = Definitions::embedded();
    let tables = columns::tables(&definitions).unwrap();
    assert_eq!(tables.len(), definitions.entities().len());
    let (_, kpis) = tables.iter().find(|(segment, _)| *segment == "kpis").unwrap();
    let line = |it: &columns::Column| format!("{} {} {}", it.name, it.sort, it.cast.unwrap_or("-"));
    let listing: Vec<String> = kpis.listing.iter().map(line).collect();
    expect![[r#"
        id STRING -
        entity STRING -
        op STRING -
        title STRING -
        ventureId STRING -
        metric STRING -
        periodStartDate STRING DATE
        value FLOAT -
        unit STRING -
        targetValue FLOAT -
        updated_at STRING TIMESTAMP"#]]
    .assert_eq(&listing.join("\n"));
    let shown = tables.iter().flat_map(|(_, table)| &table.listing);
    assert!(shown.clone().all(|it| it.mode == "NULLABLE"));
}
