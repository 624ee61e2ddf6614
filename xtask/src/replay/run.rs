//! One run of one scenario: an emulator and function processes of its own, from the first upload
//! to the last acknowledgement.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use domain::{Env, ObjectName};
use emulator::{Emulator, Faults, Memory, Options, Stored};
use store::{Object, Operations};
use tempfile::TempDir;

use super::chaos::Chaos;
use super::director::Director;
use super::ends::{Ends, ends};
use super::mode::Mode;
use super::rights::{Guard, Request, Rights};
use super::rules;
use crate::connect::{Patience, connect, dead_letters};
use crate::image::container::Engine;
use crate::metadata::{Function, word};
use crate::process::{Ports, Process};
use crate::routing::{self, Route};
use crate::scenario::Scenario;

/// The bucket that everything happens in.
pub(crate) const BUCKET: &str = "replay";

/// Requests of a thousand that fail while there are faults.
const FAULTS_PER_MILLE: u16 = 100;

/// Attempts for a delivery on a quiet day, where some are expected to be in vain, and with faults,
/// where none may run out.
pub(crate) const ATTEMPTS_MAX: u32 = 20;
pub(crate) const ATTEMPTS_MAX_IN_VAIN: u32 = 12;
const ATTEMPTS_MAX_WITH_FAULTS: u32 = 200;

/// Between two attempts at one delivery, at least and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Pushes at a time for one subscription.
const IN_FLIGHT_MAX: usize = 16;

/// The setting by which the rules-engine keeps no rules from one delivery to the next: those of a
/// scenario are there from the step after they were uploaded, not from half a minute later.
const RULES_ARE_READ_EACH_TIME: (&str, &str) = ("RULES_AGE_MAX_MS", "0");

/// What every run needs.
#[derive(Clone)]
pub(crate) struct Stage {
    /// The functions that are pushed to.
    pub(crate) functions: Vec<Function>,
    /// Their binaries.
    pub(crate) executables: BTreeMap<String, PathBuf>,
    /// What runs their images instead.
    pub(crate) engine: Option<Engine>,
    /// A folder of definitions to use instead of those that are compiled in.
    pub(crate) schemas: Option<PathBuf>,
    /// What requests are held to; to nothing when missing.
    pub(crate) rights: Option<Rights>,
    /// Attempts for a delivery on a quiet day.
    pub(crate) attempts_max: u32,
}

/// What a run left behind.
pub(crate) struct Ended {
    /// The live objects.
    pub(crate) objects: BTreeMap<String, Object>,
    /// Every version of every live object, oldest first.
    pub(crate) versions: BTreeMap<String, Vec<Stored>>,
    /// Versions that functions wrote, by the word of the class.
    pub(crate) written: BTreeMap<&'static str, usize>,
    /// Versions that the scenario uploaded.
    pub(crate) uploads: usize,
    /// How deliveries ended, by function.
    pub(crate) ends: BTreeMap<String, Ends>,
    /// Operations of all functions.
    pub(crate) operations: Operations,
    /// Processes killed in mid-delivery.
    pub(crate) kills: usize,
    /// From the first upload to the last acknowledgement.
    pub(crate) elapsed: Duration,
    /// Deliveries that were never acknowledged.
    pub(crate) given_up: usize,
    /// Requests for which somebody lacked a right.
    pub(crate) refused: BTreeSet<Request>,
    /// What was read and created, where it took a right.
    pub(crate) granted: BTreeSet<Request>,
    /// What went wrong beside a different bucket.
    pub(crate) problems: Vec<String>,
    /// The folder of the functions' logs.
    pub(crate) logs: TempDir,
}

/// Replays `scenario` as `mode` says.
pub(crate) async fn run(stage: &Stage, scenario: &Scenario, mode: &Mode) -> Result<Ended> {
    let set = Set::up(stage, scenario, mode).await?;
    let begun = Instant::now();
    let mut tally = Tally::default();
    let played = set.play(stage, scenario, mode, &mut tally).await;
    let elapsed = begun.elapsed();
    let mut ended = set.look(tally, elapsed)?;
    ended.problems.extend(played.err().map(|err| format!("{err:#}")));
    Ok(ended)
}

/// An emulator and the functions, connected.
pub(crate) struct Set {
    /// Where everything happens.
    pub(crate) emulator: Emulator,
    memory: Arc<Memory>,
    routes: Vec<Route>,
    processes: Arc<Vec<Process>>,
    guard: Option<Arc<Guard>>,
    logs: TempDir,
}

/// What is counted while a scenario is played.
#[derive(Default)]
struct Tally {
    uploads: BTreeSet<String>,
    kills: usize,
}

impl Set {
    /// Starts everything.
    pub(crate) async fn up(stage: &Stage, scenario: &Scenario, mode: &Mode) -> Result<Self> {
        let options = Options {
            seed: mode.seed,
            faults: mode.faults.map(|seed| Faults { seed, rate_per_mille: 0 }),
            shuffle: mode.shuffle,
            repeat: mode.repeat,
            ..Options::default()
        };
        let emulator = Emulator::start(options).await.context("the emulator does not start")?;
        let memory = emulator.create_bucket(BUCKET)?;
        let guard = stage.rights.clone().map(|rights| Guard::new(rights, scenario.env));
        if let Some(guard) = &guard {
            emulator.enforce(guard.clone());
        }
        let routes = routing::routes(&stage.functions, scenario.env)?;
        let logs = tempfile::tempdir()?;
        let processes = Arc::new(stage.start(&emulator.url(), &logs).await?);
        let set = Self { emulator, memory, routes, processes, guard, logs };
        set.connect(scenario.env, stage, mode)?;
        Ok(set)
    }

    /// Connects bucket, topics and functions.
    fn connect(&self, env: Env, stage: &Stage, mode: &Mode) -> Result<()> {
        let attempts_max =
            if mode.faults.is_some() { ATTEMPTS_MAX_WITH_FAULTS } else { stage.attempts_max };
        let patience =
            Patience { attempts_max, backoff: BACKOFF, in_flight_max: Some(IN_FLIGHT_MAX) };
        let port = |function: &str| {
            let process = self.processes.iter().find(|it| it.function == function);
            process.map(|it| it.port)
        };
        connect(&self.emulator, (BUCKET, env), &self.routes, patience, port)
    }

    /// Makes everything happen. With faults, only the last deliveries have a quiet end.
    async fn play(
        &self,
        stage: &Stage,
        scenario: &Scenario,
        mode: &Mode,
        tally: &mut Tally,
    ) -> Result<()> {
        let mut director =
            Director::new(&self.emulator, &self.memory, &self.processes, &self.routes);
        director.play(&scenario.given).await?;
        director.gathers = !mode.is_in_order();
        let chaos = mode.faults.map(|seed| {
            self.emulator.set_fault_rate(FAULTS_PER_MILLE);
            Chaos::begin(seed, &self.memory, &stage.functions, &self.processes)
        });
        let played = director.play(&scenario.when).await;
        self.emulator.set_fault_rate(0);
        if let Some(chaos) = chaos {
            tally.kills = chaos.end().await?;
        }
        let settled = director.settled().await;
        tally.uploads = director.uploads;
        played.and(settled)
    }

    /// Looks at what is left, and ends all processes.
    fn look(self, tally: Tally, elapsed: Duration) -> Result<Ended> {
        let objects = self.memory.objects();
        let versions: BTreeMap<_, _> =
            objects.keys().map(|name| (name.clone(), self.memory.versions_of(name))).collect();
        let function_of = |subscription: &str| {
            let route = self.routes.iter().find(|it| it.subscription == subscription);
            route.map_or(subscription, |it| &it.function).to_owned()
        };
        let ends = ends(&self.processes, &self.emulator.attempts(), function_of)?;
        let mut problems = Vec::new();
        for process in self.processes.iter() {
            problems.extend(process.check_running().err().map(|err| err.to_string()));
        }
        let topics = self.routes.iter().map(|route| dead_letters(&route.subscription));
        let letters: Vec<_> = topics.flat_map(|it| self.emulator.dead_letters(&it)).collect();
        let given_up = letters.len();
        for letter in letters {
            problems.push(format!("never acknowledged: {letter:?}"));
        }
        problems.extend(rules::broken(&versions, &tally.uploads));
        let guard = self.guard.as_ref();
        let refused = guard.map(|guard| guard.refused()).unwrap_or_default();
        let granted = guard.map(|guard| guard.granted()).unwrap_or_default();
        problems.extend(refused.iter().map(ToString::to_string));
        Ok(Ended {
            written: written(&versions, &tally.uploads),
            uploads: tally.uploads.len(),
            operations: self.emulator.requests(),
            kills: tally.kills,
            logs: self.logs,
            objects,
            versions,
            ends,
            elapsed,
            given_up,
            refused,
            granted,
            problems,
        })
    }
}

impl Stage {
    /// Starts every function with a Cloud Storage at `url`.
    async fn start(&self, url: &str, logs: &TempDir) -> Result<Vec<Process>> {
        let mut ports = Ports::new();
        let mut processes = Vec::new();
        for function in &self.functions {
            let executable = &self.executables[&function.name];
            let url = self.url(url, &function.name)?;
            let (port, variables) = (ports.free()?, self.variables(&url));
            let process = Process::new(&function.name, executable, port, variables, logs.path());
            processes.push(process.in_container(self.engine.clone()));
        }
        for process in &processes {
            process.start().await.with_context(|| process.log().unwrap_or_default())?;
        }
        Ok(processes)
    }

    /// The address of the Cloud Storage at `url` for `function`, with the token of its account.
    pub(crate) fn url(&self, url: &str, function: &str) -> Result<String> {
        let Some(rights) = &self.rights else { return Ok(url.to_owned()) };
        Ok(url.replacen("://", &format!("://{}@", rights.token(function)?), 1))
    }

    /// The settings of every function.
    fn variables(&self, url: &str) -> Vec<(String, String)> {
        let always = [("BUCKET", BUCKET), ("STORAGE_EMULATOR_HOST", url), RULES_ARE_READ_EACH_TIME];
        let schemas = self.schemas.iter().map(|it| ("DEFINITIONS_DIR", it.to_string_lossy()));
        let always = always.into_iter().map(|(name, value)| (name, value.into()));
        always.chain(schemas).map(|(name, value)| (name.to_owned(), value.into_owned())).collect()
    }
}

/// Counts the versions that functions wrote, by the word of the class.
fn written(
    versions: &BTreeMap<String, Vec<Stored>>,
    uploads: &BTreeSet<String>,
) -> BTreeMap<&'static str, usize> {
    let mut written = BTreeMap::new();
    for (name, versions) in versions.iter().filter(|(name, _)| !uploads.contains(*name)) {
        let class = ObjectName::parse(name).map_or("foreign", |name| word(name.class()));
        *written.entry(class).or_default() += versions.len();
    }
    written
}
