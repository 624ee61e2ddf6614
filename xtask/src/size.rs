//! `cargo xtask size`: what is in each binary, what it may take, and what has grown.

pub(crate) mod state;
pub(crate) mod symbols;

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::budget::{self, Budget};
use crate::build::compile::{self, Place};
use crate::build::toolchain::Toolchain;
use crate::build::{TARGET, select};
use crate::image::{Make, make};
use crate::metadata::Function;
use crate::terminal::Terminal;
use crate::workspace::Workspace;
use state::{Size, Sizes};
use symbols::Parts;

/// Parts that are shown of each binary.
const PARTS_MAX: usize = 20;

/// Says what is in each binary, and fails when a binary or an image is over its budget.
///
/// Binaries and images are the deployed ones. What is in them is told from a second build that
/// keeps its symbols: functions and constants by the crate that they are there for, so that a
/// vector of rules is of `rules` and not of `alloc`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  cargo xtask size                        every function, by crate
  cargo xtask size snapshot-builder       this one
  cargo xtask size --totals               no second build: only what must not be over budget
  cargo xtask size --update               and record it, in xtask/sizes.json")]
pub(crate) struct Options {
    /// Functions to look at; all when none is named.
    #[arg(value_name = "FUNCTION")]
    functions: Vec<String>,
    /// Leave out what is in the binaries.
    #[arg(long)]
    totals: bool,
    /// Record what was found, for others to compare with.
    #[arg(long)]
    update: bool,
}

/// Looks at what `options` name. Whether everything is within its budget.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let workspace = Workspace::read()?;
    let functions = select(&workspace, &options.functions)?;
    let sizes = measure(&workspace, &functions, !options.totals, terminal)?;
    let recorded = state::read(&workspace.root)?;
    let mut over = Vec::new();
    for function in &functions {
        let size = &sizes[&function.name];
        let budget = budget::of(&workspace, function);
        terminal.say(&report(&function.name, size, budget))?;
        match recorded.get(&function.name).map(|before| state::changes(before, size)) {
            None => terminal.say("  not recorded yet: --update")?,
            Some(changes) if changes.is_empty() => (),
            Some(changes) => {
                let changes = changes.trim_end();
                terminal.say(&format!("  since it was recorded:\n{changes}"))?;
            }
        }
        over.extend(excesses(&function.name, size, budget));
    }
    if options.update {
        state::write(&workspace.root, &sizes)?;
        terminal.say(&format!("recorded: {}", state::FILE))?;
    }
    for excess in &over {
        terminal.say(&format!("over budget: {excess}"))?;
    }
    Ok(over.is_empty())
}

fn measure(
    workspace: &Workspace,
    functions: &[Function],
    with_parts: bool,
    terminal: &Terminal,
) -> Result<Sizes> {
    let mut sizes = Sizes::new();
    if with_parts {
        let toolchain = Toolchain::find(TARGET)?;
        for function in functions {
            let crates = parts(workspace, &toolchain, function)?;
            sizes.insert(function.name.clone(), Size { crates, ..Size::default() });
        }
    }
    // After the other build, so that what lies in the folder is what is deployed.
    let names = functions.iter().map(|it| it.name.clone()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let made = runtime.block_on(make::make(workspace, &Make::of(names), terminal))?;
    for made in made {
        let size = sizes.entry(made.built.function).or_default();
        size.binary_bytes = made.built.bytes;
        size.image_bytes = made.image.stored_bytes();
    }
    Ok(sizes)
}

/// The parts of `function`, built once more with its symbols. Only its own packages differ, so
/// that all others are built once.
fn parts(workspace: &Workspace, toolchain: &Toolchain, function: &Function) -> Result<Parts> {
    let profile = compile::profile(function.metadata.kind);
    let keep = format!("profile.{profile}.package.{}.strip=\"none\"", function.name);
    let arguments = ["--config".to_owned(), keep];
    let place = Place::of(workspace)?;
    let one = std::slice::from_ref(function);
    let output = compile::output_with(workspace, &place, toolchain, one, &arguments)?;
    let mut all = Parts::new();
    for built in output.built {
        let content = fs::read(&built.path).with_context(|| built.path.display().to_string())?;
        all = symbols::parts(&content).with_context(|| built.function.clone())?;
    }
    Ok(all)
}

/// Totals, and the largest parts.
pub(crate) fn report(function: &str, size: &Size, budget: &Budget) -> String {
    let mut text = format!("{function} ({})", budget.name);
    let totals = [
        ("binary", size.binary_bytes, budget.binary_bytes),
        ("image", size.image_bytes, budget.image_bytes),
    ];
    for (name, bytes, bytes_max) in totals {
        let percent = bytes * 100 / bytes_max;
        // Writing to a string cannot fail.
        write!(text, "\n  {bytes:>9} {name}, {percent}% of {bytes_max}").unwrap_or_default();
    }
    let mut parts: Vec<(&String, &u64)> = size.crates.iter().collect();
    parts.sort_by_key(|(name, bytes)| (u64::MAX - **bytes, *name));
    let rest: u64 = parts.iter().skip(PARTS_MAX).map(|(_, bytes)| **bytes).sum();
    for (name, bytes) in parts.iter().take(PARTS_MAX) {
        write!(text, "\n  {bytes:>9}   {name}").unwrap_or_default();
    }
    if rest > 0 {
        write!(text, "\n  {rest:>9}   in {} more", parts.len() - PARTS_MAX).unwrap_or_default();
    }
    text
}

/// What of `function` is over `budget`, a line for each.
pub(crate) fn excesses(function: &str, size: &Size, budget: &Budget) -> Vec<String> {
    let mut over = Vec::new();
    if size.binary_bytes > budget.binary_bytes {
        let (is, may) = (size.binary_bytes, budget.binary_bytes);
        over.push(format!("{function}: binary of {is} bytes, {may} at most"));
    }
    if size.image_bytes > budget.image_bytes {
        let (is, may) = (size.image_bytes, budget.image_bytes);
        over.push(format!("{function}: image of {is} bytes, {may} at most"));
    }
    over
}
