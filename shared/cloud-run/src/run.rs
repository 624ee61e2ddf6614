//! From the start of the process to its end.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::SHUTDOWN_GRACE;
use domain::{Clock, Handler, Ids};
use store::Store;
use tokio::net::TcpListener;
use tracing::level_filters::LevelFilter;
use tracing::{error, info, warn};

use crate::runner::Runner;
use crate::server::{self, End};
use crate::{Config, Settings, SystemClock, SystemIds, log};

/// Kept of the grace to end the process before it is killed.
const EXIT_RESERVE: Duration = Duration::from_millis(500);

/// What a function is made from.
pub struct Setup {
    /// For settings that only this function has.
    pub config: Config,
    /// The settings of every function.
    pub settings: Settings,
    /// The clock of the machine.
    pub clock: Arc<dyn Clock>,
    /// The random numbers of the operating system.
    pub ids: Arc<dyn Ids>,
}

/// What runs: made once, from a [`Setup`].
pub struct Service {
    /// Where quarantine is written.
    pub store: Arc<dyn Store>,
    /// What the function does.
    pub handler: Arc<dyn Handler>,
}

/// Why a function cannot be made. The message is logged; it names the setting at fault.
pub type SetupError = Box<dyn Error + Send + Sync>;

/// Runs `function` until it is told to stop: reads settings, calls `wire` inside the runtime,
/// listens, and drains on SIGTERM or ctrl-c.
///
/// Ends with success after it was told to stop, and with failure when it cannot start, or cannot
/// go on; one log line says why.
pub fn run(
    function: &'static str,
    wire: impl FnOnce(&Setup) -> Result<Service, SetupError>,
) -> ExitCode {
    let config = Config::environment();
    let settings = Settings::read(&config);
    let level = settings.as_ref().map_or(LevelFilter::INFO, |settings| settings.log_level);
    let ended = log::init(level).map_err(SetupError::from).and_then(|()| {
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
        let setup = Setup { config, settings: settings?, clock, ids };
        // One thread: a function waits for the network, and Cloud Run bills whole processors.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(serve(function, &setup, wire))
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            error!(function, reason = %err, "function cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn serve(
    function: &'static str,
    setup: &Setup,
    wire: impl FnOnce(&Setup) -> Result<Service, SetupError>,
) -> Result<(), SetupError> {
    // Before anything else: a process without these handlers is killed at once.
    let stop = stop_signal()?;
    let settings = &setup.settings;
    let service = wire(setup)?;
    let runner = Runner::new(function, settings, Arc::clone(&setup.clock), service);
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
