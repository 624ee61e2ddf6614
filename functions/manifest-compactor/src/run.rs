//! A run over the manifests of one segment, from its index to its index.

use std::time::Duration;

use domain::{Instant, ObjectName};
use job::in_turn;
use projection::shard::ShardCount;
use projection::shard_index::{Replaced, ShardIndex};
use store::Listed;

use crate::compactor::PREPARED_MAX;
use crate::compactor::{
    ABANDONED_AFTER, Compacted, Compactor, LAG, REPLACED_KEPT, SHARDS_AT_ONCE, Work, before,
};
use crate::end::Stop;
use crate::gather::Target;
use crate::ids::Ids;
use crate::index::Known;
use crate::journal::Journal;
use crate::planted::Shortcut;
use crate::what::What;

/// A run over the manifests of one segment.
pub(crate) struct Run<'a> {
    pub(crate) compactor: &'a Compactor<'a>,
    pub(crate) segment: &'a str,
    pub(crate) began_at: Instant,
    pub(crate) known: Known,
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
    pub(crate) async fn delta(&self, index: &ShardIndex) -> Result<Compacted, Stop> {
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
    pub(crate) async fn full(&self, count: ShardCount) -> Result<Compacted, Stop> {
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
