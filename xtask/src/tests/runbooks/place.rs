//! A deployment in one process, in which something is wrong, and a shell in it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Clock as _, Definitions, Env};
use emulator::{Emulator, Memory, Options, SystemClock, Upload};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::mpsc;

use super::super::smoke::{self, BUCKET, Push};
use super::super::{files, workspace};
use super::command;
use super::page::is_gcloud;
use crate::connect::{Patience, connect};
use crate::routing;
use crate::scenario::{self, Step as Happens};

const ENV: Env = Env::Prod;

/// The folder of definitions.
const SCHEMAS: &str = "schemas";

/// The project of names that the emulator is given without one.
const PROJECT: &str = "local";

/// Longer than any command takes.
const COMMAND_MAX: Duration = Duration::from_secs(120);

const PATIENCE: Patience = Patience {
    attempts_max: 5,
    backoff: (Duration::from_millis(5), Duration::from_millis(20)),
    in_flight_max: None,
};

const FUNCTIONS: [&str; 5] =
    ["snapshot-builder", "manifest-writer", "index-writer", "rules-engine", "alert-dispatcher"];

/// What happens while somebody follows a page, and what the page does not show.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A command line that ends with 0.
    Shell(&'static str),
    /// A variable has what a command line prints, or this text.
    Set(&'static str, &'static str),
    /// A variable has the time, between two records.
    Now(&'static str),
    /// A function fails; what is pushed to it is given up soon.
    Fail(&'static str),
    /// It answers again.
    Mend(&'static str),
    /// An object is there by somebody else: its name, and what it has, or the file in the folder that
    /// has it.
    Upload(&'static str, &'static str),
    /// A scenario of `fixtures/` happens.
    Scenario(&'static str),
    /// So many seconds have gone by.
    Later(u64),
    /// The operator is of a release with another definition of ideas: these words are replaced by those.
    Release(&'static [(&'static str, &'static str)]),
    /// The functions are of the operator's release.
    Deploy,
    /// Functions and operator are of the release that this is.
    Back,
    /// A message that is no notification lies in a topic.
    Publish(&'static str),
}

/// How a command line ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    /// Standard output, and then standard error.
    pub(super) text: String,
}

/// The deployment.
pub(super) struct Place {
    emulator: Emulator,
    bucket: Arc<Memory>,
    fronts: BTreeMap<&'static str, Arc<Front>>,
    folder: TempDir,
    variables: BTreeMap<String, String>,
    ahead: u64,
    definitions: Arc<Definitions>,
}

/// Where a function is pushed to, whichever process it is.
struct Front {
    process: Mutex<mpsc::Sender<Push>>,
    fails: AtomicBool,
}

impl Front {
    /// Serves it; the port.
    async fn serve(self: &Arc<Self>) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().fallback(front).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        port
    }
}

async fn front(State(front): State<Arc<Front>>, body: Bytes) -> StatusCode {
    if front.fails.load(Ordering::Relaxed) {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let process = front.process.lock().unwrap().clone();
    smoke::pushed(State(process), body).await
}

impl Place {
    /// Everything runs, and nothing has happened.
    pub(super) async fn start() -> Self {
        let emulator = Emulator::start(Options::default()).await.unwrap();
        let bucket = emulator.create_bucket(BUCKET).unwrap();
        // What a person has besides.
        for other in ["acme-copy", "acme-new-copy", "acme-old"] {
            emulator.create_bucket(other).unwrap();
        }
        let (mut fronts, mut ports) = (BTreeMap::new(), BTreeMap::new());
        let definitions = Arc::new(Definitions::embedded());
        for function in FUNCTIONS {
            let process = Mutex::new(smoke::start(function, &emulator, &definitions));
            let front = Arc::new(Front { process, fails: AtomicBool::new(false) });
            ports.insert(function, front.serve().await);
            fronts.insert(function, front);
        }
        let routes = routing::routes(&workspace().functions().unwrap(), ENV).unwrap();
        let port = |function: &str| ports.get(function).copied();
        connect(&emulator, (BUCKET, ENV), &routes, PATIENCE, port).unwrap();
        let folder = tempfile::tempdir().unwrap();
        command::install(folder.path());
        let host = emulator.url();
        let path = std::env::var_os("PATH").unwrap().into_string().unwrap();
        let variables = [
            ("PATH", format!("{}:{path}", folder.path().display())),
            ("BUCKET", BUCKET.to_owned()),
            ("GOOGLE_CLOUD_PROJECT", PROJECT.to_owned()),
            ("STORAGE_EMULATOR_HOST", host.clone()),
            ("PUBSUB_EMULATOR_HOST", host.trim_start_matches("http://").to_owned()),
            ("USER", "ada".to_owned()),
            ("FIXTURES", workspace().root.join("fixtures").display().to_string()),
            ("CLOUDSDK_CONFIG", folder.path().join("gcloud").display().to_string()),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", format!("{host}/")),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", format!("{host}/")),
            ("CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "true".to_owned()),
            ("CLOUDSDK_CORE_PROJECT", PROJECT.to_owned()),
            ("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true".to_owned()),
            ("CLOUDSDK_CORE_DISABLE_PROMPTS", "true".to_owned()),
            ("CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "true".to_owned()),
            ("CLOUDSDK_SURVEY_DISABLE_PROMPTS", "true".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Self { emulator, bucket, fronts, folder, variables, ahead: 0, definitions }
    }

    pub(super) async fn happen(&mut self, step: Step) {
        match step {
            Step::Shell(line) => {
                let ended = self.run(line).await;
                assert_eq!(ended.code, 0, "{line}: {}", ended.text);
            }
            Step::Set(name, line) => {
                let ended = self.run(line).await;
                assert_eq!(ended.code, 0, "{line}: {}", ended.text);
                let value = ended.text.lines().next().unwrap_or_default().trim().to_owned();
                assert!(!value.is_empty(), "{line} prints nothing");
                self.variables.insert(name.to_owned(), value);
            }
            Step::Now(name) => {
                // Records are stored and dated in whole milliseconds.
                SystemClock.sleep(Duration::from_millis(5)).await;
                let now = SystemClock.now().to_millis_text();
                self.variables.insert(name.to_owned(), now);
                SystemClock.sleep(Duration::from_millis(5)).await;
            }
            Step::Fail(function) => self.fronts[function].fails.store(true, Ordering::Relaxed),
            Step::Mend(function) => self.fronts[function].fails.store(false, Ordering::Relaxed),
            Step::Upload(name, body) => {
                let file = fs::read_to_string(self.folder.path().join(body));
                let body = file.unwrap_or_else(|_| body.to_owned());
                self.bucket.insert(name, body.into(), Upload::default()).unwrap();
            }
            Step::Scenario(name) => self.play(name).await,
            Step::Later(seconds) => self.ahead += seconds,
            Step::Release(changes) => self.release(changes),
            Step::Deploy => self.deploy(),
            Step::Back => {
                self.variables.remove("DEFINITIONS_DIR");
                self.definitions = Arc::new(Definitions::embedded());
                self.restart();
            }
            Step::Publish(topic) => {
                self.emulator.publish(topic, BTreeMap::new(), "?".into()).unwrap();
            }
        }
        self.emulator.settled(COMMAND_MAX).await.unwrap();
    }

    /// New processes of every function: what the old ones remember of rules is up to a minute old.
    fn restart(&self) {
        for (function, front) in &self.fronts {
            let process = smoke::start(function, &self.emulator, &self.definitions);
            *front.process.lock().unwrap() = process;
        }
    }

    /// A folder of definitions, for whoever reads the variable that names one.
    fn release(&mut self, changes: &[(&str, &str)]) {
        let (root, folder) = (workspace().root, self.folder.path().join(SCHEMAS));
        for (name, path) in files(&root, SCHEMAS) {
            let to = self.folder.path().join(&name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(path, to).unwrap();
        }
        let idea = folder.join("idea");
        let schema = fs::read_to_string(idea.join("v1.0.0.schema.json")).unwrap();
        fs::write(idea.join("v1.1.0.schema.json"), schema.replace("1.0.0", "1.1.0")).unwrap();
        let mut text = fs::read_to_string(idea.join("entity.json")).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "ideas have no {from}");
            text = text.replacen(from, to, 1);
        }
        fs::write(idea.join("entity.json"), text).unwrap();
        self.variables.insert("DEFINITIONS_DIR".to_owned(), folder.display().to_string());
    }

    fn deploy(&mut self) {
        let of_entities = |name: &str| name.split('/').count() == 3 && name.ends_with(".json");
        let files = files(self.folder.path(), SCHEMAS).into_iter();
        let files = files.filter(|(name, _)| of_entities(name)).map(|(name, path)| {
            let name = name.trim_start_matches(SCHEMAS).trim_start_matches('/').to_owned();
            (name, fs::read_to_string(path).unwrap())
        });
        self.definitions = Arc::new(Definitions::from_files(files).unwrap());
        self.restart();
    }

    async fn play(&self, name: &str) {
        let root = workspace().root;
        let [scenario] = scenario::select(&root, &[name.to_owned()]).unwrap().try_into().unwrap();
        assert_eq!(scenario.env, ENV, "{name} happens elsewhere");
        for steps in [&scenario.given, &scenario.when] {
            for step in steps {
                let Happens::Upload(upload) = step else { continue };
                self.bucket.insert(&upload.name, upload.body.clone(), Upload::default()).unwrap();
                self.emulator.settled(COMMAND_MAX).await.unwrap();
            }
            self.restart();
        }
    }

    /// Has a shell run `line`, and the functions do what follows from it.
    pub(super) async fn run(&self, line: &str) -> Ended {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(self.folder.path()).stdin(Stdio::null());
        shell.envs(&self.variables).env(command::AHEAD, self.ahead.to_string()).kill_on_drop(true);
        let output = tokio::time::timeout(COMMAND_MAX, shell.output()).await;
        let output = output.unwrap_or_else(|_| panic!("{line} hangs")).unwrap();
        self.emulator.settled(COMMAND_MAX).await.unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        Ended { code: output.status.code().unwrap_or(-1), text }
    }

    /// Whether there is what `line` needs.
    pub(super) fn can_run(line: &str) -> bool {
        !is_gcloud(line) || super::gcloud::folder().is_some()
    }
}
