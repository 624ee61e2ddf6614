//! One client and one subject: how each step ended, and the calls of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use emulator::{Call, Emulator};

use crate::terminal::Terminal;

/// The column that steps begin in.
const NAME_WIDTH: usize = 16;

/// A suite that runs.
pub(crate) struct Suite<'a> {
    /// Where calls are taken from that belong to steps, if they are kept at all.
    emulator: Option<&'a Emulator>,
    terminal: &'a Terminal,
    begun: Instant,
    ended: Ended,
}

/// What came of a suite.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Client and subject.
    pub(crate) name: &'static str,
    /// Of the client, as it names itself.
    pub(crate) version: String,
    /// Steps that succeeded.
    pub(crate) succeeded: usize,
    /// Steps that did not, with their errors.
    pub(crate) failed: Vec<(String, String)>,
    /// Every call, by the step that it belongs to.
    pub(crate) calls: Vec<(String, Vec<Call>)>,
    /// Where the emulator listened.
    pub(crate) url: String,
    elapsed: Duration,
}

impl<'a> Suite<'a> {
    /// Nothing has happened so far.
    pub(crate) fn begin(
        name: &'static str,
        version: &str,
        emulator: Option<&'a Emulator>,
        terminal: &'a Terminal,
    ) -> Self {
        let ended = Ended {
            name,
            version: version.to_owned(),
            succeeded: 0,
            failed: Vec::new(),
            calls: Vec::new(),
            url: emulator.map(Emulator::url).unwrap_or_default(),
            elapsed: Duration::ZERO,
        };
        Self { emulator, terminal, begun: Instant::now(), ended }
    }

    /// Says how a step ended, and takes the calls since the step before.
    pub(crate) fn step(&mut self, step: &str, error: Option<String>) -> Result<()> {
        let name = self.ended.name;
        let calls = self.emulator.map(Emulator::take_calls).unwrap_or_default();
        if !calls.is_empty() {
            self.ended.calls.push((step.to_owned(), calls));
        }
        match error {
            None => {
                self.ended.succeeded += 1;
                self.terminal.say(&format!("  {name:NAME_WIDTH$} ok      {step}"))
            }
            Some(error) => {
                // Errors of clients have many lines; the first ones say it.
                let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
                let error = cut(&error);
                self.terminal.say(&format!("  {name:NAME_WIDTH$} FAILED  {step}: {error}"))?;
                self.ended.failed.push((step.to_owned(), error));
                Ok(())
            }
        }
    }

    /// What came of it.
    pub(crate) fn end(self) -> Ended {
        Ended { elapsed: self.begun.elapsed(), ..self.ended }
    }
}

impl Ended {
    /// A suite of which nothing ran.
    pub(crate) fn not_begun(name: &'static str, step: &str, err: &anyhow::Error) -> Self {
        Self {
            name,
            version: String::new(),
            succeeded: 0,
            failed: vec![(step.to_owned(), format!("{err:#}"))],
            calls: Vec::new(),
            url: String::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// Whether every step succeeded.
    pub(crate) fn is_good(&self) -> bool {
        self.failed.is_empty() && self.succeeded > 0
    }

    fn calls(&self) -> usize {
        self.calls.iter().map(|(_, calls)| calls.len()).sum()
    }
}

/// The beginning of an error.
fn cut(error: &str) -> String {
    const ERROR_CHARS_MAX: usize = 600;
    match error.char_indices().nth(ERROR_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &error[..end]),
        None => error.to_owned(),
    }
}

/// One line for each suite, and one for all.
pub(crate) fn table(ended: &[Ended], elapsed: Duration) -> String {
    let mut text =
        format!("\n{:NAME_WIDTH$} {:>5} {:>6} {:>6} {:>7}", "client", "ok", "failed", "calls", "s");
    for suite in ended {
        text += &format!(
            "\n{:NAME_WIDTH$} {:>5} {:>6} {:>6} {:>7.1}",
            suite.name,
            suite.succeeded,
            suite.failed.len(),
            suite.calls(),
            suite.elapsed.as_secs_f64(),
        );
    }
    let succeeded: usize = ended.iter().map(|suite| suite.succeeded).sum();
    let failed: usize = ended.iter().map(|suite| suite.failed.len()).sum();
    let end = if failed == 0 { "all ok".to_owned() } else { format!("{failed} FAILED") };
    let steps = succeeded + failed;
    text + &format!("\n\n{steps} steps, {:.1} s: {end}", elapsed.as_secs_f64())
}
