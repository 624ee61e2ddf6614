//! index-writer
fn main() {}
