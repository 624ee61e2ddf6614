//! What is measured: functions as they are deployed, but for the stand-ins they trust, and the
//! floor.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::build::TARGET;
use crate::build::compile::{self, Place};
use crate::build::toolchain::Toolchain;
use crate::metadata::{Function, Kind, Metadata, NeededBy};
use crate::workspace::Workspace;

/// The feature that lets a function trust the stand-in of Cloud Storage.
const STAND_IN: &str = "gcp/stand-in";

/// The package and binary of the floor.
const FLOOR: &str = "floor";

/// Where copies of what is measured lie, below the folder that cargo builds in.
const FOLDER: &str = "bench";

/// Builds `functions` of `workspace`; where copies of their binaries are, by name.
pub(crate) fn functions(
    workspace: &Workspace,
    functions: &[Function],
) -> Result<BTreeMap<String, PathBuf>> {
    build(workspace, functions, &["--features".to_owned(), STAND_IN.to_owned()])
}

/// Builds the floor; where it is.
pub(crate) fn floor(workspace: &Workspace) -> Result<PathBuf> {
    let metadata = Metadata {
        kind: Kind::Job,
        fed_with: Vec::new(),
        reads: Vec::new(),
        writes: Vec::new(),
        secrets: Vec::new(),
        needed_by: NeededBy::default(),
        deletes: Vec::new(),
        args: Vec::new(),
        schedules: BTreeMap::new(),
        tzdata: false,
        memory_mib: 0,
        concurrency: 0,
    };
    let floor = Function { name: FLOOR.to_owned(), metadata };
    let package = ["--package".to_owned(), FLOOR.to_owned()];
    let mut built = build(workspace, &[floor], &package)?;
    built.remove(FLOOR).context("no floor")
}

fn build(
    workspace: &Workspace,
    functions: &[Function],
    arguments: &[String],
) -> Result<BTreeMap<String, PathBuf>> {
    let toolchain = Toolchain::find(TARGET)?;
    let place = Place::of(workspace)?;
    let output = compile::output_with(workspace, &place, &toolchain, functions, arguments)?;
    let folder = workspace.target.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let mut copies = BTreeMap::new();
    for built in output.built {
        let copy = folder.join(&built.function);
        // The next build of what is deployed puts it back; until then nobody may take this for it.
        fs::rename(&built.path, &copy).with_context(|| copy.display().to_string())?;
        copies.insert(built.function, copy);
    }
    Ok(copies)
}

/// The sources of `revision` in a folder of their own, which stays to be built in again.
pub(crate) fn checkout(workspace: &Workspace, revision: &str) -> Result<Workspace> {
    let folder = workspace.target.join(FOLDER).join("against");
    if folder.exists() {
        git(&folder, &["checkout", "--quiet", "--detach", revision])?;
    } else {
        let path = folder.display().to_string();
        git(&workspace.root, &["worktree", "add", "--quiet", "--detach", &path, revision])?;
    }
    let here = Workspace { root: folder.clone(), target: folder.join("target"), packages: vec![] };
    here.read_again()
}

fn git(folder: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new("git").current_dir(folder).args(arguments).status();
    let status = status.context("cannot start git")?;
    ensure!(status.success(), "git {}: {status}", arguments.join(" "));
    Ok(())
}
