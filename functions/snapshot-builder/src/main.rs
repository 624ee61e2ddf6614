//! snapshot-builder
fn main() {}
