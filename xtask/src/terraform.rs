//! `cargo xtask terraform`: what `terraform/` reads of the code, and whether its plans are right.

pub(crate) mod access;
pub(crate) mod columns;
pub(crate) mod condition;
pub(crate) mod generate;
pub(crate) mod grants;
pub(crate) mod planned;
pub(crate) mod policy;
pub(crate) mod samples;

use anyhow::Result;
use clap::{Args, Subcommand};
use domain::Definitions;

use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// Where the configuration is, from the root.
pub(crate) const FOLDER: &str = "terraform";

/// Keeps `terraform/` in step with the code, and checks its plans.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask terraform generate           after a change of a function's metadata or of a kind
  cargo xtask terraform generate --check   fails when that was forgotten")]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Generate(Generate),
}

/// Writes terraform/functions.json and terraform/kinds.json.
///
/// The first says of each function what its `[package.metadata.function]` says: how it is fed, the
/// filter of each subscription, the names it may read and write, its memory. The second has the
/// columns of each kind of entity for BigQuery, from its entity.json and its schemas. Nobody edits
/// them.
#[derive(Args)]
struct Generate {
    /// Write nothing; fail when a file is not what it should be.
    #[arg(long)]
    check: bool,
}

/// Runs the command. Whether everything is as it should be.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    match &options.command {
        Command::Generate(Generate { check }) => generate(*check, terminal),
    }
}

fn generate(check: bool, terminal: &Terminal) -> Result<bool> {
    let workspace = Workspace::read()?;
    let files = generate::files(&workspace.functions()?, &Definitions::embedded())?;
    if !check {
        generate::write(&workspace.root, &files)?;
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        terminal.say(&format!("written: {}", names.join(", ")))?;
        return Ok(true);
    }
    let stale = generate::stale(&workspace.root, &files)?;
    for name in &stale {
        terminal.say(&format!("{name} is not what the code says: {}", generate::COMMAND))?;
    }
    if stale.is_empty() {
        terminal.say(&format!("terraform generate: {} files are as the code says", files.len()))?;
    }
    Ok(stale.is_empty())
}
