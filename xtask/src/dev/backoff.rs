//! How long a function that has ended by itself stays down.

use std::time::Duration;

/// After the first crash.
const FIRST: Duration = Duration::from_millis(500);

/// At most.
const LONGEST: Duration = Duration::from_secs(30);

/// A function that has run for so long is taken for one that works.
const STEADY: Duration = Duration::from_secs(60);

/// The crashes of one function that followed each other closely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crashes(u32);

impl Crashes {
    /// One more, after the function has run for `ran`. How long it stays down.
    pub(crate) fn one_more(&mut self, ran: Duration) -> Duration {
        if ran >= STEADY {
            self.0 = 0;
        }
        let doubled = 1_u32.checked_shl(self.0).unwrap_or(u32::MAX);
        self.0 = self.0.saturating_add(1);
        FIRST.saturating_mul(doubled).min(LONGEST)
    }
}
