//! The workspace as cargo describes it, and cargo itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use cargo_metadata::{Message, MetadataCommand, Package};

use crate::metadata::Function;

/// The workspace around the current folder.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The members, by name.
    pub(crate) packages: Vec<Package>,
}

impl Workspace {
    /// Asks cargo; needs no network.
    pub(crate) fn read() -> Result<Self> {
        let read = Self::describe(&mut MetadataCommand::new());
        read.context("cargo metadata does not describe the current folder")
    }

    /// Asks cargo what it has become.
    pub(crate) fn read_again(&self) -> Result<Self> {
        let read = Self::describe(MetadataCommand::new().current_dir(&self.root));
        read.with_context(|| format!("cargo metadata does not describe {}", self.root.display()))
    }

    fn describe(command: &mut MetadataCommand) -> Result<Self> {
        let offline = ["--offline".to_owned()];
        let mut packages = command.no_deps().other_options(offline).exec()?;
        packages.packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            root: packages.workspace_root.into(),
            target: packages.target_directory.into(),
            packages: packages.packages,
        })
    }

    /// The members under `functions/`, with what they say about themselves.
    pub(crate) fn functions(&self) -> Result<Vec<Function>> {
        let folder = self.root.join("functions");
        let inside = |package: &&Package| package.manifest_path.starts_with(&folder);
        self.packages.iter().filter(inside).map(Function::of).collect()
    }

    /// Builds the binary of each function in the profile dev; returns where they are. Dropped
    /// before it completes, cargo is killed and lets go of the lock on its folder.
    pub(crate) async fn build(&self, functions: &[Function]) -> Result<BTreeMap<String, PathBuf>> {
        let mut build = tokio::process::Command::from(self.cargo());
        build.args(["build", "--quiet", "--message-format=json-render-diagnostics", "--bins"]);
        for function in functions {
            build.args(["--package", &function.name]);
        }
        let child = build.stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let output = child.context("cannot start cargo")?.wait_with_output().await?;
        ensure!(output.status.success(), "the functions do not build");
        let mut executables = BTreeMap::new();
        for message in Message::parse_stream(output.stdout.as_slice()) {
            if let Message::CompilerArtifact(artifact) = message?
                && let Some(executable) = artifact.executable
            {
                executables.insert(artifact.target.name, executable.into());
            }
        }
        if let Some(absent) = functions.iter().find(|it| !executables.contains_key(&it.name)) {
            bail!("function {} has no binary of its own name", absent.name);
        }
        Ok(executables)
    }

    /// The cargo that started this program, in the root of the workspace.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.root);
        command
    }
}
