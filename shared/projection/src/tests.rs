//! What projections promise.

mod folding;
mod fuzzing;
mod indices;
mod registers;
mod shards;
mod snapshots;
mod upgrades;

use std::sync::LazyLock;

use domain::json::{self, Object};
use domain::{Definitions, EntityRef, Env, HistoryName, Instant, ObjectName, Record};
use serde_json::Value;

/// A kind with an index of every sort.
const ENTITY: &str = r#"{
  "entity": "venture", "segment": "ventures", "schema_versions": ["1.0.0"],
  "manifest": {"title": ["/title", "/name"], "status": ["/status"]},
  "indices": [
    {"name": "by-status", "version": 1, "keys": [{"from": ["/status"], "transform": "slug"}], "show": {"status": ["/status"]}},
    {"name": "by-tag", "version": 2, "keys": [{"each": "/tags", "from": [""], "transform": "verbatim"}]},
    {"name": "by-score", "version": 1, "keys": [{"from": ["/score/overall", "/score"], "transform": "bucket"}]},
    {"name": "by-next-due", "version": 1, "keys": [{"min": {"each": "/milestones", "where": [{"path": "/status", "not_in": ["Done"]}], "from": ["/dueDate"]}, "transform": "month"}]},
    {"name": "by-stage-owner", "version": 1, "where": [{"path": "/archived", "not_in": [true]}], "keys": [{"from": ["/stage"], "transform": "slug"}, {"from": ["/owner"], "transform": "slug"}]},
    {"name": "by-group", "version": 1, "keys": [{"from": ["/group"], "transform": "verbatim"}], "latest_by": ["/asOf"], "show": {"asOf": ["/asOf"]}}
  ]
}"#;

fn definitions() -> &'static Definitions {
    static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(read_definitions);
    &DEFINITIONS
}

fn read_definitions() -> Definitions {
    let files = [("venture/entity.json", ENTITY), ("venture/v1.0.0.schema.json", "{}")];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Definitions::from_files(files).unwrap()
}

fn entity(id: &str) -> EntityRef {
    EntityRef::new(Env::Dev, "ventures", id).unwrap()
}

fn document(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

fn object(text: &str) -> Object {
    document(text).as_object().unwrap().clone()
}

/// A record of V1 under a name of its own.
fn record(relative: &str, body: &str) -> Record {
    let name = format!("{}{relative}", ObjectName::history_prefix(&entity("V1")));
    let Ok(ObjectName::History(name)) = ObjectName::parse(&name) else { panic!("{name}") };
    read(&name, body)
}

fn read(name: &HistoryName, body: &str) -> Record {
    let definitions = definitions();
    let created_at = Instant::parse("2026-01-01T00:00:00Z").unwrap();
    Record::read(name, body.as_bytes(), created_at, definitions.entity("venture").unwrap()).unwrap()
}
