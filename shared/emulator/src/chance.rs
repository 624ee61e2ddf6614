//! Seeded chance: the same seed gives the same run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::Ids;

/// The step of SplitMix64. (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators".)
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64: quick, seedable, and not for secrets.
pub struct Chance(AtomicU64);

impl Chance {
    /// The same seed draws the same numbers in the same order.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// Ids drawn from a seed, for tests.
pub struct SeededIds(Chance);

impl SeededIds {
    /// The same seed draws the same ids in the same order.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Chance::new(seed)))
    }
}

impl Ids for SeededIds {
    fn random(&self) -> u128 {
        u128::from(self.0.next()) << 64 | u128::from(self.0.next())
    }
}
