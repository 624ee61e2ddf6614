//! What runs: the emulator, a process for each function, and the build that is under way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use domain::Clock as _;
use emulator::{Attempt, Emulator, SystemClock};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::Options;
use super::backoff::Crashes;
use super::lines::Lines;
use super::tail::Tail;
use super::touch::{Map, SCHEMAS, Touched};
use crate::connect::{Patience, deliver, disconnect};
use crate::metadata::Function;
use crate::process::{Ports, Process};
use crate::replay::ends::is_acknowledged;
use crate::routing::Route;
use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// How deliveries are repeated: as patiently as a deployment.
pub(crate) const PATIENCE: Patience = Patience {
    attempts_max: 20,
    backoff: (Duration::from_secs(1), Duration::from_secs(60)),
    in_flight_max: None,
};

/// Everything that runs.
pub(crate) struct Stand<'a> {
    terminal: &'a Terminal,
    lines: Lines,
    workspace: Arc<Workspace>,
    functions: Vec<Function>,
    /// Those of all functions, whether they run or not.
    routes: Vec<Route>,
    emulator: Emulator,
    running: BTreeMap<String, Running>,
    map: Map,
    touched: Touched,
    build: Option<Build>,
    _logs: TempDir,
}

/// A build that is under way.
struct Build {
    /// The functions that something has changed in.
    touched: Vec<String>,
    task: JoinHandle<Result<BTreeMap<String, PathBuf>>>,
}

/// One function.
struct Running {
    process: Process,
    tail: Tail,
    /// The hash of the binary that runs.
    binary: u64,
    crashes: Crashes,
    started: Instant,
    /// When it is started again after it has ended by itself.
    again: Option<Instant>,
}

impl<'a> Stand<'a> {
    /// Starts the `executables` of the functions, and lets `emulator`, where everything waits that
    /// comes by `routes`, push to them.
    pub(crate) async fn start(
        options: &Options,
        workspace: Arc<Workspace>,
        functions: Vec<Function>,
        executables: &BTreeMap<String, PathBuf>,
        (emulator, routes): (Emulator, Vec<Route>),
        terminal: &'a Terminal,
    ) -> Result<Self> {
        let logs = tempfile::tempdir()?;
        let mut running: BTreeMap<String, Running> = BTreeMap::new();
        let mut ports = Ports::new();
        for function in &functions {
            let variables = [
                ("BUCKET", options.bucket.clone()),
                ("STORAGE_EMULATOR_HOST", emulator.url()),
                ("DEFINITIONS_DIR", workspace.root.join(SCHEMAS).display().to_string()),
            ];
            let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
            let executable = &executables[&function.name];
            let port = ports.free()?;
            let process = Process::new(&function.name, executable, port, variables, logs.path());
            let tail = Tail::new(&logs.path().join(format!("{}.log", function.name)));
            let started = process.start().await;
            started.with_context(|| process.log().unwrap_or_default())?;
            let binary = hash(executable)?;
            let (crashes, started) = (Crashes::default(), Instant::now());
            let one = Running { process, tail, binary, crashes, started, again: None };
            running.insert(function.name.clone(), one);
        }
        let names: Vec<String> = running.keys().cloned().collect();
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let map = map(&workspace, &functions);
        for route in &routes {
            // What comes for functions that do not run keeps waiting.
            let port = running.get(&route.function).map(|it| it.process.port);
            deliver(&emulator, route, PATIENCE, port)?;
        }
        let stand = Self {
            terminal,
            lines: Lines::new(&names, colour, options.log_level),
            workspace,
            functions,
            routes,
            emulator,
            running,
            map,
            touched: Touched::default(),
            build: None,
            _logs: logs,
        };
        names.iter().try_for_each(|name| stand.say_running(name, "runs"))?;
        Ok(stand)
    }

    /// Where the emulator listens.
    pub(crate) fn url(&self) -> String {
        self.emulator.url()
    }

    /// The functions that do not run, in order.
    pub(crate) fn waiting(&self) -> Vec<&str> {
        let routes = self.routes.iter().map(|it| it.function.as_str());
        let waiting = routes.filter(|name| !self.running.contains_key(*name));
        waiting.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Takes note of files that changed.
    pub(crate) fn touch(&mut self, files: &[PathBuf]) {
        files.iter().for_each(|file| self.map.touch(file, &mut self.touched));
    }

    /// Prints what has come, and does what is to be done.
    pub(crate) async fn look(&mut self) -> Result<()> {
        self.print()?;
        self.revive().await?;
        if let Some(Build { touched, task }) = self.build.take_if(|it| it.task.is_finished()) {
            self.built(&touched, task.await?).await?;
        }
        if self.build.is_none() && self.touched.is_something() {
            self.follow().await?;
        }
        Ok(())
    }

    /// Ends every process and the emulator, whatever fails meanwhile.
    pub(crate) async fn end(mut self) -> Result<()> {
        if let Some(Build { task, .. }) = self.build.take() {
            task.abort();
            // Once it has ended, cargo is killed. How it has ended is no matter.
            drop(task.await);
        }
        let disconnected = disconnect(&self.emulator);
        let ended = self.end_processes(&self.running.keys().cloned().collect::<Vec<_>>()).await;
        let printed = self.print();
        self.emulator.stop().await;
        disconnected.and(ended).and(printed)
    }

    fn say(&self, what: &str) -> Result<()> {
        let now = SystemClock.now().to_millis_text();
        let clock: String = now.chars().skip_while(|it| *it != 'T').skip(1).take(12).collect();
        self.terminal.say(&self.lines.note(&clock, what))
    }

    fn say_running(&self, name: &str, what: &str) -> Result<()> {
        let Some(Running { process, .. }) = self.running.get(name) else { return Ok(()) };
        let id = process.id().map_or_else(|| "ended".to_owned(), |id| id.to_string());
        self.say(&format!("{name} {what}: process {id}, port {}", process.port))
    }

    fn print(&mut self) -> Result<()> {
        for (function, one) in &mut self.running {
            for line in one.tail.lines()? {
                if let Some(line) = self.lines.format(function, &line) {
                    self.terminal.say(&line)?;
                }
            }
        }
        // An answer is in the log of the function; that there was none is not.
        for attempt in self.emulator.take_attempts() {
            if attempt.status == 0 {
                self.say(&unanswered(&attempt))?;
            }
            if self.is_given_up(&attempt) {
                let Attempt { object, attempt, .. } = attempt;
                self.say(&format!("given up after {attempt} attempts: {object}"))?;
            }
        }
        for problem in self.emulator.problems() {
            self.say(&format!("not taken up: {problem}"))?;
        }
        Ok(())
    }

    /// Whether the message of `attempt` is a dead letter from here on.
    fn is_given_up(&self, attempt: &Attempt) -> bool {
        let last = attempt.attempt >= PATIENCE.attempts_max && !is_acknowledged(attempt.status);
        last && self.routes.iter().any(|it| it.subscription == attempt.subscription)
    }

    /// Starts what has ended by itself, after a while.
    async fn revive(&mut self) -> Result<()> {
        for name in self.running.keys().cloned().collect::<Vec<_>>() {
            let Some(one) = self.running.get_mut(&name) else { continue };
            match one.again {
                None => {
                    if let Err(err) = one.process.check_running() {
                        let ran = one.started.elapsed();
                        let what = one.fell(&err, ran);
                        self.let_wait(&name)?;
                        self.say(&what)?;
                    }
                }
                Some(again) if again <= Instant::now() => self.start_again(&name).await?,
                Some(_) => (),
            }
        }
        Ok(())
    }

    /// Lets the messages of a function wait, so that no attempt is lost while it is down.
    fn let_wait(&self, name: &str) -> Result<()> {
        let mut routes = self.routes.iter().filter(|it| it.function == name);
        routes.try_for_each(|it| deliver(&self.emulator, it, PATIENCE, None))
    }

    /// Starts a function whose messages wait, and delivers them once it answers.
    async fn start_again(&mut self, name: &str) -> Result<()> {
        let Some(one) = self.running.get_mut(name) else { return Ok(()) };
        if let Err(err) = one.start().await {
            let what = one.fell(&err, Duration::ZERO);
            return self.say(&what);
        }
        let port = one.process.port;
        for route in self.routes.iter().filter(|it| it.function == name) {
            deliver(&self.emulator, route, PATIENCE, Some(port))?;
        }
        self.say_running(name, "runs again")
    }

    /// Does what changed files ask for.
    async fn follow(&mut self) -> Result<()> {
        let touched = std::mem::take(&mut self.touched);
        if let Some(file) = &touched.manifest {
            match self.workspace.read_again() {
                Ok(workspace) => {
                    self.map = map(&workspace, &self.functions);
                    self.workspace = Arc::new(workspace);
                    self.say(&format!("{file} changed: every function is built again"))?;
                }
                Err(err) => {
                    self.say(&format!("{file} changed: {err:#}"))?;
                    self.touched.definitions = touched.definitions;
                    return Ok(());
                }
            }
        }
        if let Some(file) = &touched.definitions {
            self.say(&format!("{file} changed: every function starts with new definitions"))?;
            let names: Vec<String> = self.running.keys().cloned().collect();
            self.restart(&names).await?;
        }
        let is_touched = |function: &&Function| {
            touched.manifest.is_some() || touched.functions.contains_key(&function.name)
        };
        let names = self.functions.iter().filter(is_touched).map(|it| it.name.clone());
        let names: Vec<String> = names.collect();
        if names.is_empty() {
            return Ok(());
        }
        touched.functions.values().try_for_each(|why| self.say(why))?;
        // All of them: for some alone cargo would choose other features, and build what they are
        // made of from the beginning.
        let (workspace, functions) = (self.workspace.clone(), self.functions.clone());
        let task = tokio::spawn(async move { workspace.build(&functions).await });
        self.build = Some(Build { touched: names, task });
        Ok(())
    }

    /// Restarts the functions whose binaries are other ones.
    async fn built(
        &mut self,
        touched: &[String],
        built: Result<BTreeMap<String, PathBuf>>,
    ) -> Result<()> {
        let executables = match built {
            Ok(executables) => executables,
            Err(err) => return self.say(&format!("{err:#}: what runs stays as it is")),
        };
        let mut changed = Vec::new();
        for (name, executable) in executables {
            let Some(one) = self.running.get_mut(&name) else { continue };
            let binary = hash(&executable)?;
            if binary != one.binary {
                one.binary = binary;
                changed.push(name);
            } else if touched.contains(&name) {
                self.say(&format!("{name} is the same as before and keeps running"))?;
            }
        }
        self.restart(&changed).await
    }

    async fn restart(&mut self, names: &[String]) -> Result<()> {
        names.iter().try_for_each(|name| self.let_wait(name))?;
        self.end_processes(names).await?;
        for name in names {
            self.start_again(name).await?;
        }
        Ok(())
    }

    /// Ends the processes of functions, all at the same time.
    async fn end_processes(&self, names: &[String]) -> Result<()> {
        let processes = || names.iter().filter_map(|name| self.running.get(name));
        let asked = Instant::now();
        processes().for_each(|one| one.process.ask_to_end());
        let mut killed = Vec::new();
        for Running { process, .. } in processes() {
            if !process.ended(asked).await {
                killed.push(&process.function);
            }
        }
        let killed = killed.iter();
        killed
            .map(|name| format!("{name} did not end when asked to and was killed"))
            .try_for_each(|what| self.say(&what))
    }
}

impl Running {
    /// Starts it, and waits until it answers.
    async fn start(&mut self) -> Result<()> {
        self.again = None;
        self.started = Instant::now();
        self.process.start().await
    }

    /// It is down because of `err`, after it has run for `ran`. What is to be said.
    fn fell(&mut self, err: &anyhow::Error, ran: Duration) -> String {
        self.process.stop();
        let delay = self.crashes.one_more(ran);
        self.again = Some(Instant::now() + delay);
        format!("{err:#}; starts again in {:.1} s", delay.as_secs_f64())
    }
}

fn unanswered(attempt: &Attempt) -> String {
    let Attempt { subscription, object, attempt, .. } = attempt;
    format!("no answer from {subscription} about {object}, attempt {attempt}")
}

fn map(workspace: &Workspace, functions: &[Function]) -> Map {
    let names = functions.iter().map(|it| it.name.as_str());
    Map::new(&workspace.root, &workspace.packages, names)
}

fn hash(path: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    fs::read(path).with_context(|| path.display().to_string())?.hash(&mut hasher);
    Ok(hasher.finish())
}
