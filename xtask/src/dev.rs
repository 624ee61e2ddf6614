//! `cargo xtask dev`: the emulator and every function, rebuilt and restarted as sources change.

pub(crate) mod backoff;
pub(crate) mod lines;
pub(crate) mod stand;
mod tail;
pub(crate) mod touch;
pub(crate) mod watch;

use std::io;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::Args;
use domain::Env;
use emulator::Emulator;

use crate::connect::{connect, disconnect};
use crate::emulator as alone;
use crate::interrupt::interrupted;
use crate::metadata::{self, Function};
use crate::replay;
use crate::routing::{self, Route};
use crate::terminal::Terminal;
use crate::workspace::Workspace;
use lines::Level;
use stand::{PATIENCE, Stand};
use watch::Watch;

/// Between two looks at logs, sources and processes.
const LOOK: Duration = Duration::from_millis(200);

/// What a person can begin with.
const RECORD: &str = r#"{"schema_version":"v1.0.0","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","title":"A first idea"}"#;

/// The project of topics and subscriptions.
const PROJECT: &str = "local";

/// Runs everything on a folder until Ctrl-C: the emulator, and every function that is pushed to.
///
/// Every object is a file below the folder; a file that you drop there is an upload. A source that
/// changes rebuilds and restarts the functions that it touches and no others, and a line says why;
/// schemas/ restarts all with the new definitions. Logs of all functions come in one stream.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  cargo xtask dev                                 everything, on the folder .strata
  eval \"$(cargo xtask dev --print-env)\"           in another shell: what clients need
  cargo xtask dev --function snapshot-builder     one function; messages for others wait
  cargo xtask dev --log-level warning             only what needs a look")]
pub(crate) struct Options {
    /// Keep everything in this folder.
    #[arg(long, value_name = "DIR", default_value = ".strata")]
    pub(crate) folder: PathBuf,
    /// Listen here on 127.0.0.1; 0 is any free port.
    #[arg(long, value_name = "N", default_value_t = 9090)]
    pub(crate) port: u16,
    /// The environment whose objects the functions are told of.
    #[arg(long, value_name = "ENV", default_value = "dev")]
    pub(crate) env: Env,
    /// Run this function and no others, whose messages wait; may be repeated.
    #[arg(long = "function", value_name = "NAME")]
    pub(crate) functions: Vec<String>,
    /// The bucket that everything happens in.
    #[arg(long, value_name = "NAME", default_value = "strata-dev")]
    pub(crate) bucket: String,
    /// Leave the functions alone when sources change.
    #[arg(long)]
    no_watch: bool,
    /// Print what clients need as lines for a shell, and nothing else.
    #[arg(long, conflicts_with = "image")]
    print_env: bool,
    /// Show log lines of this severity and above: debug, info, warning or error.
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = Level::parse)]
    log_level: Level,
    /// Run the images of the functions instead of their binaries: `image run` and `replay --images`
    /// do that, and this says so and fails.
    #[arg(long)]
    image: bool,
}

/// Runs it until somebody interrupts.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    if options.image {
        bail!(
            "what is rebuilt at every change is not an image: run `cargo xtask image run`, `cargo xtask replay --images`, or `cargo xtask dev` without --image"
        );
    }
    if options.print_env {
        ensure!(
            options.port != 0,
            "--print-env needs --port, the one that `cargo xtask dev` listens on"
        );
        let url = format!("http://127.0.0.1:{}", options.port);
        terminal.say(&alone::environment(&url, PROJECT))?;
        return Ok(true);
    }
    let workspace = Workspace::read()?;
    let functions = metadata::chosen(replay::pushed(&workspace)?, &options.functions)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(options, workspace, functions, terminal))
}

async fn serve(
    options: &Options,
    workspace: Workspace,
    functions: Vec<Function>,
    terminal: &Terminal,
) -> Result<bool> {
    let mut ended = pin!(interrupted());
    let workspace = Arc::new(workspace);
    // Before the build: what changes during it is built again.
    let watch = match options.no_watch {
        true => None,
        false => Some(Watch::begin(&workspace.root)?),
    };
    let set_up = async {
        // First of all: a folder or a port that is taken needs no build.
        let routes = routing::routes(&replay::pushed(&workspace)?, options.env)?;
        let emulator = open(options, &routes).await?;
        terminal.say("building the functions, which takes minutes the first time")?;
        let executables = workspace.build(&functions).await?;
        Stand::start(options, workspace, functions, &executables, (emulator, routes), terminal)
            .await
    };
    let stand = tokio::select! {
        interrupted = &mut ended => {
            interrupted?;
            terminal.say("ended before everything ran")?;
            return Ok(true);
        }
        stand = set_up => stand?,
    };
    live(options, stand, watch, terminal, ended).await?;
    Ok(true)
}

/// Keeps running what was started until `ended` completes or something fails, and ends it.
pub(crate) async fn live(
    options: &Options,
    mut stand: Stand<'_>,
    mut watch: Option<Watch>,
    terminal: &Terminal,
    mut ended: Pin<&mut impl Future<Output = io::Result<()>>>,
) -> Result<()> {
    let lived = keep(options, &mut stand, &mut watch, terminal, &mut ended).await;
    let ended = stand.end().await;
    lived.and(ended)?;
    terminal.say(&format!("ended; everything is in {}", options.folder.display()))
}

async fn keep(
    options: &Options,
    stand: &mut Stand<'_>,
    watch: &mut Option<Watch>,
    terminal: &Terminal,
    ended: &mut Pin<&mut impl Future<Output = io::Result<()>>>,
) -> Result<()> {
    terminal.say(&welcome(options, &stand.url(), &stand.waiting()))?;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        // Whatever a look waits for, such as a function that does not answer, ends with it.
        let look = async {
            looks.tick().await;
            if let Some(watch) = watch {
                stand.touch(&watch.quiet());
            }
            stand.look().await
        };
        tokio::select! {
            interrupted = &mut *ended => return Ok(interrupted?),
            looked = look => looked?,
        }
    }
}

/// Starts the emulator with the bucket, and with the subscriptions of all functions: from here on
/// every object has its messages. They wait, those too that runs which are over have left there.
pub(crate) async fn open(options: &Options, routes: &[Route]) -> Result<Emulator> {
    let held = emulator::Options { held: true, ..emulator::Options::default() };
    let emulator = alone::start_as(held, Some(&options.folder), options.port).await?;
    disconnect(&emulator)?;
    emulator.create_bucket(&options.bucket)?;
    connect(&emulator, (&options.bucket, options.env), routes, PATIENCE, |_| None)?;
    emulator.release();
    Ok(emulator)
}

/// What a person needs to begin.
fn welcome(options: &Options, url: &str, waiting: &[&str]) -> String {
    let Options { folder, bucket, env, .. } = options;
    let name =
        format!("env/{env}/ideas/IDEA-001/history/2026/01/02/2026-01-02T03:04:05.678Z_a.json");
    let name = name.replace('/', "%2F").replace(':', "%3A");
    format!(
        "{}

bucket {bucket}, every object a file below {}
a first record, and then the snapshot that is made of it:

  curl --silent --data '{RECORD}' \\
    -H 'Content-Type: application/json' \\
    '{url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}'
  cat {}

{}Ctrl-C ends it.
",
        alone::environment(url, PROJECT),
        folder.join(bucket).display(),
        folder.join(bucket).join(format!("env/{env}/snapshots/ideas/IDEA-001.json")).display(),
        match waiting {
            [] => String::new(),
            names => format!("messages wait for {}\n", names.join(", ")),
        },
    )
}
