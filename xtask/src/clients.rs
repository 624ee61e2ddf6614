//! `cargo xtask clients`: Google's own clients against the emulator, and their calls as fixtures.

mod end_to_end;
mod environment;
mod gcloud;
mod install;
mod program;
pub(crate) mod recording;
mod suite;
mod writers;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use emulator::Emulator;

use crate::terminal::Terminal;
use crate::workspace::Workspace;
use environment::Environment;
use install::Installed;
use suite::{Ended, Suite};

/// Where fixtures of calls lie, from the root.
const CALLS: &str = "shared/emulator/tests/calls";

/// Runs Google's own clients against the emulator: nothing may look to them unlike the services.
///
/// Installs the Python client from PyPI and the Node client from npm below target/clients, once,
/// at fixed versions, and takes `gcloud` as it is installed; none of them sees your home folder,
/// your configuration or your credentials. Each runs a list of steps, from creating a bucket to
/// acknowledging a message, against an emulator in this process, and the code of docs/writers.md as
/// it stands there, whose records the snapshot-builder folds; then the Python client uploads
/// the history of a scenario of fixtures/, the functions handle it, and the client reads what
/// came of it.
///
/// A client that is not there, or that its registry does not give, is left out, and the last lines
/// say so; --require makes that a failure. Of what is there every step must succeed.
#[derive(Args, Debug, Default)]
#[command(after_help = "Examples:
  cargo xtask clients                          all that are there
  cargo xtask clients --only python            one of them; also --only python,node
  cargo xtask clients --require python,node    fail where one of these is missing, as CI does
  cargo xtask clients --keep                   look at their folders afterwards
  cargo xtask clients --record                 when a client or a step is new: write down every
                                               call for the tests of the emulator, which then
                                               hold the contract without any client

Steps are in xtask/src/clients: storage.py, pubsub.py, storage.js, and gcloud/.
To begin again with fresh installations, remove target/clients.")]
pub(crate) struct Options {
    /// Run these and no others.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CLIENTS")]
    only: Vec<Client>,
    /// Fail when one of these is not there.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CLIENTS")]
    require: Vec<Client>,
    /// Keep what the clients wrote to files, and say where.
    #[arg(long)]
    keep: bool,
    /// Write every call down as a fixture of the emulator's tests.
    #[arg(long)]
    record: bool,
    /// What is named is left out all the same if its registry does not give it.
    #[arg(skip)]
    lenient: bool,
}

/// What a person names on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// google-cloud-storage and google-cloud-pubsub, from PyPI.
    Python,
    /// @google-cloud/storage, from npm.
    Node,
    /// gcloud storage and gcloud pubsub, as installed.
    Gcloud,
}

impl Client {
    const ALL: [Self; 3] = [Self::Python, Self::Node, Self::Gcloud];

    fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
            Self::Gcloud => "gcloud",
        }
    }
}

/// Runs the clients that `options` name. Whether every step of them succeeded.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let wanted = options.wanted()?;
    let workspace = Workspace::read()?;
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bench = Bench::set_up(&workspace, terminal)?;
    let mut ended = Vec::new();
    let mut missing = Vec::new();
    for client in wanted {
        match runtime.block_on(install::install(client, &bench.home, terminal)) {
            Ok(Installed::Ready(tool)) => {
                ended.extend(runtime.block_on(bench.run(client, &tool))?);
            }
            Ok(Installed::Missing(why)) => {
                terminal.say(&format!("{}: not run: {why}", client.name()))?;
                missing.push((client, why));
            }
            Err(err) if !options.asks_for(client) => {
                let why = format!("it cannot be installed: {err:#}");
                terminal.say(&format!("{}: not run: {why}", client.name()))?;
                missing.push((client, why));
            }
            Err(err) => {
                terminal.say(&format!("{}: FAILED: {err:#}", client.name()))?;
                ended.push(Ended::not_begun(client.name(), "install", &err));
            }
        }
    }
    let good = ended.iter().all(Ended::is_good);
    let lacking = missing.iter().any(|(client, _)| options.require.contains(client));
    terminal.say(&suite::table(&ended, begun.elapsed()))?;
    for (client, why) in &missing {
        let end = if options.require.contains(client) { "REQUIRED" } else { "left out" };
        terminal.say(&format!("{}: {end}: {why}", client.name()))?;
    }
    if options.keep {
        record(&bench.folder, &ended, true)?;
    }
    if options.record {
        terminal.say(&record(&workspace.root.join(CALLS), &ended, false)?)?;
    }
    bench.clean_up(options.keep, good)?;
    let asked = !options.only.is_empty() && !options.lenient;
    ensure!(!ended.is_empty() || lacking || !asked, "no client is there to be run");
    Ok(good && !lacking)
}

impl Options {
    /// What registries give, for a machine that may have no network.
    pub(crate) fn from_registries() -> Self {
        Self { only: vec![Client::Python, Client::Node], lenient: true, ..Self::default() }
    }

    /// Whether somebody has named `client`, so that it must not be left out.
    fn asks_for(&self, client: Client) -> bool {
        !self.lenient && (self.only.contains(&client) || self.require.contains(&client))
    }

    /// The clients to run, in the order of [`Client::ALL`].
    fn wanted(&self) -> Result<Vec<Client>> {
        let named = |client: &Client| self.only.is_empty() || self.only.contains(client);
        for client in &self.require {
            let name = client.name();
            ensure!(named(client), "--require {name} asks for what --only leaves out");
        }
        Ok(Client::ALL.into_iter().filter(named).collect())
    }
}

/// The folders that everything happens in, and where it is told.
struct Bench<'a> {
    workspace: &'a Workspace,
    terminal: &'a Terminal,
    /// Installations, kept from run to run.
    home: PathBuf,
    /// What one run writes.
    folder: PathBuf,
}

impl<'a> Bench<'a> {
    fn set_up(workspace: &'a Workspace, terminal: &'a Terminal) -> Result<Self> {
        let home = workspace.target.join("clients");
        let folder = home.join("run");
        if folder.is_dir() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self { workspace, terminal, home, folder })
    }

    /// Runs every suite of a client.
    async fn run(&self, client: Client, tool: &install::Tool) -> Result<Vec<Ended>> {
        let version = &tool.version;
        self.terminal.say(&format!("{}: {version}", client.name()))?;
        Ok(match client {
            Client::Python => vec![
                self.program("python storage", program::STORAGE_PY, tool).await?,
                self.program("python pubsub", program::PUBSUB_PY, tool).await?,
                self.writers("python writers", writers::PYTHON, tool).await?,
                self.end_to_end(tool).await?,
            ],
            Client::Node => vec![
                self.program("node storage", program::STORAGE_JS, tool).await?,
                self.writers("node writers", writers::NODE, tool).await?,
            ],
            Client::Gcloud => vec![
                self.gcloud("gcloud storage", gcloud::STORAGE, tool).await?,
                self.gcloud("gcloud pubsub", gcloud::PUBSUB, tool).await?,
            ],
        })
    }

    async fn program(
        &self,
        name: &'static str,
        program: &str,
        tool: &install::Tool,
    ) -> Result<Ended> {
        let emulator = fresh().await?;
        let environment = Environment::new(&self.folder, name, &emulator.url())?;
        let mut suite = Suite::begin(name, &tool.version, Some(&emulator), self.terminal);
        program::run(&mut suite, tool, program, &environment).await?;
        Ok(suite.end())
    }

    async fn gcloud(
        &self,
        name: &'static str,
        steps: &[gcloud::Step],
        tool: &install::Tool,
    ) -> Result<Ended> {
        let emulator = fresh().await?;
        let environment = Environment::new(&self.folder, name, &emulator.url())?;
        let mut suite = Suite::begin(name, &tool.version, Some(&emulator), self.terminal);
        gcloud::run(&mut suite, tool, steps, &environment).await?;
        Ok(suite.end())
    }

    /// The calls are not kept: they are those of other steps, in a random order of names.
    async fn writers(
        &self,
        name: &'static str,
        language: writers::Language,
        tool: &install::Tool,
    ) -> Result<Ended> {
        let emulator = fresh().await?;
        let mut environment = Environment::new(&self.folder, name, &emulator.url())?;
        let mut suite = Suite::begin(name, &tool.version, None, self.terminal);
        writers::run(&mut suite, tool, language, &emulator, &mut environment).await?;
        Ok(suite.end())
    }

    async fn end_to_end(&self, tool: &install::Tool) -> Result<Ended> {
        let mut suite = Suite::begin("end to end", &tool.version, None, self.terminal);
        end_to_end::run(&mut suite, tool, self.workspace, &self.folder).await?;
        Ok(suite.end())
    }

    /// Removes what the run wrote, unless somebody wants to look at it.
    fn clean_up(&self, keep: bool, good: bool) -> Result<()> {
        let folder = self.folder.display().to_string();
        if keep || !good {
            return self.terminal.say(&format!("files of the clients: {folder}"));
        }
        fs::remove_dir_all(&self.folder).context(folder)
    }
}

/// An emulator that nothing has happened in, and that keeps every call.
async fn fresh() -> Result<Emulator> {
    let emulator = Emulator::start(emulator::Options::default()).await;
    let emulator = emulator.context("the emulator does not start")?;
    emulator.keep_calls();
    Ok(emulator)
}

/// Writes the calls of every suite to `folder`, unless a step failed and not `all` are wanted; says
/// what was written.
fn record(folder: &Path, ended: &[Ended], all: bool) -> Result<String> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut lines = Vec::new();
    for suite in ended.iter().filter(|suite| !suite.calls.is_empty()) {
        let file = format!("{}.json", suite.name.replace(' ', "-"));
        if !suite.is_good() && !all {
            lines.push(format!("not recorded {file}: a step failed"));
            continue;
        }
        let text = recording::fixture(suite)?;
        let path = folder.join(&file);
        fs::write(&path, &text).with_context(|| path.display().to_string())?;
        lines.push(format!("recorded {}, {} KB", path.display(), text.len() / 1000));
    }
    Ok(lines.join("\n"))
}
