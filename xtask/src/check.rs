//! `cargo xtask check`: what CI runs, in the order of what fails fastest for most changes.

mod images;

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::replay;
use crate::terminal::Terminal;
use crate::workspace::Workspace;
use crate::{clients, command, conform, interleavings, kills, scenario, sim, terraform};
use images::Images;

/// Seeds that every scenario is replayed with by `--long`, with shuffled deliveries and with
/// faults each.
const LONG_SEEDS: u64 = 10;

/// Notifications are published as often in the long runs.
const LONG_REPEAT: u32 = 2;

/// How often the emulator is killed on a folder, and in the long runs.
const KILLS: u32 = 20;
const LONG_KILLS: u32 = 1000;

/// Runs what CI runs: tests, format, clippy, simulation, replay, grants, kills, Terraform, Google's
/// clients, and beside them builds and budgets of what is deployed.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask check                    before a commit is shared
  cargo xtask check --without-tests    when `cargo test --workspace` has just passed
  cargo xtask check --long             much more besides; CONTRIBUTING.md says how long that takes")]
pub(crate) struct Options {
    /// Kill the emulator 1,000 times, and besides: an image made twice, more interleavings, the memory of a
    /// compaction of a million, every seed of the simulation twice, each of its profiles, 100,000 random
    /// operations on every store, every scenario with many seeds.
    #[arg(long)]
    long: bool,
    /// Leave `cargo test --workspace` out.
    #[arg(long)]
    without_tests: bool,
}

/// A stage that is a cargo command.
struct Stage {
    name: &'static str,
    arguments: &'static [&'static str],
}

const TESTS: Stage = Stage { name: "tests", arguments: &["test", "--workspace"] };

const LINTS: [Stage; 2] = [
    Stage { name: "format", arguments: &["fmt", "--all", "--check"] },
    Stage {
        name: "clippy",
        arguments: &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
    },
];

/// Histories in virtual time, and the bugs that they have to find. The long check has more of them.
const SIMULATIONS: [(&str, &[&str]); 2] =
    [("simulation", &["--seeds", "5000"]), ("planted bugs", &["--bugs", "--seeds", "20000"])];

/// The seeds of [`SIMULATIONS`] and more, each of them twice: a trace must not differ. And each profile
/// alone.
const LONG_SIMULATIONS: [(&str, &[&str]); 5] = [
    ("simulation, twice", &["--seeds", "20000", "--twice"]),
    ("simulation, calm", &["--seeds", "1000", "--profile", "calm"]),
    ("simulation, burst", &["--seeds", "1000", "--profile", "burst"]),
    ("simulation, faults", &["--seeds", "1000", "--profile", "faults"]),
    ("simulation, adversarial", &["--seeds", "1000", "--profile", "adversarial"]),
];

/// The most memory that a compaction takes, of a million where interleavings are long.
const LONG_MEMORY: Stage = Stage {
    name: "memory of a compaction",
    arguments: &["test", "-p", "manifest-compactor", "--lib", "measured", "--", "--show-output"],
};

/// Random operations on every store beside the others in the long runs.
const LONG_OPERATIONS: u64 = 100_000;

/// Runs the stages; the first that fails is the last.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let workspace = Workspace::read()?;
    let tests = (!options.without_tests).then_some(TESTS);
    for stage in tests.into_iter().chain(LINTS) {
        let mut command = workspace.cargo();
        command.args(stage.arguments);
        if !command::run(stage.name, &mut command, terminal)? {
            return Ok(false);
        }
    }
    for (name, options) in SIMULATIONS {
        if !simulation(name, options, terminal)? {
            return Ok(false);
        }
    }
    let images = Images::begin(&workspace, options.long, terminal)?;
    let good = waiting(options, terminal)?;
    // Also after a failure: a build that nobody waits for would go on.
    let built = images.map_or(Ok(true), |images| images.end(terminal))?;
    if !good || !built {
        return Ok(false);
    }
    if options.long { long(&workspace, terminal) } else { Ok(true) }
}

/// The stages that wait more than they compute; the first that fails is the last.
fn waiting(options: &Options, terminal: &Terminal) -> Result<bool> {
    // As the service accounts of the plan, by which nothing else changes.
    let replayed = replay::Options { enforce_iam: true, ..Default::default() };
    terminal.say("== replay")?;
    if !replay::run(&replayed, terminal)? {
        return Ok(false);
    }
    terminal.say("== grants")?;
    if !replay::run(&replay::Options { each_grant: true, ..replayed }, terminal)? {
        return Ok(false);
    }
    let times = if options.long { LONG_KILLS } else { KILLS };
    terminal.say("== kills")?;
    if !kills::run(&kills::Options { times, seed: 1 }, terminal)? {
        return Ok(false);
    }
    terminal.say("== terraform")?;
    if !terraform::check::run(false, terminal)? {
        return Ok(false);
    }
    terminal.say("== clients")?;
    clients::run(&clients::Options::from_registries(), terminal)
}

/// Runs the simulation, and says how long it took.
fn simulation(name: &str, options: &[&str], terminal: &Terminal) -> Result<bool> {
    command::run(name, &mut sim::command(&Workspace::read()?, options), terminal)
}

/// Goes through what takes long, and says in its last lines what was seen.
fn long(workspace: &Workspace, terminal: &Terminal) -> Result<bool> {
    let begun = Instant::now();
    if !interleavings::run(&interleavings::Options { long: true }, terminal)? {
        return Ok(false);
    }
    let mut memory = workspace.cargo();
    memory.args(LONG_MEMORY.arguments).env(interleavings::LONG.0, interleavings::LONG.1);
    if !command::run(LONG_MEMORY.name, &mut memory, terminal)? {
        return Ok(false);
    }
    for (name, options) in LONG_SIMULATIONS {
        if !simulation(name, options, terminal)? {
            return Ok(false);
        }
    }
    let random = conform::Options { random: Some(LONG_OPERATIONS), seed: 1, ..Default::default() };
    if !conform::run(&random, terminal)? {
        return Ok(false);
    }
    let scenarios = scenario::names_in(&workspace.root.join("fixtures"))?.len() as u64;
    let mut failed = Vec::new();
    for seed in 2..2 + LONG_SEEDS {
        let repeat = Some(LONG_REPEAT);
        let base = replay::Options { seed, repeat, brief: true, ..Default::default() };
        let shuffled = replay::Options { shuffle: Some(seed), ..base.clone() };
        let faulty = replay::Options { faults: Some(seed), ..base };
        for options in [shuffled, faulty] {
            let way = if options.faults.is_some() { "faults" } else { "shuffled" };
            terminal.say(&format!("== replay, {way}, seed {seed}"))?;
            if !replay::run(&options, terminal)? {
                failed.push(seed);
            }
        }
    }
    terminal.say(&format!(
        "check --long: {scenarios} scenarios, {LONG_SEEDS} seeds, {} runs, {:.0} s",
        scenarios * LONG_SEEDS * 2,
        begun.elapsed().as_secs_f64()
    ))?;
    let end = if failed.is_empty() {
        "all equal".to_owned()
    } else {
        format!("different with seeds {failed:?}")
    };
    terminal.say(&format!("check --long: {end}"))?;
    Ok(failed.is_empty())
}
