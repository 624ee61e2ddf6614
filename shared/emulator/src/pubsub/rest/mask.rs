//! Update masks: which fields of a resource a client replaces.
//! (Protocol Buffers documentation, "FieldMask".)

use serde_json::{Value, json};

use crate::pubsub::problem::Problem;

/// How many parts a path may have.
const PARTS_MAX: usize = 8;

/// `stored` with the fields at `paths` as they are in `given`: those that are missing there are
/// removed. The first part of each path has to be in `mutable`.
pub(super) fn apply(
    resource: &str,
    mut stored: Value,
    given: &Value,
    paths: &[String],
    mutable: &[&str],
) -> Result<Value, Problem> {
    for path in paths {
        let parts: Vec<&str> = path.split('.').collect();
        if !mutable.contains(&parts[0]) || parts.len() > PARTS_MAX {
            return Err(Problem::invalid(format!(
                "Invalid update_mask provided in the Update{resource}Request: the '{path}' field \
                 in the {resource} is not mutable."
            )));
        }
        let value = parts.iter().try_fold(given, |value, part| value.get(part));
        set(&mut stored, &parts, value.cloned());
    }
    Ok(stored)
}

fn set(target: &mut Value, parts: &[&str], value: Option<Value>) {
    let Some((first, rest)) = parts.split_first() else { return };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(fields) = target.as_object_mut() else { return };
    match (rest, value) {
        ([], None) => drop(fields.shift_remove(*first)),
        ([], Some(value)) => drop(fields.insert((*first).to_owned(), value)),
        (rest, value) => {
            set(fields.entry((*first).to_owned()).or_insert_with(|| json!({})), rest, value);
        }
    }
}
