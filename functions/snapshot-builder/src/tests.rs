//! What the snapshot-builder promises.

mod contents;
mod growth;
mod hostile;
mod hot_entity;
mod interleavings;
mod lost_answers;
mod operations;
mod orders;
mod origins;
mod rebuild;
mod refusals;
mod upgrades;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use domain::{
    Clock, Definitions, Delivery, EntityRef, Env, Handler, Ids, ObjectName, Outcome, Overwrote,
    Record,
};
use emulator::{Memory, SeededIds, TestClock, Upload, tools};
use projection::fold::{Coverage, Folded};
use projection::snapshot::{self, Stored};
use store::{Object, Store, Tools};

use crate::SnapshotBuilder;

const ENTITY: &str = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0"],"manifest":{},"indices":[{"name":"by-status","version":1,"keys":[{"from":["/status"],"transform":"slug"}],"show":{"title":["/title"]}}]}"#;

/// A small one, because every attempt of the searches compiles it.
const SCHEMA: &str = r#"{"properties":{"status":{"type":"string"},"title":{"type":"string"}},"patternProperties":{"^n_":{"type":"number"}}}"#;

static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| {
    let files = [("venture/entity.json", ENTITY), ("venture/v1.0.0.schema.json", SCHEMA)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Arc::new(Definitions::from_files(files).unwrap())
});

/// When every test begins: after all records, by less than it takes to matter.
const NOW: &str = "2025-11-06T12:00:00Z";

fn bucket() -> Arc<Memory> {
    Memory::new("test", TestClock::at(NOW), 7)
}

/// One process over `store`.
fn builder(store: Arc<dyn Store>) -> SnapshotBuilder {
    builder_with(store, TestClock::at(NOW), SeededIds::new(1))
}

fn builder_with(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> SnapshotBuilder {
    builder_of(Tools { clock, ids, ..tools(store) })
}

fn builder_of(tools: Tools) -> SnapshotBuilder {
    SnapshotBuilder::new(Tools { definitions: Arc::clone(&DEFINITIONS), ..tools })
}

fn entity() -> EntityRef {
    EntityRef::new(Env::Dev, "ventures", "V1").unwrap()
}

/// A full record of that second; `rest` are further fields, each after a comma.
fn full(second: u32, rest: &str) -> String {
    let time = format!("2025-11-06T10:{:02}:{:02}Z", second / 60, second % 60);
    format!(r#"{{"schema_version":"1.0.0","updated_at":"{time}"{rest}}}"#)
}

fn merge(second: u32, rest: &str) -> String {
    full(second, &format!(r#","op":"merge"{rest}"#))
}

fn tombstone(second: u32) -> String {
    full(second, r#","op":"delete""#)
}

/// Writes a record of V1, as a writer does.
fn upload(bucket: &Memory, relative: &str, body: impl Into<Bytes>) -> Delivery {
    upload_as(bucket, &entity(), relative, body, Upload::default())
}

fn upload_as(
    bucket: &Memory,
    entity: &EntityRef,
    relative: &str,
    body: impl Into<Bytes>,
    upload: Upload,
) -> Delivery {
    let name = format!("{}{relative}", ObjectName::history_prefix(entity));
    let stored = bucket.insert(&name, body.into(), upload).unwrap();
    Delivery {
        name: ObjectName::parse(&name).unwrap(),
        generation: stored.generation,
        overwrote: Overwrote::Nothing,
        created_at: Some(stored.created_at),
    }
}

async fn deliver(builder: &SnapshotBuilder, delivery: &Delivery) -> Outcome {
    builder.handle(std::slice::from_ref(delivery)).await.remove(0)
}

/// The record behind a delivery.
fn record(bucket: &Memory, delivery: &Delivery) -> Record {
    let ObjectName::History(name) = &delivery.name else { panic!("{}", delivery.name) };
    let object = &bucket.objects()[&delivery.name.to_string()];
    let definition = DEFINITIONS.entity("venture").unwrap();
    Record::read(name, &object.body, delivery.created_at.unwrap(), definition).unwrap()
}

/// What the snapshot has to be when these are the records that count.
fn fold(bucket: &Memory, deliveries: &[Delivery]) -> Folded {
    Folded::of(deliveries.iter().map(|delivery| record(bucket, delivery)).collect()).unwrap()
}

fn snapshot_name() -> String {
    ObjectName::Snapshot(entity()).to_string()
}

fn snapshot_of(bucket: &Memory) -> Option<Object> {
    let versions = bucket.versions_of(&snapshot_name());
    let live = versions.into_iter().find(|version| version.live)?;
    Some(Object { body: live.body, generation: live.generation, metadata: live.metadata })
}

/// The stored snapshot of V1, read as another process reads it.
fn folded(bucket: &Memory) -> Option<Folded> {
    let object = snapshot_of(bucket)?;
    let definition = DEFINITIONS.entity("venture").unwrap();
    match snapshot::read(Some((&object.body, &object.metadata)), definition) {
        Stored::Snapshot(folded) => Some(*folded),
        other => panic!("{other:?}"),
    }
}

/// Whether the stored snapshot covers the record of `delivery`.
fn covers(bucket: &Memory, delivery: &Delivery) -> bool {
    let key = record(bucket, delivery).key;
    folded(bucket).is_some_and(|folded| folded.coverage(&key) == Coverage::Covered)
}

/// The body of the stored snapshot.
fn body(bucket: &Memory) -> String {
    String::from_utf8(snapshot_of(bucket).unwrap().body.to_vec()).unwrap()
}

/// Numbers below a bound, drawn from a seed.
struct Dice(Arc<SeededIds>);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(SeededIds::new(seed))
    }

    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.random() % bound as u128).unwrap()
    }

    fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
