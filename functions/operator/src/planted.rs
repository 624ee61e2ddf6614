//! The wrong turns of a walk that tests plant.

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
}

impl Shortcut {
    /// Every one of them.
    pub const ALL: [Self; 4] = [
        Self::SecondPassSkipped,
        Self::OlderReleaseNotAwaited,
        Self::BatchNotedByItsLast,
        Self::VisitedAsTheFirstVersion,
    ];
}
