//! The same sources, built in another folder with another home of cargo.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::compile::{self, Built, Place, cargo_home};
use super::toolchain::Toolchain;
use crate::metadata::Function;
use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// Parts of a home of cargo that say nothing about where it is: what was downloaded.
const DOWNLOADED: [&str; 2] = ["registry/cache", "registry/index"];

/// Builds `functions` elsewhere. Whether the digests are those of `here`.
pub(super) fn check(
    workspace: &Workspace,
    toolchain: &Toolchain,
    functions: &[Function],
    here: &[Built],
    terminal: &Terminal,
) -> Result<bool> {
    let folder = tempfile::Builder::new().prefix("elsewhere-").tempdir()?;
    let place = copy(workspace, folder.path())?;
    terminal.say(&format!(
        "again in {}, with the CARGO_HOME {}",
        place.root.display(),
        place.cargo_home.display()
    ))?;
    let there = compile::compile(workspace, &place, toolchain, functions)?;
    let differences = compile::differences(here, &there);
    for (function, (here, there)) in &differences {
        terminal
            .say(&format!("{function}: DIFFERENT\n  here       {here}\n  elsewhere  {there}"))?;
    }
    if differences.is_empty() {
        terminal.say(&format!("{}: the same digests in both folders", there.len()))?;
    } else {
        let kept = folder.keep();
        terminal.say(&format!("both are there to be compared: {}", kept.display()))?;
    }
    Ok(differences.is_empty())
}

/// Copies the sources as git sees them into `folder`, and makes a home of cargo beside them.
pub(crate) fn copy(workspace: &Workspace, folder: &Path) -> Result<Place> {
    let place = Place {
        root: folder.join("sources/of the workspace"),
        target: folder.join("built"),
        cargo_home: folder.join("home"),
    };
    let mut git = Command::new("git");
    git.current_dir(&workspace.root).args(["ls-files", "-z", "--cached", "--others"]);
    let output = git.arg("--exclude-standard").output().context("cannot start git")?;
    let problem = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git ls-files: {}", problem.trim());
    let names = String::from_utf8(output.stdout).context("a file name that is not UTF-8")?;
    for name in names.split_terminator('\0') {
        let from = workspace.root.join(name);
        // What is deleted and not yet committed is listed, too.
        if from.is_file() {
            let to = place.root.join(name);
            fs::create_dir_all(to.parent().context("a file without a folder")?)?;
            fs::copy(&from, &to).with_context(|| name.to_owned())?;
        }
    }
    let home = cargo_home()?;
    for part in DOWNLOADED {
        let to = place.cargo_home.join(part);
        fs::create_dir_all(to.parent().context("a folder without a parent")?)?;
        link(&home.join(part), &to)?;
    }
    Ok(place)
}

/// Spares a download: cargo unpacks what is there anew.
#[cfg(unix)]
fn link(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        std::os::unix::fs::symlink(from.canonicalize()?, to)?;
    }
    Ok(())
}

/// Leaves it to cargo to download again.
#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> Result<()> {
    Ok(())
}
