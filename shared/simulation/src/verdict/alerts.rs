//! What is promised of alerts.
//!
//! At rest the open rules are exactly those that hold on the fold; every alert object names a
//! version that was a snapshot, and on which its rule held, or had ended; there is one object for
//! each opening, and one for its end once it is over; a rule that compares with the version before
//! is told of once for each version; and each object is sent at least once.

use std::collections::BTreeSet;

use domain::json::{self, Object};
use serde_json::Value;

use super::targets::as_promised;
use super::{Aftermath, rising};
use crate::oracle::Entity;

/// Where alerts are.
pub(super) const ALERTS: &str = "env/dev/reports/alerts/";

/// Every alert object, and every alert that was ever open.
pub(super) fn objects(aftermath: &Aftermath<'_>) -> Result<(), String> {
    let objects = aftermath.objects;
    let is_purged = |name: &str| {
        let entity = name.split('/').nth(5).unwrap_or_default();
        aftermath.is_purged(&format!("env/dev/ventures/{entity}/history/"))
    };
    let written = objects.iter().filter(|(name, _)| name.starts_with(ALERTS));
    let (mut openings, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for (name, object) in written {
        let alert = json::parse(&object.body).unwrap_or_default();
        if aftermath.bucket.versions_of(name).len() != 1 {
            return Err(format!("{name} was written more than once"));
        }
        let was_sent = |name: &str| aftermath.sent.iter().any(|it| it == name);
        as_promised(aftermath, name, &alert, &was_sent)
            .map_err(|wrong| format!("{name} {wrong} to the log"))?;
        let id = alert["alert_id"].as_str().unwrap_or_default();
        let beside =
            |id: &str| name.rsplit_once('/').map(|(folder, _)| format!("{folder}/{id}.json"));
        if beside(id).as_ref() != Some(name) {
            return Err(format!("{name} is the alert {id}"));
        }
        let opened = alert["opened"].as_str().and_then(beside);
        if let Some(opened) = opened.as_ref().filter(|it| !objects.contains_key(*it)) {
            return Err(format!("{name} follows {opened}, which is not there"));
        }
        match (alert["fired"].as_str(), opened) {
            (Some("enter"), None) => {
                of_a_snapshot(aftermath, name, &alert, Some(true))?;
                let key = ["rule_id", "rule_digest", "ptr", "source_generation", "evaluated_at"];
                if !openings.insert(key.map(|field| alert[field].to_string())) {
                    return Err(format!("{name} is the second alert of one opening"));
                }
                if !aftermath.seen.opened.contains(name) {
                    return Err(format!("{name} was never open"));
                }
            }
            (Some("change"), Some(_)) => of_a_snapshot(aftermath, name, &alert, Some(true))?,
            (Some("change"), None) => rising::of_a_rise(aftermath, name, &alert)?,
            (Some("resolve"), Some(opened)) => {
                let holds = (!aftermath.plan.changes_rules()).then_some(false);
                of_a_snapshot(aftermath, name, &alert, holds)?;
                ended.insert(opened);
            }
            (fired, _) => return Err(format!("{name} was fired by {fired:?}")),
        }
    }
    let lost = aftermath.seen.opened.iter().find(|it| !is_purged(it) && !objects.contains_key(*it));
    if let Some(name) = lost {
        return Err(format!("{name} was open and never written"));
    }
    let open = at_rest(aftermath);
    for name in aftermath.seen.opened.iter().filter(|name| !is_purged(name)) {
        match (open.contains(name), ended.contains(name)) {
            (true, true) => return Err(format!("{name} is open, and is told to have ended")),
            (false, false) => return Err(format!("{name} has ended, and nobody is told")),
            _ => (),
        }
    }
    rising::all_told(aftermath)
}

/// The names of all alerts that are open at rest.
fn at_rest(aftermath: &Aftermath<'_>) -> BTreeSet<String> {
    let states = aftermath.objects.iter();
    let states = states.filter(|(name, _)| name.starts_with("env/dev/indices/alerts/_state/"));
    let mut open = BTreeSet::new();
    for (_, object) in states {
        let state = json::parse(&object.body).unwrap_or_default();
        for entry in state["open"].as_array().into_iter().flatten() {
            let [rule, entity, alert] =
                ["rule_id", "id", "alert_id"].map(|it| entry[it].as_str().unwrap_or_default());
            open.insert(format!("{ALERTS}{rule}/{entity}/{alert}.json"));
        }
    }
    open
}

/// The open rules, at rest and, while no rule changes, in every version of the states.
pub(super) fn open_rules(aftermath: &Aftermath<'_>, entities: &[Entity<'_>]) -> Result<(), String> {
    let rules: Vec<&Entity<'_>> = entities.iter().filter(|it| it.is_rule_in_force()).collect();
    for entity in entities {
        let document = entity.document.as_ref().ok().filter(|_| entity.kind == "venture");
        let name = format!("env/dev/indices/alerts/_state/{}/{}.json", entity.segment, entity.id);
        let stored = aftermath.objects.get(&name);
        let (found, expected) = (open(stored.map(|it| &it.body[..])), holding(&rules, document));
        if found != expected {
            return Err(format!("{name} has {found:?} open instead of {expected:?}"));
        }
        if !aftermath.plan.changes_rules() {
            versions(aftermath, &name, entity, &rules)?;
        }
    }
    Ok(())
}

/// Whether every version of a state says what holds on the snapshot that it came from.
fn versions(
    aftermath: &Aftermath<'_>,
    name: &str,
    entity: &Entity<'_>,
    rules: &[&Entity<'_>],
) -> Result<(), String> {
    let ptr = format!("env/dev/snapshots/{}/{}.json", entity.segment, entity.id);
    for version in aftermath.bucket.versions_of(name) {
        // A state with this note is that of another snapshot.
        if version.metadata.contains_key("about-to-change") {
            continue;
        }
        let source = version.metadata.get("source-generation").cloned().unwrap_or_default();
        let snapshot = aftermath.seen.snapshots.get(&(ptr.clone(), source));
        let document = snapshot.and_then(Value::as_object).filter(|it| !it.contains_key("op"));
        let (found, expected) = (open(Some(&version.body)), holding(rules, document));
        if found != expected {
            let generation = version.generation;
            return Err(format!("{name} had {found:?} open at {generation}, not {expected:?}"));
        }
    }
    Ok(())
}

/// Each open rule with the test that it opened for.
fn open(state: Option<&[u8]>) -> BTreeSet<(String, String)> {
    let state = state.and_then(|body| json::parse(body).ok()).unwrap_or_default();
    let entries = state["open"].as_array().into_iter().flatten();
    let entry = |entry: &Value| {
        (entry["rule_id"].as_str().unwrap_or_default().to_owned(), asked(&entry["matched"][0]))
    };
    entries.map(entry).collect()
}

/// Each of the rules that holds for `document`, with its test.
fn holding(rules: &[&Entity<'_>], document: Option<&Object>) -> BTreeSet<(String, String)> {
    let rules = rules.iter().filter_map(|rule| Some((rule.id, rule.field("condition")?)));
    let held = rules.filter(|(_, condition)| {
        document.is_some_and(|document| holds(&condition.to_string(), document))
    });
    held.map(|(id, condition)| (id.to_owned(), asked(&condition["all"][0]))).collect()
}

fn asked(test: &Value) -> String {
    ["path", "op", "value"].map(|part| test[part].to_string()).join(" ")
}

/// Whether the snapshot that `alert` names was one, and a rule of this id held on it, or none, or
/// that is not asked.
fn of_a_snapshot(
    aftermath: &Aftermath<'_>,
    name: &str,
    alert: &Value,
    asked: Option<bool>,
) -> Result<(), String> {
    let text = |field: &str| alert[field].as_str().unwrap_or_default().to_owned();
    let key = (text("ptr"), text("source_generation"));
    let Some(snapshot) = aftermath.seen.snapshots.get(&key) else {
        return Err(format!("{name} names {key:?}, which never was a snapshot"));
    };
    let document = snapshot.as_object().filter(|document| !document.contains_key("op"));
    let mut of_rule = aftermath.seen.conditions.iter().filter(|(id, _)| *id == text("rule_id"));
    let held = |(_, condition): &(String, String)| {
        document.is_some_and(|document| holds(condition, document))
    };
    let held = of_rule.any(held);
    match asked {
        Some(asked) if asked != held => {
            Err(format!("{name} names {key:?}, on which its rule holds: {held}"))
        }
        _ => Ok(()),
    }
}

/// Whether a condition of the simulation holds: `n` is below a number, or `status` is a text.
fn holds(condition: &str, document: &Object) -> bool {
    let condition: Value = serde_json::from_str(condition).unwrap_or_default();
    let test = &condition["all"][0];
    match document.get(test["path"].as_str().unwrap_or_default()) {
        Some(found) if test["op"] == "lt" => {
            found.is_number() && found.as_i64() < test["value"].as_i64()
        }
        // It is never open.
        Some(_) if test["op"] == "increased_by" => false,
        Some(found) => *found == test["value"],
        None => false,
    }
}
