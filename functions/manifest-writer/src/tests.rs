//! What the manifest-writer promises.
