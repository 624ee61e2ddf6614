//! Two clocks: one that moves when told, and the one on the wall.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::{BoxFuture, Clock, Instant};

/// A clock that moves only when told: by [`TestClock::advance`], and by `sleep`, which advances
/// it by the whole delay at once and never waits.
pub struct TestClock(Mutex<Instant>);

impl TestClock {
    /// Stands at `rfc3339`.
    ///
    /// # Panics
    ///
    /// When `rfc3339` is not a date and time, which the test that wrote it sees at once.
    pub fn at(rfc3339: &str) -> Arc<Self> {
        let start = Instant::parse(rfc3339).expect("a test spells its start as RFC 3339");
        Arc::new(Self(Mutex::new(start)))
    }

    /// Moves the clock on.
    pub fn advance(&self, delay: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.after(delay);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.advance(delay) })
    }
}

/// The clock on the wall; it sleeps on the timer of tokio.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is a Clock: the others ask it")]
    fn now(&self) -> Instant {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instant::from_unix_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(delay))
    }
}
