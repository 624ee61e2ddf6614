//! What waits in a folder, and what is pushed where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use bytes::Bytes;
use clap::Parser;
use domain::Env;
use emulator::{Attempt, Emulator, Push, Subscription, Upload};
use tokio::net::TcpListener;

use super::workspace;
use crate::connect::{Patience, connect, dead_letters, deliver};
use crate::dev::{Options, open};
use crate::replay::pushed;
use crate::routing::{Route, routes};

const BUCKET: &str = "b";

/// Longer than anything here takes.
const SETTLE_MAX: Duration = Duration::from_secs(60);

const PATIENCE: Patience = Patience {
    attempts_max: 5,
    backoff: (Duration::from_millis(1), Duration::from_millis(4)),
    in_flight_max: None,
};

/// The arguments of `cargo xtask dev`.
#[derive(Parser)]
pub(super) struct Line {
    #[command(flatten)]
    pub(super) options: Options,
}

fn all_routes(env: Env) -> Vec<Route> {
    routes(&pushed(&workspace()).unwrap(), env).unwrap()
}

/// Starts as `cargo xtask dev` does, with functions on these ports.
async fn start(folder: &Path, env: Env, ports: &[(&str, u16)]) -> Emulator {
    let line = ["dev", "--port", "0", "--bucket", BUCKET, "--env", env.as_str(), "--folder"];
    let line = line.map(PathBuf::from).into_iter().chain([folder.to_owned()]);
    let emulator = open(&Line::parse_from(line).options, &all_routes(env)).await.unwrap();
    let ports = BTreeMap::from_iter(ports.iter().copied());
    let port = |function: &str| ports.get(function).copied();
    connect(&emulator, (BUCKET, env), &all_routes(env), PATIENCE, port).unwrap();
    emulator
}

/// A function that acknowledges everything.
async fn function() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().fallback(async || StatusCode::NO_CONTENT);
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// A port that nobody listens on.
async fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

fn upload(emulator: &Emulator, name: &str) {
    let memory = emulator.create_bucket(BUCKET).unwrap();
    memory.insert(name, Bytes::from("{}"), Upload::default()).unwrap();
}

/// Where messages go, for every subscription.
fn endpoints(emulator: &Emulator) -> BTreeMap<String, Option<String>> {
    let endpoint = |it: Subscription| (it.name, it.push.map(|push| push.endpoint));
    emulator.subscriptions().into_iter().map(endpoint).collect()
}

fn told(attempts: &[Attempt]) -> Vec<(&str, &str, u32, u16)> {
    let mut told: Vec<_> = attempts
        .iter()
        .map(|it| (it.subscription.as_str(), it.object.as_str(), it.attempt, it.status))
        .collect();
    told.sort_unstable();
    told
}

#[tokio::test]
async fn messages_for_a_function_that_does_not_run_wait_from_the_first_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let port = function().await;
    let emulator = start(folder.path(), Env::Dev, &[("index-writer", port)]).await;
    upload(&emulator, "env/dev/snapshots/ideas/A.json");
    emulator.settled(SETTLE_MAX).await.unwrap();
    let of_writer = ("dev-index-writer-snapshot", "env/dev/snapshots/ideas/A.json", 1, 204);
    assert_eq!(told(&emulator.take_attempts()), [of_writer]);
    let routes = all_routes(Env::Dev);
    let manifests = routes.iter().find(|it| it.subscription == "dev-manifest-writer-snapshot");
    deliver(&emulator, manifests.unwrap(), PATIENCE, Some(port)).unwrap();
    emulator.settled(SETTLE_MAX).await.unwrap();
    let of_manifests = ("dev-manifest-writer-snapshot", "env/dev/snapshots/ideas/A.json", 1, 204);
    assert_eq!(told(&emulator.take_attempts()), [of_manifests]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attempt_is_lost_to_a_port_of_a_run_that_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let stale = closed().await;
    let emulator = start(folder.path(), Env::Dev, &[("snapshot-builder", stale)]).await;
    emulator.hold();
    upload(&emulator, "env/dev/ideas/A/history/2026/01/02/a.json");
    // As if it were killed: nothing is said to anybody.
    drop(emulator);

    let emulator = start(folder.path(), Env::Dev, &[]).await;
    let endpoint = endpoints(&emulator);
    assert!(endpoint.values().all(Option::is_none), "{endpoint:?}");
    emulator.settled(SETTLE_MAX).await.unwrap();
    assert_eq!(told(&emulator.take_attempts()), []);
    drop(emulator);

    let port = function().await;
    let emulator = start(folder.path(), Env::Dev, &[("snapshot-builder", port)]).await;
    emulator.settled(SETTLE_MAX).await.unwrap();
    let delivered =
        ("dev-snapshot-builder-history", "env/dev/ideas/A/history/2026/01/02/a.json", 1, 204);
    assert_eq!(told(&emulator.attempts()), [delivered]);
}

#[tokio::test]
async fn dead_letters_wait_from_one_run_to_the_next_and_come_again_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = start(folder.path(), Env::Dev, &[("snapshot-builder", closed().await)]).await;
    upload(&emulator, "env/dev/ideas/A/history/2026/01/02/a.json");
    emulator.settled(SETTLE_MAX).await.unwrap();
    assert_eq!(emulator.take_attempts().len(), 5);
    emulator.stop().await;

    let port = function().await;
    let emulator = start(folder.path(), Env::Dev, &[("snapshot-builder", port)]).await;
    let dead = dead_letters("dev-snapshot-builder-history");
    assert_eq!(emulator.redrive(&dead).unwrap(), 1);
    emulator.settled(SETTLE_MAX).await.unwrap();
    let delivered =
        ("dev-snapshot-builder-history", "env/dev/ideas/A/history/2026/01/02/a.json", 1, 204);
    assert_eq!(told(&emulator.take_attempts()), [delivered]);
    assert_eq!(emulator.redrive(&dead).unwrap(), 0);
}

#[tokio::test]
async fn another_environment_and_functions_that_are_gone_wait_and_strangers_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = start(folder.path(), Env::Stg, &[("snapshot-builder", 20_001)]).await;
    let mut gone = all_routes(Env::Stg).remove(0);
    gone.subscription = "stg-gone".to_owned();
    deliver(&emulator, &gone, PATIENCE, Some(20_002)).unwrap();
    let push = Some(Push::to("http://127.0.0.1:20003/"));
    let own = Subscription { push, ..Subscription::new("own", "stg-changes") };
    emulator.subscribe(own).unwrap();
    emulator.stop().await;

    let emulator = start(folder.path(), Env::Dev, &[("snapshot-builder", 20_004)]).await;
    let mut endpoints = endpoints(&emulator);
    endpoints.retain(|_, endpoint| endpoint.is_some());
    let expected = [
        ("dev-snapshot-builder-history", "http://127.0.0.1:20004/"),
        ("own", "http://127.0.0.1:20003/"),
    ];
    let expected = expected.map(|(name, url)| (name.to_owned(), Some(url.to_owned())));
    assert_eq!(endpoints, BTreeMap::from(expected));
}
