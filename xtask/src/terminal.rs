//! What a person sees: lines on standard output, progress and errors on standard error.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that takes less gets no progress bar.
const BLINK: Duration = Duration::from_millis(400);

/// Where commands print.
pub(crate) struct Terminal {
    bar: ProgressBar,
    started: Instant,
    output: Mutex<Box<dyn Write + Send>>,
}

impl Terminal {
    /// Standard output, and standard error for progress when that is a terminal.
    pub(crate) fn new() -> Self {
        Self::on(io::stdout())
    }

    /// The same, with `output` for standard output.
    pub(crate) fn on(output: impl Write + Send + 'static) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { bar, started: Instant::now(), output: Mutex::new(Box::new(output)) }
    }

    /// Prints lines. Fails when nobody reads them any more.
    pub(crate) fn say(&self, lines: &str) -> Result<()> {
        let output = || self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let print = || writeln!(output(), "{lines}");
        self.bar.suspend(print).context("standard output is closed")
    }

    /// Prints an error with its causes on one line.
    pub(crate) fn error(&self, err: &anyhow::Error) {
        let print = || writeln!(io::stderr().lock(), "error: {err:#}");
        // Nobody is left to be told when even this fails; the exit code says it.
        self.bar.suspend(print).unwrap_or_default();
    }

    /// Begins to show that `steps` steps are to come.
    pub(crate) fn begin(&self, steps: usize) {
        self.bar.reset();
        self.bar.set_length(steps as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg} {elapsed}") {
            self.bar.set_style(style);
        }
    }

    /// Shows what is done at present; the bar appears when the work takes longer than a blink.
    pub(crate) fn doing(&self, what: String) {
        if self.bar.is_hidden() && self.started.elapsed() > BLINK {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_message(what);
    }

    /// One step is done.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
