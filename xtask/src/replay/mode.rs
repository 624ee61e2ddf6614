//! How a scenario is replayed.

use std::fmt;

/// The ways in which one run differs from what a quiet day looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Deliveries come in the order that this seed decides.
    pub(crate) shuffle: Option<u64>,
    /// Every notification is published as often.
    pub(crate) repeat: u32,
    /// Storage fails and functions are killed as this seed decides.
    pub(crate) faults: Option<u64>,
    /// Everything else that is left to chance.
    pub(crate) seed: u64,
}

impl Mode {
    /// One delivery after the other, each once, and nothing fails.
    pub(crate) fn in_order(seed: u64) -> Self {
        Self { shuffle: None, repeat: 1, faults: None, seed }
    }

    /// What `cargo xtask replay` does when nobody says how.
    pub(crate) fn usual(seed: u64) -> [Self; 4] {
        const REPEAT: u32 = 3;
        let in_order = Self::in_order(seed);
        [
            in_order.clone(),
            Self { shuffle: Some(seed), ..in_order.clone() },
            Self { repeat: REPEAT, ..in_order.clone() },
            Self { faults: Some(seed), ..in_order },
        ]
    }

    /// Whether each step is handled before the next one happens.
    pub(crate) fn is_in_order(&self) -> bool {
        self.shuffle.is_none() && self.faults.is_none()
    }

    /// The name of a folder for a bucket that was left behind in this mode.
    pub(crate) fn folder(&self) -> String {
        self.to_string().replace(", ", "_").replace(' ', "-")
    }

    /// The options that ask for this mode.
    pub(crate) fn options(&self) -> String {
        let mut options = Vec::new();
        if let Some(seed) = self.shuffle {
            options.push(format!("--shuffle {seed}"));
        }
        // Without any option all the usual modes run.
        if self.repeat > 1 || (self.shuffle.is_none() && self.faults.is_none()) {
            options.push(format!("--repeat {}", self.repeat));
        }
        if let Some(seed) = self.faults {
            options.push(format!("--faults {seed}"));
        }
        options.push(format!("--seed {}", self.seed));
        options.join(" ")
    }
}

/// `shuffled by 7, repeated 3 times`, for people.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ways = Vec::new();
        if let Some(seed) = self.shuffle {
            ways.push(format!("shuffled by {seed}"));
        }
        if self.repeat > 1 {
            ways.push(format!("repeated {} times", self.repeat));
        }
        if let Some(seed) = self.faults {
            ways.push(format!("faults of {seed}"));
        }
        f.write_str(if ways.is_empty() { "in order" } else { "" })?;
        f.write_str(&ways.join(", "))
    }
}
