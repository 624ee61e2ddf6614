//! Time and chance, injected so that tests and the simulation decide them.

use std::time::Duration;

use ulid::Ulid;

use crate::{BoxFuture, Instant};

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> Instant;

    /// Completes when `delay` has passed on this clock.
    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()>;
}

/// Where chance comes from.
pub trait Ids: Send + Sync {
    /// 128 bits that nobody else has drawn.
    fn random(&self) -> u128;

    /// A new ULID with the time of `now`.
    fn ulid(&self, now: Instant) -> String {
        ulid(now, self.random())
    }

    /// A delay between nothing and `bound`: full jitter. (AWS Architecture Blog, "Exponential
    /// Backoff and Jitter".)
    fn jitter(&self, bound: Duration) -> Duration {
        let nanos = bound.as_nanos().max(1);
        Duration::from_nanos(u64::try_from(self.random() % nanos).unwrap_or(u64::MAX))
    }
}

/// The ULID of a time, in milliseconds since 1970 and 0 before, and of the low 80 bits of
/// `random`. (ulid specification, "Components".)
pub fn ulid(at: Instant, random: u128) -> String {
    Ulid::from_parts(at.unix_millis().max(0).unsigned_abs(), random).to_string()
}
