//! What `operator cost` counts with is what functions say about themselves and what is planned.

use domain::Env;
use operator::cost;
use operator::cost::prices::REGION;

use super::workspace;
use crate::metadata::{Function, Kind};
use crate::routing;
use crate::terraform::{cost as planned_cost, golden};

fn functions() -> Vec<Function> {
    workspace().functions().unwrap()
}

#[test]
fn deliveries_are_those_of_the_routes() {
    let routes = routing::routes(&functions(), Env::Dev).unwrap();
    let to = |topic: &str| routes.iter().filter(|it| it.topic == topic).count();
    assert_eq!(to("dev-changes"), cost::CHANGES_SUBSCRIPTIONS as usize);
    assert_eq!(to("dev-snapshots"), cost::SNAPSHOTS_SUBSCRIPTIONS as usize);
    // A service for each.
    let services = functions().into_iter().filter(|it| it.metadata.kind == Kind::Push).count();
    assert_eq!(services, routes.len());
}

#[test]
fn instances_and_schedules_are_those_of_the_metadata() {
    let functions = functions();
    for function in &functions {
        let gib = f64::from(function.metadata.memory_mib) / 1024.0;
        match (function.metadata.kind, function.name.as_str()) {
            (Kind::Push, _) => assert_eq!(gib, cost::SERVICE_GIB, "{}", function.name),
            (Kind::Job, "manifest-compactor") => assert_eq!(gib, cost::JOB_GIB),
            (Kind::Job, _) => assert!(gib <= cost::JOB_GIB, "{}", function.name),
        }
    }
    let of = |name: &str| &functions.iter().find(|it| it.name == name).unwrap().metadata.schedules;
    let compactor: Vec<&String> = of("manifest-compactor").keys().collect();
    assert_eq!(compactor, ["hourly", "nightly"]);
    // Where there is a bucket for it a drill besides, four times a year.
    let operator = of("operator");
    assert_eq!(operator.len(), cost::OTHER_SCHEDULES as usize + 1);
    let sample = cost::RECONCILE_SAMPLE.to_string();
    assert!(operator["reconcile"].args.windows(2).any(|it| it == ["--sample", sample.as_str()]));
    assert!(operator["reconcile"].cron.ends_with("* * 0"), "once a week");
}

#[test]
fn what_is_planned_costs_what_is_said_of_an_idle_environment() {
    let planned = golden::read(include_str!("plans/prod.jsonl")).unwrap();
    let count = |sort: &str| planned.of(sort).count();
    let conditions = count("google_monitoring_alert_policy");
    assert_eq!(conditions, cost::ALERT_CONDITIONS as usize);
    // Those of the platform, and one of the operator's that prod has besides.
    let schedules = count("google_cloud_scheduler_job");
    assert_eq!(schedules, 2 + cost::OTHER_SCHEDULES as usize + 1);
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let dollars = conditions as f64 * REGION.alert_condition
        + schedules as f64 * REGION.schedule
        + count("google_kms_crypto_key") as f64 * REGION.key_version
        + count("google_secret_manager_secret") as f64 * REGION.secret_version;
    assert!((planned_cost::dollars(&planned) - dollars).abs() < 1e-9);
    // What is planned, and what the scheduled jobs take.
    assert!(cost::idle_dollars() > f64::from(cost::ALERT_CONDITIONS) * REGION.alert_condition);
}
