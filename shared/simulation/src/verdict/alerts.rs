//! What is promised of alerts.
//!
//! At rest the open rules are exactly those that hold on the fold; every alert object names a
//! version that was a snapshot, and on which its rule held; there is one object for each opening,
//! and it is sent at least once.

use std::collections::BTreeSet;

use domain::json::{self, Object};
use domain::{ObjectName, volatile};
use serde_json::Value;

use super::Aftermath;
use crate::oracle::Entity;

pub(super) fn judge(aftermath: &Aftermath<'_>, entities: &[Entity<'_>]) -> Result<(), String> {
    open_rules(aftermath, entities)?;
    let objects = aftermath.objects;
    let written = objects.iter().filter(|(name, _)| name.starts_with("env/dev/reports/alerts/"));
    let mut openings = BTreeSet::new();
    for (name, object) in written {
        let alert = json::parse(&object.body).unwrap_or_default();
        of_a_snapshot(aftermath, name, &alert)?;
        let key = ["rule_id", "rule_digest", "ptr", "source_generation"];
        if !openings.insert(key.map(|field| alert[field].to_string())) {
            return Err(format!("{name} is the second alert of one opening"));
        }
        if aftermath.bucket.versions_of(name).len() != 1 {
            return Err(format!("{name} was written more than once"));
        }
        if !aftermath.sent.contains(name) {
            return Err(format!("{name} was never sent"));
        }
        if !aftermath.seen.opened.contains_key(name) {
            return Err(format!("{name} was never open"));
        }
    }
    let lost = aftermath.seen.opened.keys().find(|name| !objects.contains_key(*name));
    lost.map_or(Ok(()), |name| Err(format!("{name} was open and never written")))
}

fn open_rules(aftermath: &Aftermath<'_>, entities: &[Entity<'_>]) -> Result<(), String> {
    let objects = aftermath.objects;
    let rules: Vec<&Entity<'_>> = entities.iter().filter(|it| it.is_rule_in_force()).collect();
    for entity in entities {
        let holding = rules.iter().filter(|rule| {
            let condition = rule.field("condition").map(Value::to_string).unwrap_or_default();
            let document = entity.document.as_ref().ok().filter(|_| entity.kind == "venture");
            document.is_some_and(|document| holds(&condition, document))
        });
        let expected: Vec<&str> = holding.map(|rule| rule.id).collect();
        let name = format!("env/dev/indices/alerts/_state/{}/{}.json", entity.segment, entity.id);
        let parsed = ObjectName::parse(&name).map_err(|err| format!("{name}: {err}"))?;
        let stored = objects.get(&name);
        let found = stored.and_then(|object| volatile::comparable(&parsed, &object.body));
        let expected = (!expected.is_empty()).then(|| Value::from(expected).to_string());
        if found != expected {
            return Err(format!("{name} has {found:?} open instead of {expected:?}"));
        }
    }
    Ok(())
}

/// Whether the snapshot that `alert` names was one, and a rule of this id held on it.
fn of_a_snapshot(aftermath: &Aftermath<'_>, name: &str, alert: &Value) -> Result<(), String> {
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
    if of_rule.any(held) {
        return Ok(());
    }
    Err(format!("{name} names {key:?}, on which its rule does not hold"))
}

/// Whether a condition of the simulation holds: `n` is below a number, or `status` is a text.
fn holds(condition: &str, document: &Object) -> bool {
    let condition: Value = serde_json::from_str(condition).unwrap_or_default();
    let test = &condition["all"][0];
    match document.get(test["path"].as_str().unwrap_or_default()) {
        Some(found) if test["op"] == "lt" => {
            found.is_number() && found.as_i64() < test["value"].as_i64()
        }
        Some(found) => *found == test["value"],
        None => false,
    }
}
