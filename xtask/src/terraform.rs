//! `cargo xtask terraform`: what `terraform/` reads of the code, and whether its plans are right.

pub(crate) mod access;
pub(crate) mod check;
pub(crate) mod chunks;
pub(crate) mod columns;
pub(crate) mod condition;
pub(crate) mod cost;
pub(crate) mod generate;
pub(crate) mod golden;
pub(crate) mod grants;
pub(crate) mod planned;
pub(crate) mod policy;
pub(crate) mod samples;
pub(crate) mod smoke;
pub(crate) mod staged;
pub(crate) mod stored;
pub(crate) mod summary;
pub(crate) mod tool;

use anyhow::Result;
use clap::{Args, Subcommand};
use domain::{Definitions, Env};

use crate::deploy;
use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// Where the configuration is, from the root.
pub(crate) const FOLDER: &str = "terraform";

/// Keeps `terraform/` in step with the code, and checks its plans.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask terraform generate           after a change of a function's metadata or of a kind
  cargo xtask terraform generate --check   fails when that was forgotten
  cargo xtask terraform check              plans for every environment, judged; touches nothing real
  TERRAFORM=\"offline terraform\" cargo xtask terraform check
                                           by another command than terraform
  cargo xtask terraform grants             who may do what, for docs/deploy.md
  cargo xtask terraform smoke --bucket strata-dev
                                           does what was deployed work?")]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Generate(Generate),
    Check(Check),
    /// Prints which classes of objects each function lists, reads and writes.
    Grants,
    Smoke(Trial),
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

/// Formats, validates, plans and tests terraform/, and judges the plans by the policies.
///
/// Plans are made for dev, stg and prod as environments/ describes them, in a copy in target/ with a
/// state of its own and images that do not exist: nothing real is read or changed. Every policy is
/// applied to every plan. Where there is neither a terraform nor a provider, it says what it skips.
#[derive(Args)]
struct Check {
    /// Write down the plan that the tests of the policies read, instead of comparing it.
    #[arg(long)]
    update: bool,
}

/// Sends one entity through a deployment and out again.
///
/// Writes a venture with an id of its own, waits for its snapshot, its manifest and its pointers,
/// deletes it and waits for their tombstones, and says how long each took. Works on what `cargo xtask
/// dev` runs too, with its STORAGE_EMULATOR_HOST.
#[derive(Args)]
struct Trial {
    /// The environment: dev, stg or prod.
    #[arg(long, value_name = "ENV", default_value = "dev")]
    env: Env,
    /// The bucket.
    #[arg(long, value_name = "NAME")]
    bucket: String,
}

/// Runs the command. Whether everything is as it should be.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    match &options.command {
        Command::Generate(Generate { check }) => generate(*check, terminal),
        Command::Check(Check { update }) => check::run(*update, terminal),
        Command::Grants => {
            let functions = Workspace::read()?.functions()?;
            terminal.say(&grants::table(&functions, &Definitions::embedded()))?;
            Ok(true)
        }
        Command::Smoke(Trial { env, bucket }) => deploy::try_out(*env, bucket, terminal),
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
