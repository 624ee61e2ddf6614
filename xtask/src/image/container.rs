//! Containers under podman or docker, confined as much as Cloud Run would and more.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Programs that run containers, in the order in which they are looked for.
const PROGRAMS: [&str; 2] = ["podman", "docker"];

/// What a container must do without.
const CONFINED: [&str; 6] = [
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    // The emulator listens on loopback and nowhere else.
    "--network=host",
    "--pull=never",
    "--rm",
];

/// A program that runs containers.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    program: &'static str,
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
        Ok(Self { program })
    }

    /// Makes the images of a tarball known to it.
    pub(crate) fn load(&self, tarball: &[u8]) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(tarball)?;
        self.done(&["load", "--quiet", "--input", &file.path().display().to_string()])
    }

    /// The command that runs the image of `function` as the container `name`.
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
        command.arg(image(function));
        command
    }

    /// Forgets the image of `function`.
    #[cfg(test)]
    pub(crate) fn remove_image(&self, function: &str) -> Result<()> {
        self.done(&["rmi", "--force", &image(function)])
    }

    /// Kills the container `name` at once, and removes what may be left of it. That there is none
    /// is as well.
    pub(crate) fn kill(&self, name: &str) {
        let killed = self.done(&["kill", name]);
        killed.or_else(|_| self.done(&["rm", "--force", name])).unwrap_or_default();
    }

    /// Tells the container `name` to end, as Cloud Run does.
    pub(crate) fn stop(&self, name: &str) -> Result<()> {
        self.done(&["kill", "--signal", "TERM", name])
    }

    fn done(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(self.program);
        let output = command.args(arguments).output().context("cannot start it")?;
        let problem = String::from_utf8_lossy(&output.stderr);
        let what = format!("{} {}", self.program, arguments.join(" "));
        ensure!(output.status.success(), "{what}: {}", problem.trim());
        Ok(())
    }
}

/// The name under which the image of `function` is loaded.
pub(crate) fn image(function: &str) -> String {
    format!("localhost/{function}:latest")
}
