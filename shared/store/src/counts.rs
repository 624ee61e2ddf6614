//! What an event costs, in operations: the counts that the functions' tests assert, and from which
//! an estimate is made. ARCHITECTURE.md, "What an event costs", has them in words.

use crate::{Operations, PAGE_ITEMS_MAX};

const fn of(class_b: u64, class_a: u64) -> Operations {
    Operations { class_a, class_b, deletes: 0 }
}

/// snapshot-builder: a record is created, replaces, is merged in order, or is a tombstone.
pub const SNAPSHOT_WRITTEN: Operations = of(2, 1);

/// snapshot-builder: a late record, of so many names `listed` of which it reads `read` besides.
#[must_use]
pub const fn snapshot_late(listed: u64, read: u64) -> Operations {
    of(2 + read, pages(listed) + 1)
}

/// manifest-writer: a manifest changes.
pub const MANIFEST_WRITTEN: Operations = of(2, 1);

/// manifest-writer: besides, when it is the first change of its entity in an hour.
pub const JOURNAL_WRITTEN: Operations = of(0, 1);

/// index-writer: an entity is created that has so many pointers.
#[must_use]
pub const fn pointers_created(pointers: u64) -> Operations {
    of(2 + pointers, pointers)
}

/// index-writer: an entity changes that has so many pointers, of which `written` are to be written,
/// and `lost` others.
#[must_use]
pub const fn pointers_updated(pointers: u64, written: u64, lost: u64) -> Operations {
    of(3 + pointers + lost, written + lost)
}

/// index-writer: each register that is touched.
pub const REGISTER_TOUCHED: Operations = of(1, 1);

/// rules-engine: nothing begins or ceases to hold.
pub const RULES_UNCHANGED: Operations = of(2, 0);

/// rules-engine: so many alerts are `told` that open, still stand or have ended, the rules read
/// again.
#[must_use]
pub const fn rules_changed(told: u64) -> Operations {
    of(4, told + 2)
}

/// rules-engine: besides, the first attempt after so many alerts were told.
#[must_use]
pub const fn alerts_confirmed(told: u64) -> Operations {
    of(0, told + 1)
}

/// rules-engine: besides, where a rule compares with the version before, so many `events`, of which
/// so many are `late`, and of which so many alerts are `told`.
#[must_use]
pub const fn changes_told(events: u64, late: u64, told: u64) -> Operations {
    of(events + late, told)
}

/// alert-dispatcher: an alert is logged, so many `lines` of it, and sent to so many `targets`.
#[must_use]
pub const fn alert_sent(lines: u64, targets: u64) -> Operations {
    of(2 + lines + 3 * targets, lines + 2 * targets)
}

/// What a run of the manifest-compactor over one segment finds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compaction {
    /// Entities with a manifest or a snapshot.
    pub entities: u64,
    /// Entries of the journal.
    pub journal: u64,
    /// Sources that are read.
    pub read: u64,
    /// Shards of the count, and of all.
    pub shards: u64,
    /// The same, those of other counts included.
    pub shards_of_all: u64,
    /// Shards that the journal names an entity of.
    pub touched: u64,
    /// Shards that change.
    pub changed: u64,
    /// Whether the index changes.
    pub index: bool,
}

impl Compaction {
    /// A delta.
    #[must_use]
    pub const fn delta(self) -> Operations {
        let Self { journal, read, touched, changed, index, .. } = self;
        of(1 + touched + read, pages(journal) + changed + index as u64)
    }

    /// A full run.
    #[must_use]
    pub const fn full(self) -> Operations {
        let Self { entities, journal, read, shards, shards_of_all, changed, index, .. } = self;
        let listed = pages(shards_of_all) + pages(entities) + pages(journal);
        of(1 + shards + read, listed + changed + index as u64)
    }

    /// An export.
    #[must_use]
    pub const fn export(self) -> Operations {
        let Self { entities, read, shards, shards_of_all, changed, .. } = self;
        of(1 + shards + read, pages(shards_of_all) + pages(entities) + changed)
    }
}

/// Pages of a list; an empty one counts as one.
const fn pages(items: u64) -> u64 {
    let pages = items.div_ceil(PAGE_ITEMS_MAX as u64);
    if pages == 0 { 1 } else { pages }
}
