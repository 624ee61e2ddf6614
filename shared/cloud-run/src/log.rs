//! Structured log lines for Cloud Logging, on standard output.

mod lines;

use std::io::{self, Write};
use std::time::Instant;

use axum::http::StatusCode;
use domain::{Disposition, Failure, Outcome};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Subscriber, error, info, warn};

use crate::decode::{Malformed, Notification};
use crate::trace::Trace;

/// The longest reason in a log line, in bytes; quarantine objects have all of it.
const REASON_BYTES_MAX: usize = 2048;

/// Logs what is at least as severe as `level`, from here on and in the whole process. A panic
/// is logged with its place and without its message, which can quote what was handled.
pub(crate) fn init(level: LevelFilter) -> Result<(), SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(subscriber(level, io::stdout))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(place, "panic");
    }));
    Ok(())
}

/// Writes one JSON object a line to what `writer` gives, in one call.
pub(crate) fn subscriber<W: Write>(
    level: LevelFilter,
    writer: impl Fn() -> W + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    lines::Lines { level, writer }
}

/// The one line about a delivery.
///
/// It is written when the delivery ends, or when it is dropped before, because its caller is gone.
pub(crate) struct Line<'a> {
    function: &'a str,
    started_at: Instant,
    trace: Option<Trace>,
    trace_name: Option<String>,
    object: Option<String>,
    generation: Option<String>,
    attempts: Option<u64>,
    written: bool,
}

impl<'a> Line<'a> {
    /// Begins the line for a delivery to `function`; traces lie in `project`.
    pub(crate) fn begin(function: &'a str, trace: Option<Trace>, project: Option<&str>) -> Self {
        Self {
            function,
            started_at: Instant::now(),
            trace_name: trace.as_ref().map(|trace| trace.name(project)),
            trace,
            object: None,
            generation: None,
            attempts: None,
            written: false,
        }
    }

    /// Notes what the delivery is about.
    pub(crate) fn about(&mut self, notification: &Notification) {
        self.object = Some(notification.object.clone());
        self.generation = Some(notification.generation.to_string());
        self.attempts = notification.attempts;
    }

    /// Writes how the delivery ended.
    pub(crate) fn end(mut self, outcome: &Outcome) {
        match outcome {
            Ok(Disposition::Done) => self.write("done", None),
            Ok(Disposition::Skipped(reason)) => self.write("skipped", Some(reason)),
            Ok(Disposition::Rejected(reasons)) => {
                self.write("rejected", Some(&reasons.join("; ")));
            }
            Err(Failure::Retry(reason)) => self.write("retry", Some(reason)),
            Err(Failure::Throttled(reason)) => self.write("throttled", Some(reason)),
        }
    }

    /// Writes that the body could not be read.
    pub(crate) fn malformed(mut self, malformed: Malformed, status: StatusCode) -> StatusCode {
        self.write("malformed", Some(&malformed.to_string()));
        status
    }

    /// `error` means that a person has to act.
    fn write(&mut self, outcome: &str, reason: Option<&str>) {
        self.written = true;
        let reason = reason.map(cut);
        let elapsed_ms = u64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let span_id = self.trace.as_ref().and_then(|trace| trace.span_id.as_deref());
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    function = self.function,
                    object = self.object.as_deref(),
                    generation = self.generation.as_deref(),
                    outcome,
                    reason,
                    attempts = self.attempts,
                    elapsed_ms,
                    "logging.googleapis.com/trace" = self.trace_name.as_deref(),
                    "logging.googleapis.com/spanId" = span_id,
                    "delivery"
                )
            };
        }
        match outcome {
            "done" | "skipped" => line!(info),
            "rejected" | "malformed" => line!(error),
            _ => line!(warn),
        }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.written {
            self.write("abandoned", Some("caller is gone"));
        }
    }
}

fn cut(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]
}
