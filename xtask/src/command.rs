//! Other programs, run one after the other with their output shown or read.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::terminal::Terminal;

/// Runs `command` to its end, says how long it took, and whether it succeeded.
pub(crate) fn run(name: &str, command: &mut Command, terminal: &Terminal) -> Result<bool> {
    Ok(output(name, command.stdout(Stdio::inherit()), terminal)?.0)
}

/// The same, and what it prints on standard output unless that goes elsewhere.
pub(crate) fn output(
    name: &str,
    command: &mut Command,
    terminal: &Terminal,
) -> Result<(bool, String)> {
    let started = Instant::now();
    terminal.say(&format!("== {name}"))?;
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start {name}"))?;
    let end = if output.status.success() { "ok" } else { "FAILED" };
    terminal.say(&format!("== {name}: {end}, {:.1} s", started.elapsed().as_secs_f64()))?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}
