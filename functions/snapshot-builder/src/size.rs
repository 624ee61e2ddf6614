//! How large a document is, before it is written and while it is held.

use domain::json::Object;
use domain::{Change, RECORD_BOUNDS, RECORD_BYTES_MAX, Record};
use serde_json::Value;

/// The largest snapshot, in bytes: a full record of the largest size and what merges of that size
/// add to it, with an envelope.
pub(crate) const SNAPSHOT_BYTES_MAX: usize = 3 * RECORD_BYTES_MAX;

/// The most values in a snapshot, objects and arrays included. Whatever derives from it holds all
/// of them in memory.
pub(crate) const SNAPSHOT_VALUES_MAX: usize = 3 * RECORD_BOUNDS.values;

/// The most memory that the records of one fold take, in bytes, as [`held`] counts it. The records
/// that are read at the same time come on top.
pub(crate) const FOLD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a value takes in memory besides its text, keys and the room for growth included.
const VALUE_BYTES: usize = 128;

/// How many values `object` holds, itself included.
pub(crate) fn values(object: &Object) -> usize {
    let mut values = 0;
    each(object, &mut |_, _| values += 1);
    values + 1
}

/// How much memory `record` takes, in bytes, roughly.
pub(crate) fn held(record: &Record) -> usize {
    let (Change::Full(object) | Change::Merge(object)) = &record.change else {
        return VALUE_BYTES;
    };
    let mut bytes = VALUE_BYTES;
    each(object, &mut |key, value| {
        let text = match value {
            Value::String(text) => text.len(),
            Value::Number(number) => number.as_str().len(),
            _ => 0,
        };
        bytes += VALUE_BYTES + key.len() + text;
    });
    bytes
}

/// Shows `see` every value inside of `object`, each with the key it has in an object.
fn each(object: &Object, see: &mut impl FnMut(&str, &Value)) {
    for (key, value) in object {
        each_of(key, value, see);
    }
}

fn each_of(key: &str, value: &Value, see: &mut impl FnMut(&str, &Value)) {
    see(key, value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_of("", item, see)),
        Value::Object(object) => each(object, see),
        _ => (),
    }
}
