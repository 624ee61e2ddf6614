//! The wrong turns of a walk and of a conditional append that tests plant.

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
    /// A restore appends its record whoever else has written meanwhile.
    RestoredWithoutClaim,
    /// A purge looks and erases twice, and appends its tombstone then.
    TombstoneLast,
    /// A purge ends after its first look.
    SecondLookSkipped,
    /// A purge leaves it to the functions to derive from its tombstone.
    TombstoneNotDerived,
    /// A purge does not write shards that have no line of the entity.
    ShardNotTouched,
    /// Who finds somebody else's claim leaves the record to them.
    ClaimNotFinished,
}

impl Shortcut {
    /// Those of a walk.
    pub const ALL: [Self; 4] = [
        Self::SecondPassSkipped,
        Self::OlderReleaseNotAwaited,
        Self::BatchNotedByItsLast,
        Self::VisitedAsTheFirstVersion,
    ];

    /// Those of a purge.
    pub const PURGE: [Self; 4] = [
        Self::TombstoneLast,
        Self::SecondLookSkipped,
        Self::TombstoneNotDerived,
        Self::ShardNotTouched,
    ];

    /// Those of a conditional append.
    pub const CONDITIONAL: [Self; 3] =
        [Self::AppendedBeforeClaimed, Self::OwnClaimTakenForLost, Self::ClaimNotFinished];
}
