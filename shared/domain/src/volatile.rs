//! What equality of derived objects leaves out: the one place that replay, simulation and
//! reconciliation share.

use serde_json::Value;

use crate::json::{self, Object};
use crate::{Class, ObjectName};

/// Classes that are not compared: they record what happened, not what is true; or they are as old as
/// the last compaction, and what they say goes with the journal since.
pub const CLASSES: [Class; 11] = [
    Class::Journal,
    Class::Claim,
    Class::JobProgress,
    Class::AlertMark,
    Class::AlertSilence,
    Class::RepairWanted,
    Class::Audit,
    Class::History,
    Class::Shard,
    Class::ShardIndex,
    Class::Export,
];

/// Fields at the top of a pointer, a register, a member of a register, an alert or a quarantine
/// object that say when or from which version it was written.
pub const FIELDS: [&str; 4] = ["updated_at", "source", "quarantined_at", "source_generation"];

/// The field and the value by which a derived object says that it stands for nothing.
pub const TOMBSTONE: (&str, &str) = ("op", "delete");

/// What is compared of the object `name` with this `body`: one line of JSON, or nothing when the
/// class is volatile or the object counts as absent.
///
/// Derived tombstones count as absent, because which of them exist depends on which states were
/// ever a snapshot. Snapshots are compared whole. Of an alert state, the ids of the open rules
/// are compared: since when each is open depends on which states were a snapshot. A body that is
/// not JSON is compared as it is.
pub fn comparable(name: &ObjectName, body: &[u8]) -> Option<String> {
    if CLASSES.contains(&name.class()) {
        return None;
    }
    let as_it_is = || Some(String::from_utf8_lossy(body).into_owned());
    let Ok(Value::Object(mut object)) = json::parse(body) else { return as_it_is() };
    match name.class() {
        Class::Pointer | Class::Register | Class::Bundle => {
            members(&mut object);
            strip(&mut object);
            (!is_tombstone(&object)).then(|| Value::Object(object).to_string())
        }
        Class::Manifest => (!is_tombstone(&object)).then(as_it_is).flatten(),
        Class::AlertState => open_rules(&object),
        Class::Alert | Class::Quarantine => {
            strip(&mut object);
            Some(Value::Object(object).to_string())
        }
        _ => as_it_is(),
    }
}

/// Whether a derived object stands for nothing.
pub fn is_tombstone(object: &Object) -> bool {
    object.get(TOMBSTONE.0).and_then(Value::as_str) == Some(TOMBSTONE.1)
}

fn strip(object: &mut Object) {
    FIELDS.iter().for_each(|field| drop(object.shift_remove(*field)));
}

fn members(object: &mut Object) {
    let Some(Value::Array(members)) = object.get_mut("members") else { return };
    members.retain(|member| !member.as_object().is_some_and(is_tombstone));
    members.iter_mut().filter_map(Value::as_object_mut).for_each(strip);
}

fn open_rules(state: &Object) -> Option<String> {
    let open = state.get("open")?.as_array()?;
    let mut rules: Vec<&str> =
        open.iter().filter_map(|rule| rule.get("rule_id")?.as_str()).collect();
    rules.sort_unstable();
    (!rules.is_empty()).then(|| Value::from(rules).to_string())
}
