//! What must hold of any bucket at rest, whatever the scenario.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EntityRef, ObjectName};
use emulator::Stored;
use serde_json::Value;

/// What does not hold, one sentence each. `uploads` are not the functions' own.
pub(crate) fn broken(
    versions: &BTreeMap<String, Vec<Stored>>,
    uploads: &BTreeSet<String>,
) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, versions) in versions.iter().filter(|(name, _)| !uploads.contains(*name)) {
        if ObjectName::parse(name).is_err() {
            broken.push(format!("no class of object is called {name}"));
        }
        if versions.iter().any(|version| !is_one_line(&version.body)) {
            broken.push(format!("{name} is not one line of JSON"));
        }
    }
    broken.extend(alerts(versions));
    broken
}

/// BigQuery reads nothing but one document a line. (BigQuery documentation, "Loading JSON data".)
fn is_one_line(body: &[u8]) -> bool {
    let Some((b'\n', line)) = body.split_last() else { return false };
    !line.contains(&b'\n') && serde_json::from_slice::<Value>(line).is_ok()
}

/// Every alert names a state that was a snapshot, there is one for each opening, and every open
/// rule has its alert.
fn alerts(versions: &BTreeMap<String, Vec<Stored>>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut openings = BTreeSet::new();
    for (name, stored) in versions {
        let Ok(parsed) = ObjectName::parse(name) else { continue };
        let Some(body) =
            stored.last().and_then(|it| serde_json::from_slice::<Value>(&it.body).ok())
        else {
            continue;
        };
        match parsed {
            ObjectName::Alert { .. } => {
                if stored.len() > 1 {
                    broken.push(format!("alert {name} was written {} times", stored.len()));
                }
                // What names none is nobody's of ours: the tests of rules hold that theirs do.
                let names_one = body.get("source_generation").is_some();
                if names_one && !was_a_snapshot(versions, &body) {
                    broken.push(format!("alert {name} names a state that never was a snapshot"));
                }
                let opening =
                    ["rule_id", "ptr", "since", "source_generation", "fired", "evaluated_at"];
                if !openings.insert(opening.map(|field| body[field].to_string())) {
                    broken.push(format!("alert {name} is the second of one opening"));
                }
            }
            ObjectName::AlertState(entity) => {
                let missing = open_alerts(&entity, &body);
                let missing = missing.into_iter().filter(|it| !versions.contains_key(it));
                broken.extend(missing.map(|it| format!("{name} is open without its alert {it}")));
            }
            _ => (),
        }
    }
    broken
}

/// The names of the alerts that a state says are open.
fn open_alerts(entity: &EntityRef, state: &Value) -> Vec<String> {
    let name = |open: &Value| {
        let [rule_id, alert_id] = ["rule_id", "alert_id"].map(|it| text(open, it).to_owned());
        let (env, entity_id) = (entity.env, entity.id.clone());
        ObjectName::Alert { env, rule_id, entity_id, alert_id }.to_string()
    };
    let open = state["open"].as_array().into_iter().flatten();
    // Of the others nobody is told yet.
    open.filter(|open| open["firing"]["silent_until"].is_null()).map(name).collect()
}

fn was_a_snapshot(versions: &BTreeMap<String, Vec<Stored>>, alert: &Value) -> bool {
    let mut versions = versions.get(text(alert, "ptr")).into_iter().flatten();
    let named = text(alert, "source_generation");
    versions.any(|version| version.generation.to_string() == named)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
