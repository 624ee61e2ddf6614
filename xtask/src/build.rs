//! `cargo xtask build`: the binaries that are deployed, the same wherever they are built.

pub(crate) mod compile;
pub(crate) mod flags;
pub(crate) mod reproducible;
pub(crate) mod toolchain;

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;

use crate::metadata::{self, Function};
use crate::terminal::Terminal;
use crate::workspace::Workspace;
use compile::{Built, Place};
use reproducible::Elsewhere;
use toolchain::Toolchain;

/// What Cloud Run runs. (Cloud Run documentation, "Container runtime contract".)
pub(crate) const TARGET: &str = "x86_64-unknown-linux-musl";

/// Builds static binaries of functions, as they are deployed, and prints their digests.
///
/// Without a name every function is built. Dependencies are built once for all functions, with one
/// set of features, so that a binary does not depend on what is built along with it; then each
/// function is optimized as a whole. No path of this machine comes into a binary: a commit gives the
/// same digests in any folder, with the same Rust and the same C compiler.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  cargo xtask build                                          every function, static, for x86_64
  cargo xtask build index-writer                             this one
  cargo xtask build --target aarch64-unknown-linux-musl      for another processor
  cargo xtask build manifest-writer --check-reproducible     and again in another folder, with another
                                                             CARGO_HOME: the digests must be equal

Binaries are in target/<target>/image, those of jobs in target/<target>/image-job. What is missing on this machine is said, with the one command
that installs it.")]
pub(crate) struct Options {
    /// Functions to build; all when none is named.
    #[arg(value_name = "FUNCTION")]
    pub(crate) functions: Vec<String>,
    /// The target triple to build for.
    #[arg(long, value_name = "TRIPLE", default_value = TARGET)]
    pub(crate) target: String,
    /// Build again from a copy of the sources in another folder with an empty CARGO_HOME, and fail
    /// unless the digests are equal.
    #[arg(long)]
    pub(crate) check_reproducible: bool,
}

/// Builds what `options` name. Whether everything is as it must be.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let workspace = Workspace::read()?;
    let functions = select(&workspace, &options.functions)?;
    let toolchain = Toolchain::find(&options.target)?;
    let place = Place::of(&workspace)?;
    let built = compile::compile(&workspace, &place, &toolchain, &functions)?;
    terminal.say(&table(&built))?;
    if !options.check_reproducible {
        return Ok(true);
    }
    let elsewhere = Elsewhere::build(&workspace, &toolchain, &functions, terminal)?;
    let differences = compile::differences(&built, &elsewhere.built);
    elsewhere.conclude(&differences, terminal)
}

/// The functions called `names`, all of them when there is none, in order.
pub(crate) fn select(workspace: &Workspace, names: &[String]) -> Result<Vec<Function>> {
    metadata::chosen(workspace.functions()?, names)
}

/// One line for each binary.
pub(crate) fn table(built: &[Built]) -> String {
    let width = built.iter().map(|it| it.function.len()).max().unwrap_or_default().max(8);
    let mut text = format!("{:width$}  {:>10}  {:9}  sha256", "function", "bytes", "");
    for Built { function, bytes, fresh, sha256, .. } in built {
        let how = if *fresh { "unchanged" } else { "built" };
        // Writing to a string cannot fail.
        write!(text, "\n{function:width$}  {bytes:>10}  {how:9}  {sha256}").unwrap_or_default();
    }
    text
}
