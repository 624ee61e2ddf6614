//! Merge patches, one on a line, folded into as few as say the same.
//!
//! Two patches become one where that one does to any document exactly what the two do one after the
//! other, the places of keys included. What no patch can say is that an object replaces whatever
//! stands there, nor that a key goes and comes back at the end: there a new record begins.

use domain::json::{self, Object};
use domain::{EntityDefinition, RECORD_BOUNDS, RECORD_BYTES_MAX};
use serde_json::Value;

use crate::Problem;

/// The largest batch, in bytes: it is judged as a whole before any of it is written.
pub(crate) const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most bytes of lines that become one record: the envelope has room besides.
const FOLDED_BYTES_MAX: usize = RECORD_BYTES_MAX / 2;

/// The most values of lines that become one record.
const FOLDED_VALUES_MAX: usize = RECORD_BOUNDS.values / 2;

/// Fields that hold for the record as a whole: lines that differ in one are not folded.
const OF_THE_RECORD: [&str; 7] =
    ["id", "entity", "env", "schema_version", "actor", "reason", "origin"];

/// Patches that say what the lines say.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// How many lines there were.
    pub(crate) lines: usize,
    /// The patches, in their order.
    pub(crate) patches: Vec<Object>,
}

/// Reads the lines, and folds them.
///
/// # Errors
///
/// The number of the line that is no patch, and why.
pub(crate) fn read(text: &[u8], definition: &EntityDefinition) -> Result<Batch, Problem> {
    let mut batch = Batch::default();
    let (mut bytes, mut values) = (0, 0);
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let named = |what: &str| Problem::new(format!("line {}: {what}", number + 1));
        if line.len() > RECORD_BYTES_MAX {
            return Err(named(&format!("a record has at most {RECORD_BYTES_MAX} bytes")));
        }
        let patch = match json::parse_within(line, RECORD_BOUNDS) {
            Ok(Value::Object(patch)) => patch,
            Ok(_) => return Err(named("a merge patch is a JSON object")),
            Err(err) => return Err(named(&err.to_string())),
        };
        if patch.contains_key("op") {
            return Err(named("the reserved field \"op\": leave it out, each line is a merge"));
        }
        batch.lines += 1;
        (bytes, values) = (bytes + line.len(), values + count(&patch));
        let fits = bytes <= FOLDED_BYTES_MAX && values <= FOLDED_VALUES_MAX;
        let folded = batch.patches.last_mut().is_some_and(|last| {
            fits && alike(last, &patch, definition) && expressible(last, &patch) && {
                fold(last, patch.clone());
                true
            }
        });
        if !folded {
            (bytes, values) = (line.len(), count(&patch));
            batch.patches.push(patch);
        }
    }
    match batch.lines {
        0 => Err(Problem::new("no line with a merge patch")),
        _ => Ok(batch),
    }
}

/// Whether both speak of the same record: of one schema version too, and of the newest, since those
/// of an older one are upgraded one by one.
fn alike(first: &Object, second: &Object, definition: &EntityDefinition) -> bool {
    let newest = |patch: &Object| match patch.get("schema_version").map(Value::as_str) {
        None => true,
        Some(version) => version == Some(definition.newest_version()),
    };
    newest(first) && OF_THE_RECORD.iter().all(|field| first.get(*field) == second.get(*field))
}

/// Whether one patch can do what the two do, one after the other.
fn expressible(first: &Object, second: &Object) -> bool {
    second.iter().all(|(key, later)| match (first.get(key), later) {
        (None, _) => true,
        (Some(Value::Object(first)), Value::Object(second)) => expressible(first, second),
        // An object in the place of what is none: a patch would merge it into what is stored.
        (Some(_), Value::Object(_)) => false,
        // What comes back after it has gone stands at the end.
        (Some(Value::Null), later) => later.is_null(),
        (Some(_), _) => true,
    })
}

/// The two as one, where that is [`expressible`].
fn fold(first: &mut Object, second: Object) {
    for (key, later) in second {
        match (first.get_mut(&key), later) {
            (Some(Value::Object(first)), Value::Object(second)) => fold(first, second),
            (_, later) => drop(first.insert(key, later)),
        }
    }
}

/// How many values there are in it.
fn count(object: &Object) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Object(object) => count(object),
            Value::Array(items) => 1 + items.iter().map(of).sum::<usize>(),
            _ => 1,
        }
    }
    1 + object.values().map(of).sum::<usize>()
}
