//! `cargo xtask doctor`: whether a deployment is what its configuration says.

pub(crate) mod check;
pub(crate) mod google;
pub(crate) mod probes;
pub(crate) mod report;
pub(crate) mod visit;

mod bucket;
mod deliveries;
mod grants;
mod identities;
mod services;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use domain::{Clock as _, Env};
use emulator::SystemClock;

use crate::image::lock;
use crate::plan::locked;
use crate::terminal::Terminal;
use crate::terraform::planned::Planned;
use crate::terraform::smoke::WAIT_MAX;
use crate::terraform::staged::Staged;
use crate::terraform::tool::Tool;
use crate::workspace::Workspace;
use google::{Google, Service};
use probes::Trial;
use report::Report;

/// Looks at a real project: is everything there, and as the configuration says?
///
/// What ought to be there is what Terraform would plan for terraform/environments/ENV.tfvars and the
/// images of the lock, so that nothing is left out. What is there is asked of Google's APIs, with
/// your credentials; nothing is changed. Each thing is ok, wrong, or not known, with the command that
/// mends it. Probes then put to the project what only a project can answer; they write a little below
/// tmp/, say what, ask before, and clean up. All of it is in a report. Fails unless everything is ok.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask doctor --env dev             after a deployment, and when something is odd
  cargo xtask doctor --env prod --without-probes
                                           nothing is written
  cargo xtask doctor --env dev --yes --json > doctor.json
                                           in a workflow
  terraform show -json saved.plan > plan.json; cargo xtask doctor --env dev --plan plan.json
                                           where there is no terraform")]
pub(crate) struct Options {
    /// The environment: dev, stg or prod.
    #[arg(long, value_name = "ENV")]
    env: Env,
    /// What ought to be there, as `terraform show -json` prints a plan; by default it is planned.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Where the images are written down.
    #[arg(long, value_name = "FILE", default_value = lock::FILE)]
    lock: PathBuf,
    /// Only look.
    #[arg(long)]
    without_probes: bool,
    /// Let the probes write without asking.
    #[arg(long, conflicts_with = "without_probes")]
    yes: bool,
    /// Print the report as JSON and nothing else.
    #[arg(long)]
    json: bool,
    /// Where the report goes, in Markdown; by default target/doctor/ENV.md.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Ask a service somewhere else, as in storage=http://127.0.0.1:9090: another host of Google's,
    /// or a stand-in on loopback. May be repeated.
    #[arg(long = "endpoint", value_name = "SERVICE=URL", value_parser = endpoint)]
    endpoints: Vec<(Service, String)>,
}

fn endpoint(text: &str) -> Result<(Service, String)> {
    let (name, url) = text.split_once('=').context("not SERVICE=URL")?;
    Ok((Service::parse(name)?, url.to_owned()))
}

/// Looks and asks. Whether everything is ok.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let env = options.env;
    let workspace = Workspace::read()?;
    let planned = match &options.plan {
        Some(path) => {
            let text = fs::read(path).with_context(|| path.display().to_string())?;
            Planned::read(&text).with_context(|| path.display().to_string())?
        }
        None => expected(options, &workspace)?,
    };
    let (project, bucket) = visit::place(&planned, env)?;
    let elsewhere: BTreeMap<Service, String> = options.endpoints.iter().cloned().collect();
    let clock = Arc::new(SystemClock);
    let google = Google::new(&project, &elsewhere, clock.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(google.log_in())?;
    let looked_at = clock.now();
    let doing = |what: &str| terminal.doing(what.to_owned());
    let checks = runtime.block_on(visit::all(&google, &planned, env, doing))?;
    terminal.finish();
    let say = |line: &str| if options.json { Ok(()) } else { terminal.say(line) };
    let prefix = format!("env/{env}/tmp/doctor-{}/", looked_at.unix_millis());
    let mut report = Report { env, project, bucket, looked_at, checks, answers: Vec::new() };
    say(&report.table())?;
    let mut unclean = None;
    report.answers = if agreed(options, &report, &prefix, terminal)? {
        let trial = Trial {
            google: &google,
            clock: &*clock,
            env,
            bucket: &report.bucket,
            prefix,
            emulator_host: elsewhere.get(&Service::Storage).cloned(),
            wait_max: WAIT_MAX,
            say: &say,
        };
        let (answers, cleaned) = runtime.block_on(probes::all(&trial))?;
        unclean = cleaned.err();
        answers
    } else {
        probes::none(env)
    };
    let path = options.report.clone();
    let path = path.unwrap_or_else(|| workspace.target.join("doctor").join(format!("{env}.md")));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, report.markdown()).with_context(|| path.display().to_string())?;
    if options.json {
        terminal.say(&serde_json::to_string(&report.json())?)?;
    } else {
        terminal.say(&format!("{}\n{}", report.questions(), report.sum()))?;
        terminal.say(&format!("report: {}", path.display()))?;
    }
    match unclean {
        Some(err) => Err(err),
        None => Ok(report.is_well()),
    }
}

/// What Terraform would plan, without looking at what is there.
fn expected(options: &Options, workspace: &Workspace) -> Result<Planned> {
    let env = options.env;
    let images = locked(&options.lock, &workspace.functions()?)?;
    let Some(tool) = Tool::find(&workspace.root)? else {
        bail!(
            "no terraform on the PATH: install it, or give what ought to be there with --plan (see \
             --help)"
        );
    };
    let staged = Staged::new(workspace, &format!("doctor-{env}"), false, tool)?;
    let backend = format!("environments/{env}.tfbackend");
    if let Some(reason) = staged.init(Some(&backend))? {
        bail!("terraform init: {reason}");
    }
    staged.expectation(env, &images)
}

/// Whether probes may write.
fn agreed(options: &Options, report: &Report, prefix: &str, terminal: &Terminal) -> Result<bool> {
    if options.without_probes || options.yes {
        return Ok(options.yes);
    }
    if options.json || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let env = options.env;
    terminal.say(&probes::described(prefix, &report.bucket))?;
    terminal.say(&format!("to let them, type {env}; anything else leaves them out:"))?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim() == env.as_str())
}
