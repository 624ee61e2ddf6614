//! The same sources, built in another folder with another home of cargo.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::compile::{self, Built, Differences, Place, cargo_home};
use super::toolchain::Toolchain;
use crate::metadata::Function;
use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// Parts of a home of cargo that say nothing about where it is: what was downloaded.
const DOWNLOADED: [&str; 2] = ["registry/cache", "registry/index"];

/// Binaries that were built elsewhere, and the folder that goes away with them.
pub(crate) struct Elsewhere {
    folder: TempDir,
    pub(crate) built: Vec<Built>,
}

impl Elsewhere {
    /// Builds `functions` from a copy of the sources.
    pub(crate) fn build(
        workspace: &Workspace,
        toolchain: &Toolchain,
        functions: &[Function],
        terminal: &Terminal,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("elsewhere-").tempdir()?;
        let place = copy(workspace, folder.path())?;
        terminal.say(&format!(
            "again in {}, with the CARGO_HOME {}",
            place.root.display(),
            place.cargo_home.display()
        ))?;
        let built = compile::compile(workspace, &place, toolchain, functions)?;
        Ok(Self { folder, built })
    }

    /// Says what differs, by the name of a function here and there, and keeps the folder then.
    /// Whether nothing does.
    pub(crate) fn conclude(self, differences: &Differences, terminal: &Terminal) -> Result<bool> {
        for (name, (here, there)) in differences {
            terminal
                .say(&format!("{name}: DIFFERENT\n  here       {here}\n  elsewhere  {there}"))?;
        }
        if differences.is_empty() {
            terminal.say(&format!("{}: the same digests in both folders", self.built.len()))?;
        } else {
            let kept = self.folder.keep();
            terminal.say(&format!("both are there to be compared: {}", kept.display()))?;
        }
        Ok(differences.is_empty())
    }
}

/// Copies the sources as git sees them into `folder`, and makes a home of cargo beside them.
fn copy(workspace: &Workspace, folder: &Path) -> Result<Place> {
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
