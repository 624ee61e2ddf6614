//! Gathers the manifests of each segment in a few large objects, so that listing 100,000 entities
//! takes a few hundred reads, and SQL a few files.
//!
//! A *delta* reads the manifests that the journal names and lists none. A *full* run lists all of a
//! segment once and reads those whose versions the shards have not seen; it mends whatever a delta
//! can have missed. An *export* does the same with whole documents. `compactor` has the protocol
//! and why it is right.
//!
//! What a run takes, in operations (A = insert or list page, B = read; deletes are free):
//!
//! | run of one segment | operations |
//! |---|---|
//! | delta | (1 + t + c) B + (⌈j/1000⌉ + s + i) A |
//! | full | (1 + e + c) B + (⌈o/1000⌉ + ⌈n/1000⌉ + ⌈j/1000⌉ + s + i) A |
//! | export | (1 + e + c) B + (⌈o/1000⌉ + ⌈n/1000⌉ + s) A |
//!
//! where `n` entities have a manifest or snapshot, `j` entries are in the journal, `c` sources are
//! read (delta: one for each entity that the journal names since the hour of the watermark; else
//! those whose versions the shards do not remember: up to [`projection::shard::SEEN_MAX`] each), `e`
//! shards exist, `o` those of other counts included, `t` have an entity that the journal names, `s`
//! have changed, and `i` is 1 when the index changes: its count, or its watermark beyond an hour
//! that has entries. A page that is empty counts as one. A delta that finds the time of a replaced
//! count over lists the shards besides, ⌈o/1000⌉ A, and an export that finds parts of another count
//! reads the index again, 1 B.

mod compactor;
mod end;
mod gather;
mod ids;
mod index;
mod journal;
mod planted;
mod run;
mod what;
mod write;

mod command;

#[cfg(test)]
mod tests;

pub use command::{Cli, Ended, Options, perform, run};
pub use compactor::{Compacted, Compactor, JOURNAL_KEPT, LAG, Mode, REPLACED_KEPT};
pub use end::Stop;
pub use planted::Shortcut;
