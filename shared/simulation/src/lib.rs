//! Whole histories of the platform in virtual time, with everything that can go wrong.
//!
//! The functions that ship run here, from the body of a push to its status, over a bucket in
//! memory. A seed decides who writes what and when ([`Plan`]), and how everything that takes time
//! is interleaved and what fails ([`run`]). Nothing else can reach a result: no clock, no thread,
//! no unordered map. In the end the bucket is compared with what the history says, by an oracle
//! that shares nothing with the code that it judges.
//!
//! In reading order: `plan` draws what is written and how much goes wrong, `world` makes it
//! happen along a `timeline`, `network` carries operations to the bucket and back, `seen` keeps
//! what must not be forgotten, `oracle` says what must be there, `verdict` compares.

mod plan;

mod timeline;
mod world;

mod network;
mod seen;

mod oracle;
mod written;

mod verdict;

mod shrink;

mod dice;
mod fleet;
mod report;
mod trace;

#[cfg(test)]
mod tests;

pub use fleet::{
    Answer, COMMAND, COMPACTOR, EDIT, Fleet, Function, ONCE, OPERATOR, Outside, Post, Process,
    Reception, TOLD, definitions, definitions_before, definitions_with_older_index,
};
pub use network::ClientShortcut;
pub use plan::{Command, Mix, Plan, Planned, Profile, Said, Says};
pub use report::{Check, Counts, Fault, Faults, Report, Wrong};
pub use shrink::shrink;
pub use world::{Scenery, run};
