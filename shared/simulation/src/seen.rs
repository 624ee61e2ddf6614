//! Every version of what must not be forgotten: what was ever a snapshot, what was ever open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{Generation, ObjectName, json};
use emulator::{Memory, Stored};
use serde_json::Value;

/// What a run has seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// The bodies of all versions of snapshots, by name and generation as text.
    pub(crate) snapshots: BTreeMap<(String, String), Value>,
    /// The version that each version of a snapshot took the place of.
    pub(crate) overwrote: BTreeMap<(String, String), String>,
    /// The names of all alerts that were ever open and of which somebody was to be told.
    pub(crate) opened: BTreeSet<String>,
    /// Rules as they were ever in a bundle, by id and condition.
    pub(crate) conditions: BTreeSet<(String, String)>,
    /// The names of all objects that ever were.
    pub(crate) names: BTreeSet<String>,
    /// Versions that are no longer live, oldest first.
    replaced: Vec<(String, Generation)>,
}

impl Seen {
    pub(crate) fn note(&mut self, stored: &Stored) {
        self.names.insert(stored.name.clone());
        let Ok(name) = ObjectName::parse(&stored.name) else { return };
        let mut body = json::parse(&stored.body).unwrap_or_default();
        match name {
            ObjectName::Snapshot(_) => {
                let key = (stored.name.clone(), stored.generation.to_string());
                let overwrote = stored.overwrote.map(|it| (key.clone(), it.to_string()));
                self.overwrote.extend(overwrote);
                // A person can copy the content of a version that was live over one that is not: it is
                // what its metadata says.
                let state = stored.metadata.get("state").map_or("live", String::as_str);
                if let Some(body) = body.as_object_mut().filter(|_| state != "live") {
                    body.insert("op".to_owned(), state.into());
                }
                self.snapshots.insert(key, body);
                self.replaced
                    .extend(stored.overwrote.map(|generation| (stored.name.clone(), generation)));
            }
            ObjectName::AlertState(entity) => {
                let open = body["open"].as_array().into_iter().flatten();
                for entry in open.filter(|entry| entry["firing"]["silent_until"].is_null()) {
                    let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
                    let alert = ObjectName::Alert {
                        env: entity.env,
                        rule_id: text("rule_id"),
                        entity_id: entity.id.clone(),
                        alert_id: text("alert_id"),
                    };
                    self.opened.insert(alert.to_string());
                }
            }
            ObjectName::Bundle { .. } => {
                for rule in body["members"].as_array().into_iter().flatten() {
                    let id = rule["id"].as_str().unwrap_or_default().to_owned();
                    self.conditions.insert((id, rule["condition"].to_string()));
                }
            }
            _ => (),
        }
    }

    /// How many alerts were ever open.
    pub(crate) fn alerts(&self) -> u64 {
        self.opened.len() as u64
    }

    /// Forgets the oldest version of a snapshot that is no longer live, as a lifecycle rule does.
    pub(crate) fn expire(&mut self, bucket: &Memory) -> bool {
        if self.replaced.is_empty() {
            return false;
        }
        let (name, generation) = self.replaced.remove(0);
        bucket.expire(&name, generation)
    }

    /// The live version of every snapshot.
    pub(crate) fn live_snapshots(&self, bucket: &Arc<Memory>) -> Vec<Stored> {
        let names: BTreeSet<&String> = self.snapshots.keys().map(|(name, _)| name).collect();
        let versions = names.into_iter().filter_map(|name| bucket.versions_of(name).pop());
        versions.filter(|stored| stored.live).collect()
    }
}
