//! What a client sees of this machine: a folder of its own, and nothing of the user's.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tokio::process::Command;

/// What the environment of a client keeps of ours: what starting a program takes.
const INHERITED: [&str; 2] = ["PATH", "SYSTEMROOT"];

/// What large bodies consist of. Its length is a prime number: a piece of a body that comes twice,
/// or in the wrong place, changes the body.
pub(crate) const PATTERN: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY";

/// A large body. No multiple of what clients cut bodies into.
pub(crate) const LARGE_BYTES: usize = 20_000_000;

/// A folder and variables for one suite.
pub(crate) struct Environment {
    /// Where the client may write.
    pub(crate) folder: PathBuf,
    /// The emulator.
    pub(crate) url: String,
    variables: Vec<(&'static str, OsString)>,
}

impl Environment {
    /// Makes a folder for the suite `name` below `run`.
    pub(crate) fn new(run: &Path, name: &str, url: &str) -> Result<Self> {
        let folder = run.join(name.replace(' ', "-"));
        let temporary = folder.join("tmp");
        fs::create_dir_all(&temporary).with_context(|| temporary.display().to_string())?;
        let mut variables: Vec<(&'static str, OsString)> = vec![
            ("EMULATOR_URL", url.into()),
            ("FOLDER", folder.clone().into()),
            ("HOME", folder.clone().into()),
            ("TMPDIR", temporary.into()),
            ("LANG", "C.UTF-8".into()),
            ("PATTERN", PATTERN.into()),
            ("LARGE_BYTES", LARGE_BYTES.to_string().into()),
        ];
        for name in INHERITED {
            variables.extend(std::env::var_os(name).map(|value| (name, value)));
        }
        Ok(Self { folder, url: url.to_owned(), variables })
    }

    /// One variable more.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.variables.push((name, value.into()));
    }

    /// A command that sees this and nothing else, and ends when nobody waits for it any more.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder).kill_on_drop(true);
        command
    }
}
