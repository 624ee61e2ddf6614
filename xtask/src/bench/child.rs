//! A process that is measured, by what Linux says about it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// A process that does not listen by then does not start.
const START_MAX: Duration = Duration::from_secs(10);

/// An answer that has not come by then does not come.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Between two attempts to connect to a process that is starting.
const LOOK: Duration = Duration::from_micros(20);

/// One process with a port on loopback; killed when dropped.
pub(crate) struct Measured {
    child: Child,
    port: u16,
    begun: Instant,
}

/// What a process has used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) threads: u64,
}

/// How long a start took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// From exec until it took a connection.
    pub(crate) listening: Duration,
    /// From exec until its first answer had come.
    pub(crate) first: Duration,
    /// What of that it was at work.
    pub(crate) cpu: Duration,
}

impl Measured {
    /// Starts `executable`, which listens on `port`, with `variables` and nothing else in its
    /// environment.
    pub(crate) fn spawn(
        executable: &Path,
        port: u16,
        arguments: &[String],
        variables: &[(String, String)],
    ) -> Result<Self> {
        let mut command = Command::new(executable);
        command.args(arguments).env_clear();
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        let child = command.spawn().with_context(|| executable.display().to_string())?;
        Ok(Self { child, port, begun })
    }

    /// Waits until it takes connections, and sends `body` as its first delivery. Blocks, so that
    /// nothing but the process is waited for.
    pub(crate) fn first(&mut self, body: &[u8]) -> Result<Start> {
        let mut stream = self.connect()?;
        let listening = self.begun.elapsed();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let mut answer = [0; 64];
        let read = stream.read(&mut answer)?;
        let first = self.begun.elapsed();
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        ensure!(answer.starts_with("HTTP/1.1 204"), "the first delivery was answered {answer:?}");
        Ok(Start { listening, first, cpu: self.usage()?.cpu })
    }

    /// Waits until it takes connections.
    pub(crate) fn listening(&mut self) -> Result<()> {
        self.connect().map(drop)
    }

    /// What it has used since it began.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let folder = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            number.with_context(|| format!("no {name} in {folder}/status"))
        };
        let mut nanos = 0;
        for thread in fs::read_dir(format!("{folder}/task"))? {
            let spent = fs::read_to_string(thread?.path().join("schedstat"))?;
            nanos += spent.split_whitespace().next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Usage {
            cpu: Duration::from_nanos(nanos),
            resident_bytes: number("VmRSS:")? * 1024,
            peak_bytes: number("VmHWM:")? * 1024,
            threads: number("Threads:")?,
        })
    }

    fn connect(&mut self) -> Result<TcpStream> {
        loop {
            if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it has ended by itself: {status}");
            }
            ensure!(self.begun.elapsed() < START_MAX, "it does not listen");
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        // Both fail only for a process that is gone, which is what is wanted.
        self.child.kill().and_then(|()| self.child.wait()).map(drop).unwrap_or_default();
    }
}
