//! A program that runs steps with a client library, and tells how each ended.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::environment::Environment;
use super::install::Tool;
use super::suite::Suite;

/// The program with the steps for Cloud Storage in Python.
pub(crate) const STORAGE_PY: &str = "storage.py";
/// The program with the steps for Pub/Sub in Python.
pub(crate) const PUBSUB_PY: &str = "pubsub.py";
/// The program that uploads history and reads what came of it.
pub(crate) const HISTORY_PY: &str = "history.py";
/// The program with the steps for Cloud Storage in Node.
pub(crate) const STORAGE_JS: &str = "storage.js";

/// The program that writes with the Python of docs/writers.md.
pub(crate) const WRITER_PY: &str = "writer.py";
/// The program that writes with the JavaScript of that page.
pub(crate) const WRITER_JS: &str = "writer.js";

/// Every program, and what they share.
const FILES: [(&str, &str); 7] = [
    (WRITER_PY, include_str!("writer.py")),
    (WRITER_JS, include_str!("writer.js")),
    ("steps.py", include_str!("steps.py")),
    (STORAGE_PY, include_str!("storage.py")),
    (PUBSUB_PY, include_str!("pubsub.py")),
    (HISTORY_PY, include_str!("history.py")),
    (STORAGE_JS, include_str!("storage.js")),
];

/// A step that takes longer hangs.
const STEP_MAX: Duration = Duration::from_secs(150);

/// How a step ended, as a program writes it.
#[derive(Deserialize)]
struct Line {
    step: String,
    error: Option<String>,
}

/// A program that answers lines with lines.
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    log: std::path::PathBuf,
}

impl Program {
    /// Starts `program` with the interpreter `tool`.
    pub(crate) fn start(tool: &Tool, program: &str, environment: &Environment) -> Result<Self> {
        Self::start_with(tool, program, environment, |_| Ok(()))
    }

    /// The same, once `prepare` has done something with the folder of the programs.
    pub(crate) fn start_with(
        tool: &Tool,
        program: &str,
        environment: &Environment,
        prepare: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        let folder = environment.folder.join("program");
        fs::create_dir_all(&folder)?;
        for (name, text) in FILES {
            fs::write(folder.join(name), text)?;
        }
        prepare(&folder)?;
        let log = environment.folder.join("stderr.log");
        let mut command = environment.command(&tool.program);
        command.envs(tool.variables.iter().map(|(name, value)| (name, value)));
        command.arg(folder.join(program)).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(fs::File::create(&log)?);
        let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let input = child.stdin.take().context("the program has no input")?;
        let output = child.stdout.take().context("the program has no output")?;
        Ok(Self { child, input, output: BufReader::new(output).lines(), log })
    }

    /// The next line, or why there is none. `None` when the program has ended well.
    pub(crate) async fn read(&mut self) -> Result<Option<String>> {
        let line = tokio::time::timeout(STEP_MAX, self.output.next_line()).await;
        let line = line.with_context(|| format!("hangs for {} s", STEP_MAX.as_secs()))??;
        if line.is_none() {
            let status = self.child.wait().await?;
            let last = fs::read_to_string(&self.log)?;
            let last = last.lines().last().unwrap_or("it wrote nothing to standard error");
            anyhow::ensure!(status.success(), "the program ended with {status}: {last}");
        }
        Ok(line)
    }

    /// Writes a line.
    pub(crate) async fn write(&mut self, line: &str) -> Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }
}

/// Runs every step of `program`. An error is one of this machine, not of a step.
pub(crate) async fn run(
    suite: &mut Suite<'_>,
    tool: &Tool,
    program: &str,
    environment: &Environment,
) -> Result<()> {
    let mut program = Program::start(tool, program, environment)?;
    loop {
        match program.read().await {
            Ok(Some(line)) => {
                let Line { step, error } = serde_json::from_str(&line).context(line)?;
                suite.step(&step, error)?;
            }
            Ok(None) => return Ok(()),
            Err(err) => return suite.step("the step after that", Some(format!("{err:#}"))),
        }
        // It says by ending that it was the last.
        if program.write("").await.is_err() {
            return Ok(());
        }
    }
}
