//! The wrong turns of a compaction that tests plant.

/// Ways to spare an operation, or a wait, that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// The manifests are read before the shard that they go into.
    ShardReadLast,
    /// A shard that was listed is taken in whatever version it is when it is read.
    ListedShardNotCompared,
    /// A conflict at a shard is taken for work that somebody has done.
    ConflictTakenForDone,
    /// The watermark is the time at which the run began.
    WatermarkWithoutLag,
    /// The index is swapped before the shards are written.
    IndexFirst,
    /// Journal entries are deleted as soon as they are compacted.
    JournalDeletedAtOnce,
    /// The shards of the count before are removed as soon as the index has another.
    ReplacedRemovedAtOnce,
    /// What a shard says of an entity without a manifest is left alone.
    LinesOfTheMissingKept,
    /// A version is noted as seen although it could not be read.
    UnreadableNotedAsSeen,
}

impl Shortcut {
    /// Every one of them.
    pub const ALL: [Self; 9] = [
        Self::ShardReadLast,
        Self::ListedShardNotCompared,
        Self::ConflictTakenForDone,
        Self::WatermarkWithoutLag,
        Self::IndexFirst,
        Self::JournalDeletedAtOnce,
        Self::ReplacedRemovedAtOnce,
        Self::LinesOfTheMissingKept,
        Self::UnreadableNotedAsSeen,
    ];
}
