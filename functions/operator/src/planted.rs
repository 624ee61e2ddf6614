//! The wrong turns of a walk, and of a reconciliation, that tests plant.

/// Ways to spare a pass, a wait or a read that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// A walk ends after its first pass.
    SecondPassSkipped,
    /// The second pass begins at once, while requests to an older release are under way.
    OlderReleaseNotAwaited,
    /// What is noted of a batch is its last snapshot, before the others are worked on.
    BatchNotedByItsLast,
    /// A snapshot is visited as one that overwrote nothing.
    VisitedAsTheFirstVersion,
    /// A difference counts as soon as it is seen.
    CountedAtFirstLook,
    /// A tombstone is deleted however young it is.
    TombstoneDeletedYoung,
    /// A wanted repair is forgotten without another look at what came meanwhile.
    WishForgotten,
    /// What is derived is decided again without a new version of the snapshot.
    SnapshotNotRenewed,
}

impl Shortcut {
    /// Every one of them.
    pub const ALL: [Self; 8] = [
        Self::SecondPassSkipped,
        Self::OlderReleaseNotAwaited,
        Self::BatchNotedByItsLast,
        Self::VisitedAsTheFirstVersion,
        Self::CountedAtFirstLook,
        Self::TombstoneDeletedYoung,
        Self::WishForgotten,
        Self::SnapshotNotRenewed,
    ];
}
