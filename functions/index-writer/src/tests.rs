//! What the index-writer promises.
