//! A function binary as a child process on a loopback port.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::image::container::Engine;

/// A function that has not answered by then does not start.
const START_MAX: Duration = Duration::from_secs(20);

/// A function that has not answered a question about its health by then is asked anew.
const HEALTH_MAX: Duration = Duration::from_secs(1);

/// A function that was asked to end and has not by then is killed. (In Cloud Run it has ten
/// seconds; Cloud Run documentation, "Container runtime contract", "Shutdown".)
const END_MAX: Duration = Duration::from_secs(2);

/// Between two looks at a function that is starting or ending.
const LOOK: Duration = Duration::from_millis(3);

/// What the environment of a function keeps of ours: what starting a program takes on the
/// systems that need it.
const INHERITED: [&str; 4] = ["PATH", "SYSTEMROOT", "TMPDIR", "TEMP"];

/// Ports below those that systems hand out to outgoing connections: the port of a function that
/// is down must still be free when it comes back. (Linux `ip_local_port_range` begins at 32768.)
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// One function, running or not.
pub(crate) struct Process {
    /// The name of the function.
    pub(crate) function: String,
    /// Where it listens.
    pub(crate) port: u16,
    executable: PathBuf,
    /// What runs its image instead of the executable.
    engine: Option<Engine>,
    variables: Vec<(String, String)>,
    log: PathBuf,
    state: Mutex<State>,
}

/// Whether a function runs, and if not, who wanted that.
enum State {
    Up(Child),
    /// Killed by [`Process::kill`], to be started again.
    Killed,
    /// Stopped by [`Process::stop`].
    Stopped,
}

impl Process {
    /// Prepares to run `executable` with `variables` and nothing else in its environment.
    pub(crate) fn new(
        function: &str,
        executable: &Path,
        port: u16,
        mut variables: Vec<(String, String)>,
        logs: &Path,
    ) -> Self {
        variables.push(("HOST".to_owned(), Ipv4Addr::LOCALHOST.to_string()));
        variables.push(("PORT".to_owned(), port.to_string()));
        Self {
            function: function.to_owned(),
            port,
            executable: executable.to_owned(),
            engine: None,
            variables,
            log: logs.join(format!("{function}.log")),
            state: Mutex::new(State::Stopped),
        }
    }

    /// The same function, but its image under `engine`, which has loaded it.
    pub(crate) fn in_container(mut self, engine: Option<Engine>) -> Self {
        self.engine = engine;
        self
    }

    /// Starts it unless it runs, and waits until it answers or is killed again.
    pub(crate) async fn start(&self) -> Result<()> {
        self.spawn_if(|state| !matches!(state, State::Up(_)))?;
        self.wait_healthy().await
    }

    /// Starts it if it was killed; one that is down on purpose stays down.
    pub(crate) async fn revive(&self) -> Result<()> {
        self.spawn_if(|state| matches!(state, State::Killed))?;
        self.wait_healthy().await
    }

    /// Waits until it answers; returns at once when it is down.
    pub(crate) async fn wait_healthy(&self) -> Result<()> {
        let begun = Instant::now();
        while self.is_up() && !self.is_healthy().await {
            self.check_running()?;
            ensure!(begun.elapsed() < START_MAX, "{} does not answer", self.function);
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Kills it at once, in the middle of whatever it does. `false` when it was not running.
    pub(crate) fn kill(&self) -> bool {
        self.end(State::Killed)
    }

    /// Kills it, and lets nothing but [`Process::start`] bring it back.
    pub(crate) fn stop(&self) {
        self.end(State::Stopped);
    }

    /// Asks it to end as Cloud Run does, with SIGTERM; kills it where systems have no such thing.
    pub(crate) fn ask_to_end(&self) {
        if let State::Up(child) = &mut *self.state()
            && request_end(child).is_ok()
        {
            return;
        }
        self.stop();
    }

    /// Waits until it has ended after [`Process::ask_to_end`], which was at `asked`, and kills it
    /// when that takes too long. `false` if it had to be killed. Nothing but [`Process::start`] brings it back.
    pub(crate) async fn ended(&self, asked: Instant) -> bool {
        while self.is_up() && self.check_running().is_ok() {
            if asked.elapsed() > END_MAX {
                self.stop();
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.stop();
        true
    }

    /// The id of the process, when there is one.
    pub(crate) fn id(&self) -> Option<u32> {
        match &*self.state() {
            State::Up(child) => Some(child.id()),
            State::Killed | State::Stopped => None,
        }
    }

    /// Whether it was killed and has not been started again.
    pub(crate) fn is_killed(&self) -> bool {
        matches!(*self.state(), State::Killed)
    }

    /// Fails when it has ended by itself.
    pub(crate) fn check_running(&self) -> Result<()> {
        if let State::Up(child) = &mut *self.state()
            && let Some(status) = child.try_wait()?
        {
            bail!("{} has ended by itself: {status}", self.function);
        }
        Ok(())
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> Result<String> {
        let bytes = std::fs::read(&self.log).with_context(|| self.log.display().to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn spawn_if(&self, wanted: fn(&State) -> bool) -> Result<()> {
        let mut state = self.state();
        if wanted(&state) {
            *state = State::Up(self.spawn()?);
        }
        Ok(())
    }

    fn is_up(&self) -> bool {
        matches!(*self.state(), State::Up(_))
    }

    fn spawn(&self) -> Result<Child> {
        let log = self.open_log()?;
        if let Some(engine) = &self.engine {
            let mut command = engine.run(&self.function, &self.container(), &self.variables);
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            return command.spawn().context("cannot start a container");
        }
        let mut command = Command::new(&self.executable);
        command.env_clear().stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.spawn().with_context(|| format!("cannot start {}", self.executable.display()))
    }

    fn open_log(&self) -> Result<File> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        log.with_context(|| self.log.display().to_string())
    }

    fn end(&self, end: State) -> bool {
        let mut state = self.state();
        // A function that is down on purpose does not become one that comes back by itself.
        if matches!((&*state, &end), (State::Stopped, State::Killed)) {
            return false;
        }
        let State::Up(mut child) = std::mem::replace(&mut *state, end) else { return false };
        // Both fail only for a process that is gone, which is what is wanted.
        child.kill().and_then(|()| child.wait()).map(drop).unwrap_or_default();
        // Whoever could have made or started it is gone.
        if let Some(engine) = &self.engine {
            engine.remove(&self.container());
        }
        true
    }

    /// The name of its container: nobody else has its port.
    fn container(&self) -> String {
        format!("strata-{}-{}", self.function, self.port)
    }

    async fn is_healthy(&self) -> bool {
        let asked = tokio::time::timeout(HEALTH_MAX, ask_health(self.port)).await;
        matches!(asked, Ok(Ok(true)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(unix)]
fn request_end(child: &Child) -> std::io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    // It was not waited for, so nobody else has its id.
    Ok(kill_process(Pid::from_child(child), Signal::TERM)?)
}

#[cfg(not(unix))]
fn request_end(_: &Child) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

async fn ask_health(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream
        .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

/// Free ports, one after the other.
pub(crate) struct Ports(u16);

impl Ports {
    /// Begins at a place of this process and of this call, so that two replays, and tests, at a
    /// time rarely meet.
    pub(crate) fn new() -> Self {
        const SPREAD: u32 = 97;
        const APART: u32 = 1_009;
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let width = u32::from(PORTS.end - PORTS.start);
        let apart = CALLS.fetch_add(1, Ordering::Relaxed).wrapping_mul(APART);
        let offset = std::process::id().wrapping_mul(SPREAD).wrapping_add(apart) % width;
        Self(PORTS.start + u16::try_from(offset).unwrap_or_default())
    }

    /// A port that nobody listens on.
    pub(crate) fn free(&mut self) -> Result<u16> {
        for _ in PORTS {
            let port = self.0;
            self.0 = if port + 1 < PORTS.end { port + 1 } else { PORTS.start };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
        bail!("no port between {} and {} is free", PORTS.start, PORTS.end)
    }
}
