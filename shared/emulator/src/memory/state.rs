//! What a bucket holds, and the rules by which it changes.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;
use std::time::Duration;

use bytes::Bytes;
use domain::{Generation, Instant};
use store::{Error, ErrorKind};

use super::change::Change;
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
    /// Whether what is overwritten or deleted is kept as a noncurrent version.
    pub(super) versioning: bool,
    /// Whether the bucket was deleted.
    pub(super) closed: bool,
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

    /// Makes the live version noncurrent, or forgets it.
    fn retire(&mut self, at: Instant, keeps: bool) {
        if !keeps {
            self.versions.retain(|stored| !stored.live);
        } else if let Some(stored) = self.versions.last_mut().filter(|stored| stored.live) {
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
            versioning: true,
            closed: false,
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

    /// The version that an upload would make.
    pub(super) fn plan_insert(
        &self,
        name: &str,
        body: Bytes,
        upload: Upload,
        conditions: &Conditions,
        now: Instant,
    ) -> Result<Stored, Error> {
        self.check_rate("put", name, now)?;
        self.check("put", name, conditions)?;
        Ok(self.version(name, body, upload, now))
    }

    /// The version that an upload would make if nothing speaks against it.
    pub(super) fn version(&self, name: &str, body: Bytes, upload: Upload, now: Instant) -> Stored {
        let last = self.versions(name).last().map(|last| last.created_at.after(TICK));
        let created_at = last.map_or(now, |earliest| earliest.max(now));
        Stored {
            name: name.to_owned(),
            generation: self.draw(),
            metageneration: 1,
            metadata: upload.metadata,
            content_type: upload.content_type.unwrap_or("application/octet-stream".to_owned()),
            content_encoding: upload.content_encoding,
            properties: upload.properties,
            crc32c: checksum::crc32c(&body),
            md5: upload.component_count.is_none().then(|| checksum::md5(&body)),
            component_count: upload.component_count,
            body,
            created_at,
            updated_at: created_at,
            noncurrent_at: None,
            overwrote: self.live(name).map(|live| live.generation),
            live: true,
        }
    }

    /// Whether the live version of `name` may be deleted; `false` when there is none.
    pub(super) fn plan_remove(
        &self,
        name: &str,
        conditions: &Conditions,
        now: Instant,
    ) -> Result<bool, Error> {
        if self.live(name).is_none() {
            return Ok(false);
        }
        self.check_rate("delete", name, now)?;
        self.check("delete", name, conditions)?;
        Ok(true)
    }

    /// Whether one version may be forgotten for ever, the live one too; `false` when there is no
    /// such version.
    pub(super) fn plan_erase(
        &self,
        name: &str,
        generation: Generation,
        conditions: &Conditions,
    ) -> Result<bool, Error> {
        let Some(stored) = self.find(name, Some(generation)) else { return Ok(false) };
        conditions.check(Some(stored)).map_err(|_| unmet("delete", name))?;
        Ok(true)
    }

    /// The version `generation`, or the live one, with what `edit` makes of it and the next
    /// metageneration; `None` when there is no such version.
    pub(super) fn plan_edit(
        &self,
        name: &str,
        generation: Option<Generation>,
        conditions: &Conditions,
        edit: impl FnOnce(&mut Stored),
        now: Instant,
    ) -> Result<Option<Stored>, Error> {
        let Some(stored) = self.find(name, generation) else { return Ok(None) };
        self.check_rate("update", name, now)?;
        conditions.check(Some(stored)).map_err(|_| unmet("update", name))?;
        let mut stored = stored.clone();
        edit(&mut stored);
        stored.metageneration += 1;
        stored.updated_at = now.max(stored.updated_at);
        stored.to_upload().check(name)?;
        Ok(Some(stored))
    }

    /// Makes a change that was planned on this very state, or on the one before it was lost. The
    /// next write of the object has to wait from `written_at` on, if anything is known of that.
    pub(super) fn apply(&mut self, change: Change, written_at: Option<Instant>) {
        let keeps = self.versioning;
        match change {
            Change::Insert(stored) => {
                self.drawn.insert(stored.generation);
                let entry = self.objects.entry(stored.name.clone()).or_default();
                entry.retire(stored.created_at, keeps);
                entry.written_at = written_at;
                entry.versions.push(stored);
            }
            Change::Keep(stored) => {
                self.drawn.insert(stored.generation);
                self.objects.entry(stored.name.clone()).or_default().versions.push(stored);
            }
            Change::Edit(edited) => {
                let Some(entry) = self.objects.get_mut(&edited.name) else { return };
                entry.written_at = written_at;
                let mut versions = entry.versions.iter_mut();
                if let Some(stored) = versions.find(|it| it.generation == edited.generation) {
                    *stored = Stored { body: stored.body.clone(), ..edited };
                }
            }
            Change::Remove { name, at } => {
                if let Some(entry) = self.objects.get_mut(&name) {
                    entry.retire(at, keeps);
                    entry.written_at = written_at;
                }
                self.forget_if_empty(&name);
            }
            Change::Erase { name, generation } => {
                if let Some(entry) = self.objects.get_mut(&name) {
                    entry.versions.retain(|stored| stored.generation != generation);
                }
                self.forget_if_empty(&name);
            }
        }
    }

    /// Forgets a name without versions: lists would look at it. Where there is a rate of writes,
    /// it says when the next one may come.
    fn forget_if_empty(&mut self, name: &str) {
        let empty = self.objects.get(name).is_some_and(|entry| entry.versions.is_empty());
        if empty && self.write_interval.is_none() {
            self.objects.remove(name);
        }
    }

    pub(super) fn expire(&mut self, name: &str, generation: Generation) -> bool {
        let Some(entry) = self.objects.get_mut(name) else { return false };
        let before = entry.versions.len();
        entry.versions.retain(|stored| stored.live || stored.generation != generation);
        let expired = entry.versions.len() < before;
        self.forget_if_empty(name);
        expired
    }

    fn check(&self, operation: &str, name: &str, conditions: &Conditions) -> Result<(), Error> {
        conditions.check(self.live(name)).map_err(|_| unmet(operation, name))
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
    fn draw(&self) -> Generation {
        loop {
            let generation = Generation(GENERATION_MIN + self.chance.below(GENERATIONS));
            if !self.drawn.contains(&generation) {
                return generation;
            }
        }
    }
}

fn unmet(operation: &str, name: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("{operation} {name}: precondition does not hold"))
}
