//! What the snapshot-builder promises.
