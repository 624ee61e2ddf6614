//! What the index-writer promises.

mod interleavings;
mod operations;
mod outcomes;
mod upgrades;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use domain::json::{self, Object};
use domain::{
    Change, Definitions, Delivery, EntityRef, Env, HistoryName, Instant, ObjectName, OrderKey,
    Overwrote, Planted, Record, Version, volatile,
};
use emulator::{Memory, TestClock, Upload, tools};
use projection::fold::Folded;
use projection::plan::places;
use projection::snapshot;
use projection::source::Source;
use serde_json::Value;
use store::{Store, Tools};

use crate::{IndexWriter, Shortcut};

/// One index of pointers and one register.
const ENTITY: &str = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0"],"manifest":{},"indices":[
  {"name":"by-status","version":1,"keys":[{"from":["/status"],"transform":"slug"}],"show":{"status":["/status"],"note":["/note"]}},
  {"name":"by-tag","version":1,"keys":[{"each":"/tags","from":[""],"transform":"slug"}]},
  {"name":"latest","version":1,"keys":[{"from":["/group"],"transform":"verbatim"}],"latest_by":["/asOf"],"show":{"asOf":["/asOf"]}}]}"#;

static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| {
    let files = [("venture/entity.json", ENTITY), ("venture/v1.0.0.schema.json", "{}")];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Arc::new(Definitions::from_files(files).unwrap())
});

fn bucket() -> Arc<Memory> {
    Memory::new("test", TestClock::at("2026-01-01T00:00:00Z"), 7)
}

fn writer(store: Arc<dyn Store>, planted: Planted<Shortcut>) -> IndexWriter {
    writer_with(tools(store), planted)
}

fn writer_with(tools: Tools, planted: Planted<Shortcut>) -> IndexWriter {
    IndexWriter { tools: Tools { definitions: Arc::clone(&DEFINITIONS), ..tools }, planted }
}

fn entity(id: &str) -> EntityRef {
    EntityRef::new(Env::Dev, "ventures", id).unwrap()
}

fn object(text: &str) -> Object {
    json::parse(text.as_bytes()).unwrap().as_object().unwrap().clone()
}

/// Writes the snapshot of `id` as the snapshot-builder would at this second; an empty text is a
/// tombstone. The projection run goes on while nothing changes that an index shows.
fn write_snapshot(bucket: &Memory, id: &str, second: usize, document: &str) -> Delivery {
    write_snapshot_with(bucket, id, second, document, &[])
}

/// The same, with this metadata instead.
fn write_snapshot_with(
    bucket: &Memory,
    id: &str,
    second: usize,
    document: &str,
    instead: &[(&str, &str)],
) -> Delivery {
    let entity = entity(id);
    let day = Instant::parse("2025-11-06T00:00:00Z").unwrap().day();
    let history = HistoryName { entity: entity.clone(), day, file: format!("x_{second}.json") };
    let updated_at = Instant::from_unix_millis(1_762_423_200_000 + second as i64 * 1000);
    let change = match document {
        "" => Change::Delete,
        document => Change::Full(object(document)),
    };
    let record = Record { key: OrderKey::new(updated_at, &history), change, bulk: None };
    let folded = Folded::of(vec![record]).unwrap();
    let body = snapshot::body(&folded, &entity, "venture");
    let name = ObjectName::Snapshot(entity.clone());
    let before = bucket.objects().remove(&name.to_string());
    let places_of = |body: &[u8], metadata: &projection::Metadata, generation| {
        let source = Source::read(
            &entity,
            DEFINITIONS.entity("venture").unwrap(),
            Some((generation, body, metadata)),
        )
        .unwrap();
        places(DEFINITIONS.entity("venture").unwrap(), &entity, source.document.as_ref())
    };
    let mut metadata = snapshot::metadata(&folded, &format!("run{second}"), &[]);
    metadata.insert(Version::DEFINITIONS.to_owned(), "d".to_owned());
    let is_snapshot = |object: &store::Object| {
        Source::read(&entity, DEFINITIONS.entity("venture").unwrap(), Some(object.parts())).is_ok()
    };
    if let Some(before) = before.filter(is_snapshot) {
        let (generation, body_before, metadata_before) = before.parts();
        let places_before = places_of(body_before, metadata_before, generation);
        let same =
            places_before.is_ok() && places_before == places_of(&body, &metadata, generation);
        if same {
            let run = metadata_before[snapshot::RUN].clone();
            metadata.insert(snapshot::RUN.to_owned(), run);
        }
    }
    metadata.extend(instead.iter().map(|(key, value)| (key.to_string(), value.to_string())));
    let upload = Upload { metadata, ..Upload::default() };
    let stored = bucket.insert(&name.to_string(), body.into(), upload).unwrap();
    Delivery {
        name,
        generation: stored.generation,
        overwrote: stored.overwrote.map_or(Overwrote::Nothing, Overwrote::Generation),
        created_at: None,
    }
}

/// What the indices say, tombstones and volatile fields left out: name below the segment, and of
/// a register the ids of the members in their order.
fn indices(bucket: &Memory) -> BTreeMap<String, String> {
    let mut indices = BTreeMap::new();
    for (name, object) in bucket.objects() {
        let Some(short) = name.strip_prefix("env/dev/indices/ventures/") else { continue };
        let parsed = ObjectName::parse(&name).unwrap();
        let Some(comparable) = volatile::comparable(&parsed, &object.body) else { continue };
        let Value::Object(body) = json::parse(comparable.as_bytes()).unwrap() else { continue };
        let id = |member: &Value| member["id"].as_str().unwrap_or_default().to_owned();
        let says = match body.get("members").and_then(Value::as_array) {
            Some(members) => members.iter().map(id).collect::<Vec<_>>().join(" "),
            None => body.get("note").and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        indices.insert(short.to_owned(), says);
    }
    indices
}
