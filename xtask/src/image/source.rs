//! The commit that a function is of: the last one that changed what its binary is made of.
//!
//! Not the newest: an image would change with every commit, and be deployed for nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{DependencyKind, Package};

use super::assemble::About;
use crate::workspace::Workspace;

/// Files and folders that are part of every binary, from the root.
const SHARED: [&str; 4] = ["Cargo.lock", "Cargo.toml", ".cargo", "schemas"];

/// When an image was made that no commit is known of.
const BEGINNING: &str = "1970-01-01T00:00:00Z";

/// What the image of `function` says about it. `source` is where the sources are, when the manifest
/// of the package does not say so.
pub(crate) fn about(workspace: &Workspace, function: &str, source: Option<&str>) -> Result<About> {
    let package = workspace.packages.iter().find(|it| *it.name == function);
    let package = package.with_context(|| format!("no package {function}"))?;
    let commit = commit(&workspace.root, &parts(workspace, package))?;
    let (revision, created) = commit.unzip();
    Ok(About {
        title: function.to_owned(),
        description: package.description.clone(),
        version: package.version.to_string(),
        licenses: package.license.clone(),
        source: source.map(str::to_owned).or_else(|| package.repository.clone()),
        revision,
        created: created.unwrap_or_else(|| BEGINNING.to_owned()),
    })
}

/// What the binary of `package` is made of, from the root: the folders of the members of the
/// workspace that it links, and [`SHARED`].
pub(crate) fn parts(workspace: &Workspace, package: &Package) -> BTreeSet<PathBuf> {
    let mut parts: BTreeSet<PathBuf> = SHARED.iter().map(PathBuf::from).collect();
    let mut waiting = vec![package];
    while let Some(package) = waiting.pop() {
        let folder = package.manifest_path.parent().map(|it| it.as_std_path());
        let folder = folder.and_then(|it| it.strip_prefix(&workspace.root).ok());
        if folder.is_none_or(|folder| !parts.insert(folder.to_owned())) {
            continue;
        }
        for used in &package.dependencies {
            let inside = workspace.packages.iter().find(|it| *it.name == used.name);
            let linked = used.kind != DependencyKind::Development;
            waiting.extend(inside.filter(|_| linked));
        }
    }
    parts
}

/// The last commit that changed `parts` and its time; none outside of a repository of git.
///
/// # Errors
///
/// A repository that git does not read: an image that says nothing of its commit would look like one
/// of no repository.
pub(crate) fn commit(root: &Path, parts: &BTreeSet<PathBuf>) -> Result<Option<(String, String)>> {
    if !root.ancestors().any(|it| it.join(".git").exists()) {
        return Ok(None);
    }
    let shallow = git(root, &["rev-parse", "--is-shallow-repository"], &[])?;
    ensure!(
        shallow != "true",
        "a shallow clone does not know which commit changed a function last; run: git fetch --unshallow"
    );
    let format = [
        "log",
        "-1",
        // The settings of a person are not part of what is asked.
        "--no-show-signature",
        "--no-color",
        "--format=%H %cd",
        "--date=format-local:%Y-%m-%dT%H:%M:%SZ",
    ];
    let log = git(root, &format, parts.iter())?;
    let Some((revision, created)) = log.split_once(' ') else { return Ok(None) };
    let changes = git(root, &["status", "--porcelain", "--untracked-files=normal"], parts.iter())?;
    let dirty = if changes.is_empty() { "" } else { "-dirty" };
    Ok(Some((format!("{revision}{dirty}"), created.to_owned())))
}

fn git<'a>(
    root: &Path,
    arguments: &[&str],
    parts: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<String> {
    let mut command = Command::new("git");
    command.current_dir(root).env("TZ", "UTC").args(arguments).arg("--").args(parts);
    let output = command.output().context("cannot start git")?;
    let problem = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {}", arguments[0], problem.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
