//! `cargo xtask dev` with a stand-in for a function, which is a process of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use clap::Parser as _;
use domain::Env;
use emulator::{Emulator, Upload};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::dev_stand_in::{STUBBORN, stand_in};
use super::dev_subscriptions::Line;
use super::workspace;
use crate::connect::{Patience, connect};
use crate::dev::stand::Stand;
use crate::dev::{Options, live, open, run};
use crate::emulator::start_as;
use crate::http::Server;
use crate::metadata::Function;
use crate::replay::pushed;
use crate::routing::{Route, routes};
use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

const FUNCTION: &str = "snapshot-builder";

const SUBSCRIPTION: &str = "/v1/projects/local/subscriptions/dev-snapshot-builder-history";

/// What was printed, and whether nobody reads any more what is.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>, Arc<AtomicBool>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The words that follow upon `before`, wherever that was printed.
    fn words_after(&self, before: &str) -> Vec<String> {
        let text = self.text();
        let words = text.split(before).skip(1);
        words.map(|rest| rest.split([' ', ',', '\n']).next().unwrap().to_owned()).collect()
    }
}

/// A folder that runs can follow each other on.
struct Place {
    folder: TempDir,
    scripts: TempDir,
    options: Options,
    output: Output,
    terminal: Terminal,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut line = ["dev", "--port", "0", "--no-watch", "--folder"].map(PathBuf::from).to_vec();
        line.push(folder.path().to_owned());
        let options = Line::parse_from(line).options;
        let output = Output::default();
        let terminal = Terminal::on(output.clone());
        let scripts = tempfile::tempdir().unwrap();
        Self { folder, scripts, options, output, terminal }
    }

    /// Starts with a stand-in for each of `names`, of this manner.
    async fn start(&self, names: &[&str], manner: &str) -> Stand<'_> {
        self.start_in(workspace(), names, manner).await
    }

    async fn start_in(&self, sources: Workspace, names: &[&str], manner: &str) -> Stand<'_> {
        let emulator = self.open().await;
        self.start_on(emulator, sources, names, manner).await
    }

    async fn open(&self) -> Emulator {
        open(&self.options, &all_routes()).await.unwrap()
    }

    async fn start_on(
        &self,
        emulator: Emulator,
        sources: Workspace,
        names: &[&str],
        manner: &str,
    ) -> Stand<'_> {
        let mut functions: Vec<Function> = pushed(&workspace()).unwrap();
        functions.retain(|it| names.contains(&it.name.as_str()));
        let stand_in = stand_in(&self.scripts, manner);
        let executable = |it: &Function| (it.name.clone(), stand_in.clone());
        let executables: BTreeMap<_, _> = functions.iter().map(executable).collect();
        let (sources, emulator) = (Arc::new(sources), (emulator, all_routes()));
        Stand::start(&self.options, sources, functions, &executables, emulator, &self.terminal)
            .await
            .unwrap()
    }

    /// Runs until `person`, who is given the server that the output names, has come to an end.
    async fn run(&self, stand: Stand<'_>, person: impl AsyncFnOnce(Server)) {
        let url = stand.url();
        let (end, ended) = oneshot::channel();
        let ended = pin!(async { ended.await.map_err(io::Error::other) });
        let person = async {
            let printed = || self.output.words_after("export STORAGE_EMULATOR_HOST=");
            self.until(|| printed().last() == Some(&url)).await;
            person(Server::at(&url).unwrap()).await;
            end.send(()).unwrap();
        };
        let lives = live(&self.options, stand, None, &self.terminal, ended);
        let (lived, ()) = tokio::join!(lives, person);
        lived.unwrap();
    }

    /// Waits until the messages of the function wait.
    async fn until_waits(&self, server: &Server) {
        let begun = Instant::now();
        while !waits(server).await {
            assert!(begun.elapsed() < PATIENCE, "{}", self.output.text());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until there is an object.
    async fn until_object(&self, server: &Server, name: &str) {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let object = format!("/storage/v1/b/strata-dev/o/{name}");
        let begun = Instant::now();
        while server.send("GET", &object, &[], "".into()).await.unwrap().status != 200 {
            assert!(begun.elapsed() < PATIENCE, "{}", self.output.text());
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn until(&self, mut happened: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !happened() {
            assert!(begun.elapsed() < PATIENCE, "{}", self.output.text());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the snapshot of an idea has this content.
    async fn finds(&self, idea: &str, content: &str) {
        let file = self.file(&snapshot(idea));
        self.until(|| fs::read_to_string(&file).is_ok_and(|it| it == content)).await;
    }

    /// Puts a file there by hand.
    fn drop_file(&self, name: &str, content: &str) {
        let file = self.file(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("strata-dev").join(name)
    }
}

fn all_routes() -> Vec<Route> {
    routes(&pushed(&workspace()).unwrap(), Env::Dev).unwrap()
}

fn record(idea: &str, id: &str) -> String {
    format!("env/dev/ideas/{idea}/history/2026/01/02/{id}.json")
}

fn snapshot(idea: &str) -> String {
    format!("env/dev/snapshots/ideas/{idea}.json")
}

fn kill(process: &str) {
    assert!(Command::new("kill").args(["-KILL", process]).status().unwrap().success());
}

async fn upload(server: &Server, name: &str, body: &'static str) {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let target = format!("/upload/storage/v1/b/strata-dev/o?uploadType=media&name={name}");
    server.send("POST", &target, &[], body.into()).await.unwrap().json().unwrap();
}

/// Whether the messages of the function wait.
async fn waits(server: &Server) -> bool {
    let subscription = server.send("GET", SUBSCRIPTION, &[], "".into()).await.unwrap();
    subscription.json().unwrap()["pushConfig"].get("pushEndpoint").is_none()
}

#[tokio::test]
async fn a_function_that_is_down_is_not_pushed_to() {
    let place = Place::new();
    let mut stand = place.start(&[FUNCTION], "").await;
    let server = Server::at(&stand.url()).unwrap();
    assert!(!waits(&server).await);
    kill(place.output.words_after("process ").last().unwrap());
    let begun = Instant::now();
    while !waits(&server).await {
        assert!(begun.elapsed() < PATIENCE, "{}", place.output.text());
        stand.look().await.unwrap();
    }
    upload(&server, &record("A", "1"), "1").await;
    let snapshot = place.file(&snapshot("A"));
    while !snapshot.exists() {
        assert!(begun.elapsed() < PATIENCE, "{}", place.output.text());
        stand.look().await.unwrap();
        tokio::time::sleep(LOOK).await;
    }
    assert_eq!(fs::read_to_string(&snapshot).unwrap(), "1");
    stand.end().await.unwrap();
    let text = place.output.text();
    assert!(text.contains("snapshot-builder has ended by itself: signal: 9"), "{text}");
    assert!(!text.contains("no answer from"), "{text}");
}

#[tokio::test]
async fn a_function_that_is_restarted_is_not_pushed_to_meanwhile() {
    let place = Place::new();
    let mut stand = place.start(&[FUNCTION], STUBBORN).await;
    let server = Server::at(&stand.url()).unwrap();
    stand.touch(&["schemas/idea/v1.0.0.json".into()]);
    let (looked, ()) = tokio::join!(stand.look(), place.until_waits(&server));
    looked.unwrap();
    assert!(!waits(&server).await);
    let text = place.output.text();
    assert!(text.contains("every function starts with new definitions"), "{text}");
    assert!(text.contains("snapshot-builder did not end when asked to and was killed"), "{text}");
    assert_eq!(place.output.words_after("process ").len(), 2, "{text}");
    stand.end().await.unwrap();
}

#[tokio::test]
async fn a_person_uploads_drops_a_file_kills_a_function_ends_and_starts_again() {
    let place = Place::new();
    let started = || place.output.words_after("process ");
    let person = async |server: Server| {
        upload(&server, &record("A", "1"), "uploaded").await;
        place.finds("A", "uploaded").await;
        place.drop_file(&record("A", "2"), "dropped");
        place.finds("A", "dropped").await;
        kill(&started()[0]);
        place.until(|| started().len() == 2).await;
        assert!(!waits(&server).await);
        // Of another idea: a delivery that the crash interrupted comes again.
        upload(&server, &record("B", "1"), "after a crash").await;
        place.finds("B", "after a crash").await;
    };
    place.run(place.start(&[FUNCTION], "").await, person).await;
    let last = format!("ended; everything is in {}\n", place.folder.path().display());
    assert!(place.output.text().ends_with(&last), "{}", place.output.text());

    let person = async |server: Server| {
        place.drop_file(&record("C", "1"), "waits");
        place.until_object(&server, &record("C", "1")).await;
        assert!(waits(&server).await);
    };
    place.run(place.start(&[], "").await, person).await;
    assert!(!place.file(&snapshot("C")).exists());
    assert!(place.output.text().contains(
        "messages wait for alert-dispatcher, index-writer, manifest-writer, rules-engine, \
         snapshot-builder\n"
    ));
    assert_eq!(started().len(), 2, "{}", place.output.text());

    let stand = place.start(&[FUNCTION], "").await;
    place.run(stand, async |_| place.finds("C", "waits").await).await;
    assert_eq!(started().len(), 3, "{}", place.output.text());
}

#[tokio::test]
async fn the_end_is_heard_while_a_function_is_restarted() {
    let place = Place::new();
    let mut stand = place.start(&[FUNCTION], STUBBORN).await;
    stand.touch(&["schemas/idea/v1.0.0.json".into()]);
    place.run(stand, async |server| place.until_waits(&server).await).await;
    let text = place.output.text();
    assert!(text.contains("every function starts with new definitions"), "{text}");
    assert_eq!(place.output.words_after("process ").len(), 1, "{text}");
}

#[tokio::test]
async fn an_upload_while_the_functions_are_built_reaches_them() {
    let place = Place::new();
    let emulator = place.open().await;
    let server = Server::at(&emulator.url()).unwrap();
    upload(&server, &record("A", "1"), "uploaded").await;
    place.drop_file(&record("B", "1"), "dropped");
    let stand = place.start_on(emulator, workspace(), &[FUNCTION], "").await;
    let person = async |_: Server| {
        place.finds("A", "uploaded").await;
        place.finds("B", "dropped").await;
    };
    place.run(stand, person).await;
}

#[tokio::test]
async fn a_file_that_was_there_before_the_first_start_reaches_the_functions() {
    let place = Place::new();
    place.drop_file(&record("A", "1"), "copied in");
    let emulator = place.open().await;
    // It becomes an object while the functions are built.
    place.until_object(&Server::at(&emulator.url()).unwrap(), &record("A", "1")).await;
    let stand = place.start_on(emulator, workspace(), &[FUNCTION], "").await;
    place.run(stand, async |_| place.finds("A", "copied in").await).await;
}

/// What no snapshot can be made of.
const NO_RECORD: &str = "env/dev/nothing";

#[tokio::test]
async fn a_message_that_is_given_up_is_told_of_once() {
    let place = Place::new();
    leave_one_attempt(&place).await;
    let given_up = || place.output.words_after("given up after 20 attempts: ");
    let mut stand = place.start(&[FUNCTION], "").await;
    let begun = Instant::now();
    while given_up().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{}", place.output.text());
        stand.look().await.unwrap();
        tokio::time::sleep(LOOK).await;
    }
    stand.end().await.unwrap();
    let mut stand = place.start(&[FUNCTION], "").await;
    stand.look().await.unwrap();
    stand.end().await.unwrap();
    assert_eq!(given_up(), [NO_RECORD]);
}

/// Tries a message so often in vain that one attempt is left.
async fn leave_one_attempt(place: &Place) {
    let tried = Arc::new(AtomicU32::new(0));
    let answer = {
        let tried = tried.clone();
        async move || {
            if tried.fetch_add(1, Ordering::Relaxed) == 19 {
                std::future::pending::<()>().await;
            }
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let function = tokio::spawn(async move {
        axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
    });
    let emulator = place.open().await;
    let bucket = emulator.create_bucket("strata-dev").unwrap();
    let backoff = (Duration::from_millis(1), Duration::from_millis(1));
    let patience = Patience { attempts_max: 20, backoff, in_flight_max: None };
    let port = |function: &str| (function == FUNCTION).then_some(port);
    connect(&emulator, ("strata-dev", Env::Dev), &all_routes(), patience, port).unwrap();
    bucket.insert(NO_RECORD, "{}".into(), Upload::default()).unwrap();
    place.until(|| tried.load(Ordering::Relaxed) == 20).await;
    emulator.stop().await;
    function.abort();
}

#[tokio::test]
async fn definitions_that_change_together_with_a_broken_manifest_are_not_forgotten() {
    let place = Place::new();
    let nothing = tempfile::tempdir().unwrap();
    let elsewhere = Workspace { root: nothing.path().to_owned(), ..workspace() };
    let mut stand = place.start_in(elsewhere, &[FUNCTION], "").await;
    stand.touch(&["Cargo.toml".into(), "schemas/idea/v1.0.0.json".into()]);
    stand.look().await.unwrap();
    let text = place.output.text();
    assert!(text.contains("Cargo.toml changed: cargo metadata does not describe"), "{text}");
    stand.look().await.unwrap();
    let text = place.output.text();
    assert!(text.contains("every function starts with new definitions"), "{text}");
    assert_eq!(place.output.words_after("process ").len(), 2, "{text}");
    stand.end().await.unwrap();
}

#[tokio::test]
async fn a_run_that_fails_ends_what_it_has_started() {
    let place = Place::new();
    let stand = place.start(&[FUNCTION], "").await;
    place.output.1.store(true, Ordering::Relaxed);
    let never = pin!(std::future::pending());
    let failed = live(&place.options, stand, None, &place.terminal, never).await.unwrap_err();
    assert_eq!(failed.to_string(), "standard output is closed");
    let held = emulator::Options { held: true, ..emulator::Options::default() };
    let emulator = start_as(held, Some(place.folder.path()), 0).await.unwrap();
    let subscriptions = emulator.subscriptions();
    assert!(!subscriptions.is_empty());
    assert!(subscriptions.iter().all(|it| it.push.is_none()), "{subscriptions:?}");
}

/// Notes the process that runs it, and waits until the note is gone.
const BUILD_SCRIPT: &str = r#"fn main() {
    let note = format!("{}", std::os::unix::process::parent_id());
    std::fs::write("noted", note).unwrap();
    std::fs::rename("noted", "begun").unwrap();
    while std::path::Path::new("begun").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}"#;

#[tokio::test]
async fn the_end_does_not_leave_a_build_behind() {
    let place = Place::new();
    let project = tempfile::tempdir().unwrap();
    let manifest = format!("[package]\nname = \"{FUNCTION}\"\nbuild = \"build.rs\"\n");
    fs::create_dir(project.path().join("src")).unwrap();
    for (name, text) in
        [("Cargo.toml", &*manifest), ("build.rs", BUILD_SCRIPT), ("src/main.rs", "fn main() {}")]
    {
        fs::write(project.path().join(name), text).unwrap();
    }
    let elsewhere = Workspace { root: project.path().to_owned(), ..workspace() };
    let mut stand = place.start_in(elsewhere, &[FUNCTION], "").await;
    stand.touch(&["Cargo.toml".into()]);
    stand.look().await.unwrap();
    let begun = project.path().join("begun");
    place.until(|| begun.exists()).await;
    let cargo = fs::read_to_string(&begun).unwrap();
    stand.end().await.unwrap();
    let runs = || {
        let asked = Command::new("kill").args(["-0", &cargo]).stderr(Stdio::null()).status();
        asked.unwrap().success()
    };
    place.until(|| !runs()).await;
    fs::remove_file(&begun).unwrap();
}

#[test]
fn what_cannot_run_says_why_before_anything_is_built() {
    for (arguments, why) in [
        (
            vec!["--image"],
            "what is rebuilt at every change is not an image: run `cargo xtask image run`, `cargo xtask replay --images`, or `cargo xtask dev` without --image",
        ),
        (
            vec!["--print-env", "--port", "0"],
            "--print-env needs --port, the one that `cargo xtask dev` listens on",
        ),
        (
            vec!["--function", "snapshot-writer"],
            "no function \"snapshot-writer\"; there are alert-dispatcher, index-writer, \
             manifest-writer, rules-engine, snapshot-builder",
        ),
    ] {
        let output = Output::default();
        let options = Line::parse_from([vec!["dev"], arguments].concat()).options;
        let failed = run(&options, &Terminal::on(output.clone())).unwrap_err();
        assert_eq!(format!("{failed:#}"), why);
        assert_eq!(output.text(), "");
    }
}
