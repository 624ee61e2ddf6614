//! index-writer
