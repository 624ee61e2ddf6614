//! The functions' own handlers, in this process: there is one way in which something is derived.

use domain::{
    Delivery, Disposition, EntityRef, Generation, Handler, HistoryName, Instant, ObjectName,
    Overwrote, Planted,
};
use index_writer::IndexWriter;
use manifest_writer::ManifestWriter;
use rules_engine::{RULES_AGE_MAX, RuleCache, RulesEngine};
use snapshot_builder::SnapshotBuilder;
use store::Tools;

use crate::Problem;

/// How often a delivery is tried.
const DELIVERIES_MAX: usize = 4;

/// Those that are fed with records and with snapshots.
pub(crate) struct Deriving {
    tools: Tools,
    builder: SnapshotBuilder,
    fed_with_snapshots: Vec<Box<dyn Handler>>,
}

impl Deriving {
    pub(crate) fn new(tools: &Tools) -> Self {
        let planted = Planted::NONE;
        let rules_engine = RulesEngine {
            tools: tools.clone(),
            rules_age_max: RULES_AGE_MAX,
            cache: RuleCache::default(),
            planted: Planted::NONE,
        };
        Self {
            tools: tools.clone(),
            builder: SnapshotBuilder::new(tools.clone()),
            fed_with_snapshots: vec![
                Box::new(ManifestWriter { tools: tools.clone(), planted: Planted::NONE }),
                Box::new(IndexWriter { tools: tools.clone(), planted }),
                Box::new(rules_engine),
            ],
        }
    }

    /// Delivers a record to the snapshot-builder.
    ///
    /// # Errors
    ///
    /// Why the snapshot does not have it.
    pub(crate) async fn record(
        &self,
        name: HistoryName,
        generation: Generation,
    ) -> Result<(), Problem> {
        let refused = self.records(vec![(name, generation, None)]).await?;
        match refused.into_iter().next() {
            Some(reason) => Err(Problem::new(reason)),
            None => Ok(()),
        }
    }

    /// Delivers records of one entity to the snapshot-builder; why some do not count.
    pub(crate) async fn records(
        &self,
        records: Vec<(HistoryName, Generation, Option<Instant>)>,
    ) -> Result<Vec<String>, Problem> {
        let delivery = |(name, generation, created_at)| Delivery {
            name: ObjectName::History(name),
            generation,
            overwrote: Overwrote::Nothing,
            created_at,
        };
        let batch: Vec<Delivery> = records.into_iter().map(delivery).collect();
        deliver(&self.tools, &self.builder, &batch).await
    }

    /// Delivers the current snapshot to everybody who is fed with it, as one of which nobody knows
    /// what it overwrote.
    ///
    /// # Errors
    ///
    /// Why somebody rejects it.
    pub(crate) async fn snapshot(&self, entity: &EntityRef) -> Result<(), Problem> {
        match self.everybody(entity).await?.into_iter().next() {
            Some(reason) => Err(Problem::new(reason)),
            None => Ok(()),
        }
    }

    /// The same; why some reject it.
    pub(crate) async fn everybody(&self, entity: &EntityRef) -> Result<Vec<String>, Problem> {
        let mut refused = Vec::new();
        let Some(object) = self.tools.snapshot(entity).await? else { return Ok(refused) };
        let delivery = Delivery {
            name: ObjectName::Snapshot(entity.clone()),
            generation: object.generation,
            overwrote: Overwrote::Unknown,
            created_at: None,
        };
        for handler in &self.fed_with_snapshots {
            let delivery = std::slice::from_ref(&delivery);
            refused.extend(deliver(&self.tools, &**handler, delivery).await?);
        }
        Ok(refused)
    }
}

/// Hands deliveries to `handler` until it has handled them; why it rejects some.
pub(crate) async fn deliver(
    tools: &Tools,
    handler: &dyn Handler,
    batch: &[Delivery],
) -> Result<Vec<String>, Problem> {
    let mut problem = "the handler gave no answer".to_owned();
    for _ in 0..DELIVERIES_MAX {
        let (mut refused, mut failed) = (Vec::new(), None);
        for outcome in handler.handle(batch).await {
            match outcome {
                Ok(Disposition::Rejected(reasons)) => refused.push(reasons.join("; ")),
                Ok(Disposition::Done | Disposition::Skipped(_)) => (),
                Err(failure) => failed = Some(failure.to_string()),
            }
        }
        match failed {
            None => return Ok(refused),
            Some(failure) => problem = failure,
        }
        tools.pause_after_throttling().await;
    }
    Err(Problem::new(problem))
}
