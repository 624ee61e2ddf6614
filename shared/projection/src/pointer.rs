//! An index pointer: the object by which an index finds an entity.

use domain::json::{self, Object};
use domain::{EntityDefinition, ObjectName, Version, volatile};
use serde_json::Value;

use crate::plan::Place;
use crate::source::Source;
use crate::{Metadata, Write};

/// Decides what has to be written in place of a pointer so that it agrees with `source`, which
/// was read after it. `wanted` is the place of the source's document under this name, if it has
/// one: where it has none, a tombstone is written, also where there is nothing, because only a
/// write makes a slower attempt fail that has read "nothing".
///
/// Nothing has to be written when the stored pointer came from this very version, or says the
/// same and came from the same projection run: then every version since says the same too.
pub fn decide(
    stored: Option<(&[u8], &Metadata)>,
    wanted: Option<&Place>,
    source: &Source,
    definition: &EntityDefinition,
    version: &Version,
) -> Option<Write> {
    let body = match wanted {
        Some(place) => pointer(place, source, &definition.entity),
        None => tombstone(source, &definition.entity),
    };
    if let Some((stored, metadata)) = stored {
        let same = || comparable(json::parse(stored).ok()) == comparable(Some(body.clone()));
        if source.wrote(metadata) || (source.shares_run(metadata, version) && same()) {
            return None;
        }
    }
    Some(Write { body: json::to_line(&body), metadata: source.derived_metadata(version) })
}

/// `ptr`, `id`, `updated_at` and `entity`, then the fields shown.
pub(crate) fn pointer(place: &Place, source: &Source, kind: &str) -> Value {
    let name = ObjectName::Snapshot(source.entity.clone()).to_string();
    let mut object = Object::from_iter([
        ("ptr".to_owned(), Value::String(name)),
        ("id".to_owned(), Value::from(source.entity.id.as_str())),
    ]);
    if let Some(updated_at) = source.updated_at() {
        object.insert("updated_at".to_owned(), updated_at.clone());
    }
    object.insert("entity".to_owned(), Value::from(kind));
    object.extend(place.shown.clone());
    Value::Object(object)
}

/// What stands where an entity has no place any more, or never had.
pub(crate) fn tombstone(source: &Source, kind: &str) -> Value {
    let (op, delete) = volatile::TOMBSTONE;
    let fields = [("id", source.entity.id.as_str()), ("entity", kind), (op, delete)];
    fields.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// The text of a pointer without its time, which is that of the version it was written from.
fn comparable(pointer: Option<Value>) -> Option<String> {
    let mut pointer = pointer?;
    pointer.as_object_mut()?.shift_remove("updated_at");
    Some(pointer.to_string())
}
