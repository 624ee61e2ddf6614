//! Filters against every class and kind, and grants against every class, in every environment.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Class, Definitions, Env, ObjectName};
use emulator::{FILTER_BYTES_MAX, Filter};
use serde_json::Value;

use super::workspace;
use crate::metadata::word;
use crate::terraform::{generate, samples};

/// `terraform/functions.json`.
fn described() -> Value {
    serde_json::from_slice(&std::fs::read(workspace().root.join(generate::FUNCTIONS)).unwrap())
        .unwrap()
}

/// What reaches whom of one name of every class and kind, as the words in functions.json say.
fn taken(env: Env) -> BTreeMap<String, BTreeSet<&'static str>> {
    let described = described();
    let mut taken = BTreeMap::<String, BTreeSet<&str>>::new();
    for (function, it) in described["functions"].as_object().unwrap() {
        for feed in it["subscriptions"].as_object().unwrap().values() {
            let topic = described["topics"][feed["topic"].as_str().unwrap()].as_str().unwrap();
            let prefix = format!("env/{env}/{topic}");
            let text = feed["filter"].as_str().unwrap().replace("{env}", env.as_str());
            assert!(text.len() <= FILTER_BYTES_MAX, "{function} in {env}: {} bytes", text.len());
            let filter = Filter::parse(&text).unwrap();
            for (class, name) in samples::names(env, &Definitions::embedded()) {
                let name = name.to_string();
                let attributes = BTreeMap::from([("objectId".to_owned(), name.clone())]);
                if name.starts_with(&prefix) && filter.matches(&attributes) {
                    taken.entry(function.clone()).or_default().insert(word(class));
                }
            }
        }
    }
    taken
}

#[test]
fn every_class_has_a_sample_of_every_kind_that_it_can_be_of() {
    let definitions = Definitions::embedded();
    let samples = samples::names(Env::Dev, &definitions);
    let classes: BTreeSet<Class> = samples.iter().map(|(class, _)| *class).collect();
    assert_eq!(classes.len(), Class::NAMES.len());
    let kinds = definitions.entities().len();
    for class in [Class::History, Class::Snapshot, Class::Manifest, Class::Claim] {
        assert_eq!(samples.iter().filter(|(it, _)| *it == class).count(), kinds, "{class:?}");
    }
}

#[test]
fn every_filter_takes_its_class_of_every_segment_and_none_that_is_written_often() {
    for env in Env::ALL {
        let taken = taken(env);
        let of = |function: &str| taken[function].iter().copied().collect::<Vec<_>>().join(" ");
        for function in ["index-writer", "manifest-writer", "rules-engine"] {
            assert_eq!(of(function), "snapshot", "{function} in {env}");
        }
        assert_eq!(of("alert-dispatcher"), "alert", "in {env}");
        // The last four are rare, and known by their names.
        assert_eq!(
            of("snapshot-builder"),
            "audit definition history quarantine schema",
            "in {env}"
        );
    }
}

#[test]
fn every_history_record_reaches_the_snapshot_builder() {
    let described = described();
    let feed = &described["functions"]["snapshot-builder"]["subscriptions"]["history"];
    for env in Env::ALL {
        let text = feed["filter"].as_str().unwrap().replace("{env}", env.as_str());
        let filter = Filter::parse(&text).unwrap();
        let all = samples::names(env, &Definitions::embedded());
        for (_, name) in all.iter().filter(|(class, _)| *class == Class::History) {
            let attributes = BTreeMap::from([("objectId".to_owned(), name.to_string())]);
            assert!(filter.matches(&attributes), "{name}");
        }
    }
}

/// Whether prefixes of a role in functions.json hold `name`, exceptions considered.
fn covers(described: &Value, chunks: &Value, name: &ObjectName) -> bool {
    let name = name.to_string();
    let below = name.splitn(3, '/').nth(2).unwrap();
    let chunks = chunks.as_object().into_iter().flat_map(|it| it.values());
    let prefixes = chunks.flat_map(|it| it.as_array().unwrap()).filter_map(Value::as_str);
    prefixes.into_iter().any(|prefix| {
        let except = described["except"][prefix].as_array();
        let excepted = except.into_iter().flatten().filter_map(Value::as_str);
        below.starts_with(prefix) && !excepted.into_iter().any(|it| below.starts_with(it))
    })
}

#[test]
fn history_is_read_by_the_snapshot_builder_and_by_jobs_and_written_by_nobody_who_is_fed() {
    let described = described();
    let samples = samples::names(Env::Prod, &Definitions::embedded());
    let (_, history) = samples.iter().find(|(class, _)| *class == Class::History).unwrap();
    let who = |role: &str| {
        let functions = described["functions"].as_object().unwrap().iter();
        let may = functions.filter(|(_, it)| covers(&described, &it["grants"][role], history));
        may.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(who("read"), ["operator", "snapshot-builder"]);
    assert_eq!(who("append"), ["operator"]);
    // Nobody may replace or delete a record.
    assert_eq!(who("write"), Vec::<String>::new());
    assert_eq!(who("rewrite"), Vec::<String>::new());
}

#[test]
fn history_of_reports_is_no_way_to_alerts() {
    let described = described();
    let builder = &described["functions"]["snapshot-builder"]["grants"]["read"];
    let read = |name: &str| covers(&described, builder, &ObjectName::parse(name).unwrap());
    assert!(read("env/prod/reports/R1/history/2025/01/02/a_b.json"));
    assert!(!read("env/prod/reports/alerts/r/e/a.json"));
    assert!(!read("env/prod/reports/quarantine/index-writer/ventures/V1/d.json"));
}
