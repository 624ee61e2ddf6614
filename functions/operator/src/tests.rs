//! What the operator promises.

mod advice;
mod alerts;
mod append;
mod batch;
mod capture;
mod command_line;
mod cost;
mod dlq;
mod elsewhere;
mod history;
mod index;
mod jobs;
mod list;
mod look;
mod messages;
mod migrate;
mod pause;
mod purge;
mod quarantine;
mod read;
mod rebuild;
mod reconcile;
mod restore;
mod rules;
mod secret_pull;
mod seed;
mod stand_in;
mod status;
mod subscribed;
mod why;
mod write;
mod wrong;

use std::sync::Arc;

use bytes::Bytes;
use clap::Parser as _;
use cloud_run::Runner;
use domain::json::Object as Json;
use domain::{Definitions, EntityRef, Env, Handler, ObjectName, Planted, Version};
use emulator::{Memory, TestClock, Upload, tools};
use snapshot_builder::SnapshotBuilder;
use store::{Store, Tools};

use crate::{Cli, Google, Operator, Printed, Problem, Screen, Shortcut, perform};

/// When every test begins.
const NOW: &str = "2025-11-06T12:00:00Z";

const SCHEMA: &str = r#"{"properties":{"status":{"type":"string"},"n":{"type":"number"}}}"#;

/// The kind `venture` with these indices, and these schema versions.
fn definitions(versions: &[&str], indices: &str) -> Arc<Definitions> {
    let versions: Vec<_> = versions.iter().map(|version| (*version, SCHEMA)).collect();
    definitions_of(&versions, indices)
}

/// The kind `venture` with these indices, and these schema versions and their schemas.
fn definitions_of(versions: &[(&str, &str)], indices: &str) -> Arc<Definitions> {
    let (versions, schemas): (Vec<&str>, Vec<&str>) = versions.iter().copied().unzip();
    let schema_versions = serde_json::to_string(&versions).unwrap();
    let upgrade =
        |pair: &[&str]| format!(r#"{{"from":"{}","to":"{}","steps":[]}}"#, pair[0], pair[1]);
    let upgrades = versions.windows(2).map(upgrade).collect::<Vec<_>>().join(",");
    let entity = format!(
        r#"{{"entity":"venture","segment":"ventures","schema_versions":{schema_versions},"upgrades":[{upgrades}],"manifest":{{}},"indices":[{indices}]}}"#
    );
    let schemas = versions
        .iter()
        .zip(schemas)
        .map(|(version, schema)| (format!("venture/v{version}.schema.json"), schema.to_owned()));
    let files = schemas.chain([("venture/entity.json".to_owned(), entity)]);
    Arc::new(Definitions::from_files(files).unwrap())
}

const BY_STATUS: &str =
    r#"{"name":"by-status","version":1,"keys":[{"from":["/status"],"transform":"slug"}]}"#;

/// Under this schema a venture without a status does not count.
const STATUS_REQUIRED: &str =
    r#"{"properties":{"status":{"type":"string"},"n":{"type":"number"}},"required":["status"]}"#;

/// The kind `venture` by status, which each has to have.
fn strict() -> Arc<Definitions> {
    definitions_of(&[("1.0.0", STATUS_REQUIRED)], BY_STATUS)
}

/// An empty bucket, and a release with [`strict`] definitions.
fn strict_place() -> (Arc<Memory>, Tools) {
    let bucket = bucket();
    let tools = release(bucket.clone(), &strict());
    (bucket, tools)
}

fn bucket() -> Arc<Memory> {
    Memory::new("test", TestClock::at(NOW), 7)
}

/// What a release with these definitions works with.
fn release(store: Arc<dyn Store>, definitions: &Arc<Definitions>) -> Tools {
    let version =
        Version { definitions: definitions.digest().to_owned(), software: "0".to_owned() };
    let definitions = Arc::clone(definitions);
    Tools { definitions, version, clock: TestClock::at(NOW), ..tools(store) }
}

fn builder(tools: &Tools) -> SnapshotBuilder {
    SnapshotBuilder::new(tools.clone())
}

fn entity(id: &str) -> EntityRef {
    EntityRef::new(Env::Dev, "ventures", id).unwrap()
}

fn body_of(bucket: &Memory, name: &str) -> Option<Json> {
    let object = bucket.objects().remove(name)?;
    domain::json::parse(&object.body).unwrap().as_object().cloned()
}

/// Uploads `body`, pushes it to the function `name` as Pub/Sub does, and returns the object's
/// name.
async fn push(
    bucket: &Arc<Memory>,
    tools: &Tools,
    (function, handler): (&'static str, Arc<dyn Handler>),
    (name, body): (&str, &str),
) -> String {
    bucket.insert(name, Bytes::from(body.to_owned()), Upload::default()).unwrap();
    tell(bucket, tools, (function, handler), name).await;
    name.to_owned()
}

/// Pushes the live version of `name` to a function, as Pub/Sub does.
async fn tell(
    bucket: &Arc<Memory>,
    tools: &Tools,
    (function, handler): (&'static str, Arc<dyn Handler>),
    name: &str,
) {
    let generation = bucket.objects()[name].generation.to_string();
    let attributes = serde_json::json!({
        "bucketId": "test", "objectId": name, "eventType": "OBJECT_FINALIZE",
        "objectGeneration": generation,
    });
    let message = serde_json::json!({ "message": { "attributes": attributes } });
    // A task that never yields is made to wait, and the runner's clock is at its end then.
    tokio::task::yield_now().await;
    let runner = Runner::new(function, "test", tools.clone(), handler);
    assert_eq!(runner.answer(message.to_string().as_bytes()).await, 204);
}

/// Writes a record of `id` and has the snapshot-builder handle it.
async fn record(bucket: &Arc<Memory>, tools: &Tools, id: &str, file: &str, body: &str) -> String {
    let name = format!("{}2025/11/06/{file}.json", ObjectName::history_prefix(&entity(id)));
    push(bucket, tools, ("snapshot-builder", Arc::new(builder(tools))), (&name, body)).await
}

/// Runs a command line over `tools`: whether it ended well, and what it said.
async fn run(tools: &Tools, line: &str) -> (Result<bool, Problem>, String) {
    run_with(tools, line, Planted::NONE).await
}

/// The same, with a wrong turn.
async fn run_with(
    tools: &Tools,
    line: &str,
    planted: Planted<Shortcut>,
) -> (Result<bool, Problem>, String) {
    let words = ["operator"].into_iter().chain(line.split_whitespace());
    let cli = Cli::try_parse_from(words).unwrap();
    let (said, aside) = (Printed::default(), Printed::default());
    let screen = Screen::on(said.clone(), aside.clone());
    let (tools, user) = (tools.clone(), Some("ada".to_owned()));
    let google = &Google::default();
    let operator = Operator { tools, env: Env::Dev, user, google, screen: &screen, planted };
    let ended = perform(&cli.command, operator).await;
    (ended, said.text() + &aside.text())
}

/// The etag that `write` has printed.
fn said_etag(said: &str) -> String {
    said.lines().find_map(|line| line.strip_prefix("etag ")).unwrap().to_owned()
}
