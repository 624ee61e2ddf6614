//! `cargo xtask image run`: one function in its container, with an emulator.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use domain::Env;
use tokio::process::Child;

use super::container::Engine;
use super::load;
use crate::connect::connect;
use crate::dev::stand::PATIENCE;
use crate::emulator::{environment, start_as};
use crate::interrupt::interrupted;
use crate::metadata::Kind;
use crate::process::Ports;
use crate::terminal::Terminal;
use crate::workspace::Workspace;
use crate::{replay, routing};

/// The project of topics and subscriptions.
const PROJECT: &str = "local";

/// A container that was told to end and has not by then is killed. (Cloud Run documentation,
/// "Container runtime contract", "Shutdown".)
const END_MAX: Duration = Duration::from_secs(10);

/// Runs the image of one function under podman or docker, with an emulator, until Ctrl-C.
///
/// The container is confined: read-only, without capabilities, as user 65532. The emulator pushes to
/// it what it is fed with. A job, such as the operator, runs to its end with the arguments after --.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  cargo xtask image run snapshot-builder
  cargo xtask image run operator -- quarantine list --bucket strata-dev")]
pub(crate) struct Options {
    /// The function.
    function: String,
    /// The emulator listens here on 127.0.0.1; 0 is any free port.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// The bucket that everything happens in.
    #[arg(long, value_name = "NAME", default_value = "strata-dev")]
    bucket: String,
    /// Arguments of the program in the image.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

/// Runs it until somebody interrupts or it ends.
pub(super) async fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let function = &options.function;
    let mut engine = Engine::find()?;
    let workspace = Workspace::read()?;
    load(&workspace, vec![function.clone()], &mut engine, terminal).await?;
    let functions = workspace.functions()?;
    let Some(known) = functions.iter().find(|it| it.name == *function) else {
        bail!("no function {function:?}");
    };
    let emulator = start_as(emulator::Options::default(), None, options.port).await?;
    emulator.create_bucket(&options.bucket)?;
    let port = Ports::new().free()?;
    let variables = [
        ("BUCKET", options.bucket.clone()),
        ("STORAGE_EMULATOR_HOST", emulator.url()),
        ("HOST", "127.0.0.1".to_owned()),
        ("PORT", port.to_string()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    if known.metadata.kind == Kind::Push {
        let routes = routing::routes(&replay::pushed(&workspace)?, Env::Dev)?;
        let to = |name: &str| (name == function).then_some(port);
        connect(&emulator, (&options.bucket, Env::Dev), &routes, PATIENCE, to)?;
    }
    terminal.say(&environment(&emulator.url(), PROJECT))?;
    terminal.say(&format!("{function} listens on 127.0.0.1:{port} in a container"))?;
    let name = format!("strata-{function}-{}", std::process::id());
    let mut command = engine.run(function, &name, &variables);
    command.args(&options.arguments).stdin(Stdio::null());
    let mut child = tokio::process::Command::from(command).spawn().context("cannot start it")?;
    let status = tokio::select! {
        status = child.wait() => status?,
        interrupted = interrupted() => {
            interrupted?;
            end(&engine, &name, &mut child, END_MAX).await?
        }
    };
    emulator.stop().await;
    terminal.say(&format!("{function} ended: {status}"))?;
    Ok(status.success())
}

/// Tells the container `name` to end, and kills it when that takes longer than `patience`.
pub(crate) async fn end(
    engine: &Engine,
    name: &str,
    child: &mut Child,
    patience: Duration,
) -> Result<ExitStatus> {
    // Ctrl-C reaches the whole group: it may have ended by itself.
    engine.stop(name).unwrap_or_default();
    if let Ok(status) = tokio::time::timeout(patience, child.wait()).await {
        return Ok(status?);
    }
    engine.remove(name);
    Ok(child.wait().await?)
}
