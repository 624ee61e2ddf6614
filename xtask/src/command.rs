//! Other programs, run one after the other with their output shown.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::terminal::Terminal;

/// Runs `command` to its end, says how long it took, and whether it succeeded.
pub(crate) fn run(name: &str, command: &mut Command, terminal: &Terminal) -> Result<bool> {
    let started = Instant::now();
    terminal.say(&format!("== {name}"))?;
    let status = command.status().with_context(|| format!("cannot start {name}"))?;
    let end = if status.success() { "ok" } else { "FAILED" };
    terminal.say(&format!("== {name}: {end}, {:.1} s", started.elapsed().as_secs_f64()))?;
    Ok(status.success())
}
