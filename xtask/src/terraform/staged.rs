//! A copy of `terraform/` in `target/`, where Terraform keeps what it keeps beside its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use domain::Env;
use serde_json::json;

use crate::terraform::FOLDER;
use crate::terraform::planned::Planned;
use crate::terraform::tool::Tool;
use crate::workspace::Workspace;

/// What is copied besides `*.tf` and `*.json`.
const FOLDERS: [&str; 2] = ["environments", "tests"];

/// The choices of providers, which is kept in the repository.
const LOCK: &str = ".terraform.lock.hcl";

/// Where the images are named.
const IMAGES: &str = "images.tfvars.json";

/// The saved plan.
const PLAN: &str = "saved.plan";

/// Puts the state into a file of the folder.
const LOCAL_STATE: &str = "terraform {\n  backend \"local\" {}\n}\n";

/// What stays when a deployment goes: what cannot be made again, and what that stands on.
const KEPT: [&str; 7] = [
    "google_storage_bucket.",
    "google_kms_key_ring.",
    "google_kms_crypto_key.",
    "google_kms_crypto_key_iam_member.",
    "google_secret_manager_secret.",
    "google_project_service.",
    "google_project_service_identity.",
];

/// What is planned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim<'a> {
    /// Everything.
    All,
    /// What has these addresses, and what it needs.
    Part(&'a [String]),
    /// That nothing is left but data.
    Nothing,
}

/// The copy.
pub(crate) struct Staged {
    pub(crate) folder: PathBuf,
    source: PathBuf,
    tool: Tool,
}

impl Staged {
    /// Copies what is there now, and forgets what was planned. `local`: whether the state is a file
    /// of the copy.
    pub(crate) fn new(workspace: &Workspace, name: &str, local: bool, tool: Tool) -> Result<Self> {
        let source = workspace.root.join(FOLDER);
        let folder = Self::place(workspace, name);
        fs::create_dir_all(&folder)?;
        for old in files(&folder)? {
            fs::remove_file(old)?;
        }
        for name in FOLDERS.iter().filter(|it| folder.join(it).exists()) {
            fs::remove_dir_all(folder.join(name))?;
        }
        copy(&files(&source)?, &folder)?;
        for name in FOLDERS {
            fs::create_dir_all(folder.join(name))?;
            copy(&all(&source.join(name))?, &folder.join(name))?;
        }
        if source.join(LOCK).exists() {
            copy(&[source.join(LOCK)], &folder)?;
        }
        if local {
            fs::write(folder.join("local_override.tf"), LOCAL_STATE)?;
        }
        let staged = Self { folder, source, tool };
        if staged.is_planned() {
            staged.forget()?;
        }
        Ok(staged)
    }

    /// What there ought to be: a plan from the state as it was last written down. Nothing real is
    /// looked at, and nobody else has to wait.
    pub(crate) fn expectation(
        &self,
        env: Env,
        images: &BTreeMap<String, String>,
    ) -> Result<Planned> {
        fs::write(self.folder.join(IMAGES), json!({ "images": images }).to_string())?;
        let mut arguments = ["plan", "-input=false", "-no-color", "-lock=false", "-refresh=false"]
            .map(str::to_owned)
            .to_vec();
        arguments.push(format!("-out={PLAN}"));
        arguments.push(format!("-var-file=environments/{env}.tfvars"));
        arguments.push(format!("-var-file={IMAGES}"));
        self.tool.read(&self.folder, arguments)?;
        let planned = self.planned();
        // Nobody is to apply it.
        self.forget()?;
        planned
    }

    /// The copy that an earlier command made.
    pub(crate) fn left(workspace: &Workspace, name: &str, tool: Tool) -> Self {
        let source = workspace.root.join(FOLDER);
        Self { folder: Self::place(workspace, name), source, tool }
    }

    fn place(workspace: &Workspace, name: &str) -> PathBuf {
        workspace.target.join(FOLDER).join(name)
    }

    /// `terraform init`; why it cannot be done here, where nobody can be blamed. A new choice of
    /// providers is brought home.
    pub(crate) fn init(&self, backend: Option<&str>) -> Result<Option<String>> {
        let skipped = self.tool.init(&self.folder, backend)?;
        if self.folder.join(LOCK).exists() {
            copy(&[self.folder.join(LOCK)], &self.source)?;
        }
        Ok(skipped)
    }

    /// Plans for `env`, and saves the plan.
    pub(crate) fn plan(
        &self,
        env: Env,
        images: &BTreeMap<String, String>,
        aim: Aim<'_>,
    ) -> Result<Planned> {
        fs::write(self.folder.join(IMAGES), json!({ "images": images }).to_string())?;
        let fixed = ["plan", "-input=false", "-no-color", "-lock-timeout=60s"].map(str::to_owned);
        let mut arguments = fixed.to_vec();
        arguments.push(format!("-out={PLAN}"));
        arguments.push(format!("-var-file=environments/{env}.tfvars"));
        arguments.push(format!("-var-file={IMAGES}"));
        let target = |it: &String| format!("-target={it}");
        match aim {
            Aim::All => (),
            Aim::Part(targets) => arguments.extend(targets.iter().map(target)),
            Aim::Nothing => {
                arguments.push("-destroy".to_owned());
                arguments.extend(self.disposable()?.iter().map(target));
            }
        }
        self.tool.read(&self.folder, arguments)?;
        self.planned()
    }

    /// The addresses of what there is and can be made again.
    fn disposable(&self) -> Result<Vec<String>> {
        let list = String::from_utf8(self.read(&["state", "list"])?)?;
        let there = list.lines().filter(|it| !it.starts_with("data."));
        let gone = there.filter(|it| !KEPT.iter().any(|kept| it.starts_with(kept)));
        let gone: Vec<String> = gone.map(str::to_owned).collect();
        ensure!(!gone.is_empty(), "nothing is deployed that could be destroyed");
        Ok(gone)
    }

    /// What the saved plan says.
    pub(crate) fn planned(&self) -> Result<Planned> {
        Planned::read(&self.tool.read(&self.folder, ["show", "-json", "-no-color", PLAN])?)
    }

    /// Whether there is a saved plan.
    pub(crate) fn is_planned(&self) -> bool {
        self.folder.join(PLAN).exists()
    }

    /// Removes the saved plan.
    pub(crate) fn forget(&self) -> Result<()> {
        fs::remove_file(self.folder.join(PLAN)).context("cannot remove the plan")
    }

    /// Applies exactly the saved plan; Terraform refuses it when the state has changed since. Once
    /// tried it is gone.
    pub(crate) fn apply(&self) -> Result<bool> {
        let applied = self.tool.show(&self.folder, ["apply", "-input=false", PLAN])?;
        self.forget()?;
        Ok(applied)
    }

    /// Another command of Terraform's.
    pub(crate) fn read(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        self.tool.read(&self.folder, arguments)
    }

    /// The value of an output.
    pub(crate) fn output_text(&self, name: &str) -> Result<String> {
        let text = self.read(&["output", "-raw", "-no-color", name])?;
        String::from_utf8(text).with_context(|| format!("output {name} is no text"))
    }
}

/// What to do about the choice of providers, if something is: whoever deploys from a checkout without
/// it takes whatever is newest. Where nobody keeps versions, nothing.
pub(crate) fn lock_hint(root: &Path) -> Option<String> {
    let file = format!("{FOLDER}/{LOCK}");
    if !root.join(&file).exists() {
        return Some(format!(
            "{file} is missing: terraform init writes it where a registry of providers can be \
             reached; commit it, so that everybody deploys with the same ones"
        ));
    }
    let listed = Command::new("git").args(["ls-files", "--", &file]).current_dir(root).output();
    let listed = listed.ok().filter(|it| it.status.success())?;
    listed.stdout.is_empty().then(|| {
        format!("{file} is not committed: git add {file}, so that everybody deploys with the same providers")
    })
}

/// The configuration in `folder` and nothing below it.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let is = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".tf") || name.ends_with(".json") && name != "images.lock.json"
    };
    Ok(all(folder)?.into_iter().filter(is).collect())
}

/// The files in `folder`.
fn all(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|it| it.is_file()).collect())
}

fn copy(files: &[PathBuf], to: &Path) -> Result<()> {
    for file in files {
        let name = file.file_name().unwrap_or_default();
        fs::copy(file, to.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}
