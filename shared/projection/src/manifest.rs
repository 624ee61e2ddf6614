//! The manifest record of an entity: one line of the listing of its kind.

use domain::json::{self, Object};
use domain::{EntityDefinition, ObjectName, Version};
use serde_json::Value;

use crate::pointer::tombstone;
use crate::source::Source;
use crate::{Metadata, Write, plan};

/// The metadata key of the hour in which the change was last noted in the journal.
pub const JOURNAL_HOUR: &str = "journal-hour";

/// Decides what has to be written in place of a manifest so that it agrees with `source`, which
/// was read after it. Nothing when it came from this very version. The manifest of an entity
/// that is not live is a tombstone.
pub fn decide(
    stored: Option<&Metadata>,
    source: &Source,
    definition: &EntityDefinition,
    version: &Version,
) -> Option<Write> {
    if stored.is_some_and(|metadata| source.wrote(metadata)) {
        return None;
    }
    let body = match &source.document {
        Some(document) => record(document, source, definition),
        None => tombstone(source, &definition.entity),
    };
    Some(Write { body: json::to_line(&body), metadata: source.derived_metadata(version) })
}

/// The journal entry that goes before a change of the manifest in `hour`; `None` when the stored
/// manifest says that one has been written in this hour.
pub fn journal(
    stored: Option<&Metadata>,
    source: &Source,
    hour: &str,
) -> Option<(ObjectName, Vec<u8>)> {
    if stored.and_then(|metadata| metadata.get(JOURNAL_HOUR)).is_some_and(|noted| noted == hour) {
        return None;
    }
    let name = ObjectName::Journal { entity: source.entity.clone(), hour: hour.to_owned() };
    let entry = Object::from_iter([("id".to_owned(), Value::from(source.entity.id.as_str()))]);
    Some((name, json::to_line(&Value::Object(entry))))
}

fn record(document: &Value, source: &Source, definition: &EntityDefinition) -> Value {
    let mut record = Object::from_iter([
        ("id".to_owned(), Value::from(source.entity.id.as_str())),
        ("entity".to_owned(), Value::from(definition.entity.as_str())),
    ]);
    record.extend(plan::shown(&definition.manifest, document));
    Value::Object(record)
}
