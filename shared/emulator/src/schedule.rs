//! Every interleaving of a few attempts, at small scope.
//!
//! Each store operation of an attempt is one step, those that it waits for at the same time happen
//! in any order, and an attempt may crash before each and after each. [`Attempt`] makes the steps
//! of one handler one by one, over any store. [`Race`] goes through everything that can happen to
//! several.
//!
//! A handler knows of the world only what the store has told it. So what an attempt does next
//! follows from its message and the answers it has got, and is computed once for each
//! (`script`); the bucket is a value that a state holds (`bucket`); and the search (`search`)
//! goes from state to state without running anything from the beginning.

mod attempt;
mod bucket;
mod process;
mod race;
mod script;
mod search;

#[cfg(test)]
mod tests;

pub use attempt::{Attempt, Gate, Gated};
pub use process::{Notes, Process};
pub use race::{Event, Explored, Race, Rest, Watch, is_long};
