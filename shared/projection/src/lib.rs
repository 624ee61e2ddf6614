//! What derived objects are: pure functions of the history, without input, output or clock.
//!
//! In reading order: [`upgrade`] brings records to the newest schema version, [`fold`] makes a
//! snapshot of them, [`snapshot`] decides what a record does to the stored one, [`source`] reads
//! a snapshot as the others see it, and [`manifest`], [`pointer`] and [`register`] derive from it.
//! [`shard`] gathers lines of many entities, and [`shard_index`] says how far that goes.

pub mod upgrade;

pub mod fold;
pub mod snapshot;

pub mod source;

mod keys;
pub mod plan;

pub mod manifest;
pub mod pointer;
pub mod register;

pub mod shard;
pub mod shard_index;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// Custom metadata of an object, as the store has it.
pub type Metadata = BTreeMap<String, String>;

/// What is written in place of a derived object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The body, one line.
    pub body: Vec<u8>,
    /// Custom metadata.
    pub metadata: Metadata,
}
