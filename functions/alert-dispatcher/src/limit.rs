//! How often one target is sent something.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Instant;

/// The most targets that are counted at a time.
const TARGETS_MAX: usize = 1000;

/// The milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// What a target is sent in a minute where nothing else is said.
pub const PER_MINUTE: u32 = 60;

/// Counts what each target is sent in each minute. A process counts for itself: each of several may
/// send as much.
pub struct Limit {
    per_minute: u32,
    /// For the word of each channel the minute, and how much was sent in it.
    counted: Mutex<BTreeMap<String, (i64, u32)>>,
}

impl Limit {
    /// So much in a minute, at least one.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute: per_minute.max(1), counted: Mutex::default() }
    }

    /// Whether the channel with this word was sent as much as may be within the minute of `now`.
    pub fn is_full(&self, word: &str, now: Instant) -> bool {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.get(word).is_some_and(|(of, sent)| *of == minute(now) && *sent >= self.per_minute)
    }

    /// How long it is until the next minute begins.
    pub fn pause(now: Instant) -> Duration {
        let gone = now.unix_millis().rem_euclid(MINUTE_MS);
        Duration::from_millis((MINUTE_MS - gone).unsigned_abs())
    }

    /// Counts one more to the channel with this word; why it is not sent now, if there were as many as
    /// may be.
    pub(crate) fn take(&self, word: &str, now: Instant) -> Result<(), String> {
        let minute = minute(now);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= TARGETS_MAX && !counted.contains_key(word) {
            counted.retain(|_, (of, _)| *of == minute);
        }
        if counted.len() >= TARGETS_MAX && !counted.contains_key(word) {
            return Err(format!("more than {TARGETS_MAX} targets within a minute"));
        }
        let entry = counted.entry(word.to_owned()).or_insert((minute, 0));
        if entry.0 != minute {
            *entry = (minute, 0);
        }
        if entry.1 >= self.per_minute {
            return Err(format!("more than {} alerts for it within a minute", self.per_minute));
        }
        entry.1 += 1;
        Ok(())
    }
}

fn minute(now: Instant) -> i64 {
    now.unix_millis().div_euclid(MINUTE_MS)
}

impl Default for Limit {
    fn default() -> Self {
        Self::new(PER_MINUTE)
    }
}
