//! What happened, in order: a hash of all of it, and the lines when somebody wants to read them.

use std::fmt::{self, Write as _};
use std::time::Duration;

/// The trace of one run.
pub(crate) struct Trace {
    hash: Hash,
    lines: Option<Vec<String>>,
}

/// FNV-1a with 64 bits: quick, and the same on every machine.
/// (Fowler, Noll, Vo: "The FNV Non-Cryptographic Hash Algorithm".)
struct Hash(u64);

impl fmt::Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

impl Trace {
    /// An empty trace that keeps its lines if somebody wants to read them.
    pub(crate) fn new(readable: bool) -> Self {
        Self { hash: Hash(0xcbf2_9ce4_8422_2325), lines: readable.then(Vec::new) }
    }

    /// Notes what happened at `now`.
    pub(crate) fn note(&mut self, now: Duration, what: fmt::Arguments<'_>) {
        // Neither a hash nor a text can refuse.
        writeln!(self.hash, "{} {what}", now.as_micros()).unwrap_or_default();
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>10.3}s  {what}", now.as_secs_f64()));
        }
    }

    /// The hash of everything so far, and the lines if they were kept.
    pub(crate) fn end(self) -> (u64, Vec<String>) {
        (self.hash.0, self.lines.unwrap_or_default())
    }
}
