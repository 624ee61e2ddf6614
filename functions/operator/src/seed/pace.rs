//! How fast a bucket is written to that may be at rest.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{Clock, Instant};

/// In this time the pace may double. (Cloud Storage documentation, "Request rate and access
/// distribution guidelines", "Ramp up request rate gradually".)
const DOUBLES_IN: Duration = Duration::from_secs(20 * 60);

/// Gives turns, first slowly.
pub(crate) struct Pace {
    began_at: Instant,
    /// Turns in a second, at first.
    first: f64,
    /// When the next turn is, in seconds after the beginning.
    next: Mutex<f64>,
}

impl Pace {
    /// So many turns in a second at first, and twice as many every twenty minutes.
    pub(crate) fn new(clock: &dyn Clock, first: f64) -> Self {
        Self { began_at: clock.now(), first, next: Mutex::default() }
    }

    /// Waits for the next turn.
    pub(crate) async fn turn(&self, clock: &dyn Clock) {
        let past = seconds(self.began_at, clock.now());
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            // A turn that nobody took is not made up for.
            let turn = next.max(past);
            *next = turn + 1.0 / self.rate(turn);
            turn
        };
        if turn > past {
            clock.sleep(Duration::from_secs_f64(turn - past)).await;
        }
    }

    /// Turns in a second, so many seconds after the beginning.
    fn rate(&self, past: f64) -> f64 {
        self.first * (past / DOUBLES_IN.as_secs_f64()).exp2()
    }
}

fn seconds(from: Instant, to: Instant) -> f64 {
    let millis = to.unix_millis().saturating_sub(from.unix_millis()).max(0);
    Duration::from_millis(millis.unsigned_abs()).as_secs_f64()
}
