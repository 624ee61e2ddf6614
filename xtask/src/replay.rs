//! `cargo xtask replay`: real deliveries to the real functions, and the bucket that must come out.

mod chaos;
pub(crate) mod contents;
pub(crate) mod difference;
mod director;
pub(crate) mod each;
pub(crate) mod ends;
pub(crate) mod from;
pub(crate) mod grant;
mod keep;
mod mode;
mod report;
pub(crate) mod rights;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod trials;
mod unused;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use domain::Definitions;

use crate::dev::touch::SCHEMAS;
use crate::image;
use crate::image::container::Engine;
use crate::metadata::{Function, Kind};
use crate::scenario::{self, Scenario, Segments};
use crate::terminal::Terminal;
use crate::workspace::Workspace;
use contents::Contents;
use from::Capture;
use grant::Grant;
pub(crate) use mode::Mode;
use rights::{Request, Rights};
use run::{Ended, Stage};

/// Lines of a function's log that are shown when a run fails.
const LOG_LINES_MAX: usize = 12;

/// Replays scenarios of `fixtures/` and compares the bucket with what they say must be there.
///
/// Builds the functions, starts an emulator of Cloud Storage and Pub/Sub push in this process and
/// each function as a process of its own, uploads the records of a scenario, waits until every
/// delivery is handled, and compares. Needs nothing but loopback.
///
/// Without options every scenario is replayed in order, shuffled, repeated, and with faults. With
/// one of --shuffle, --repeat and --faults it is replayed once, with these together.
/// The exit code is 0 only when every bucket is as it must be.
///
/// With --enforce-iam each function acts as its service account, and every request is held to the
/// bindings and conditions of a plan of terraform/: the one that is kept for tests, or --plan. When
/// all scenarios are replayed, each prefix that is granted must be used.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = "Examples:
  cargo xtask replay                             every scenario, all four ways
  cargo xtask replay merges ties                 these two
  cargo xtask replay merges --shuffle 7          deliveries in the order that seed 7 decides
  cargo xtask replay merges --faults 7           storage fails, functions are killed
  cargo xtask replay merges --repeat 5 --shuffle 7 --faults 7
  cargo xtask replay merges --update             accept: write fixtures/merges/then/
  cargo xtask replay --images                    through containers under podman or docker
  cargo xtask replay merges --keep /tmp/bucket   look at the bucket afterwards
  cargo xtask replay --root ../ours              kinds and scenarios of another folder
  cargo xtask replay --from DIR --diff           a capture: stored against what this code derives
  cargo xtask replay --enforce-iam               as the plan's service accounts
  cargo xtask replay --enforce-iam --each-grant  each grant is missed when it is taken away
  cargo xtask replay round-moved --enforce-iam --without-grant index-writer:read:pointer
                                                 see what happens then")]
pub(crate) struct Options {
    /// Folders of fixtures/; all when none is named.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
    /// Deliver in the order that this seed decides, instead of one step after the other.
    #[arg(long, value_name = "SEED")]
    pub(crate) shuffle: Option<u64>,
    /// Publish every notification N times.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repeat: Option<u32>,
    /// Fail as this seed decides: 503, 429, 403, reset connections, truncated bodies, lost
    /// answers, and functions killed in mid-delivery.
    #[arg(long, value_name = "SEED")]
    pub(crate) faults: Option<u64>,
    /// Accept what comes out in order as what must be there.
    #[arg(long, conflicts_with_all = ["shuffle", "repeat", "faults"])]
    pub(crate) update: bool,
    /// Write the resulting buckets below this folder, under names that every system takes.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Run the image of each function under podman or docker, confined, instead of its binary.
    #[arg(long)]
    pub(crate) images: bool,
    /// Decides everything else that is left to chance, such as generations.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub(crate) seed: u64,
    /// A folder with schemas/ and fixtures/ of its own, to be replayed instead of those here.
    #[arg(long, value_name = "DIR", conflicts_with = "images")]
    pub(crate) root: Option<PathBuf>,
    /// Replay what `cargo xtask capture` has kept, in the order in which it was stored, and compare
    /// what this code derives with what was stored.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "scenarios", "shuffle", "repeat", "faults", "update", "images", "enforce_iam"
    ])]
    pub(crate) from: Option<PathBuf>,
    /// Print how they differ: - is stored, + is derived by this code.
    #[arg(long, requires = "from")]
    pub(crate) diff: bool,
    /// Hold every request to what the service account of its function is granted.
    #[arg(long, conflicts_with = "root")]
    pub(crate) enforce_iam: bool,
    /// The plan that grants: lines as in xtask/src/tests/plans/, or what `terraform show -json`
    /// prints of one. The kept plan of prod when missing.
    #[arg(long, value_name = "FILE", requires = "enforce_iam")]
    pub(crate) plan: Option<PathBuf>,
    /// Take this grant away: FUNCTION:list, FUNCTION:read:CLASS, FUNCTION:write:CLASS (to create) or
    /// FUNCTION:replace:CLASS (to overwrite and delete).
    #[arg(long, value_name = "GRANT", requires = "enforce_iam")]
    pub(crate) without_grant: Option<String>,
    /// Take each grant away in turn and run the scenario that its Cargo.toml says needs it: the
    /// function must be refused, and the run must not come out right.
    #[arg(long, requires = "enforce_iam", conflicts_with_all = [
        "scenarios", "shuffle", "repeat", "faults", "update", "keep", "images", "without_grant"
    ])]
    pub(crate) each_grant: bool,
    /// Print nothing about what is as it must be.
    #[arg(skip)]
    pub(crate) brief: bool,
}

impl Options {
    pub(crate) fn modes(&self) -> Vec<Mode> {
        if self.update {
            return vec![Mode::in_order(self.seed)];
        }
        let Self { shuffle, repeat, faults, seed, .. } = *self;
        if shuffle.is_none() && repeat.is_none() && faults.is_none() {
            return Mode::usual(seed).to_vec();
        }
        vec![Mode { shuffle, repeat: repeat.unwrap_or(1), faults, seed }]
    }

    /// The command for one run of these.
    fn again(&self, scenario: &str, mode: &Mode) -> String {
        let mut more = String::new();
        if let Some(root) = &self.root {
            more += &format!(" --root {}", root.display());
        }
        if self.enforce_iam {
            more += " --enforce-iam";
        }
        if let Some(plan) = &self.plan {
            more += &format!(" --plan {}", plan.display());
        }
        if let Some(grant) = &self.without_grant {
            more += &format!(" --without-grant {grant}");
        }
        format!("cargo xtask replay {scenario} {}{more}", mode.options())
    }
}

/// Replays what `options` name. Whether every bucket was as it must be.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let workspace = Workspace::read()?;
    let root = options.root.as_ref().unwrap_or(&workspace.root);
    if let Some(folder) = &options.from {
        return replay_from(options, folder, &workspace, root, terminal);
    }
    let scenarios = scenario::select(root, &options.scenarios)?;
    let functions = pushed(&workspace)?;
    scenarios.iter().try_for_each(|scenario| scenario.check_functions(&functions))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut engine = options.images.then(Engine::find).transpose()?;
    let executables = match &mut engine {
        None if options.each_grant => runtime.block_on(workspace.build(&workspace.functions()?))?,
        None => runtime.block_on(workspace.build(&functions))?,
        Some(engine) => {
            let names = functions.iter().map(|it| it.name.clone()).collect();
            runtime.block_on(image::load(&workspace, names, engine, terminal))?
        }
    };
    let schemas = options.root.as_ref().map(|root| root.join(SCHEMAS));
    let rights = rights(options, &workspace)?;
    let in_vain = options.without_grant.is_some();
    let attempts_max = if in_vain { run::ATTEMPTS_MAX_IN_VAIN } else { run::ATTEMPTS_MAX };
    let stage = Stage { functions, executables, engine, schemas, rights, attempts_max };
    if options.each_grant {
        let functions = workspace.functions()?;
        return runtime.block_on(each::run(&stage, &functions, &scenarios, terminal));
    }
    let begun = Instant::now();
    let modes = options.modes();
    terminal.begin(scenarios.len() * modes.len());
    let mut failed = Vec::new();
    let mut granted = BTreeSet::new();
    for scenario in &scenarios {
        if !options.brief {
            terminal.say(&report::title(scenario))?;
        }
        for (at, mode) in modes.iter().enumerate() {
            terminal.doing(format!("{} {mode}", scenario.name));
            let mut ended = runtime.block_on(run::run(&stage, scenario, mode))?;
            granted.append(&mut ended.granted);
            let show = Show { details: at == 0, options, terminal };
            if !conclude(scenario, mode, ended, &show)? {
                failed.push(options.again(&scenario.name, mode));
            }
            terminal.step();
        }
    }
    terminal.finish();
    let runs = scenarios.len() * modes.len();
    let well = failed.is_empty() && all_is_used(options, &stage, &granted, terminal)?;
    terminal.say(&summary(scenarios.len(), runs, &failed, begun))?;
    Ok(well)
}

/// Replays a capture. Whether this code derives what was stored.
fn replay_from(
    options: &Options,
    folder: &Path,
    workspace: &Workspace,
    root: &Path,
    terminal: &Terminal,
) -> Result<bool> {
    let capture = Capture::read(folder)?;
    let scenario = capture.scenario(&Segments::read(&root.join(SCHEMAS))?)?;
    let functions = pushed(workspace)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let executables = runtime.block_on(workspace.build(&functions))?;
    let schemas = options.root.as_ref().map(|root| root.join(SCHEMAS));
    let attempts_max = run::ATTEMPTS_MAX;
    let stage = Stage { functions, executables, engine: None, schemas, rights: None, attempts_max };
    let mode = Mode::in_order(options.seed);
    terminal.doing(format!("{} records", scenario.when.len()));
    let ended = runtime.block_on(run::run(&stage, &scenario, &mode))?;
    terminal.finish();
    if let Some(folder) = &options.keep {
        keep::keep(&folder.join(&scenario.name).join(mode.folder()), &ended.versions)?;
    }
    let differences = capture.differences(&ended.objects)?;
    let equal = differences.is_empty() && ended.problems.is_empty();
    terminal.say(&report::line(&mode, &ended, equal))?;
    for problem in &ended.problems {
        terminal.say(&format!("    {problem}"))?;
    }
    match (differences.is_empty(), options.diff) {
        (true, _) => (),
        (false, true) => terminal.say(differences.trim_end())?,
        (false, false) => {
            terminal.say("    what is stored is not what this code derives: --diff")?
        }
    }
    if !ended.problems.is_empty() {
        terminal.say(&logs(ended)?)?;
    }
    Ok(equal)
}

/// Whether every prefix that is granted was asked for, where that can be said: when requests are
/// held to what is granted, in all scenarios.
fn all_is_used(
    options: &Options,
    stage: &Stage,
    granted: &BTreeSet<Request>,
    terminal: &Terminal,
) -> Result<bool> {
    if !options.enforce_iam || !options.scenarios.is_empty() {
        return Ok(true);
    }
    let (unused, all) = unused::unused(&stage.functions, &Definitions::embedded(), granted);
    for line in &unused {
        terminal.say(&format!("  no scenario makes use of a grant: {line}"))?;
    }
    terminal.say(&format!("{} of {all} prefixes that are granted are used", all - unused.len()))?;
    Ok(unused.is_empty())
}

/// What requests are held to, if they are.
fn rights(options: &Options, workspace: &Workspace) -> Result<Option<Rights>> {
    if !options.enforce_iam {
        return Ok(None);
    }
    let rights = Rights::read(&workspace.root, options.plan.as_deref())?;
    let Some(text) = &options.without_grant else { return Ok(Some(rights)) };
    let functions = workspace.functions()?;
    let grant = Grant::parse(text, &functions)?;
    rights.without_of(&grant, &functions, &Definitions::embedded()).map(Some)
}

/// The functions that are pushed to.
pub(crate) fn pushed(workspace: &Workspace) -> Result<Vec<Function>> {
    let mut functions = workspace.functions()?;
    functions.retain(|function| function.metadata.kind == Kind::Push);
    Ok(functions)
}

/// How one run is shown.
struct Show<'a> {
    details: bool,
    options: &'a Options,
    terminal: &'a Terminal,
}

/// Compares, prints, keeps and accepts. Whether the run ended as it must.
fn conclude(scenario: &Scenario, mode: &Mode, ended: Ended, show: &Show<'_>) -> Result<bool> {
    let found = Contents::found(&ended.objects, scenario.env)?;
    if let Some(folder) = &show.options.keep {
        keep::keep(&folder.join(&scenario.name).join(mode.folder()), &ended.versions)?;
    }
    if show.options.update && ended.problems.is_empty() {
        show.terminal.say(&accept(scenario, &found)?)?;
    }
    let differences = compare(&scenario.then(), found, mode).unwrap_or_else(|err| err.to_string());
    let equal = differences.is_empty() && ended.problems.is_empty();
    if equal && show.options.brief {
        return Ok(true);
    }
    show.terminal.say(&report::line(mode, &ended, equal))?;
    if show.details || !equal {
        show.terminal.say(&report::details(&ended))?;
    }
    if !equal {
        for problem in &ended.problems {
            show.terminal.say(&format!("    {problem}"))?;
        }
        show.terminal.say(differences.trim_end())?;
        show.terminal.say(&logs(ended)?)?;
    }
    Ok(equal)
}

/// Makes `found` what must be there, and says what that changes.
fn accept(scenario: &Scenario, found: &Contents) -> Result<String> {
    let then = scenario.then();
    let before = if then.is_dir() { Contents::expected(&then)? } else { Contents::default() };
    let changes = difference::differences(&before, found);
    if changes.is_empty() {
        return Ok("    nothing new to accept".to_owned());
    }
    found.write(&then)?;
    Ok(format!("{}\n    accepted", changes.trim_end()))
}

/// Where `found` differs from what the folder `then` says, as far as `mode` lets that be said.
pub(crate) fn compare(then: &Path, found: Contents, mode: &Mode) -> Result<String> {
    let expected = Contents::expected(then)?;
    Ok(if mode.is_in_order() {
        difference::differences(&expected, &found)
    } else {
        difference::differences(&expected.in_any_order()?, &found.in_any_order()?)
    })
}

/// The last lines of the functions' logs that are not about deliveries that went well, and where
/// the rest is.
fn logs(ended: Ended) -> Result<String> {
    let folder = ended.logs.keep();
    let mut text = format!("    logs: {}", folder.display());
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let log = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let well = |line: &&str| !["\"INFO\"", "\"DEBUG\""].iter().any(|it| line.contains(it));
        let lines: Vec<&str> = log.lines().filter(well).collect();
        for line in &lines[lines.len().saturating_sub(LOG_LINES_MAX)..] {
            text += &format!("\n    {line}");
        }
    }
    Ok(text)
}

fn summary(scenarios: usize, runs: usize, failed: &[String], begun: Instant) -> String {
    let seconds = begun.elapsed().as_secs_f64();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (s, r) = (plural(scenarios), plural(runs));
    let mut text = format!("{scenarios} scenario{s}, {runs} run{r}, {seconds:.1} s: ");
    if failed.is_empty() {
        return text + "all equal";
    }
    text += &format!("{} DIFFERENT; to see one again:", failed.len());
    for command in failed {
        text += &format!("\n  {command}");
    }
    text
}
