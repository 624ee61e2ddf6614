//! What holds of any history and of any entity definition.
//!
//! Behind the feature `fuzzing`: the targets `record` and `definitions` in `fuzz/` call it, and so
//! do the tests.

mod definition;
mod history;

pub use definition::definitions;
pub use history::record;
