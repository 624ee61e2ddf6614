//! manifest-writer
fn main() {}
