//! `cargo xtask sim`: the simulation, which is a program of its own.
//!
//! It holds every function, so it is built, optimised, when somebody asks for it, and not for
//! every other command.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::workspace::Workspace;

/// Cargo's profile for it.
const PROFILE: &str = "simulation";

/// Runs whole histories of the functions in virtual time, with everything that can go wrong.
///
/// `cargo xtask sim --help` says what can be asked for; the first time it builds the functions.
#[derive(Args)]
#[command(
    disable_help_flag = true,
    after_help = "Examples:
  cargo xtask sim --seeds 20000          so many histories, with everything that can go wrong
  cargo xtask sim --seed 17              one of them, as it was
  cargo xtask sim --bugs --seeds 20000   every planted bug, until it is found
  cargo xtask sim --help                 everything that it can be asked"
)]
pub(crate) struct Options {
    /// What the simulation is asked for: --seeds N, --seed S, --minutes M, --profile P, --bugs …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    rest: Vec<OsString>,
}

/// Builds the simulation and hands `options` on; whether it is content.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let status = command(&Workspace::read()?, &options.rest).status();
    Ok(status.context("cannot start cargo")?.success())
}

/// The command that builds the simulation and runs it with these options.
pub(crate) fn command(workspace: &Workspace, options: &[impl AsRef<OsStr>]) -> Command {
    let mut command = workspace.cargo();
    command.args(["run", "--quiet", "--profile", PROFILE, "--package", "fleet", "--bin", "sim"]);
    command.arg("--").args(options);
    command
}
