//! `cargo xtask emulator` as a child process that can be killed.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child as Process, ChildStdout, Command};
use tokio::task::JoinHandle;

/// An emulator that does not listen by then never does.
const START_MAX: Duration = Duration::from_secs(60);

/// How the first line of an emulator begins.
const LISTENING: &str = "listening on ";

/// How it begins to tell of a file that it could not make an object.
const NOT_TAKEN_UP: &str = "not taken up";

/// One life of the emulator; dropped, it is killed.
pub(crate) struct Child {
    process: Process,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    reader: Option<JoinHandle<()>>,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Child {
    /// Begins to start one on `folder`.
    pub(crate) fn spawn(folder: &Path, bucket: &str, topic: &str) -> Result<Self> {
        let program = std::env::current_exe().context("this program has no name")?;
        let mut command = Command::new(program);
        command.args(["emulator", "--port", "0", "--bucket", bucket, "--notify", topic]);
        command.arg("--folder").arg(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().context("cannot start the emulator")?;
        let output = process.stdout.take().context("the emulator has no output")?;
        let lines = Some(BufReader::new(output).lines());
        Ok(Self { process, lines, reader: None, complaints: Arc::default() })
    }

    /// Waits until it listens; returns its URL.
    pub(crate) async fn url(&mut self) -> Result<String> {
        let Some(mut lines) = self.lines.take() else { bail!("it was asked before") };
        let first = tokio::time::timeout(START_MAX, lines.next_line()).await;
        let first = first.context("the emulator does not listen")??;
        let first = first.context("the emulator ends when it starts")?;
        let url = first.strip_prefix(LISTENING).with_context(|| format!("it says {first:?}"))?;
        let complaints = self.complaints.clone();
        self.reader = Some(tokio::spawn(async move {
            // A line that cannot be read is the last one of a process that was killed.
            while let Ok(Some(line)) = lines.next_line().await {
                if line.starts_with(NOT_TAKEN_UP) {
                    complaints.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            }
        }));
        Ok(url.to_owned())
    }

    /// Kills it at once, in the middle of whatever it does; returns what it complained about.
    pub(crate) async fn kill(mut self) -> Result<Vec<String>> {
        self.process.kill().await.context("the emulator cannot be killed")?;
        if let Some(reader) = self.reader.take() {
            reader.await?;
        }
        Ok(std::mem::take(&mut *self.complaints.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
