//! What a seed decides before anything happens: who writes what and when, and how much goes
//! wrong.

mod commands;
mod mix;
mod records;

use std::time::Duration;

use bytes::Bytes;
use domain::json::Object;

pub use commands::Command;
pub use mix::{Mix, Profile};
pub(crate) use records::RISE;

use crate::dice::Dice;

/// So many of a thousand seeds of the swarm are adversarial.
const ADVERSARIAL_SEEDS: u64 = 250;

/// Of so many seeds each, one is of a release that knows a newer schema version, and one of a
/// release that knows an index at a newer version.
const SEEDS: u64 = 4;
const NEWER_SCHEMA: u64 = 3;
const NEWER_INDEX: u64 = 1;

/// Every so many seeds of the swarm the history of one entity is long.
const LONG_EVERY: u64 = 200;
const LONG: u64 = 2;

/// Everything about a run but its schedule.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides the schedule: order, delays, and which of the faults of `mix` strike where.
    pub seed: u64,
    /// How much goes wrong.
    pub mix: Mix,
    /// Handled before anything goes wrong.
    pub given: Vec<Planned>,
    /// Written at their times.
    pub records: Vec<Planned>,
    /// Run at their times.
    pub commands: Vec<Command>,
}

/// A record that somebody writes.
#[derive(Clone, Debug)]
pub struct Planned {
    /// When it is written, after the beginning, or after what is given has been handled.
    pub at: Duration,
    /// The object name.
    pub name: String,
    /// The object.
    pub body: Bytes,
    /// What it says; nothing if it does not count.
    pub says: Option<Says>,
}

/// What a record says, as its writer meant it.
#[derive(Clone, Debug)]
pub struct Says {
    /// The segment and the id of the entity.
    pub entity: (&'static str, String),
    /// `updated_at`, after the beginning of the run, in milliseconds.
    pub at_ms: i64,
    /// `updated_at` as it is written.
    pub at: String,
    /// The record id.
    pub record_id: String,
    /// What it does.
    pub change: Said,
}

/// What a record does, as its writer meant it.
#[derive(Clone, Debug)]
pub enum Said {
    /// The entity is this, as the newest schema version has it.
    Full(Object),
    /// These fields change, under their newest names.
    Merge(Object),
    /// The entity is gone.
    Delete,
}

/// Sets the dice of targets apart from those of everything else.
const OUTSIDE: u64 = 0x6f75_7473_6964_6500;

/// How many of a thousand requests to targets do not end well.
fn hostile(seed: u64, profile: Profile) -> u64 {
    let rates: &[u64] = match profile {
        Profile::Calm | Profile::Burst => &[0],
        _ => &[0, 100, 400, 1000],
    };
    *Dice::new(seed ^ OUTSIDE).pick(rates)
}

impl Plan {
    /// The plan of `seed`.
    pub fn of(seed: u64, profile: Profile) -> Self {
        let dice = Dice::new(seed);
        let profile = match profile {
            // The narrowest races need much of a few things and nothing else.
            Profile::Swarm if dice.per_mille(ADVERSARIAL_SEEDS) => Profile::Adversarial,
            profile => profile,
        };
        let long = profile == Profile::Swarm && seed % LONG_EVERY == LONG;
        let mut mix = Mix::draw(profile, &dice);
        mix.older_release = u64::from(seed % SEEDS == NEWER_SCHEMA);
        mix.older_index = u64::from(seed % SEEDS == NEWER_INDEX);
        mix.hostile = hostile(seed, profile);
        if mix.older_index > 0 {
            // Both releases run side by side, and the pointers of a version that has expired are
            // not known to whoever builds an index.
            (mix.instances, mix.expired) = (mix.instances.max(2), 0);
        }
        if long {
            // A page of some items is for short lists.
            mix.pages = 0;
        }
        let (given, mut records) = records::draw(profile, &mix, &dice, long);
        let commands = match profile {
            // What an event costs is counted there.
            Profile::Calm | Profile::Burst => Vec::new(),
            _ => commands::draw(seed, &mut records),
        };
        Self { seed: dice.seed(), mix, given, records, commands }
    }

    /// Whether rules change while everything else happens.
    pub(crate) fn changes_rules(&self) -> bool {
        self.records.iter().any(|it| it.says.as_ref().is_some_and(|says| says.entity.0 == "rules"))
    }

    /// Every record, in the order in which they are written.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Planned> {
        self.given.iter().chain(&self.records)
    }
}
