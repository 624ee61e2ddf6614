//! `cargo xtask interleavings`: everything that can happen to each handler at small scope, counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::command;
use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// What `emulator::schedule::is_long` reads.
pub(crate) const LONG: (&str, &str) = ("INTERLEAVINGS", "long");

/// The tests of a function that go through interleavings.
const TESTS: &str = "src/tests/interleavings.rs";

/// Goes through every interleaving of each handler at small scope and counts the states.
///
/// Two writes, a delivery of each, an attempt that overlaps and a crash before or after any
/// operation, in every order there is; three writes without the attempt that overlaps. The same
/// search has to find the bugs that tests plant.
#[derive(Args, Clone, Default)]
#[command(after_help = "Examples:
  cargo xtask interleavings           what `cargo test` goes through, as a table
  cargo xtask interleavings --long    three writes with an attempt that overlaps, besides

One handler, with the steps that lead to what is wrong:
  cargo test -p rules-engine --lib interleavings -- --show-output")]
pub(crate) struct Options {
    /// Go through wider scopes besides; CONTRIBUTING.md says how long that takes.
    #[arg(long)]
    pub(crate) long: bool,
}

/// How much was gone through for one handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Explored {
    cases: u64,
    states: u64,
    runs: u64,
}

/// Runs the tests and prints a line for each handler, or what the tests print when one fails.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let workspace = Workspace::read()?;
    let handlers = handlers(&workspace)?;
    let mut cargo = workspace.cargo();
    cargo.arg("test").args(handlers.iter().map(|handler| format!("--package={handler}")));
    cargo.args(["--lib", "--no-fail-fast", "interleavings", "--", "--show-output"]);
    if options.long {
        cargo.env(LONG.0, LONG.1);
    }
    let (succeeded, printed) = command::output("interleavings", &mut cargo, terminal)?;
    if !succeeded {
        terminal.say(&printed)?;
        return Ok(false);
    }
    terminal.say(table(&handlers, &printed)?.trim_end())?;
    Ok(true)
}

/// The functions that have interleavings.
fn handlers(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.root.join("functions");
    let names = workspace.functions()?.into_iter().map(|function| function.name);
    Ok(names.filter(|name| folder.join(name).join(TESTS).is_file()).collect())
}

/// The table of what successful tests of these handlers have printed.
pub(crate) fn table(handlers: &[String], printed: &str) -> Result<String> {
    let mut explored: BTreeMap<&str, Explored> = BTreeMap::new();
    for line in printed.lines().filter(|line| line.starts_with("explored ")) {
        let (handler, states, runs) =
            read(line).with_context(|| format!("not understood: {line}"))?;
        let of = explored.entry(handler).or_default();
        (of.cases, of.states, of.runs) = (of.cases + 1, of.states + states, of.runs + runs);
    }
    let mut table = row("handler", ["cases", "states", "runs", "divergences"].map(str::to_owned));
    let mut total = Explored::default();
    for handler in handlers {
        let found = explored.get(handler.as_str());
        let Explored { cases, states, runs } = *found
            .with_context(|| format!("{handler}: its tests say nothing of what they explore"))?;
        table += &row(handler, [cases, states, runs, 0].map(|count| count.to_string()));
        total.cases += cases;
        total.states += states;
        total.runs += runs;
    }
    let Explored { cases, states, runs } = total;
    table += &row("all", [cases, states, runs, 0].map(|count| count.to_string()));
    ensure!(explored.len() == handlers.len(), "others explore: {:?}", explored.keys());
    Ok(table)
}

/// Reads `explored <handler>: <case>: <states> states, <runs> runs`.
fn read(line: &str) -> Option<(&str, u64, u64)> {
    let (handler, rest) = line.strip_prefix("explored ")?.split_once(": ")?;
    let (_, counts) = rest.rsplit_once(": ")?;
    let (states, runs) = counts.split_once(" states, ")?;
    Some((handler, states.parse().ok()?, runs.strip_suffix(" runs")?.parse().ok()?))
}

fn row(first: &str, others: [String; 4]) -> String {
    let [cases, states, runs, divergences] = others;
    let mut row = String::new();
    // Writing to a text does not fail.
    writeln!(row, "{first:<18}{cases:>7}{states:>11}{runs:>11}{divergences:>13}")
        .unwrap_or_default();
    row
}
