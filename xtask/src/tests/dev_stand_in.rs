//! A stand-in for a function: a process that needs no build of its own when tests run, because it
//! is this test program. The snapshot that it makes of a record is the record itself.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::http::Server;
use crate::process::{Ports, Process};

/// In the environment of a stand-in, and no more than a test otherwise.
const MARK: &str = "XTASK_STAND_IN";

/// What [`MARK`] says to one that does not end when it is asked to.
pub(super) const STUBBORN: &str = "stubborn";

/// What [`MARK`] says to one that never answers what it is asked first.
const DEAF: &str = "deaf";

/// The test that becomes a stand-in when it finds [`MARK`].
const TEST: &str = "tests::dev_stand_in::a_function_ends_when_it_is_asked_to_or_is_killed";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it logs at its end.
const LAST_WORDS: &str = "ended when it was asked to";

/// A program in `folder` that runs a stand-in with `manner`.
pub(super) fn stand_in(folder: &TempDir, manner: &str) -> PathBuf {
    let program = env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\n{MARK}='{manner}' exec '{}' {TEST} --exact --nocapture\n",
        program.display()
    );
    let path = folder.path().join(format!("stand-in-{manner}"));
    // Written by a process of its own: whatever this one starts meanwhile would hold it open, and
    // what is open to be written cannot be executed.
    let mut write = Command::new("sh");
    write.args(["-c", "printf %s \"$1\" > \"$0\" && chmod +x \"$0\""]).arg(&path).arg(script);
    assert!(write.stdin(Stdio::null()).status().unwrap().success());
    path
}

#[tokio::test]
async fn a_function_ends_when_it_is_asked_to_or_is_killed() {
    if let Some(manner) = env::var_os(MARK) {
        return serve(&manner.into_string().unwrap()).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let mut ports = Ports::new();
    for (manner, ends) in [("", true), (STUBBORN, false)] {
        let process = process(&folder, &mut ports, manner);
        let name = &process.function;
        process.start().await.unwrap();
        assert!(process.id().is_some());
        let asked = Instant::now();
        process.ask_to_end();
        assert_eq!(process.ended(asked).await, ends, "{name}");
        assert_eq!(process.id(), None);
        assert!(is_free(&process).await, "{name}");
        assert_eq!(process.log().unwrap().contains(LAST_WORDS), ends, "{name}");
    }
}

#[tokio::test]
async fn a_function_that_does_not_answer_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let process = process(&folder, &mut Ports::new(), DEAF);
    tokio::time::timeout(PATIENCE, process.start()).await.unwrap().unwrap();
}

fn process(folder: &TempDir, ports: &mut Ports, manner: &str) -> Process {
    let variables = [("BUCKET", "b"), ("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let executable = stand_in(folder, manner);
    let (name, port) = (format!("function{manner}"), ports.free().unwrap());
    Process::new(&name, &executable, port, variables.to_vec(), folder.path())
}

async fn is_free(process: &Process) -> bool {
    TcpListener::bind(("127.0.0.1", process.port)).await.is_ok()
}

/// What a function does, until it is asked to end.
async fn serve(manner: &str) -> Result<()> {
    let (stubborn, deaf) = (manner == STUBBORN, Arc::new(AtomicBool::new(manner == DEAF)));
    let mut asked = signal(SignalKind::terminate())?;
    let setting = |name: &str| {
        let value = env::var_os(name).and_then(|value| value.into_string().ok());
        value.with_context(|| format!("{name} is not set"))
    };
    let bucket = setting("BUCKET")?;
    let storage = Server::at(&setting("STORAGE_EMULATOR_HOST")?)?;
    let listener = TcpListener::bind(("127.0.0.1", setting("PORT")?.parse()?)).await?;
    let health = async move || {
        if deaf.swap(false, Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        StatusCode::OK
    };
    let router = Router::new()
        .route("/health", get(health))
        .route("/", post(receive))
        .with_state((bucket, storage));
    let ended = async move {
        asked.recv().await;
        if stubborn {
            std::future::pending::<()>().await;
        }
    };
    axum::serve(listener, router).with_graceful_shutdown(ended).await?;
    println!("{LAST_WORDS}");
    Ok(())
}

async fn receive(State((bucket, storage)): State<(String, Server)>, push: Bytes) -> StatusCode {
    match copy(&bucket, &storage, &push).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Copies the record that `push` is about.
async fn copy(bucket: &str, storage: &Server, push: &[u8]) -> Result<()> {
    let push: Value = serde_json::from_slice(push)?;
    let record = push["message"]["attributes"]["objectId"].as_str().context("no object")?;
    let mut parts = record.split('/').skip(1);
    let mut part = || parts.next().context("no record");
    let (env, segment, id) = (part()?, part()?, part()?);
    let snapshot = format!("env/{env}/snapshots/{segment}/{id}.json");
    let [record, snapshot] =
        [record, &snapshot].map(|name| utf8_percent_encode(name, NON_ALPHANUMERIC));
    let source = format!("/storage/v1/b/{bucket}/o/{record}?alt=media");
    let read = storage.send("GET", &source, &[], Bytes::new()).await?;
    anyhow::ensure!(read.status == 200, "{}", read.status);
    let place = format!("/upload/storage/v1/b/{bucket}/o?uploadType=media&name={snapshot}");
    storage.send("POST", &place, &[], read.body).await?.json()?;
    Ok(())
}
