//! What work costs: operations as Cloud Storage bills them.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::{Counted, Operations};

/// Dollars for a thousand inserts or list pages, Standard storage in one region.
/// (Cloud Storage documentation, "Pricing", "Operation charges", as of November 2025.)
pub const CLASS_A_PER_THOUSAND: f64 = 0.005;

/// The same for a thousand reads. A notification is billed as one.
pub const CLASS_B_PER_THOUSAND: f64 = 0.0004;

/// What was done so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// All operations, those for the notes of how far the work is included.
    pub operations: Operations,
    /// Digests of the names of objects written, those notes apart.
    objects: HashSet<u64>,
    /// Notifications that follow from the writes.
    notifications: u64,
}

impl Tally {
    /// Takes over what `counted` has counted, and forgets its log.
    pub fn take(&mut self, counted: &Counted) {
        self.operations = counted.operations();
        for call in counted.take_log() {
            let Some(name) = call.strip_prefix("put ") else { continue };
            // Every object of an environment is notified of; snapshots once more, to a topic of
            // their own.
            let of_snapshots = name.split('/').nth(2) == Some("snapshots");
            self.notifications += 1 + u64::from(of_snapshots);
            if !name.contains("/manifests/_jobs/") {
                let mut hasher = DefaultHasher::new();
                name.hash(&mut hasher);
                self.objects.insert(hasher.finish());
            }
        }
    }

    /// How many objects were written.
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    fn dollars(&self) -> f64 {
        dollars(self.operations.class_a, self.operations.class_b + self.notifications)
    }
}

/// What operations cost, in dollars.
#[expect(clippy::cast_precision_loss, reason = "nobody pays for that many operations")]
pub fn dollars(class_a: u64, class_b: u64) -> f64 {
    (class_a as f64 * CLASS_A_PER_THOUSAND + class_b as f64 * CLASS_B_PER_THOUSAND) / 1000.0
}

/// `12 objects; 40 B + 30 A and 12 notifications, $0.0002`
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (objects, dollars) = (self.objects(), self.dollars());
        let Self { operations, notifications, .. } = self;
        write!(
            f,
            "{objects} objects; {operations} and {notifications} notifications, ${dollars:.4}"
        )
    }
}
