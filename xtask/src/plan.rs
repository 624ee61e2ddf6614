//! `cargo xtask plan`: what `cargo xtask deploy` would do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use domain::{Definitions, Env};
use serde_json::Value;

use crate::image::lock::{self, Lock};
use crate::metadata::Function;
use crate::terminal::Terminal;
use crate::terraform::planned::{Action, Planned};
use crate::terraform::policy::{self, Case, Finding};
use crate::terraform::staged::{self, Aim, Staged};
use crate::terraform::tool::Tool;
use crate::terraform::{check, generate, summary};
use crate::workspace::Workspace;

/// Policies that hold for a part of a deployment too: what is not targeted is in no plan.
const OF_A_PART: [&str; 5] = [
    "data-is-not-destroyed",
    "images-are-pinned",
    "nobody-is-everybody",
    "subscriptions-do-not-expire",
    "labels-are-everywhere",
];

/// Plans a deployment with Terraform, and judges and saves the plan.
///
/// Images are those that `cargo xtask image --push` wrote down, variables those of
/// terraform/environments/ENV.tfvars, the state is where ENV.tfbackend says. Terraform is the
/// command in TERRAFORM, or `terraform`, with your credentials of Google. The plan stays in
/// target/terraform/ENV; it can hold values of secrets, so it is for nobody else. Fails when a policy
/// finds something, and such a plan is not deployed.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask image --push europe-west1-docker.pkg.dev/PROJECT/strata
  cargo xtask plan --env dev
  cargo xtask deploy --env dev             what was planned, exactly

  cargo xtask plan --env prod --summary plan.txt    for a comment on a pull request
  cargo xtask plan --env dev --target 'google_cloud_run_v2_service.this[\"index-writer\"]'
  cargo xtask plan --env dev --destroy     everything but data goes; then deploy --without-smoke
  cargo xtask plan --env dev --local-state --placeholder-images
                                           from nothing, to see what there would be")]
pub(crate) struct Options {
    /// The environment: dev, stg or prod.
    #[arg(long, value_name = "ENV")]
    env: Env,
    /// Plan this alone, and what it needs; an address as Terraform prints it. May be repeated.
    #[arg(long = "target", value_name = "ADDRESS")]
    targets: Vec<String>,
    /// Plan that everything goes but data: bucket, keys and secrets stay, and Terraform destroys
    /// them for nobody.
    #[arg(long, conflicts_with = "targets")]
    destroy: bool,
    /// Where the images are written down.
    #[arg(long, value_name = "FILE", default_value = lock::FILE)]
    lock: PathBuf,
    /// Plan with images that do not exist.
    #[arg(long)]
    placeholder_images: bool,
    /// Keep the state in target/terraform/ENV instead of where ENV.tfbackend says.
    #[arg(long)]
    local_state: bool,
    /// Write the summary here too.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

/// Plans. Whether the plan may be deployed.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let env = options.env;
    let workspace = Workspace::read()?;
    let functions = workspace.functions()?;
    let files = generate::files(&functions, &Definitions::embedded())?;
    let stale = generate::stale(&workspace.root, &files)?;
    ensure!(
        stale.is_empty(),
        "{} is not what the code says: {}",
        stale.join(", "),
        generate::COMMAND
    );
    let images = if options.placeholder_images {
        check::placeholders(&functions)
    } else {
        locked(&options.lock, &functions)?
    };
    let tool = Tool::required(&workspace.root)?;
    let staged = Staged::new(&workspace, env.as_str(), options.local_state, tool)?;
    terminal.say(&format!("terraform plans {env} in {}", staged.folder.display()))?;
    let backend = format!("environments/{env}.tfbackend");
    let skipped = staged.init((!options.local_state).then_some(&backend))?;
    if let Some(reason) = skipped {
        anyhow::bail!("terraform init: {reason}");
    }
    let aim = match options.targets.as_slice() {
        _ if options.destroy => Aim::Nothing,
        [] => Aim::All,
        targets => Aim::Part(targets),
    };
    let planned = staged.plan(env, &images, aim)?;
    if let Some(what) = protected(env, &planned) {
        staged.forget()?;
        anyhow::bail!(what);
    }
    let mut findings = judged(env, &planned, &functions)?;
    if !matches!(aim, Aim::All) {
        findings.retain(|it| OF_A_PART.contains(&it.policy));
    }
    let text = summary::text(env, &planned, &findings);
    terminal.say(&text)?;
    if let Some(path) = &options.summary {
        fs::write(path, text + "\n").with_context(|| path.display().to_string())?;
    }
    if let Some(hint) = staged::lock_hint(&workspace.root) {
        terminal.say(&hint)?;
    }
    if findings.is_empty() {
        terminal.say(&format!("to apply exactly this: cargo xtask deploy --env {env}"))?;
    } else {
        staged.forget()?;
        terminal.say("not saved: mend what was found, and plan again")?;
    }
    Ok(findings.is_empty())
}

/// Why a plan cannot be applied to its end: Google's provider refuses to destroy what is protected,
/// and says so when half of it is gone.
pub(crate) fn protected(env: Env, planned: &Planned) -> Option<String> {
    let going = planned.resources.iter().filter(|it| it.action == Action::Destroy);
    let mut kept = going.filter(|it| it.get("/deletion_protection") == Some(&Value::Bool(true)));
    let first = kept.next()?;
    Some(format!(
        "{} and {} more are protected: set deletion_protection = false in \
         terraform/environments/{env}.tfvars, plan and deploy that, and plan this again",
        first.address,
        kept.count()
    ))
}

/// What the policies find.
pub(crate) fn judged(env: Env, planned: &Planned, functions: &[Function]) -> Result<Vec<Finding>> {
    let definitions = Definitions::embedded();
    Ok(policy::findings(&Case::new(env, planned, functions, &definitions)?))
}

/// The image of each function that was pushed last.
pub(crate) fn locked(path: &Path, functions: &[Function]) -> Result<BTreeMap<String, String>> {
    let lock = Lock::read(path)?;
    let absent = functions.iter().filter(|it| !lock.images.contains_key(&it.name));
    let absent: Vec<&str> = absent.map(|it| it.name.as_str()).collect();
    ensure!(
        absent.is_empty(),
        "{} has no image of {}: push them with `cargo xtask image --push HOST/REPOSITORY`",
        path.display(),
        absent.join(", ")
    );
    let deployed = lock.images.into_iter();
    let deployed = deployed.filter(|(name, _)| functions.iter().any(|it| it.name == *name));
    Ok(deployed.map(|(name, locked)| (name, locked.reference)).collect())
}
