//! `cargo xtask emulator`: Cloud Storage and Pub/Sub on one loopback port, for any client.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use emulator::{Emulator, Notification};

use crate::interrupt::interrupted;
use crate::terminal::Terminal;

/// Between two looks at what could not be taken up.
const LOOK: Duration = Duration::from_millis(500);

/// Runs the emulator of Cloud Storage and Pub/Sub alone, until Ctrl-C.
///
/// The first line says where it listens; the lines after it are the environment that clients
/// need, ready to paste. Buckets, topics and subscriptions can also be made by any client.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  cargo xtask emulator                                  in memory, on any free port
  cargo xtask emulator --folder .strata --port 9090     every object is a file
  cargo xtask emulator --bucket b --notify changes=env/dev/
                                                        new objects below env/dev/ are published")]
pub(crate) struct Options {
    /// Keep everything in this folder; in memory alone when missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Listen here on 127.0.0.1; 0 is any free port.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// The project of topics that are named without one.
    #[arg(long, value_name = "P", default_value = "local")]
    pub(crate) project: String,
    /// Make this bucket, with versioning, unless it is there; may be repeated.
    #[arg(long = "bucket", value_name = "NAME")]
    pub(crate) buckets: Vec<String>,
    /// Publish new objects of the buckets to this topic, those alone whose names begin with the
    /// prefix if there is one; may be repeated.
    #[arg(long = "notify", value_name = "TOPIC[=PREFIX]", requires = "buckets")]
    pub(crate) notifications: Vec<String>,
    /// One object takes one write within so many milliseconds, in the service 1000; others get 429.
    #[arg(long, value_name = "MS")]
    pub(crate) write_interval_ms: Option<u64>,
    /// Every answer of Cloud Storage takes at least so many milliseconds.
    #[arg(long, value_name = "MS")]
    pub(crate) latency_ms: Option<u64>,
}

/// Runs it until somebody interrupts.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(options, terminal))
}

async fn serve(options: &Options, terminal: &Terminal) -> Result<bool> {
    let slow = emulator::Options {
        write_interval: options.write_interval_ms.map(Duration::from_millis),
        latency: options.latency_ms.map(Duration::from_millis),
        ..emulator::Options::default()
    };
    let emulator = start_as(slow, options.folder.as_deref(), options.port).await?;
    for bucket in &options.buckets {
        emulator.create_bucket(bucket)?;
        for notification in &options.notifications {
            emulator.notify(bucket, notification_of(notification, &options.project))?;
        }
    }
    let mut ended = Box::pin(interrupted());
    terminal.say(&format!("listening on {}", emulator.url()))?;
    terminal.say(&environment(&emulator.url(), &options.project))?;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            interrupted = &mut ended => {
                interrupted?;
                emulator.stop().await;
                return Ok(true);
            }
            _ = looks.tick() => {
                for problem in emulator.problems() {
                    terminal.say(&format!("not taken up: {problem}"))?;
                }
            }
        }
    }
}

/// Starts an emulator that is otherwise as `options` say.
///
/// # Errors
///
/// When the port or the folder is taken; in one line what to do then.
pub(crate) async fn start_as(
    options: emulator::Options,
    folder: Option<&Path>,
    port: u16,
) -> Result<Emulator> {
    let folder = folder.map(Path::to_owned);
    let options = emulator::Options { port, folder, ..options };
    Emulator::start(options).await.map_err(|err| match err.kind() {
        ErrorKind::AddrInUse => {
            anyhow::anyhow!("port {port} is taken: end what listens there, or choose --port")
        }
        ErrorKind::ResourceBusy => {
            anyhow::anyhow!("{err}: end that one, or choose another --folder")
        }
        _ => anyhow::Error::new(err).context("the emulator does not start"),
    })
}

/// What `TOPIC[=PREFIX]` asks for.
pub(crate) fn notification_of(text: &str, project: &str) -> Notification {
    let (topic, prefix) = text.split_once('=').unwrap_or((text, ""));
    let topic = match topic.contains('/') {
        true => topic.to_owned(),
        false => format!("projects/{project}/topics/{topic}"),
    };
    Notification::finalized(topic, prefix)
}

/// What clients need to find the emulator at `url`, for a shell.
pub(crate) fn environment(url: &str, project: &str) -> String {
    let host = url.trim_start_matches("http://");
    format!(
        "# Python, Rust and others; Python with credentials=AnonymousCredentials()
export STORAGE_EMULATOR_HOST={url}
# operator dlq, pause, resume, status
export PUBSUB_EMULATOR_HOST={host}
export GOOGLE_CLOUD_PROJECT={project}
# gcloud
export CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE={url}/
export CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB={url}/
export CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true
export CLOUDSDK_CORE_PROJECT={project}
# Node: new Storage({{projectId: '{project}', apiEndpoint: '{url}'}})"
    )
}
