//! A compaction of one segment.
//!
//! Everything here is compare-and-swap on generations, so that any number of runs may go on at the
//! same time and end anywhere. A shard is read, or its generation listed, *before* the manifests
//! that go into it: whoever has read the shard earlier fails at the write, whoever reads it later
//! reads manifests at least as new. A run that fails there is behind another one and stops.
//!
//! What a run has missed because it was written meanwhile stands in the journal: the
//! manifest-writer notes a change, under the hour at which it looked at its clock, before it makes
//! it. The watermark is the beginning of the run less [`LAG`], longer than a handler can live. A
//! change that this run did not see was made after it began, by a handler that looked at its clock
//! after the watermark: the next delta, which goes through the journal from the hour of the
//! watermark on, reads that manifest. Entries of earlier hours are in the shards, and are deleted
//! [`JOURNAL_KEPT`] later, for those who still go by an older index.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::limits::{SERVICE_TIMEOUT, SHUTDOWN_GRACE};
use domain::{BoxFuture, Env, Generation, Instant, ObjectName, Planted};
use projection::shard::ShardCount;
use projection::shard_index::{Replaced, ShardIndex};
use store::{ErrorKind, List, Listed, Tools};

use crate::end::Stop;
use crate::gather::{Gathered, Target};
use crate::ids::Ids;
use crate::index::Known;
use crate::journal::Journal;
use crate::planted::Shortcut;
use crate::turns::{PREPARED_MAX, in_turn};
use crate::what::What;

/// How far clocks may be apart: that of this machine, of functions, of Cloud Storage.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(5 * 60);

/// How far the watermark lies before the beginning of a run.
pub const LAG: Duration = Duration::from_secs(10 * 60);

const _: () = assert!(
    LAG.as_secs()
        > SERVICE_TIMEOUT.as_secs() + SHUTDOWN_GRACE.as_secs() + CLOCKS_APART_MAX.as_secs(),
    "a handler could look at its clock before the watermark and write after the run has begun"
);

/// How long a journal entry is kept after the watermark has left its hour.
pub const JOURNAL_KEPT: Duration = Duration::from_secs(2 * 60 * 60);

/// How long the shards of a count are kept after another one has replaced it.
pub const REPLACED_KEPT: Duration = Duration::from_secs(60 * 60);

/// After this, shards of a count that never came into force are of a run that has died.
pub(crate) const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How many shards are worked on at the same time. Each can be in memory three times.
const SHARDS_AT_ONCE: usize = 4;

/// How many deletes are made at the same time.
const DELETES_AT_ONCE: usize = 8;

/// Compacts segments of one environment.
pub struct Compactor<'a> {
    /// The bucket, the definitions, time.
    pub tools: Tools,
    /// The environment.
    pub env: Env,
    /// Is called after each shard.
    pub progress: &'a (dyn Fn() + Sync),
    /// A wrong turn that a test takes.
    pub planted: Planted<Shortcut>,
}

/// How a segment is compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What the journal notes since the watermark; everything where there is no shard index.
    Delta,
    /// Everything that is listed, into so many shards, or as many as there are.
    Full(Option<ShardCount>),
}

/// How a run of one segment went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Whether all sources were listed.
    pub full: bool,
    /// How many shards there are, those included that are empty.
    pub count: ShardCount,
    /// Entities that were listed, or entries of the journal that were gone through.
    pub entities: usize,
    /// Sources that were read.
    pub read: usize,
    /// Shards that were looked at.
    pub shards: usize,
    /// Shards that were written.
    pub written: usize,
    /// Objects that were deleted: journal entries, and shards of another count.
    pub deleted: usize,
    /// Whether the index was swapped.
    pub swapped: bool,
    /// Sources that cannot be read, and why. Their lines are as they were.
    pub rejected: BTreeMap<String, String>,
}

impl Compactor<'_> {
    /// Brings the shards of `segment` in agreement with its manifests.
    ///
    /// # Errors
    ///
    /// [`Stop`] says why it ends before its end. Run again, it goes on from what is written.
    pub async fn compact(&self, segment: &str, mode: Mode) -> Result<Compacted, Stop> {
        let began_at = self.tools.clock.now();
        let known = Known::read(self, segment).await?;
        let run = Run { compactor: self, segment, began_at, known };
        match (mode, &run.known.index) {
            (Mode::Delta, Some(index)) => run.delta(index).await,
            (Mode::Delta, None) => run.full(ShardCount::default()).await,
            (Mode::Full(count), index) => {
                let current = index.as_ref().map(|it| it.count);
                run.full(count.or(current).unwrap_or_default()).await
            }
        }
    }

    /// Brings the export of `segment` in agreement with its snapshots, in as many parts as there
    /// are shards.
    ///
    /// # Errors
    ///
    /// As for [`Compactor::compact`].
    pub async fn export(&self, segment: &str) -> Result<Compacted, Stop> {
        let in_force = |known: Known| known.index.map_or(ShardCount::default(), |it| it.count);
        let count = in_force(Known::read(self, segment).await?);
        let target = Target { compactor: self, what: What::Documents, segment, count };
        let (listed, others) = self.targets(&target).await?;
        let sources = self.sources(&target).await?;
        let begun =
            Compacted { full: true, count, entities: sources.len(), ..Compacted::default() };
        let mut compacted = self.gather_all(&target, &listed, &sources, false, begun).await?;
        // Whoever reads the export reads every part. Those of another count go at once, unless that
        // has come into force meanwhile.
        if !others.is_empty() && in_force(Known::read(self, segment).await?) == count {
            compacted.deleted += self.delete(&others).await?;
        }
        Ok(compacted)
    }

    /// The shards of the count of `target` by number, and the others.
    async fn targets(
        &self,
        target: &Target<'_>,
    ) -> Result<(BTreeMap<usize, Generation>, Vec<Listed>), Stop> {
        let (mut listed, mut others) = (BTreeMap::new(), Vec::new());
        let prefix = target.what.targets(self.env, target.segment);
        let mut list = List { prefix, ..List::default() };
        loop {
            let page = self.tools.store.list(&list).await?;
            for item in page.items {
                let name = ObjectName::parse(&item.name).ok();
                let Some(name) = name.and_then(|it| target.what.is_target(it)) else { continue };
                let number = usize::from_str_radix(&name.hex, 16).ok();
                match (ShardCount::of_hex(&name.hex), number) {
                    (Some(count), Some(number)) if count == target.count => {
                        listed.insert(number, item.generation);
                    }
                    (Some(_), Some(_)) => others.push(item),
                    _ => (),
                }
            }
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => return Ok((listed, others)),
            }
        }
    }

    /// Every entity that has a source.
    async fn sources(&self, target: &Target<'_>) -> Result<Ids, Stop> {
        let mut ids = Ids::new(target.count);
        let prefix = target.what.sources(self.env, target.segment);
        let mut list = List { prefix, ..List::default() };
        loop {
            let page = self.tools.store.list(&list).await?;
            for item in page.items {
                let name = ObjectName::parse(&item.name).ok();
                if let Some(entity) = name.and_then(|it| target.what.is_source(it)) {
                    ids.push(&entity, item.generation)?;
                }
            }
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => return Ok(ids),
            }
        }
    }

    /// Works on every shard that there is or has to be. `anew`: those that there are, are written
    /// also where nothing has changed.
    async fn gather_all(
        &self,
        target: &Target<'_>,
        listed: &BTreeMap<usize, Generation>,
        sources: &Ids,
        anew: bool,
        compacted: Compacted,
    ) -> Result<Compacted, Stop> {
        let is_wanted = |shard: &usize| listed.contains_key(shard) || !sources.is_empty_in(*shard);
        let wanted: Vec<usize> = (0..target.count.number()).filter(is_wanted).collect();
        let mut compacted = compacted;
        for some in wanted.chunks(PREPARED_MAX) {
            let work = some.iter().map(|shard| -> Work<'_> {
                Box::pin(async {
                    let (generation, ids) = (listed.get(shard).copied(), sources.in_shard(*shard));
                    let gathered = target.all(*shard, generation, &ids, anew).await;
                    (self.progress)();
                    gathered
                })
            });
            compacted.add(in_turn(work.collect(), SHARDS_AT_ONCE).await?);
        }
        Ok(compacted)
    }

    /// Deletes these versions; how many there were.
    pub(crate) async fn delete(&self, listed: &[Listed]) -> Result<usize, Stop> {
        let mut deleted = 0;
        for some in listed.chunks(PREPARED_MAX) {
            let deletes = some
                .iter()
                .map(|it| -> BoxFuture<'_, Result<bool, Stop>> { Box::pin(self.delete_one(it)) });
            let found = in_turn(deletes.collect(), DELETES_AT_ONCE).await?;
            deleted += found.into_iter().filter(|found| *found).count();
        }
        Ok(deleted)
    }

    async fn delete_one(&self, listed: &Listed) -> Result<bool, Stop> {
        match self.tools.store.delete(&listed.name, listed.generation).await {
            // Another version is there: somebody needs it.
            Err(err) if err.kind == ErrorKind::Conflict => Ok(false),
            deleted => Ok(deleted?),
        }
    }
}

impl Compacted {
    fn add(&mut self, gathered: Vec<Gathered>) {
        for Gathered { read, written, rejected } in gathered {
            self.shards += 1;
            self.read += read;
            self.written += usize::from(written);
            self.rejected.extend(rejected);
        }
    }
}

/// One shard being worked on.
type Work<'a> = BoxFuture<'a, Result<Gathered, Stop>>;

/// A run over the manifests of one segment.
struct Run<'a> {
    compactor: &'a Compactor<'a>,
    segment: &'a str,
    began_at: Instant,
    known: Known,
}

impl Run<'_> {
    /// What the shards hold everything up to, once this run is through.
    fn watermark(&self) -> Instant {
        let lag = match self.compactor.planted.has(Shortcut::WatermarkWithoutLag) {
            true => Duration::ZERO,
            false => LAG,
        };
        let ours = before(self.began_at, lag);
        // It never goes back, whatever the clock of this machine says.
        self.known.index.as_ref().map_or(ours, |index| ours.max(index.watermark))
    }

    fn target(&self, count: ShardCount) -> Target<'_> {
        let (compactor, segment) = (self.compactor, self.segment);
        Target { compactor, what: What::Listing, segment, count }
    }

    /// Reads the manifests that the journal names.
    async fn delta(&self, index: &ShardIndex) -> Result<Compacted, Stop> {
        let target = self.target(index.count);
        let mut noted = Ids::new(index.count);
        let watermark = self.watermark();
        let journal =
            Journal::walk(&target, Some(index.watermark), watermark, Some(&mut noted)).await?;
        let next = ShardIndex { watermark, replaced: index.replaced, ..index.clone() };
        let mut compacted = Compacted {
            count: index.count,
            entities: noted.len(),
            deleted: journal.deleted,
            ..Compacted::default()
        };
        if self.compactor.planted.has(Shortcut::IndexFirst) {
            self.known.swap(self.compactor, self.segment, &next).await?;
        }
        let is_wanted = |shard: &usize| !noted.is_empty_in(*shard);
        let wanted: Vec<usize> = (0..index.count.number()).filter(is_wanted).collect();
        for some in wanted.chunks(PREPARED_MAX) {
            let work = some.iter().map(|shard| -> Work<'_> {
                Box::pin(async {
                    let gathered = target.some(*shard, &noted.in_shard(*shard)).await;
                    (self.compactor.progress)();
                    gathered
                })
            });
            compacted.add(in_turn(work.collect(), SHARDS_AT_ONCE).await?);
        }
        let over = self.replaced_is_over(index);
        if over {
            let (_, others) = self.compactor.targets(&target).await?;
            compacted.deleted += self.sweep(&others, index.count).await?;
        }
        let next = ShardIndex { replaced: if over { None } else { index.replaced }, ..next };
        self.swap_if(journal.passed || over, &next, &mut compacted).await?;
        Ok(compacted)
    }

    /// Reads every manifest whose version the shards have not seen.
    async fn full(&self, count: ShardCount) -> Result<Compacted, Stop> {
        let index = self.known.index.as_ref();
        let changes = index.is_some_and(|index| index.count != count);
        let over = index.is_some_and(|index| self.replaced_is_over(index));
        if let (true, false, Some(replaced)) = (changes, over, index.and_then(|it| it.replaced)) {
            return Err(Stop::problem(format!(
                "{}: the {} shards from before the last change are kept until {} for those who \
                 still read them: change the count again after that",
                self.segment,
                replaced.count.number(),
                replaced.at.after(REPLACED_KEPT)
            )));
        }
        let target = self.target(count);
        let (listed, others) = self.compactor.targets(&target).await?;
        let sources = self.compactor.sources(&target).await?;
        let watermark = self.watermark();
        let old = index.map(|it| it.watermark);
        let journal = Journal::walk(&target, old, watermark, None).await?;
        let begun = Compacted {
            full: true,
            count,
            entities: sources.len(),
            deleted: journal.deleted,
            ..Compacted::default()
        };
        // Shards of a count that is not in force are what a run has left that died. They are
        // written, so that nobody takes them away for that.
        let gathered = self.compactor.gather_all(&target, &listed, &sources, changes, begun);
        let mut compacted = gathered.await?;
        compacted.deleted += self.sweep(&others, count).await?;
        let now = self.compactor.tools.clock.now();
        let replaced = match index {
            Some(index) if changes => Some(Replaced { count: index.count, at: now }),
            Some(index) if !over => index.replaced,
            _ => None,
        };
        let next = ShardIndex { count, watermark, replaced };
        let needed = index.is_none() || changes || over || journal.passed;
        self.swap_if(needed, &next, &mut compacted).await?;
        if changes && self.compactor.planted.has(Shortcut::ReplacedRemovedAtOnce) {
            self.compactor.delete(&others).await?;
        }
        Ok(compacted)
    }

    /// Whether nobody goes by the count before any more.
    fn replaced_is_over(&self, index: &ShardIndex) -> bool {
        index.replaced.is_some_and(|it| it.at.after(REPLACED_KEPT) <= self.began_at)
    }

    /// Deletes shards of other counts than `count` that nobody reads.
    async fn sweep(&self, others: &[Listed], count: ShardCount) -> Result<usize, Stop> {
        let Some(index) = &self.known.index else { return Ok(0) };
        let replaced = index.replaced.filter(|_| self.replaced_is_over(index));
        let is_left = |it: &&Listed| {
            let hex = match ObjectName::parse(&it.name) {
                Ok(ObjectName::Shard(name)) => name.hex,
                _ => return false,
            };
            let of = ShardCount::of_hex(&hex);
            match (of, replaced) {
                (Some(of), _) if of == count || of == index.count => false,
                // What is younger was made by a run that has begun to change the count again.
                (Some(of), Some(replaced)) if of == replaced.count => {
                    it.created_at < replaced.at.after(REPLACED_KEPT / 2)
                }
                (Some(of), _) if index.replaced.is_some_and(|it| it.count == of) => false,
                _ => it.created_at.after(ABANDONED_AFTER) <= self.began_at,
            }
        };
        let left: Vec<Listed> = others.iter().filter(is_left).cloned().collect();
        self.compactor.delete(&left).await
    }

    async fn swap_if(
        &self,
        needed: bool,
        next: &ShardIndex,
        compacted: &mut Compacted,
    ) -> Result<(), Stop> {
        if needed && !self.compactor.planted.has(Shortcut::IndexFirst) {
            self.known.swap(self.compactor, self.segment, next).await?;
            compacted.swapped = true;
        }
        Ok(())
    }
}

/// The instant so long before `at`, in whole milliseconds: as it is written down.
pub(crate) fn before(at: Instant, delay: Duration) -> Instant {
    let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    Instant::from_unix_millis(at.unix_millis().saturating_sub(delay))
}
