//! How much goes wrong.

use std::fmt;

use crate::dice::Dice;

/// How a seed draws its mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Each seed switches every fault on or off for itself, and draws how often it strikes: some
    /// bugs show only where others do not get in the way. (Groce and others, "Swarm Testing",
    /// ISSTA 2012.)
    Swarm,
    /// Nothing goes wrong but duplicates and disorder; records come seconds apart.
    Calm,
    /// The same, and many records come within a second.
    Burst,
    /// Everything goes wrong at once, moderately.
    Faults,
    /// One or two entities go to and fro, attempts pause, overlap and are given up.
    Adversarial,
}

impl Profile {
    /// Every profile with its word.
    pub const NAMES: [(Self, &'static str); 5] = [
        (Self::Swarm, "swarm"),
        (Self::Calm, "calm"),
        (Self::Burst, "burst"),
        (Self::Faults, "faults"),
        (Self::Adversarial, "adversarial"),
    ];

    /// The profile of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, name)| *name == word).map(|(profile, _)| profile)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.into_iter().find(|(profile, _)| profile == self);
        named.map_or(Ok(()), |(_, word)| f.write_str(word))
    }
}

/// How often what goes wrong: so many times in a thousand, unless it says otherwise. 0 is never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// Processes of each function, at least 1.
    pub instances: u64,
    /// The longest time that an operation usually travels one way, in milliseconds.
    pub latency_ms: u64,
    /// After so many attempts a message is dead-lettered, at least 2.
    pub attempts_max: u64,
    /// The most items of a page of a list; 0 for as many as the service gives.
    pub pages: u64,
    /// 1 if an object takes one write per second and no more.
    pub write_rate: u64,
    /// Operations that travel for seconds.
    pub slow: u64,
    /// Notifications that are published twice, with two message ids.
    pub duplicates: u64,
    /// Pushes of a message while an attempt of it runs.
    pub overlaps: u64,
    /// Pushes that come seconds or minutes late.
    pub delays: u64,
    /// Pushes that are acknowledged and come again later.
    pub replays: u64,
    /// Pushes without the attributes.
    pub bare: u64,
    /// Pushes without the payload.
    pub empty: u64,
    /// Answers after which the attempt stands still for seconds.
    pub pauses: u64,
    /// Pauses after which the attempt is cut off, right after one of its next writes: who stands
    /// still for long is given up.
    pub dooms: u64,
    /// Operations whose process dies around them.
    pub crashes: u64,
    /// Operations during which whoever waits for the attempt goes away.
    pub cuts: u64,
    /// Operations that happen and whose answer is lost.
    pub lost: u64,
    /// Writes that are told to have failed, and happen later.
    pub late: u64,
    /// Operations that do not happen.
    pub failures: u64,
    /// Operations that are answered 403.
    pub forbidden: u64,
    /// Operations that are answered 429.
    pub throttled: u64,
    /// Snapshots written after which an old version expires.
    pub expired: u64,
    /// How many processes are replaced by ones of another release.
    pub redeploys: u64,
    /// 1 if rules change while everything else happens.
    pub rule_changes: u64,
    /// 1 if the snapshot-builder begins as a release that knows the oldest schema version alone.
    /// The others, which upgrade what they read, are rolled out before it.
    pub older_release: u64,
    /// 1 if some processes of each function begin as a release that knows one index at another
    /// version.
    pub older_index: u64,
    /// Requests to the targets of alerts that do not end well.
    pub hostile: u64,
}

/// A part of a mix that can be left out, its name, and the range that it is drawn from.
type Dimension = (&'static str, fn(&mut Mix) -> &mut u64, u64, u64);

impl Mix {
    /// What can be left out.
    pub const DIMENSIONS: [Dimension; 21] = [
        ("write rate", |mix| &mut mix.write_rate, 1, 1),
        ("small pages", |mix| &mut mix.pages, 1, 3),
        ("slow", |mix| &mut mix.slow, 5, 60),
        ("duplicates", |mix| &mut mix.duplicates, 20, 250),
        ("overlaps", |mix| &mut mix.overlaps, 20, 250),
        ("delays", |mix| &mut mix.delays, 30, 400),
        ("replays", |mix| &mut mix.replays, 10, 100),
        ("bare", |mix| &mut mix.bare, 30, 500),
        ("empty", |mix| &mut mix.empty, 30, 500),
        ("pauses", |mix| &mut mix.pauses, 5, 60),
        ("dooms", |mix| &mut mix.dooms, 200, 800),
        ("crashes", |mix| &mut mix.crashes, 2, 25),
        ("cuts", |mix| &mut mix.cuts, 2, 25),
        ("lost", |mix| &mut mix.lost, 5, 50),
        ("late", |mix| &mut mix.late, 5, 40),
        ("failures", |mix| &mut mix.failures, 5, 60),
        ("forbidden", |mix| &mut mix.forbidden, 5, 40),
        ("throttled", |mix| &mut mix.throttled, 5, 40),
        ("expired", |mix| &mut mix.expired, 20, 200),
        ("redeploys", |mix| &mut mix.redeploys, 1, 4),
        ("rule changes", |mix| &mut mix.rule_changes, 1, 1),
    ];

    pub(super) fn draw(profile: Profile, dice: &Dice) -> Self {
        let mut mix = Self {
            instances: dice.between(1, 3),
            latency_ms: *dice.pick(&[5, 20, 50, 200]),
            attempts_max: *dice.pick(&[2, 4, 6, 10]),
            ..Self::default()
        };
        for (name, dimension, least, most) in Self::DIMENSIONS {
            let (on, most) = match profile {
                Profile::Swarm if matches!(name, "expired" | "rule changes") => (125, most),
                Profile::Swarm => (400, most),
                Profile::Calm | Profile::Burst => match name {
                    "duplicates" | "delays" => (1000, least),
                    _ => (0, 0),
                },
                Profile::Faults if matches!(name, "expired" | "rule changes") => (0, 0),
                Profile::Faults => (1000, least),
                Profile::Adversarial => match name {
                    "overlaps" | "pauses" => (1000, 2 * most),
                    "dooms" => (1000, most),
                    "delays" | "duplicates" | "lost" | "crashes" => (300, most),
                    _ => (0, 0),
                },
            };
            if dice.per_mille(on) {
                *dimension(&mut mix) = dice.between(least, most);
            }
        }
        if mix.expired > 0 {
            // Which versions there were is known from the attributes alone.
            mix.bare = 0;
        }
        mix
    }

    /// Whether a release is replaced by one with other definitions while everything happens.
    pub(crate) fn changes_release(&self) -> bool {
        self.older_release + self.older_index > 0
    }

    /// Nothing goes wrong any more; how the world is made stays.
    pub(crate) fn calmed(&self) -> Self {
        Self {
            instances: self.instances,
            latency_ms: self.latency_ms,
            attempts_max: u64::MAX,
            write_rate: self.write_rate,
            pages: self.pages,
            ..Self::default()
        }
    }
}
