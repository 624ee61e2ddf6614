//! `cargo xtask deploy`: applies what was planned, and sees that it works.

use std::io::BufRead as _;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use clap::Args;
use domain::Env;
use emulator::{SeededIds, SystemClock};
use gcp::Bucket;
use serde_json::Value;

use crate::terminal::Terminal;
use crate::terraform::smoke::{self, Smoke};
use crate::terraform::staged::{self, Staged};
use crate::terraform::summary;
use crate::terraform::tool::Tool;
use crate::workspace::Workspace;

/// What Cloud Run says of services, and of one that takes requests.
const CONDITION: &str = "CONDITION_";
const READY: &str = "CONDITION_SUCCEEDED";

/// Applies exactly the plan that `cargo xtask plan` saved, and tries the deployment.
///
/// Shows the plan and asks; Terraform refuses a plan when the state has changed since it was made.
/// It returns when every service takes requests. Then one venture with an id of its own is written,
/// its snapshot, its manifest and its pointers are waited for, and it is deleted again: a tombstone
/// and nothing else is left of it.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask plan --env dev
  cargo xtask deploy --env dev
  cargo xtask deploy --env prod --yes      in a workflow, where somebody has approved the summary
  cargo xtask terraform smoke --env dev --bucket BUCKET
                                           the trial alone")]
pub(crate) struct Options {
    /// The environment: dev, stg or prod.
    #[arg(long, value_name = "ENV")]
    env: Env,
    /// Apply without asking.
    #[arg(long)]
    yes: bool,
    /// Leave the trial out.
    #[arg(long)]
    without_smoke: bool,
}

/// Applies, waits and tries. Whether it works.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let env = options.env;
    let workspace = Workspace::read()?;
    let tool = Tool::required(&workspace.root)?;
    let staged = Staged::left(&workspace, env.as_str(), tool);
    ensure!(staged.is_planned(), "nothing is planned for {env}: cargo xtask plan --env {env}");
    let planned = staged.planned()?;
    // Of a plan of a part it says what is missing; such a plan was judged when it was made.
    terminal.say(&summary::text(env, &planned, &[]))?;
    if !options.yes && !approved(env, terminal)? {
        terminal.say("nothing was applied; the plan is still there")?;
        return Ok(false);
    }
    if !staged.apply()? {
        bail!("the deployment of {env} is incomplete: plan again, and deploy what is left");
    }
    let shown: Value = serde_json::from_slice(&staged.read(&["show", "-json", "-no-color"])?)?;
    let waiting = unready(&shown);
    ensure!(waiting.is_empty(), "not ready: {}; see their logs", waiting.join(", "));
    terminal.say("every service takes requests")?;
    if let Some(hint) = staged::lock_hint(&workspace.root) {
        terminal.say(&hint)?;
    }
    if options.without_smoke {
        return Ok(true);
    }
    let works = try_out(env, &staged.output_text("bucket")?, terminal)?;
    terminal.say(&format!("whether everything is as planned: cargo xtask doctor --env {env}"))?;
    Ok(works)
}

/// Tries a deployment out. `STORAGE_EMULATOR_HOST` makes it one of `cargo xtask dev`.
pub(crate) fn try_out(env: Env, bucket: &str, terminal: &Terminal) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let host = std::env::var_os("STORAGE_EMULATOR_HOST").and_then(|it| it.into_string().ok());
        let store = store(bucket, host.filter(|it| !it.is_empty()))?;
        let trial = Smoke { env, store: &store, clock: &SystemClock, wait_max: smoke::WAIT_MAX };
        trial.run(terminal).await
    })
}

/// The bucket, as the person who runs this; that of an emulator if there is one.
pub(crate) fn store(bucket: &str, emulator_host: Option<String>) -> Result<Bucket> {
    let options = gcp::Options { emulator_host, ..gcp::Options::new(bucket) };
    let ids = SeededIds::new(u64::from(std::process::id()));
    Ok(Bucket::new(options, Arc::new(SystemClock), ids)?)
}

/// Asks for the name of the environment: a yes is typed too easily.
fn approved(env: Env, terminal: &Terminal) -> Result<bool> {
    terminal.say(&format!("to apply this, type {env}:"))?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim() == env.as_str())
}

/// The services in a state that do not take requests.
pub(crate) fn unready(shown: &Value) -> Vec<String> {
    let resources = shown.pointer("/values/root_module/resources").and_then(Value::as_array);
    let services = resources.into_iter().flatten();
    let services = services.filter(|it| it["type"] == "google_cloud_run_v2_service");
    let waiting = services.filter(|it| {
        let state = it.pointer("/values/terminal_condition/0/state").and_then(Value::as_str);
        state.is_some_and(|state| state.starts_with(CONDITION) && state != READY)
    });
    waiting.filter_map(|it| it["address"].as_str().map(str::to_owned)).collect()
}
