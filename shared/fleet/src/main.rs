//! `cargo xtask sim`: runs seeds of the simulation over the functions that ship.

mod bugs;
mod print;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use fleet::{Bug, Seeds, Stage, explore};
use simulation::Profile;

use crate::print::Progress;

/// Runs whole histories over the functions that ship, in virtual time, with everything that can go
/// wrong, and compares each bucket with what its history says.
///
/// A seed decides everything about a run: what is written, how deliveries and storage operations
/// are interleaved, which of them fail, when processes die. The same seed gives the same trace on
/// every machine.
#[derive(Parser)]
#[command(
    name = "cargo xtask sim",
    bin_name = "cargo xtask sim",
    after_help = "Examples:
  cargo xtask sim                                   a thousand seeds
  cargo xtask sim --seeds 20000                     as many as CI runs
  cargo xtask sim --minutes 30 --from 5000000       other seeds than ever before, for half an hour
  cargo xtask sim --seed 28                         one seed with everything that happens
  cargo xtask sim --bugs                            which planted bugs are found, and after how many seeds
  cargo xtask sim --bug index-writer/deleted        until that bug is found, and the smallest history that shows it"
)]
struct Options {
    /// How many seeds are run.
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    from: u64,
    /// Run this seed alone, and print every operation and delivery. If it ends wrong, a smaller
    /// history that does so too is printed besides.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "minutes", "bugs", "twice", "json", "threads"])]
    seed: Option<u64>,
    /// How seeds are drawn: swarm, calm, burst, faults or adversarial.
    #[arg(long, default_value = "swarm", value_parser = profile)]
    profile: Profile,
    /// Begin seeds for so many minutes, however many that are; with --bugs for each bug.
    #[arg(long, value_name = "M", conflicts_with = "seeds", allow_negative_numbers = true)]
    minutes: Option<f64>,
    /// Run every seed twice and compare the hashes of the traces; otherwise every twentieth.
    #[arg(long)]
    twice: bool,
    /// Plant this bug, and stop where it is found.
    #[arg(long, value_name = "NAME", value_parser = bug)]
    bug: Option<Bug>,
    /// Plant every bug in its turn, and print after how many seeds each is found.
    #[arg(long, conflicts_with = "bug")]
    bugs: bool,
    /// With --bugs: run all seeds, to tell how often each bug is found.
    #[arg(long, requires = "bugs")]
    rates: bool,
    /// Write what was found to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Threads; as many as there are processors unless said otherwise.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

/// A history allocates by the ten thousand; glibc spends a third of it on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One seed in so many is run twice.
const TWICE_EVERY: u64 = 20;

/// The longest run, in minutes: a week.
const MINUTES_MAX: f64 = 10_080.0;

/// After so many divergences enough is known.
const DIVERGENCES_MAX: usize = 10;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(err) => {
            print::error(&err);
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing is wrong; with a bug, whether it is found.
fn run(options: &Options) -> Result<bool> {
    if let Some(path) = &options.json {
        // Before anything is run for it.
        std::fs::write(path, "").with_context(|| path.display().to_string())?;
    }
    if options.bugs {
        return bugs::run(options);
    }
    let stage = Stage::new(options.profile, options.bug);
    if let Some(seed) = options.seed {
        return one(&stage, seed, options.bug.is_some());
    }
    let progress = Progress::begin(options.minutes.is_none().then_some(options.seeds));
    let divergences_max = if options.bug.is_some() { 1 } else { DIVERGENCES_MAX };
    let found = explore(&stage, options.seeds(divergences_max)?, |found| progress.show(found));
    progress.end();
    print::found(options, &stage, &found)?;
    if let Some((seed, _)) = found.divergences.first() {
        print::shrunk(&stage, *seed)?;
    }
    Ok(found.divergences.is_empty() != options.bug.is_some())
}

fn one(stage: &Stage, seed: u64, planted: bool) -> Result<bool> {
    let report = stage.run(seed, true);
    print::trace(&stage.plan(seed), &report)?;
    if report.wrong.is_some() {
        print::shrunk(stage, seed)?;
    }
    Ok(report.wrong.is_none() != planted)
}

impl Options {
    fn seeds(&self, divergences_max: usize) -> Result<Seeds> {
        let time_max = match self.minutes {
            Some(minutes) if !(minutes > 0.0 && minutes <= MINUTES_MAX) => {
                bail!("--minutes is a number above 0 and at most {MINUTES_MAX}")
            }
            Some(minutes) => Some(Duration::from_secs_f64(minutes * 60.0)),
            None => None,
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Seeds {
            first: self.from,
            count: if time_max.is_some() { u64::MAX - self.from } else { self.seeds },
            time_max,
            twice_every: if self.twice { 1 } else { TWICE_EVERY },
            divergences_max,
            threads: self.threads.map_or(processors, usize::from),
        })
    }
}

fn profile(word: &str) -> Result<Profile> {
    let known = Profile::NAMES.map(|(_, name)| name).join(", ");
    Profile::parse(word).with_context(|| format!("there are {known}"))
}

fn bug(name: &str) -> Result<Bug> {
    let known = || Bug::all().iter().map(|bug| format!("\n  {bug}")).collect::<String>();
    Bug::parse(name).with_context(|| format!("the bugs are{}", known()))
}
