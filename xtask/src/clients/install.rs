//! Installs clients in private environments, once.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use super::Client;
use crate::terminal::Terminal;

/// From PyPI.
const PYTHON: [&str; 2] = ["google-cloud-storage==3.17.1", "google-cloud-pubsub==2.44.0"];

/// From npm.
const NODE: [&str; 1] = ["@google-cloud/storage@7.22.0"];

/// The file that says what an installation consists of; written last.
const MARK: &str = "installed";

/// A registry that has not given everything by then does not answer.
const INSTALL_MAX: Duration = Duration::from_secs(600);

/// Between two looks at an installation, for the clock that a person sees.
const LOOK: Duration = Duration::from_millis(200);

/// A client that can be run.
#[derive(Debug)]
pub(crate) struct Tool {
    /// What to start.
    pub(crate) program: PathBuf,
    /// What it needs in its environment besides.
    pub(crate) variables: Vec<(&'static str, OsString)>,
    /// Of the client, for people.
    pub(crate) version: String,
}

/// Whether a client is there.
pub(crate) enum Installed {
    /// It is.
    Ready(Tool),
    /// What it needs is not on this machine, and no registry gives it.
    Missing(String),
}

/// Finds or installs `client` below `home`.
pub(crate) async fn install(client: Client, home: &Path, terminal: &Terminal) -> Result<Installed> {
    let installer = Installer { home, terminal };
    match client {
        Client::Python => installer.python().await,
        Client::Node => installer.node().await,
        Client::Gcloud => installer.gcloud().await,
    }
}

struct Installer<'a> {
    home: &'a Path,
    terminal: &'a Terminal,
}

impl Installer<'_> {
    async fn python(&self) -> Result<Installed> {
        let Some(python) = on_path("python3") else { return Ok(missing("python3")) };
        let folder = self.home.join("python");
        let program = folder.join("bin").join("python");
        if !is_installed(&folder, &PYTHON) {
            self.afresh(&folder)?;
            let mut environment = Command::new(python);
            environment.args(["-m", "venv"]).arg(&folder);
            self.command("python: private environment", &mut environment, &folder).await?;
            let mut pip = Command::new(&program);
            pip.args(["-m", "pip", "install", "--disable-pip-version-check"]).args(PYTHON);
            pip.env("PIP_CACHE_DIR", self.home.join("cache").join("pip"));
            self.command(&format!("python: {}", PYTHON.join(" ")), &mut pip, &folder).await?;
            mark(&folder, &PYTHON)?;
        }
        Ok(ready(program, Vec::new(), &PYTHON))
    }

    async fn node(&self) -> Result<Installed> {
        let Some(node) = on_path("node") else { return Ok(missing("node")) };
        let Some(npm) = on_path("npm") else { return Ok(missing("npm")) };
        let folder = self.home.join("node");
        if !is_installed(&folder, &NODE) {
            self.afresh(&folder)?;
            let mut install = Command::new(npm);
            install.args(["install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts"]);
            install.arg("--prefix").arg(&folder).args(NODE).current_dir(&folder);
            install.arg("--cache").arg(self.home.join("cache").join("npm"));
            self.command(&format!("node: {}", NODE.join(" ")), &mut install, &folder).await?;
            mark(&folder, &NODE)?;
        }
        let modules = folder.join("node_modules");
        Ok(ready(node, vec![("NODE_PATH", modules.into())], &NODE))
    }

    /// gcloud has no registry of its own that could be asked here.
    async fn gcloud(&self) -> Result<Installed> {
        let Some(program) = on_path("gcloud") else { return Ok(missing("gcloud")) };
        let mut version = Command::new(&program);
        let config = self.home.join("run").join("gcloud-version");
        version.arg("version").env("CLOUDSDK_CONFIG", config);
        version.env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true");
        let output = version.output().await.context("gcloud does not start")?;
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = output.lines().next().context("gcloud does not tell its version")?;
        Ok(Installed::Ready(Tool { program, variables: Vec::new(), version: version.to_owned() }))
    }

    /// An empty folder.
    fn afresh(&self, folder: &Path) -> Result<()> {
        if folder.is_dir() {
            fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())
    }

    /// Runs a command of an installation, shows for how long, and fails with its last words.
    async fn command(&self, what: &str, command: &mut Command, folder: &Path) -> Result<()> {
        self.terminal.say(&format!("{what}: installing, once"))?;
        let log = self.home.join("install.log");
        let output = fs::File::create(&log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut child = command.kill_on_drop(true).spawn()?;
        let begun = Instant::now();
        let status = loop {
            match tokio::time::timeout(LOOK, child.wait()).await {
                Ok(status) => break status?,
                Err(_) if begun.elapsed() > INSTALL_MAX => {
                    bail!("nothing came for {} s; {}", INSTALL_MAX.as_secs(), log.display());
                }
                Err(_) => self.terminal.doing(format!("{what}, into {}", folder.display())),
            }
        };
        self.terminal.finish();
        if status.success() {
            return Ok(());
        }
        let text = fs::read_to_string(&log)?;
        bail!("cannot be installed: {}; all of it: {}", last_words(&text), log.display());
    }
}

/// What an installer says in the end: its last error, or its last line.
pub(crate) fn last_words(log: &str) -> String {
    let is_error = |line: &&str| ["error", "npm err"].iter().any(|it| lower_starts(line, it));
    // npm ends with where its own log is, and pip with a hint how to update it.
    let errors: Vec<&str> = log.lines().filter(is_error).collect();
    let told = errors.iter().rev().find(|line| !line.contains("complete log"));
    let last = log.lines().rev().find(|line| !line.trim().is_empty());
    told.copied().or(last).unwrap_or("it says nothing").trim().to_owned()
}

fn lower_starts(line: &str, prefix: &str) -> bool {
    let line = line.trim_start().to_ascii_lowercase();
    line.strip_prefix("npm ").unwrap_or(&line).starts_with(prefix) || line.starts_with(prefix)
}

fn ready(
    program: PathBuf,
    variables: Vec<(&'static str, OsString)>,
    packages: &[&str],
) -> Installed {
    Installed::Ready(Tool { program, variables, version: packages.join(", ") })
}

fn missing(program: &str) -> Installed {
    Installed::Missing(format!("{program} is not on the PATH"))
}

/// Whether `folder` holds exactly these packages.
fn is_installed(folder: &Path, packages: &[&str]) -> bool {
    fs::read_to_string(folder.join(MARK)).is_ok_and(|mark| mark == packages.join("\n"))
}

fn mark(folder: &Path, packages: &[&str]) -> Result<()> {
    Ok(fs::write(folder.join(MARK), packages.join("\n"))?)
}

/// Where a program is that can be started by its name.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|it| it.is_file())
}
