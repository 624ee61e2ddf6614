//! A history record, read from its object.

use std::time::Duration;

use serde_json::Value;

use crate::json::{self, Bounds, Object};
use crate::{EntityDefinition, HistoryName, Instant, OrderKey};

/// How far a record may be dated after its object was created: beyond this one bad clock would
/// hide every later record of the entity.
pub const AHEAD_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest record, in bytes, after decompression and as it is stored.
pub const RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How much a record may hold. Registers and alerts hold parts of documents some levels deeper,
/// and are read by the same parser, which stops at 128 levels.
pub const RECORD_BOUNDS: Bounds = Bounds { depth: 64, values: 100_000 };

/// Names at the top of a record that speak about the record itself; none reaches a snapshot.
pub const RESERVED_FIELDS: [&str; 4] = ["op", "origin", "actor", "reason"];

/// Origins of records that are written in bulk, by a program and not about what has just happened.
pub const BULK_ORIGINS: [&str; 3] = ["seed", "restore", "migrate"];

/// Envelope fields that a merge does not patch.
const UNPATCHED_FIELDS: [&str; 4] = ["id", "entity", "env", "created_at"];

/// One record of the history of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place in the order.
    pub key: OrderKey,
    /// What it says.
    pub change: Change,
    /// Its origin, if that is one of a bulk write.
    pub bulk: Option<&'static str>,
}

/// What a record does to the entity.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The entity is this document: envelope complete, reserved fields gone.
    Full(Object),
    /// The entity is patched with these fields. (RFC 7396, JSON Merge Patch.)
    Merge(Object),
    /// The entity is gone.
    Delete,
}

impl Record {
    /// Reads the record `name` of a `definition`'s kind. `created_at` is when Cloud Storage
    /// created the object.
    ///
    /// Missing `env`, `entity` and `id` are filled from the name, a missing `updated_at` with
    /// the timestamp in the name. Whether a full document is valid under its schema is not
    /// decided here.
    ///
    /// # Errors
    ///
    /// Every reason for which the record does not count.
    pub fn read(
        name: &HistoryName,
        body: &[u8],
        created_at: Instant,
        definition: &EntityDefinition,
    ) -> Result<Self, Vec<String>> {
        let mut object = match json::parse_within(body, RECORD_BOUNDS) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err(vec!["a record is a JSON object".to_owned()]),
            Err(err) => return Err(vec![err.to_string()]),
        };
        let mut reasons = disagreements(&object, name, definition);
        let updated_at = updated_at(&object, name, created_at).map_err(|err| reasons.push(err));
        let op = op(&object).map_err(|err| reasons.push(err));
        let (Ok((updated_at, updated_at_text)), Ok(op), true) =
            (updated_at, op, reasons.is_empty())
        else {
            return Err(reasons);
        };
        let origin = object.get("origin").and_then(Value::as_str);
        let bulk = BULK_ORIGINS.into_iter().find(|bulk| origin == Some(*bulk));
        RESERVED_FIELDS.iter().for_each(|field| drop(object.shift_remove(*field)));
        let change = match op {
            Op::Full => Change::Full(complete(object, name, definition, &updated_at_text)),
            Op::Merge => Change::Merge(patch(object, updated_at_text)),
            Op::Delete => Change::Delete,
        };
        Ok(Self { key: OrderKey::new(updated_at, name), change, bulk })
    }
}

enum Op {
    Full,
    Merge,
    Delete,
}

fn op(object: &Object) -> Result<Op, String> {
    match object.get("op") {
        None => Ok(Op::Full),
        Some(Value::String(op)) if op == "merge" => match object.get("schema_version") {
            None | Some(Value::String(_)) => Ok(Op::Merge),
            Some(_) => Err("/schema_version: expected a text".to_owned()),
        },
        Some(Value::String(op)) if op == "delete" => Ok(Op::Delete),
        Some(_) => Err("/op: expected \"merge\", \"delete\" or no such field".to_owned()),
    }
}

/// Where the envelope contradicts the name of the object.
fn disagreements(
    object: &Object,
    name: &HistoryName,
    definition: &EntityDefinition,
) -> Vec<String> {
    let expected = [
        ("env", name.entity.env.as_str()),
        ("entity", definition.entity.as_str()),
        ("id", name.entity.id.as_str()),
    ];
    let contradicts = |(field, value): &(&str, &str)| {
        object.get(*field).is_some_and(|found| found.as_str() != Some(value))
    };
    let say = |(field, value): (&str, &str)| {
        format!("/{field}: expected {value:?}, as the object name says")
    };
    expected.into_iter().filter(contradicts).map(say).collect()
}

/// The instant of the record and its text.
fn updated_at(
    object: &Object,
    name: &HistoryName,
    created_at: Instant,
) -> Result<(Instant, String), String> {
    let text = match object.get("updated_at") {
        Some(Value::String(text)) => text.as_str(),
        Some(_) => return Err("/updated_at: expected an RFC 3339 date and time".to_owned()),
        None => name.timestamp().unwrap_or_default(),
    };
    let instant = Instant::parse(text).ok_or_else(|| {
        "/updated_at: expected an RFC 3339 date and time, here or in the object name".to_owned()
    })?;
    if instant > created_at.after(AHEAD_MAX) {
        return Err(format!(
            "/updated_at: {instant} is more than 24 h after its object was created"
        ));
    }
    Ok((instant, text.to_owned()))
}

/// The document with missing envelope fields in front.
fn complete(
    object: Object,
    name: &HistoryName,
    definition: &EntityDefinition,
    updated_at: &str,
) -> Object {
    let envelope = [
        ("id", name.entity.id.as_str()),
        ("entity", definition.entity.as_str()),
        ("env", name.entity.env.as_str()),
        ("updated_at", updated_at),
    ];
    let missing = envelope.into_iter().filter(|(field, _)| !object.contains_key(*field));
    let filled: Object =
        missing.map(|(field, value)| (field.to_owned(), Value::from(value))).collect();
    filled.into_iter().chain(object).collect()
}

/// The fields that a merge patches: not the envelope, but for the time and the schema version.
fn patch(mut object: Object, updated_at: String) -> Object {
    UNPATCHED_FIELDS.iter().for_each(|field| drop(object.shift_remove(*field)));
    object.insert("updated_at".to_owned(), Value::String(updated_at));
    object
}
