//! From the start of the process to its end.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::SHUTDOWN_GRACE;
use domain::{Clock, Handler, Ids, Version};
use store::{Store, Tools};
use tokio::net::TcpListener;
use tracing::level_filters::LevelFilter;
use tracing::{error, info, warn};

use crate::runner::Runner;
use crate::server::{self, End};
use crate::{Config, Settings, SystemClock, SystemIds, log};

/// Kept of the grace to end the process before it is killed.
const EXIT_RESERVE: Duration = Duration::from_millis(500);

/// Opens a bucket by its name, in Cloud Storage or in the emulator at a host.
pub type Connect = fn(
    bucket: &str,
    emulator_host: Option<&str>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> Result<Arc<dyn Store>, SetupError>;

/// Why a function cannot be made. The message is logged; it names the setting at fault.
pub type SetupError = Box<dyn Error + Send + Sync>;

/// Runs `function` until it is told to stop: reads settings, opens the bucket, has `make` make
/// the handler, listens, and drains on SIGTERM or ctrl-c. `make` is called inside the runtime and
/// takes from [`Config`] the settings that only this function has.
///
/// Ends with success after it was told to stop, and with failure when it cannot start, or cannot
/// go on; one log line says why.
pub fn run(
    function: &'static str,
    connect: Connect,
    make: impl FnOnce(Tools, &Config) -> Result<Arc<dyn Handler>, SetupError>,
) -> ExitCode {
    let config = Config::environment();
    let settings = Settings::read(&config);
    let level = settings.as_ref().map_or(LevelFilter::INFO, |settings| settings.log_level);
    let ended = log::init(level).map_err(SetupError::from).and_then(|()| {
        let settings = settings?;
        // One thread: a function waits for the network, and Cloud Run bills whole processors.
        // One more looks up names: connections that are opened at a time ask for one each.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().max_blocking_threads(1).build()?;
        runtime.block_on(async {
            // Before anything else: a process without these handlers is killed at once.
            let stop = stop_signal()?;
            let tools = tools(&settings, connect)?;
            let handler = make(tools.clone(), &config)?;
            serve(function, &settings, tools, handler, stop).await
        })
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            error!(function, reason = %err, "function cannot run");
            ExitCode::FAILURE
        }
    }
}

/// What a function or a job works with on this machine: the bucket of `settings`, real time and
/// real chance.
///
/// # Errors
///
/// A bucket or definitions that cannot be used; the message names the setting at fault.
pub fn tools(settings: &Settings, connect: Connect) -> Result<Tools, SetupError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(SystemIds);
    let host = settings.storage_emulator_host.as_deref();
    let store = connect(&settings.bucket, host, Arc::clone(&clock), Arc::clone(&ids))?;
    let definitions = Arc::new(settings.definitions()?);
    let version = Version {
        definitions: definitions.digest().to_owned(),
        software: settings.version().to_owned(),
    };
    Ok(Tools { store, clock, ids, definitions, version })
}

async fn serve(
    function: &'static str,
    settings: &Settings,
    tools: Tools,
    handler: Arc<dyn Handler>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), SetupError> {
    let runner = Runner::new(function, &settings.bucket, tools, handler)
        .with_project(settings.google_cloud_project.clone());
    let listener = listen(&settings.host, settings.port).await?;
    let address = listener.local_addr()?;
    let (service, version) = (settings.service.as_deref(), settings.version());
    info!(function, %address, service, version, "listening");
    let grace = SHUTDOWN_GRACE.saturating_sub(EXIT_RESERVE);
    match server::serve(listener, server::router(runner), stop, grace).await? {
        End::Drained => info!(function, "stopped"),
        End::Cut => warn!(function, "stopped before every delivery was handled"),
    }
    Ok(())
}

/// Binds `host` and `port`; the error names both settings.
pub(crate) async fn listen(host: &str, port: u16) -> Result<TcpListener, SetupError> {
    let bound = TcpListener::bind((host, port)).await;
    bound.map_err(|err| format!("cannot listen on HOST {host}, PORT {port}: {err}").into())
}

/// Completes when the process is told to stop.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}

/// Completes when the process is told to stop.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if let Err(err) = tokio::signal::ctrl_c().await {
            warn!(reason = %err, "cannot wait for ctrl-c");
            std::future::pending::<()>().await;
        }
    })
}
