//! Events of `tracing` as lines of JSON, in the shape that Cloud Logging understands. (Cloud Logging
//! documentation, "Structured logging", "Special fields in structured payloads".)
//!
//! There are no spans: one line says all about a delivery. Of what others enter nothing is kept.

use std::fmt;
use std::io::Write;

use domain::Clock as _;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::SystemClock;

/// Writes each event that is severe enough to a writer of its own.
pub(super) struct Lines<F> {
    pub(super) level: LevelFilter,
    pub(super) writer: F,
}

impl<F, W> Subscriber for Lines<F>
where
    F: Fn() -> W + 'static,
    W: Write,
{
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::begin(event.metadata());
        event.record(&mut line);
        // There is nowhere else to say that the log cannot be written.
        (self.writer)().write_all(&line.end()).unwrap_or_default();
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// One line, as far as it is written.
struct Line(Vec<u8>);

impl Line {
    fn begin(metadata: &Metadata<'_>) -> Self {
        let mut line = Self(vec![b'{']);
        line.field("time", &SystemClock.now().to_string());
        line.field("severity", severity(*metadata.level()));
        line.field("target", metadata.target());
        line
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        let end = self.0.len();
        if end > 1 {
            self.0.push(b',');
        }
        let written = serde_json::to_writer(&mut self.0, name).and_then(|()| {
            self.0.push(b':');
            serde_json::to_writer(&mut self.0, value)
        });
        if written.is_err() {
            self.0.truncate(end);
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"}\n");
        self.0
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field.name(), &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field.name(), &format!("{value:?}"));
    }
}

/// (Cloud Logging documentation, "LogSeverity".)
fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}
