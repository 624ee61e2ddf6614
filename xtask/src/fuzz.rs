//! `cargo xtask fuzz`: one fuzz target, for a number of inputs or a time, ended by one line.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// The longest input that is made, in bytes: structures are small, and short inputs are quick.
const INPUT_BYTES_MAX: u32 = 4096;

/// An input that takes longer counts as a crash, in seconds.
const INPUT_TIMEOUT_S: u32 = 10;

/// How much time is between lines of progress.
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);

/// How long a run is that says nothing about it, in minutes.
const MINUTES: u64 = 1;

/// The longest run, in minutes: a week.
const MINUTES_MAX: u64 = 7 * 24 * 60;

/// Folders with real inputs to begin with.
const SEEDS: [(&str, &str); 5] = [
    ("definitions", "schemas"),
    ("ndjson", "fixtures"),
    ("push", "fuzz/seeds/push"),
    ("record", "fixtures"),
    ("rules", "fixtures"),
];

/// Gives one fuzz target inputs until it panics or enough were tried.
///
/// What each target asserts, and what to do about a crash, is in docs/fuzzing.md. Inputs that
/// reach new code are kept in fuzz/corpus and are the beginning of the next run.
#[derive(Args, Default)]
#[command(after_help = "Examples:
  cargo xtask fuzz                            the targets
  cargo xtask fuzz push                       one minute of pushes
  cargo xtask fuzz push --runs 10000000       as many inputs
  cargo xtask fuzz rules --minutes 30         as long
  cargo xtask fuzz push fuzz/artifacts/push/crash-1a2b    that input again
  cargo xtask fuzz push --minutes 5 -- -seed=7 -print_final_stats=1    options of libFuzzer")]
pub(crate) struct Options {
    /// The target; without one they are listed.
    target: Option<String>,
    /// Try this one input, such as a crash that was kept.
    #[arg(conflicts_with_all = ["runs", "minutes"])]
    input: Option<PathBuf>,
    /// Stop after so many inputs.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=i32::MAX as u64))]
    runs: Option<u64>,
    /// Stop after so many minutes; one when nothing is said.
    #[arg(
        long,
        conflicts_with = "runs",
        value_parser = clap::value_parser!(u64).range(1..=MINUTES_MAX)
    )]
    minutes: Option<u64>,
    /// What libFuzzer is told besides.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Runs the target that `options` name, or lists all.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let workspace = Workspace::read()?;
    let targets = targets(&workspace.root)?;
    let Some(target) = &options.target else {
        let width = targets.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, about) in &targets {
            terminal.say(&format!("{name:width$}  {about}"))?;
        }
        return Ok(true);
    };
    check_name(target, &targets)?;
    if let Some(input) = &options.input {
        ensure!(input.is_file(), "there is no input {}", input.display());
    }
    let installed = workspace.cargo().args(["fuzz", "--version"]).output();
    let installed = installed.is_ok_and(|output| output.status.success());
    ensure!(installed, "cargo-fuzz is not there; this installs it: cargo install cargo-fuzz");

    let mut command = command(&workspace, target, options)?;
    let started = Instant::now();
    let mut seen = Seen::default();
    let success = watch(&mut command, |line| seen.take(line, started.elapsed()))?;
    let seconds = started.elapsed().as_secs();
    let summary = match &options.input {
        Some(input) if success => format!("fuzz {target}: no panic with {}", input.display()),
        Some(input) => format!("fuzz {target}: FAILED with {}", input.display()),
        None => seen.summary(target, seconds, success),
    };
    terminal.say(&summary)?;
    Ok(success)
}

/// The targets by name, with the first line of their files.
pub(crate) fn targets(root: &Path) -> Result<Vec<(String, String)>> {
    let folder = root.join("fuzz").join("fuzz_targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let about = text.lines().next().unwrap_or_default().trim_start_matches("//! ").to_owned();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        targets.push((name, about));
    }
    targets.sort();
    Ok(targets)
}

/// Refuses a name that no target has.
pub(crate) fn check_name(name: &str, targets: &[(String, String)]) -> Result<()> {
    if !targets.iter().any(|(known, _)| known == name) {
        let known: Vec<&str> = targets.iter().map(|(known, _)| known.as_str()).collect();
        bail!("there is no target {name:?}; there are {}", known.join(", "));
    }
    Ok(())
}

/// cargo-fuzz on whatever toolchain is in use. Stable has no sanitizers; our code has nothing
/// unsafe for them to find.
fn command(workspace: &Workspace, target: &str, options: &Options) -> Result<Command> {
    let fuzz = workspace.root.join("fuzz");
    let mut command = workspace.cargo();
    command.args(["fuzz", "run", "--sanitizer=none", "--fuzz-dir=fuzz"]);
    command.arg("--target-dir").arg(fuzz.join("target")).arg(target);
    if let Some(input) = &options.input {
        let input = fs::canonicalize(input).with_context(|| input.display().to_string())?;
        command.arg(input).arg("--").env("RUST_BACKTRACE", "1");
    } else {
        let corpus = fuzz.join("corpus").join(target);
        fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;
        command.arg(corpus);
        let seeds = SEEDS.iter().filter(|(name, _)| *name == target);
        command.args(seeds.map(|(_, folder)| workspace.root.join(folder)));
        let limit = match options.runs {
            Some(runs) => format!("-runs={runs}"),
            None => format!("-max_total_time={}", options.minutes.unwrap_or(MINUTES) * 60),
        };
        command.args(["--", &limit]);
        let dictionary = dictionary(&fuzz, target);
        command.arg(format!("-dict={}", dictionary.display()));
    }
    command.arg(format!("-max_len={INPUT_BYTES_MAX}"));
    command.arg(format!("-timeout={INPUT_TIMEOUT_S}"));
    command.args(&options.rest);
    Ok(command)
}

/// The dictionary of a target, or that of JSON.
fn dictionary(fuzz: &Path, target: &str) -> PathBuf {
    let folder = fuzz.join("dictionaries");
    let own = folder.join(format!("{target}.dict"));
    if own.is_file() { own } else { folder.join("json.dict") }
}

/// Runs `command`, shows the lines on its standard error that `show` is true of, as they come, and
/// says whether it succeeded.
fn watch(command: &mut Command, mut show: impl FnMut(&str) -> bool) -> Result<bool> {
    let mut child = command.stderr(Stdio::piped()).spawn().context("cannot start cargo fuzz")?;
    let mut output = BufReader::new(child.stderr.take().context("cargo fuzz has no output")?);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        if show(String::from_utf8_lossy(&line).trim_end()) {
            io::stderr().write_all(&line).context("standard error is closed")?;
        }
        line.clear();
    }
    Ok(child.wait()?.success())
}

/// What libFuzzer has said. (libFuzzer documentation, "Output".)
#[derive(Debug, Default)]
pub(crate) struct Seen {
    inputs: u64,
    artifact: Option<String>,
    shown_at: Option<Duration>,
}

impl Seen {
    /// Takes in one line, and says whether a person wants to see it: of the progress one line a
    /// second, and none of the dictionary that libFuzzer recommends in the end.
    pub(crate) fn take(&mut self, line: &str, elapsed: Duration) -> bool {
        let number = |text: &str| text.split_whitespace().next()?.parse().ok();
        let counted = ["#", "Done "].into_iter().find_map(|before| line.strip_prefix(before));
        self.inputs = counted.and_then(number).unwrap_or(self.inputs);
        if let Some((_, artifact)) = line.split_once("Test unit written to ") {
            self.artifact = Some(artifact.to_owned());
        }
        match line.trim_start() {
            line if line.starts_with("NEW_FUNC") || line.starts_with("###") => false,
            line if line.starts_with('"') && line.contains("# Uses:") => false,
            line if line.starts_with('#') => {
                let due = self.shown_at.is_none_or(|shown| elapsed >= shown + PROGRESS_PAUSE);
                self.shown_at = if due { Some(elapsed) } else { self.shown_at };
                due
            }
            _ => true,
        }
    }

    /// The one line at the end.
    pub(crate) fn summary(&self, target: &str, seconds: u64, success: bool) -> String {
        let inputs = self.inputs;
        match (&self.artifact, success) {
            (Some(artifact), _) => format!(
                "fuzz {target}: FAILED near input {inputs}, {seconds} s; again: \
                 cargo xtask fuzz {target} {artifact}"
            ),
            (None, true) => format!("fuzz {target}: {inputs} inputs, {seconds} s, no panic"),
            (None, false) => format!("fuzz {target}: FAILED, {seconds} s, and kept no input"),
        }
    }
}
