//! snapshot-builder
