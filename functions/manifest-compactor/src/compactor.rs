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
use job::in_turn;
use projection::shard::ShardCount;
use store::{ErrorKind, List, Listed, Tools};

use crate::end::Stop;
use crate::gather::{Gathered, Target};
use crate::ids::Ids;
use crate::index::Known;
use crate::planted::Shortcut;
use crate::run::Run;
use crate::what::What;

/// How many pieces are prepared together: each takes memory before it begins.
pub(crate) const PREPARED_MAX: usize = 64;

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
pub(crate) const SHARDS_AT_ONCE: usize = 4;

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
    pub(crate) async fn targets(
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
    pub(crate) async fn sources(&self, target: &Target<'_>) -> Result<Ids, Stop> {
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
    pub(crate) async fn gather_all(
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
    pub(crate) fn add(&mut self, gathered: Vec<Gathered>) {
        for Gathered { read, written, rejected } in gathered {
            self.shards += 1;
            self.read += read;
            self.written += usize::from(written);
            self.rejected.extend(rejected);
        }
    }
}

/// One shard being worked on.
pub(crate) type Work<'a> = BoxFuture<'a, Result<Gathered, Stop>>;

/// The instant so long before `at`, in whole milliseconds: as it is written down.
pub(crate) fn before(at: Instant, delay: Duration) -> Instant {
    let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    Instant::from_unix_millis(at.unix_millis().saturating_sub(delay))
}
