//! Containers under podman or docker, confined as much as Cloud Run would and more.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Programs that run containers, in the order in which they are looked for.
const PROGRAMS: [&str; 2] = [PODMAN, "docker"];
const PODMAN: &str = "podman";

/// What a container must do without.
const CONFINED: [&str; 8] = [
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    // The emulator listens on loopback and nowhere else.
    "--network=host",
    "--pull=never",
    // What engines ask for by themselves is more than some machines may give.
    "--ulimit=nofile=4096:4096",
    "--ulimit=nproc=1024:1024",
    "--rm",
];

/// A program that runs containers.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    program: &'static str,
    /// The ids of loaded images, by function: somebody else may load another one under its name.
    images: BTreeMap<String, String>,
}

impl Engine {
    /// The one that is installed.
    pub(crate) fn find() -> Result<Self> {
        let works = |program: &&&str| {
            let mut command = Command::new(program);
            let status =
                command.arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            status.is_ok_and(|it| it.success())
        };
        let found = PROGRAMS.iter().find(works);
        let program = found.context(
            "neither podman nor docker runs here; run: sudo apt-get install --no-install-recommends podman runc",
        )?;
        Ok(Self { program, images: BTreeMap::new() })
    }

    /// Makes the images of a tarball known to it, which are those of `functions`.
    pub(crate) fn load<'a>(
        &mut self,
        tarball: &[u8],
        functions: impl IntoIterator<Item = &'a str>,
    ) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(tarball)?;
        self.done(&["load", "--quiet", "--input", &file.path().display().to_string()])?;
        for function in functions {
            let id = self.done(&["image", "inspect", "--format", "{{.Id}}", &image(function)])?;
            self.images.insert(function.to_owned(), id);
        }
        Ok(())
    }

    /// The command that runs the image of `function` that was loaded as the container `name`.
    pub(crate) fn run(
        &self,
        function: &str,
        name: &str,
        variables: &[(String, String)],
    ) -> Command {
        let mut command = Command::new(self.program);
        command.arg("run").args(CONFINED).args(["--name", name]);
        for (variable, value) in variables {
            command.args(["--env", &format!("{variable}={value}")]);
        }
        command.arg(self.loaded(function));
        command
    }

    /// Forgets the image of `function`.
    #[cfg(test)]
    pub(crate) fn remove_image(&self, function: &str) -> Result<()> {
        self.done(&["rmi", "--force", &self.loaded(function)]).map(drop)
    }

    fn loaded(&self, function: &str) -> String {
        self.images.get(function).map_or(image(function), String::clone)
    }

    /// Kills the container `name` at once and removes it. That there is none is as well: nothing
    /// but the program that would have made it comes before this.
    pub(crate) fn remove(&self, name: &str) {
        // podman would ask it to end first, and wait.
        let at_once: &[&str] = if self.program == PODMAN { &["--time", "0"] } else { &[] };
        self.done(&[&["rm", "--force"], at_once, &[name]].concat()).map(drop).unwrap_or_default();
    }

    /// Tells the container `name` to end, as Cloud Run does.
    pub(crate) fn stop(&self, name: &str) -> Result<()> {
        self.done(&["kill", "--signal", "TERM", name]).map(drop)
    }

    /// What it prints.
    fn done(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(self.program);
        let output = command.args(arguments).output().context("cannot start it")?;
        let problem = String::from_utf8_lossy(&output.stderr);
        let what = format!("{} {}", self.program, arguments.join(" "));
        ensure!(output.status.success(), "{what}: {}", problem.trim());
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// The name under which the image of `function` is loaded.
pub(crate) fn image(function: &str) -> String {
    format!("localhost/{function}:latest")
}
