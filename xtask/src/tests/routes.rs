//! What reaches which function.

use domain::{Class, Env};
use emulator::FILTER_BYTES_MAX;
use expect_test::expect;

use crate::metadata::{Function, word};
use crate::routing::{notifications, routes};

fn function(name: &str, kind: &str, fed_with: Class) -> Function {
    let table = serde_json::json!({
        "kind": kind, "fed-with": [word(fed_with)], "reads": [word(fed_with)], "writes": [],
        "memory-mib": 512, "concurrency": 80,
    });
    Function { name: name.to_owned(), metadata: serde_json::from_value(table).unwrap() }
}

fn takers(name: &str) -> Vec<String> {
    let functions = [
        function("builder", "push", Class::History),
        function("writer", "push", Class::Snapshot),
        function("dispatcher", "push", Class::Alert),
        function("compactor", "job", Class::Manifest),
    ];
    let routes = routes(&functions, Env::Dev).unwrap();
    routes.iter().filter(|it| it.takes(name)).map(|it| it.function.clone()).collect()
}

#[test]
fn each_class_reaches_who_is_fed_with_it() {
    assert_eq!(takers("env/dev/ventures/V1/history/2025/11/06/a_b.json"), ["builder"]);
    assert_eq!(takers("env/dev/reports/R1/history/2025/11/06/a_b.json"), ["builder"]);
    assert_eq!(takers("env/dev/snapshots/ventures/V1.json"), ["writer"]);
    assert_eq!(takers("env/dev/reports/alerts/r/e/a.json"), ["dispatcher"]);
    assert!(takers("env/dev/manifests/ventures/by-id/V1.json").is_empty());
    assert!(takers("env/dev/indices/ventures/by-status/pilot/V1.json").is_empty());
    assert!(takers("env/prod/snapshots/ventures/V1.json").is_empty());
}

#[test]
fn a_class_that_no_topic_carries_is_an_error() {
    let err = routes(&[function("f", "push", Class::Manifest)], Env::Dev).unwrap_err();
    expect!["function f is fed with manifest, which no topic carries"].assert_eq(&err.to_string());
}

#[test]
fn an_environment_has_two_notifications() {
    let text: Vec<String> =
        notifications(Env::Stg).map(|it| format!("{} {}", it.topic, it.object_name_prefix)).into();
    assert_eq!(text, ["stg-changes env/stg/", "stg-snapshots env/stg/snapshots/"]);
}

#[test]
fn filters_are_those_of_a_deployment_and_fit_into_a_subscription() {
    let functions = [
        function("builder", "push", Class::History),
        function("writer", "push", Class::Snapshot),
        function("dispatcher", "push", Class::Alert),
    ];
    for env in Env::ALL {
        let routes = routes(&functions, env).unwrap();
        assert!(routes.iter().all(|it| it.filter.as_str().len() <= FILTER_BYTES_MAX), "{routes:?}");
    }
    let routes = routes(&functions, Env::Dev).unwrap();
    let filters: Vec<&str> = routes.iter().map(|it| it.filter.as_str()).collect();
    expect![[r#"
        NOT hasPrefix(attributes.objectId, "env/dev/snapshots/") AND NOT hasPrefix(attributes.objectId, "env/dev/manifests/") AND NOT hasPrefix(attributes.objectId, "env/dev/indices/") AND NOT hasPrefix(attributes.objectId, "env/dev/reports/alerts/")

        hasPrefix(attributes.objectId, "env/dev/reports/alerts/")"#]]
    .assert_eq(&filters.join("\n"));
}

#[test]
fn the_operator_knows_the_subscriptions_by_the_names_that_they_are_given() {
    let functions = super::workspace().functions().unwrap();
    let mut named: Vec<_> = routes(&functions, Env::Prod).unwrap();
    named.sort_by(|left, right| left.subscription.cmp(&right.subscription));
    let tools =
        emulator::tools(emulator::Memory::new("b", std::sync::Arc::new(emulator::SystemClock), 1));
    let mut known = operator::subscriptions(Env::Prod, &tools);
    known.sort_by(|left, right| left.name.cmp(&right.name));
    let named: Vec<_> = named.iter().map(|it| (&*it.subscription, &*it.function)).collect();
    let known: Vec<_> = known.iter().map(|it| (&*it.name, it.function)).collect();
    assert_eq!(known, named);
    // And those of their dead letters, of which the plan has the names.
    let planned = crate::terraform::golden::read(include_str!("plans/prod.jsonl")).unwrap();
    let planned: Vec<&str> =
        planned.of("google_pubsub_subscription").map(|it| it.text("/name")).collect();
    for it in operator::subscriptions(Env::Prod, &tools) {
        assert!(planned.contains(&it.name.as_str()), "{} is not planned", it.name);
        assert!(planned.contains(&it.dead().as_str()), "{} is not planned", it.dead());
    }
    assert_eq!(planned.len(), 2 * known.len());
}
