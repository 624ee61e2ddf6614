//! What a bucket holds, and the rules by which it changes.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;
use std::time::Duration;

use bytes::Bytes;
use domain::{Generation, Instant};
use store::{Error, ErrorKind};

use super::conditions::Conditions;
use super::stored::{Stored, Upload};
use crate::chance::Chance;
use crate::checksum;

/// Generations are drawn from this many numbers after [`GENERATION_MIN`]: sixteen digits, like
/// the microseconds of a recent time.
const GENERATIONS: u64 = 200_000_000_000_000;
const GENERATION_MIN: u64 = 1_600_000_000_000_000;

/// Two versions of one object are at least this far apart.
const TICK: Duration = Duration::from_millis(1);

pub(super) struct State {
    objects: BTreeMap<String, Entry>,
    drawn: HashSet<Generation>,
    chance: Chance,
    pub(super) write_interval: Option<Duration>,
}

/// The versions of one object, oldest first; at most the last one is live.
#[derive(Default)]
struct Entry {
    versions: Vec<Stored>,
    written_at: Option<Instant>,
}

impl Entry {
    fn live(&self) -> Option<&Stored> {
        self.versions.last().filter(|stored| stored.live)
    }

    fn retire(&mut self, at: Instant) {
        if let Some(stored) = self.versions.last_mut().filter(|stored| stored.live) {
            stored.live = false;
            stored.noncurrent_at = Some(at);
        }
    }
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            objects: BTreeMap::new(),
            drawn: HashSet::new(),
            chance: Chance::new(seed),
            write_interval: None,
        }
    }

    /// Every version of every object, in the order of names as UTF-8, from `start` on.
    pub(super) fn names_from(&self, start: &str) -> impl Iterator<Item = (&str, &[Stored])> {
        let range = (Bound::Included(start), Bound::Unbounded);
        let entries = self.objects.range::<str, _>(range);
        entries.map(|(name, entry)| (name.as_str(), entry.versions.as_slice()))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &[Stored])> {
        self.names_from("")
    }

    pub(super) fn live(&self, name: &str) -> Option<&Stored> {
        self.objects.get(name)?.live()
    }

    pub(super) fn versions(&self, name: &str) -> &[Stored] {
        self.objects.get(name).map_or(&[], |entry| &entry.versions)
    }

    pub(super) fn find(&self, name: &str, generation: Option<Generation>) -> Option<&Stored> {
        match generation {
            None => self.live(name),
            Some(generation) => self.versions(name).iter().find(|v| v.generation == generation),
        }
    }

    pub(super) fn insert(
        &mut self,
        name: &str,
        body: Bytes,
        upload: Upload,
        conditions: &Conditions,
        now: Instant,
    ) -> Result<Stored, Error> {
        self.check_rate("put", name, now)?;
        self.check("put", name, conditions)?;
        let generation = self.draw();
        let entry = self.objects.entry(name.to_owned()).or_default();
        let after_last = entry.versions.last().map(|last| last.created_at.after(TICK));
        let created_at = after_last.map_or(now, |earliest| earliest.max(now));
        let stored = Stored {
            name: name.to_owned(),
            generation,
            metageneration: 1,
            metadata: upload.metadata,
            content_type: upload.content_type.unwrap_or("application/octet-stream".to_owned()),
            content_encoding: upload.content_encoding,
            crc32c: checksum::crc32c(&body),
            md5: checksum::md5(&body),
            body,
            created_at,
            noncurrent_at: None,
            overwrote: entry.live().map(|live| live.generation),
            live: true,
        };
        entry.retire(created_at);
        entry.versions.push(stored.clone());
        entry.written_at = Some(now);
        Ok(stored)
    }

    pub(super) fn remove(
        &mut self,
        name: &str,
        conditions: &Conditions,
        now: Instant,
    ) -> Result<bool, Error> {
        if self.live(name).is_none() {
            return Ok(false);
        }
        self.check_rate("delete", name, now)?;
        self.check("delete", name, conditions)?;
        if let Some(entry) = self.objects.get_mut(name) {
            entry.retire(now);
            entry.written_at = Some(now);
        }
        Ok(true)
    }

    /// Forgets one version for ever, the live one too.
    pub(super) fn erase(
        &mut self,
        name: &str,
        generation: Generation,
        conditions: &Conditions,
    ) -> Result<bool, Error> {
        let Some(stored) = self.find(name, Some(generation)) else { return Ok(false) };
        let unmet = |_| Error::new(ErrorKind::Conflict, format!("delete {name}: precondition"));
        conditions.check(Some(stored)).map_err(unmet)?;
        if let Some(entry) = self.objects.get_mut(name) {
            entry.versions.retain(|stored| stored.generation != generation);
        }
        Ok(true)
    }

    pub(super) fn expire(&mut self, name: &str, generation: Generation) -> bool {
        let Some(entry) = self.objects.get_mut(name) else { return false };
        let before = entry.versions.len();
        entry.versions.retain(|stored| stored.live || stored.generation != generation);
        entry.versions.len() < before
    }

    fn check(&self, operation: &str, name: &str, conditions: &Conditions) -> Result<(), Error> {
        let unmet = |_| format!("{operation} {name}: precondition does not hold");
        let checked = conditions.check(self.live(name));
        checked.map_err(|err| Error::new(ErrorKind::Conflict, unmet(err)))
    }

    fn check_rate(&self, operation: &str, name: &str, now: Instant) -> Result<(), Error> {
        let written_at = self.objects.get(name).and_then(|entry| entry.written_at);
        let (Some(written_at), Some(interval)) = (written_at, self.write_interval) else {
            return Ok(());
        };
        if now >= written_at.after(interval) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Throttled, format!("{operation} {name}: too many writes")))
    }

    /// A generation that nothing in this bucket has had. There are far more of them than objects
    /// fit into memory, so the search ends.
    fn draw(&mut self) -> Generation {
        loop {
            let generation = Generation(GENERATION_MIN + self.chance.below(GENERATIONS));
            if self.drawn.insert(generation) {
                return generation;
            }
        }
    }
}
