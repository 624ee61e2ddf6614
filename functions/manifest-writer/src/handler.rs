//! manifest-writer
