//! `cargo xtask terraform check`: everything about `terraform/` that CI holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use domain::{Definitions, Env};

use crate::metadata::Function;
use crate::terminal::Terminal;
use crate::terraform::planned::{Action, Planned};
use crate::terraform::policy::{self, Case};
use crate::terraform::staged::{Aim, Staged};
use crate::terraform::tool::Tool;
use crate::terraform::{FOLDER, cost, generate, golden, stored};
use crate::workspace::Workspace;

/// The name of the copy.
const NAME: &str = "check";

/// Where people read how many resources there are, what they cost, and how large the bucket's policy is.
const DOCUMENT: &str = "docs/deploy.md";

/// What makes a plan without a build: no image has this digest.
const REGISTRY: &str = "europe-west1-docker.pkg.dev/placeholder/strata";

/// Goes through all of it. `update`: write down the plan that tests read, instead of comparing.
pub(crate) fn run(update: bool, terminal: &Terminal) -> Result<bool> {
    let workspace = Workspace::read()?;
    let functions = workspace.functions()?;
    let definitions = Definitions::embedded();
    let files = generate::files(&functions, &definitions)?;
    if let Some(name) = generate::stale(&workspace.root, &files)?.first() {
        terminal.say(&format!("{name} is not what the code says: {}", generate::COMMAND))?;
        return Ok(false);
    }
    let Some(tool) = Tool::find(&workspace.root)? else {
        return skipped("no terraform on the PATH, and TERRAFORM names none", terminal);
    };
    let tool = tool.harmless();
    let source = workspace.root.join(FOLDER);
    if !tool.show(&source, ["fmt", "-check", "-recursive", "-diff"])? {
        terminal
            .say("terraform fmt: not formatted; run `terraform -chdir=terraform fmt -recursive`")?;
        return Ok(false);
    }
    terminal.say("terraform fmt: formatted")?;
    let staged = Staged::new(&workspace, NAME, true, tool.clone())?;
    if let Some(reason) = staged.init(None)? {
        return skipped(&reason, terminal);
    }
    terminal.say("terraform init: done")?;
    staged.read(&["validate", "-no-color"])?;
    terminal.say("terraform validate: valid")?;
    let mut fine = true;
    for env in Env::ALL {
        let planned = staged.plan(env, &placeholders(&functions), Aim::All)?;
        fine &= judge(env, &planned, &functions, &definitions, terminal)?;
        fine &= documented(&workspace.root, env, &planned, terminal)?;
        if env == golden::ENV {
            fine &= compare(&workspace.root, &planned, update, terminal)?;
        }
    }
    // What it prints ends with how many passed.
    fine &= tool.show(&staged.folder, ["test", "-no-color"])?;
    Ok(fine)
}

/// Says that most of it cannot be done here.
fn skipped(reason: &str, terminal: &Terminal) -> Result<bool> {
    terminal.say(&format!("terraform init, validate, plan, test: skipped, {reason}"))?;
    Ok(true)
}

/// An image for each function.
pub(crate) fn placeholders(functions: &[Function]) -> BTreeMap<String, String> {
    let digest = "0".repeat(64);
    let image =
        |it: &Function| (it.name.clone(), format!("{REGISTRY}/{}@sha256:{digest}", it.name));
    functions.iter().map(image).collect()
}

fn judge(
    env: Env,
    planned: &Planned,
    functions: &[Function],
    definitions: &Definitions,
    terminal: &Terminal,
) -> Result<bool> {
    let findings = policy::findings(&Case::new(env, planned, functions, definitions)?);
    let count = planned.count(Action::Create);
    let policies = policy::policies().count();
    terminal.say(&format!(
        "terraform plan, {env}: {count} resources; {}; {}; {policies} policies, {} findings",
        cost::text(planned),
        stored::text(planned),
        findings.len()
    ))?;
    for finding in &findings {
        terminal.say(&format!("    {finding}"))?;
    }
    Ok(findings.is_empty())
}

/// Whether the documents have the numbers of the plan.
fn documented(root: &Path, env: Env, planned: &Planned, terminal: &Terminal) -> Result<bool> {
    let row = format!(
        "| {env} | {} | {:.2} | {} |",
        planned.present().count(),
        cost::dollars(planned),
        stored::kilobytes(planned)
    );
    let text = fs::read_to_string(root.join(DOCUMENT)).with_context(|| DOCUMENT.to_owned())?;
    let there = text.lines().any(|line| line == row);
    if !there {
        terminal.say(&format!("{DOCUMENT} lacks the line: {row}"))?;
    }
    Ok(there)
}

fn compare(root: &Path, planned: &Planned, update: bool, terminal: &Terminal) -> Result<bool> {
    let path = root.join(golden::FILE);
    let text = golden::text(planned)?;
    if update {
        fs::write(&path, text).with_context(|| golden::FILE.to_owned())?;
        terminal.say(&format!("written: {}", golden::FILE))?;
        return Ok(true);
    }
    let same = fs::read_to_string(&path).with_context(|| golden::FILE.to_owned())? == text;
    if !same {
        terminal.say(&format!(
            "{} is not what terraform/ plans: look at what `cargo xtask terraform check --update` \
             changes in it",
            golden::FILE
        ))?;
    }
    Ok(same)
}
