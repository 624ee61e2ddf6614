//! Which entities and objects a run looks at.

use std::collections::HashSet;
use std::fmt::Display;
use std::str::FromStr;

use domain::{Instant, digest};

/// Of how many parts which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The number of this one, from 0.
    pub(super) index: u64,
    /// How many there are.
    pub(super) count: u64,
}

impl Share {
    /// All of it.
    pub(super) const WHOLE: Self = Self { index: 0, count: 1 };

    /// The part of this number, of so many.
    pub(super) fn of(index: u64, count: u64) -> Result<Self, String> {
        match index < count {
            true => Ok(Self { index, count }),
            false => Err(format!("task {index} of {count}: tasks are counted from 0")),
        }
    }

    fn has(self, number: u64) -> bool {
        number % self.count == self.index
    }
}

/// As a person says it: `0/4`.
impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let numbers = parts.and_then(|(index, count)| index.parse().ok().zip(count.parse().ok()));
        let (index, count) = numbers.ok_or_else(|| "one part of several: 0/4".to_owned())?;
        Self::of(index, count)
    }
}

/// One in so many entities, as a person says it: `100`, or `1/100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample(u64);

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("1/").unwrap_or(text).parse().ok();
        let number = number.filter(|number| *number > 0);
        number.map(Self).ok_or_else(|| "one in how many: 100 or 1/100".to_owned())
    }
}

/// What a run looks at.
#[derive(Debug)]
pub(super) struct Part {
    /// One entity, by its id.
    pub(super) id: Option<String>,
    /// A sample of the entities.
    pub(super) sample: Option<Sample>,
    /// Which sample: a number that is another each week.
    pub(super) week: u64,
    /// What another task does not look at.
    pub(super) task: Share,
    /// What was written since then.
    pub(super) since: Option<Instant>,
    /// Entities of the segment at hand of which something was written since then.
    pub(super) touched: HashSet<u64>,
    /// Those among them of which a repair is wanted: looked at whatever the sample.
    pub(super) wished: HashSet<u64>,
}

impl Part {
    /// Another number in each week.
    pub(super) fn week(now: Instant) -> u64 {
        now.unix_millis().max(0).unsigned_abs() / (7 * 24 * 60 * 60 * 1000)
    }

    /// Notes that a repair of the entity with this id is wanted; whether this run looks at it.
    pub(super) fn wish(&mut self, id: &str) -> bool {
        let number = number(&[id]);
        self.wished.insert(number);
        self.touched.insert(number);
        self.could_have(id)
    }

    /// Whether the entity with this id is looked at.
    pub(super) fn has(&self, id: &str) -> bool {
        self.could_have(id) && (self.since.is_none() || self.touched.contains(&number(&[id])))
    }

    /// The same, whenever it was written.
    pub(super) fn could_have(&self, id: &str) -> bool {
        self.id.as_ref().is_none_or(|one| one == id) && self.shares(id)
    }

    /// Whether an object that belongs to no entity is looked at, which was written at that time.
    pub(super) fn has_object(&self, name: &str, created_at: Instant) -> bool {
        let is_of = |id: &String| {
            name.split('/').any(|part| part == id || part.strip_suffix(".json") == Some(id))
        };
        self.id.as_ref().is_none_or(is_of)
            && self.since.is_none_or(|since| created_at >= since)
            && self.shares(name)
    }

    fn shares(&self, text: &str) -> bool {
        let digest = digest::sha256(&[text.as_bytes()]);
        let [task, sample] = [&digest[..8], &digest[8..16]].map(folded);
        let is_sampled = |Sample(one_in)| sample % one_in == self.week % one_in;
        (self.sample.is_none_or(is_sampled) || self.wished.contains(&task)) && self.task.has(task)
    }
}

/// A number that stands for texts: that two of a million are alike happens once in 30 million runs.
pub(crate) fn number(parts: &[&str]) -> u64 {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    folded(&digest::sha256(&parts)[..8])
}

/// The number of an object name.
pub(super) fn number_of(name: impl Display) -> u64 {
    number(&[&name.to_string()])
}

fn folded(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}
