//! The trial of a deployment, with the functions' handlers in this process: pushed to by the
//! emulator, over a bucket that they reach as they would Cloud Storage.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Definitions, Env, Version};
use emulator::{Emulator, Options, SeededIds, SystemClock};
use fleet::Shipped;
use serde_json::{Value, json};
use simulation::{Fleet as _, Outside};
use store::Tools;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use super::workspace;
use crate::connect::{Patience, connect};
use crate::deploy;
use crate::doctor::google::Google;
use crate::doctor::probes::{Trial, pushes};
use crate::http::Server;
use crate::routing;
use crate::terminal::Terminal;
use crate::terraform::smoke::Smoke;

/// The bucket that the fleet's functions take pushes of.
pub(super) const BUCKET: &str = "simulated";

const PATIENCE: Patience = Patience {
    attempts_max: 30,
    backoff: (Duration::from_millis(10), Duration::from_millis(100)),
    in_flight_max: None,
};

/// The functions that a venture concerns.
pub(super) const ALL: [&str; 4] =
    ["snapshot-builder", "manifest-writer", "index-writer", "rules-engine"];

/// A push, and where its status goes.
pub(super) type Push = (Bytes, oneshot::Sender<u16>);

/// What a trial printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts a process of `function`, its handler in the local set that this is called in; where its
/// pushes go.
pub(super) fn start(
    function: &'static str,
    emulator: &Emulator,
    definitions: &Arc<Definitions>,
) -> mpsc::Sender<Push> {
    let store = deploy::store(BUCKET, Some(emulator.url())).unwrap();
    let tools = Tools {
        store: Arc::new(store),
        clock: Arc::new(SystemClock),
        ids: SeededIds::new(1),
        version: Version {
            definitions: definitions.digest().to_owned(),
            software: "test".to_owned(),
        },
        definitions: Arc::clone(definitions),
    };
    let process = Shipped::new(definitions, None).start(function, tools, Outside::nobody());
    let (sender, mut pushes) = mpsc::channel::<Push>(16);
    tokio::task::spawn_local(async move {
        while let Some((body, answer)) = pushes.recv().await {
            let process = process.clone();
            tokio::task::spawn_local(async move { answer.send(process.push(&body).await) });
        }
    });
    sender
}

/// Serves `function` on a port of its own.
async fn serve(function: &'static str, emulator: &Emulator) -> u16 {
    let sender = start(function, emulator, &Arc::new(Definitions::embedded()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().fallback(pushed).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

/// Has the process behind `sender` handle a push.
pub(super) async fn pushed(State(sender): State<mpsc::Sender<Push>>, body: Bytes) -> StatusCode {
    let (answer, status) = oneshot::channel();
    sender.send((body, answer)).await.unwrap();
    StatusCode::from_u16(status.await.unwrap()).unwrap()
}

/// An emulator that pushes to some of the functions.
pub(super) async fn deployed(functions: &[&'static str]) -> Emulator {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    emulator.create_bucket(BUCKET).unwrap();
    let mut ports = BTreeMap::new();
    for function in functions {
        ports.insert(*function, serve(function, &emulator).await);
    }
    let routes = routing::routes(&workspace().functions().unwrap(), Env::Dev).unwrap();
    let port = |function: &str| ports.get(function).copied();
    connect(&emulator, (BUCKET, Env::Dev), &routes, PATIENCE, port).unwrap();
    emulator
}

/// A trial with some of the functions, and what it printed.
async fn trial(
    functions: &[&'static str],
    wait_max: Duration,
) -> (Emulator, anyhow::Result<bool>, String) {
    let emulator = deployed(functions).await;
    let store = deploy::store(BUCKET, Some(emulator.url())).unwrap();
    let smoke = Smoke { env: Env::Dev, store: &store, clock: &SystemClock, wait_max };
    let printed = Printed::default();
    let ended = smoke.run(&Terminal::on(printed.clone())).await;
    let text = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
    (emulator, ended, text)
}

#[tokio::test]
async fn a_deployment_that_works_passes_and_leaves_tombstones_only() {
    let (emulator, ended, text) =
        LocalSet::new().run_until(trial(&ALL, Duration::from_secs(30))).await;
    assert!(ended.unwrap(), "{text}");
    let there = text.lines().filter(|it| it.ends_with(" is there")).count();
    let gone = text.lines().filter(|it| it.ends_with(" stands for nothing")).count();
    assert!(there == gone && there > 4, "{text}");
    assert!(text.trim_end().ends_with("objects came, and went as tombstones"), "{text}");
    // All that follows from it is a tombstone, and nothing lies in quarantine.
    let server = Server::at(&emulator.url()).unwrap();
    let path = format!("/storage/v1/b/{BUCKET}/o?prefix=env/dev/");
    let page = server.send("GET", &path, &[], Bytes::new()).await.unwrap().json().unwrap();
    let names: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(names.iter().all(|it| it.contains("smoke-")), "{names:?}");
    assert!(!names.iter().any(|it| it.contains("quarantine")), "{names:?}");
    let snapshot = names.iter().find(|it| it.starts_with("env/dev/snapshots/ventures/")).unwrap();
    let path = format!("/storage/v1/b/{BUCKET}/o/{}?alt=media", snapshot.replace('/', "%2F"));
    let body: Value = server.send("GET", &path, &[], Bytes::new()).await.unwrap().json().unwrap();
    assert_eq!(body["op"], json!("delete"));
}

#[tokio::test]
async fn a_deployment_without_a_function_fails_at_what_that_function_writes() {
    let (_, ended, text) = LocalSet::new()
        .run_until(trial(&["snapshot-builder", "index-writer"], Duration::from_secs(2)))
        .await;
    let err = ended.unwrap_err().to_string();
    assert!(err.starts_with("env/dev/manifests/ventures/by-id/smoke-"), "{err}");
    assert!(err.contains("has not come within 2 s"), "{err}");
    assert!(text.contains("env/dev/snapshots/ventures/smoke-"), "{text}");
}

#[tokio::test]
async fn the_doctor_says_that_pushes_arrive_where_they_do() {
    let say = |_: &str| Ok(());
    let google = Google::new("p", &BTreeMap::new(), Arc::new(SystemClock)).unwrap();
    let asked = async {
        let emulator = deployed(&ALL).await;
        let trial = Trial {
            google: &google,
            clock: &SystemClock,
            env: Env::Dev,
            bucket: BUCKET,
            prefix: "env/dev/tmp/doctor-1/".to_owned(),
            emulator_host: Some(emulator.url()),
            wait_max: Duration::from_secs(30),
            say: &say,
        };
        pushes::arrive(&trial).await
    };
    let answer = LocalSet::new().run_until(asked).await.unwrap();
    assert!(answer.starts_with("yes: snapshot, manifest and pointers came and went within "));
}
