//! rules-engine
fn main() {}
