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

    /// A new ULID with the time of `now`. (ulid specification, "Components".)
    fn ulid(&self, now: Instant) -> Ulid {
        Ulid::from_parts(now.unix_millis().max(0).unsigned_abs(), self.random())
    }

    /// A delay between nothing and `bound`: full jitter. (AWS Architecture Blog, "Exponential
    /// Backoff and Jitter".)
    fn jitter(&self, bound: Duration) -> Duration {
        let nanos = bound.as_nanos().max(1);
        Duration::from_nanos(u64::try_from(self.random() % nanos).unwrap_or(u64::MAX))
    }
}

/// Waits for a random time below `bound`, so that those who collided do not collide again.
pub async fn pause(clock: &dyn Clock, ids: &dyn Ids, bound: Duration) {
    clock.sleep(ids.jitter(bound)).await;
}
