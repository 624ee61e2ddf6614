//! What some of the wrong turns do that tests plant.

use domain::{EntityDefinition, ObjectName, json, volatile};
use projection::Write;
use serde_json::Value;
use store::Object;

/// Whether a pointer shows what `write` would show.
pub(crate) fn says_the_same(
    name: &ObjectName,
    stored: Option<&Object>,
    write: Option<&Write>,
) -> bool {
    let (Some(stored), Some(write)) = (stored, write) else { return false };
    volatile::comparable(name, &stored.body) == volatile::comparable(name, &write.body)
}

/// The register without the members below its winner.
pub(crate) fn winner_only(write: Write) -> Write {
    let Ok(mut register) = json::parse(&write.body) else { return write };
    if let Some(members) = register.get_mut("members").and_then(Value::as_array_mut) {
        members.truncate(1);
    }
    Write { body: json::to_line(&register), ..write }
}

/// The definition as if no field had ever had another name.
pub(crate) fn without_upgrades(definition: &EntityDefinition) -> EntityDefinition {
    EntityDefinition { upgrades: Vec::new(), ..definition.clone() }
}
