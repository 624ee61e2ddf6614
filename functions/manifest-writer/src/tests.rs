//! What the manifest-writer promises.

mod interleavings;
mod lost_answers;
mod operations;
mod orders;

use std::sync::{Arc, LazyLock};

use domain::{
    Change, Clock, Definitions, Delivery, EntityRef, Env, Handler, HistoryName, Instant,
    ObjectName, OrderKey, Outcome, Overwrote, Planted, Record, json, volatile,
};
use emulator::{Memory, TestClock, Upload, tools};
use projection::fold::Folded;
use projection::manifest::JOURNAL_HOUR;
use projection::snapshot;
use store::{Metadata, Store, Tools};

use crate::{ManifestWriter, Shortcut};

const ENTITY: &str = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0"],"manifest":{"n":["/n"]}}"#;

static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| {
    let files = [("venture/entity.json", ENTITY), ("venture/v1.0.0.schema.json", "{}")];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Arc::new(Definitions::from_files(files).unwrap())
});

/// When every test begins.
const NOW: &str = "2025-11-06T12:00:00Z";

/// A bucket in which no manifest may change before the journal has noted it.
fn bucket() -> Arc<Memory> {
    let bucket = Memory::new("test", TestClock::at(NOW), 7);
    let weak = Arc::downgrade(&bucket);
    bucket.on_finalize(Box::new(move |stored| {
        let bucket = weak.upgrade().expect("it is being written to");
        assert_eq!(noted(&bucket, &stored.name, &stored.metadata), Ok(()));
    }));
    bucket
}

/// Whether the change of the object `name` to this `metadata`, if it is a manifest, stands in the
/// journal.
fn noted(bucket: &Memory, name: &str, metadata: &Metadata) -> Result<(), String> {
    let Ok(ObjectName::Manifest(entity)) = ObjectName::parse(name) else { return Ok(()) };
    let Some(hour) = metadata.get(JOURNAL_HOUR) else {
        return Err(format!("{name} does not say when it was noted"));
    };
    let journal = ObjectName::Journal { entity, hour: hour.clone() }.to_string();
    match bucket.versions_of(&journal).is_empty() {
        true => Err(format!("{name} is written before {journal}")),
        false => Ok(()),
    }
}

/// One process over `store`.
fn writer(store: Arc<dyn Store>, planted: Planted<Shortcut>) -> ManifestWriter {
    ManifestWriter { planted, ..writer_at(store, TestClock::at(NOW)) }
}

fn writer_at(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> ManifestWriter {
    let definitions = Arc::clone(&DEFINITIONS);
    let tools = Tools { clock, definitions, ..tools(store) };
    ManifestWriter { tools, planted: Planted::NONE }
}

async fn deliver(writer: &ManifestWriter, delivery: &Delivery) -> Outcome {
    writer.handle(std::slice::from_ref(delivery)).await.remove(0)
}

fn entity() -> EntityRef {
    EntityRef::new(Env::Dev, "ventures", "V1").unwrap()
}

fn manifest_name() -> String {
    ObjectName::Manifest(entity()).to_string()
}

/// Writes a snapshot of V1 as the snapshot-builder would; `None` for a deleted one.
fn write_snapshot(bucket: &Memory, second: u32, n: Option<u32>) -> Delivery {
    let entity = entity();
    let history = HistoryName {
        entity: entity.clone(),
        day: Instant::parse("2025-11-06T00:00:00Z").unwrap().day(),
        file: format!("x_{second}.json"),
    };
    let updated_at = Instant::parse(&format!("2025-11-06T10:00:{second:02}Z")).unwrap();
    let change = match n {
        Some(n) => Change::Full(json::Object::from_iter([("n".to_owned(), n.into())])),
        None => Change::Delete,
    };
    let record = Record { key: OrderKey::new(updated_at, &history), change, bulk: None };
    let folded = Folded::of(vec![record]).unwrap();
    let body = snapshot::body(&folded, &entity, "venture");
    let metadata = snapshot::metadata(&folded, &format!("run{second}"), &[]);
    let upload = Upload { metadata, ..Upload::default() };
    let name = ObjectName::Snapshot(entity);
    let stored = bucket.insert(&name.to_string(), body.into(), upload).unwrap();
    Delivery {
        name,
        generation: stored.generation,
        overwrote: stored.overwrote.map_or(Overwrote::Nothing, Overwrote::Generation),
        created_at: None,
    }
}

/// Compares the manifest with that of an entity whose snapshot is `n`: readers cannot tell a
/// tombstone from nothing.
fn agrees(bucket: &Memory, n: Option<u32>) -> Result<(), String> {
    let name = ObjectName::Manifest(entity());
    let manifest = bucket.versions_of(&name.to_string()).into_iter().find(|stored| stored.live);
    let found = manifest.and_then(|manifest| volatile::comparable(&name, &manifest.body));
    let found = found.map(|line| line.trim_end().to_owned());
    let expected = n.map(|n| format!(r#"{{"id":"V1","entity":"venture","n":{n}}}"#));
    match found == expected {
        true => Ok(()),
        false => Err(format!("the manifest is {found:?}, not {expected:?}")),
    }
}
