//! The wrong turns that tests and the simulation plant.

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
    /// A conditional append writes its record, and claims afterwards.
    AppendedBeforeClaimed,
    /// A conflict on the claim is taken for lost without a look at whose it is.
    OwnClaimTakenForLost,
    /// Who finds somebody else's claim leaves the record to them.
    ClaimNotFinished,
    /// A restore appends its record whoever else has written meanwhile.
    RestoredWithoutClaim,
    /// A restore takes what was dated until the instant for what was known then.
    RestoredByDates,
    /// A purge looks and erases twice, and appends its tombstone then.
    TombstoneLast,
    /// A purge ends after its first look.
    SecondLookSkipped,
    /// A purge leaves it to the functions to derive from its tombstone.
    TombstoneNotDerived,
    /// A purge does not write shards that have no line of the entity.
    ShardNotTouched,
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
    pub const ALL: [Self; 17] = [
        Self::SecondPassSkipped,
        Self::OlderReleaseNotAwaited,
        Self::BatchNotedByItsLast,
        Self::VisitedAsTheFirstVersion,
        Self::AppendedBeforeClaimed,
        Self::OwnClaimTakenForLost,
        Self::ClaimNotFinished,
        Self::RestoredWithoutClaim,
        Self::RestoredByDates,
        Self::TombstoneLast,
        Self::SecondLookSkipped,
        Self::TombstoneNotDerived,
        Self::ShardNotTouched,
        Self::CountedAtFirstLook,
        Self::TombstoneDeletedYoung,
        Self::WishForgotten,
        Self::SnapshotNotRenewed,
    ];
}
