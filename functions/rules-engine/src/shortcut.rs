//! Wrong turns that tests and the simulation take.

/// Ways to spare an operation that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// The change is written at once, without a note before it.
    NoNote,
    /// A note of somebody else is left standing when there is nothing to change.
    NoteIgnored,
    /// The snapshot is not read again between the note and the change.
    SnapshotNotReadAgain,
    /// Only the attempt that opens an alert writes its object.
    AlertByOpenerOnly,
    /// The state is decided on the event's own version instead of the current one.
    OwnGenerationTrusted,
    /// Whoever writes the object of an alert draws an id for its name.
    RandomAlertIds,
    /// The change is given up where the store asks to slow down after the note.
    ThrottledGivenUp,
    /// That alerts have opened is not noted with them.
    OpenedUnnoted,
    /// Only the attempt that closes an alert writes that it has ended.
    ResolvedByCloserOnly,
    /// The objects of what is told are forgotten with the note of a change, before they are written.
    ToldForgotten,
    /// The change is made as it was decided before the note.
    ClockNotReadAgain,
    /// It is decided by one's own clock, whatever the state says.
    StateInstantIgnored,
    /// A test of a change is asked of the current version instead of the event's own.
    ChangeOfCurrentVersion,
}

impl Shortcut {
    /// Every one of them.
    pub const ALL: [Self; 13] = [
        Self::NoNote,
        Self::NoteIgnored,
        Self::SnapshotNotReadAgain,
        Self::AlertByOpenerOnly,
        Self::OwnGenerationTrusted,
        Self::RandomAlertIds,
        Self::ThrottledGivenUp,
        Self::OpenedUnnoted,
        Self::ResolvedByCloserOnly,
        Self::ToldForgotten,
        Self::ClockNotReadAgain,
        Self::StateInstantIgnored,
        Self::ChangeOfCurrentVersion,
    ];
}
