//! Records and documents of older schema versions, brought to the newest.
//!
//! A record is upgraded before it is folded, whatever it is folded with. To upgrade the fold
//! instead is something else: a default would come back that a later merge has removed.

use domain::definitions::{Place, Step, Upgrade};
use domain::json::Object;
use domain::{Change, EntityDefinition, Record};
use serde_json::Value;

const VERSION: &str = "schema_version";

/// A schema version that the definitions do not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("/schema_version: expected one of {}: deploy a release that knows this one, and retry", .known.join(", "))]
pub struct Unknown {
    /// The versions that they know.
    pub known: Vec<String>,
}

/// The record as the newest schema version has it: a full document by all steps, a merge by what
/// moves. A merge that does not say its version was written in the oldest, which harms none that
/// has the new names.
///
/// # Errors
///
/// [`Unknown`] when it declares a version that the definitions do not know, or a full document
/// declares none.
pub fn record(record: Record, definition: &EntityDefinition) -> Result<Record, Unknown> {
    let change = match record.change {
        Change::Full(document) => Change::Full(full(document, definition)?),
        Change::Merge(patch) => Change::Merge(merge(patch, definition)?),
        Change::Delete => Change::Delete,
    };
    Ok(Record { change, ..record })
}

/// The full document at the newest schema version.
///
/// # Errors
///
/// As [`record`].
pub fn full(document: Object, definition: &EntityDefinition) -> Result<Object, Unknown> {
    let due = due(definition, version(&document).unwrap_or_default())?;
    Ok(apply(document, due))
}

/// The document of a snapshot at the newest schema version; as it is when its own is unknown.
pub(crate) fn stored(document: Object, definition: &EntityDefinition) -> Object {
    let due = due(definition, version(&document).unwrap_or_default());
    apply(document, due.unwrap_or_default())
}

/// Whether the version of the document is known, and older than the newest.
pub fn is_due(document: &Object, definition: &EntityDefinition) -> bool {
    let due = due(definition, version(document).unwrap_or_default());
    due.is_ok_and(|due| !due.is_empty())
}

/// That the definitions know `version`, which may have a leading `v`.
///
/// # Errors
///
/// [`Unknown`] when they do not.
pub fn known(version: &str, definition: &EntityDefinition) -> Result<(), Unknown> {
    due(definition, version).map(drop)
}

fn version(object: &Object) -> Option<&str> {
    object.get(VERSION).and_then(Value::as_str)
}

fn apply(mut document: Object, due: &[Upgrade]) -> Object {
    for step in due.iter().flat_map(|upgrade| &upgrade.steps) {
        match step {
            Step::Default { at, value } => default(&mut document, &at.0, value),
            Step::Move { from, to } => move_value(&mut document, from, to, Kind::Full),
        }
    }
    raise(&mut document, due);
    document
}

fn merge(mut patch: Object, definition: &EntityDefinition) -> Result<Object, Unknown> {
    let due = match version(&patch) {
        Some(version) => due(definition, version)?,
        None => &definition.upgrades,
    };
    for step in due.iter().flat_map(|upgrade| &upgrade.steps) {
        if let Step::Move { from, to } = step {
            move_value(&mut patch, from, to, Kind::Patch);
        }
    }
    raise(&mut patch, due);
    Ok(patch)
}

/// The upgrades from `version` on.
fn due<'a>(definition: &'a EntityDefinition, version: &str) -> Result<&'a [Upgrade], Unknown> {
    let unknown = || Unknown { known: definition.schema_versions.clone() };
    definition.upgrades_from(version).ok_or_else(unknown)
}

/// Writes the version that `due` lead to in the place of the one that is declared, if one is.
fn raise(object: &mut Object, due: &[Upgrade]) {
    let Some(last) = due.last() else { return };
    if let Some(Value::String(version)) = object.get_mut(VERSION) {
        let v = if version.starts_with('v') { "v" } else { "" };
        *version = format!("{v}{}", last.to);
    }
}

/// What an object is to an upgrade.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A document: `null` counts as no value.
    Full,
    /// A merge patch: `null` removes.
    Patch,
}

fn default(object: &mut Object, names: &[String], value: &Value) {
    match names {
        [] => (),
        [name] => {
            let place = object.entry(name.clone()).or_insert(Value::Null);
            if place.is_null() {
                *place = value.clone();
            }
        }
        [name, rest @ ..] => {
            if let Some(Value::Object(inner)) = object.get_mut(name) {
                default(inner, rest, value);
            }
        }
    }
}

/// Moves a value, unless there is no room for it: then it stays.
fn move_value(object: &mut Object, from: &Place, to: &Place, kind: Kind) {
    let room = room(object, &to.0, kind);
    if room == Room::Blocked {
        return;
    }
    let (place, value) = match take(object, &from.0) {
        Taken::Value(place, value) => (Some(place), value),
        // Whoever replaces what the value stands in removes it.
        Taken::Replaced if kind == Kind::Patch => (None, Value::Null),
        Taken::Nothing | Taken::Replaced => return,
    };
    let wanted = match room {
        Room::Free => kind == Kind::Patch || !value.is_null(),
        Room::Removed => !value.is_null(),
        Room::Taken | Room::Blocked => false,
    };
    if wanted {
        let siblings = from.0[..from.0.len() - 1] == to.0[..to.0.len() - 1];
        put(object, &to.0, value, place.filter(|_| siblings));
    }
}

/// What is in the place of a value.
#[derive(Clone, Copy, PartialEq)]
enum Room {
    /// Nothing.
    Free,
    /// `null` stands where the object would be.
    Removed,
    /// A value.
    Taken,
    /// Another value stands where the object would be.
    Blocked,
}

fn room(object: &Object, names: &[String], kind: Kind) -> Room {
    match names {
        [] => Room::Blocked,
        [name] => match object.get(name) {
            None => Room::Free,
            Some(Value::Null) if kind == Kind::Full => Room::Free,
            Some(_) => Room::Taken,
        },
        [name, rest @ ..] => match object.get(name) {
            None => Room::Free,
            Some(Value::Null) => Room::Removed,
            Some(Value::Object(inner)) => room(inner, rest, kind),
            Some(_) => Room::Blocked,
        },
    }
}

/// What was found on the way to a value.
enum Taken {
    Nothing,
    /// Something that is no object stands where the value's object would be.
    Replaced,
    /// The value, and its place among the fields.
    Value(usize, Value),
}

fn take(object: &mut Object, names: &[String]) -> Taken {
    match names {
        [] => Taken::Nothing,
        [name] => match object.keys().position(|key| key == name) {
            Some(place) => Taken::Value(place, object.shift_remove(name).unwrap_or_default()),
            None => Taken::Nothing,
        },
        [name, rest @ ..] => match object.get_mut(name) {
            None => Taken::Nothing,
            Some(Value::Object(inner)) => take(inner, rest),
            Some(_) => Taken::Replaced,
        },
    }
}

/// Puts a value where there is room for it: at this place among the fields, or as the last.
fn put(object: &mut Object, names: &[String], value: Value, place: Option<usize>) {
    match names {
        [] => (),
        [name] => {
            object.shift_remove(name);
            let place = place.unwrap_or(object.len()).min(object.len());
            object.shift_insert(place, name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = object.entry(name.clone()).or_insert(Value::Null);
            if inner.is_null() {
                *inner = Value::Object(Object::new());
            }
            if let Value::Object(inner) = inner {
                put(inner, rest, value, place);
            }
        }
    }
}
