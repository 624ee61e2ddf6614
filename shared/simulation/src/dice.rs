//! Draws from a seed.

use std::time::Duration;

use emulator::Chance;

/// A stream of draws: the same seed gives the same draws in the same order.
pub(crate) struct Dice(Chance);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Chance::new(seed))
    }

    /// A seed for a stream of its own.
    pub(crate) fn seed(&self) -> u64 {
        self.0.next()
    }

    /// A number from `least` to `most`, both possible.
    pub(crate) fn between(&self, least: u64, most: u64) -> u64 {
        least + self.0.below(most.saturating_sub(least) + 1)
    }

    /// The same of milliseconds.
    pub(crate) fn millis(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    /// True so many times in a thousand. A rate of 0 draws nothing.
    pub(crate) fn per_mille(&self, rate: u64) -> bool {
        rate > 0 && self.0.below(1000) < rate
    }

    /// One of `items`, of which there is at least one.
    pub(crate) fn pick<'a, T>(&self, items: &'a [T]) -> &'a T {
        &items[usize::try_from(self.0.below(items.len() as u64)).unwrap_or_default()]
    }
}
