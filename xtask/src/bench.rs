//! `cargo xtask bench`: what functions take to start and to work, against a bare server.

mod binaries;
pub(crate) mod chart;
mod child;
mod feed;
pub(crate) mod figures;
mod measure;
mod stand_in;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::json;

use crate::build::{compile, select};
use crate::metadata::{Function, Kind};
use crate::process::Ports;
use crate::terminal::Terminal;
use crate::workspace::Workspace;
use crate::{budget, command};
use feed::Feed;
use figures::Figures;
use measure::Bench;
use stand_in::StandIn;

/// Starts that make a median of ratios stable on a machine that others use as well.
const RUNS: usize = 41;

/// Measures functions beside a bare hyper server, and fails when one is over its budget.
///
/// Functions are built as they are deployed, and trust besides a stand-in of Cloud Storage on
/// loopback, behind TLS and with tokens. The floor is a hyper server of the same profile; for CPU it
/// makes the same requests. Both take turns, and budgets are of ratios: times are of this machine.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  cargo xtask bench                                every push function
  cargo xtask bench manifest-writer --runs 101     this one, more surely
  cargo xtask bench --against main                 and the same of another commit, in the same run
  cargo xtask bench --json > figures.json          every figure
  cargo xtask bench --rules                        how many rules a second of CPU evaluates
  cargo xtask bench --chart docs/performance.svg   how much of each budget is used")]
pub(crate) struct Options {
    /// Functions to measure; all that are pushed to when none is named.
    #[arg(value_name = "FUNCTION")]
    functions: Vec<String>,
    /// Starts of each function.
    #[arg(long, value_name = "NUMBER", default_value_t = RUNS)]
    runs: usize,
    /// Measure the functions of this commit too.
    #[arg(long, value_name = "REVISION")]
    against: Option<String>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Draw a chart into this file.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Measure rules instead: 1, 100 and 1,000 of them over one snapshot, without storage.
    #[arg(long, conflicts_with_all = ["functions", "runs", "against", "json", "chart"])]
    rules: bool,
}

/// Measures what `options` name. Whether everything is within its budget.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    ensure!(cfg!(target_os = "linux"), "bench reads /proc, which only Linux has");
    ensure!(options.runs > 0, "--runs is at least 1");
    let workspace = Workspace::read()?;
    if options.rules {
        let mut rate = workspace.cargo();
        rate.args(["run", "--quiet", "--profile", compile::profile(Kind::Push)]);
        rate.args(["-p", "rules", "--example", "rate", "--", &budget::RULES_MICROS.to_string()]);
        return command::run("rules", &mut rate, terminal);
    }
    let wanted = select(&workspace, &options.functions)?;
    let floor = binaries::floor(&workspace)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let sources = |it: &Workspace| -> Result<Vec<Figures>> {
        runtime.block_on(measure(it, &wanted, &floor, options.runs, terminal))
    };
    let other = options.against.as_deref().map(|revision| -> Result<_> {
        let other = binaries::checkout(&workspace, revision)?;
        Ok((revision, sources(&other).with_context(|| format!("at {revision}"))?))
    });
    let other = other.transpose()?;
    let all = sources(&workspace)?;
    terminal.say(&if options.json {
        as_json(&all, other.as_ref())
    } else {
        figures::table(&all)
    })?;
    if let (Some((revision, before)), false) = (&other, options.json) {
        terminal.say(&format!("\nthe same at {revision}:\n\n{}", figures::table(before)))?;
    }
    if let Some(file) = &options.chart {
        fs::write(file, chart::chart(&all)).with_context(|| file.display().to_string())?;
    }
    let over: Vec<String> = all.iter().flat_map(Figures::excesses).collect();
    if !options.json {
        over.iter().try_for_each(|excess| terminal.say(&format!("over budget: {excess}")))?;
    }
    Ok(over.is_empty())
}

/// Measures `wanted` as the sources of `workspace` have them. Others run for what they write.
async fn measure(
    workspace: &Workspace,
    wanted: &[Function],
    floor: &Path,
    runs: usize,
    terminal: &Terminal,
) -> Result<Vec<Figures>> {
    let functions = in_order(workspace.functions()?);
    let last = functions.iter().rposition(|it| wanted.iter().any(|want| want.name == it.name));
    let functions = &functions[..last.map_or(0, |last| last + 1)];
    let built = binaries::functions(workspace, functions)?;
    let feed = Feed::start(workspace, measure::deliveries(runs)).await?;
    let stand_in = StandIn::start(measure::address(&feed)?).await?;
    let root = workspace.root.join(stand_in::ROOT);
    let bench = Bench { feed: &feed, stand_in: &stand_in, floor, root: &root, runs };
    let mut ports = Ports::new();
    let mut all = Vec::new();
    terminal.begin(functions.len());
    for function in functions {
        terminal.doing(function.name.clone());
        let executable = &built[&function.name];
        if wanted.iter().any(|want| want.name == function.name) {
            let measured = bench.measure(function, executable, &mut ports).await;
            let mut figures = measured.with_context(|| function.name.clone())?;
            figures.budget = budget::of(workspace, function).run.as_ref();
            all.push(figures);
        } else {
            let (mut bodies, others) = feed.pushes(&function.metadata.fed_with);
            bodies.extend(others);
            bench.prepare(executable, &feed.emulator.url(), bodies, &mut ports).await?;
        }
        terminal.step();
    }
    terminal.finish();
    Ok(all)
}

/// Those that are pushed to, each after those that write what it reads.
pub(crate) fn in_order(functions: Vec<Function>) -> Vec<Function> {
    let mut waiting: Vec<_> =
        functions.into_iter().filter(|it| it.metadata.kind == Kind::Push).collect();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|function| {
            let mut others = waiting.iter().filter(|it| it.name != function.name);
            !others.any(|it| function.metadata.reads.iter().any(|c| it.metadata.writes.contains(c)))
        });
        // That functions form no circle is for another test to say.
        ordered.push(waiting.remove(ready.unwrap_or_default()));
    }
    ordered
}

fn as_json(all: &[Figures], other: Option<&(&str, Vec<Figures>)>) -> String {
    let other: BTreeMap<&str, &Vec<Figures>> =
        other.into_iter().map(|(name, all)| (*name, all)).collect();
    format!("{:#}", json!({ "functions": all, "against": other }))
}
