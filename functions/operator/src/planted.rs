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

    /// Those of a conditional append.
    pub const CONDITIONAL: [Self; 3] =
        [Self::AppendedBeforeClaimed, Self::OwnClaimTakenForLost, Self::ClaimNotFinished];
}
