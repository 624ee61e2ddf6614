//! What a person and a program are told: results on standard output, the rest on standard error.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Instant;

use crate::Problem;

/// Between two lines about work that goes on.
const PACE: Duration = Duration::from_secs(5);

/// Where commands print.
pub struct Screen {
    output: Mutex<Box<dyn Write + Send>>,
    aside: Mutex<Box<dyn Write + Send>>,
    told_at: Mutex<Option<Instant>>,
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

impl Screen {
    /// Standard output and standard error.
    pub fn new() -> Self {
        Self::on(io::stdout(), io::stderr())
    }

    /// The same, with `output` and `aside` for the two.
    pub fn on(output: impl Write + Send + 'static, aside: impl Write + Send + 'static) -> Self {
        let (output, aside) = (Mutex::new(Box::new(output) as _), Mutex::new(Box::new(aside) as _));
        Self { output, aside, told_at: Mutex::default() }
    }

    /// Prints a result.
    ///
    /// # Errors
    ///
    /// When nobody reads any more.
    pub fn say(&self, lines: &str) -> Result<(), Problem> {
        let closed = |err| Problem::new(format!("standard output is closed: {err}"));
        writeln!(lock(&self.output), "{lines}").map_err(closed)
    }

    /// Prints beside the result.
    pub fn hint(&self, line: &str) {
        // Nobody is left to be told when this fails.
        writeln!(lock(&self.aside), "{line}").unwrap_or_default();
    }

    /// Prints beside the result how far the work is, now and then.
    pub fn progress(&self, now: Instant, line: impl FnOnce() -> String) {
        let mut told_at = lock(&self.told_at);
        if now >= told_at.get_or_insert(now).after(PACE) {
            *told_at = Some(now);
            self.hint(&line());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
