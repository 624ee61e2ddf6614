//! alert-dispatcher
fn main() {}
