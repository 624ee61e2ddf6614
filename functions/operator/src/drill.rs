//! `drill`: what a restore from history alone would bring, in another bucket.

mod compare;
mod report;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::job::in_turn;
use clap::Args;
use cloud_run::Config;
use domain::{BoxFuture, EntityDefinition, EntityRef, Instant, ObjectName, digest};
use store::{Counted, List, Listed, Store, Tools};

use crate::copy::{elsewhere, one};
use crate::derive::Deriving;
use crate::get::instant;
use crate::pages::Pages;
use crate::{Operator, Place, Problem};
use compare::Compared;

/// What it is called in object names.
pub(crate) const JOB: &str = "drill";

/// How many entities are restored at the same time.
const ENTITIES_AT_ONCE: usize = 8;

/// How many records of one are copied at the same time.
const AT_ONCE: usize = 16;

/// How long after the last entity it goes on to count those that it has not reached.
const COUNTED_FOR: Duration = Duration::from_secs(5 * 60);

/// How many records are delivered together.
const BATCH: usize = 100;

/// The segment whose entities decide about alerts of others: it comes first.
const RULES: &str = rules_engine::RULES_SEGMENT;

/// Restores into a scratch bucket, and compares what comes of it with what is here.
///
/// It copies history, has the functions' own code derive everything from it there, and compares
/// snapshots, manifests, pointers, alert states and, without --sample, registers with those here.
/// What was written here meanwhile is not compared; what differs is looked at a second time. It
/// writes a report, manifests/_jobs/drill/ID.json, and says it in one line. Nothing else is written
/// here. A job has an hour: after --minutes no entity is begun, and the report is partial and says how
/// many were not reached; registers are then not compared. A drill that fails leaves a partial report,
/// too. The scratch bucket is another one that nobody reads and that was empty: delete it
/// afterwards, or let a lifecycle rule do so.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  drill --to gs://acme-scratch --sample 100           one entity in a hundred
  drill --to gs://acme-scratch                        everything
  drill --to gs://acme-scratch --minutes 600          everything, for so long
  drill                                               into DRILL_BUCKET; no drill where that is unset

Exit codes: 0 all is equal, 1 something differs, which the report names, or was not reached")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The scratch bucket: gs://acme-scratch; the variable DRILL_BUCKET says it otherwise.
    #[arg(long, value_name = "gs://BUCKET")]
    to: Option<String>,
    /// What was stored until this instant; until now when not said.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    known_at: Option<Instant>,
    /// One entity in so many.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    sample: u64,
    /// Begin no entity after so many minutes.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    minutes: u32,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let to = match &options.to {
        Some(to) => Some(to.clone()),
        // The scheduled one. Terraform sets it where there is a scratch bucket.
        None => {
            let config = Config::environment();
            config.read("DRILL_BUCKET")?
        }
    };
    let Some(to) = to else {
        operator.screen.say("no drill: DRILL_BUCKET is not set, and no --to was said")?;
        return Ok(true);
    };
    into(options, operator, elsewhere(&options.place, &to)?).await
}

/// The same with the scratch bucket opened.
pub(crate) async fn into(
    options: &Options,
    operator: &Operator<'_>,
    scratch: Arc<dyn Store>,
) -> Result<bool, Problem> {
    let began_at = operator.tools.clock.now();
    let here = Arc::new(Counted::new(Arc::clone(&operator.tools.store)));
    let there = Arc::new(Counted::new(scratch));
    let drill = Drill {
        operator,
        here: Tools { store: here.clone(), ..operator.tools.clone() },
        there: Tools { store: there.clone(), ..operator.tools.clone() },
        counted: [here, there],
        began_at,
        known_at: options.known_at.unwrap_or(began_at),
        until: began_at.after(Duration::from_secs(60) * options.minutes),
        sample: options.sample,
    };
    drill.is_empty().await?;
    let mut compared = Compared::default();
    let ended = drill.all(&mut compared).await;
    let written = report::write(&drill, &compared, ended.as_ref().err()).await;
    ended?;
    written
}

/// An entity and its records.
type Group = (EntityRef, Vec<Listed>);

/// One drill.
struct Drill<'a> {
    operator: &'a Operator<'a>,
    here: Tools,
    there: Tools,
    counted: [Arc<Counted>; 2],
    began_at: Instant,
    known_at: Instant,
    /// When no entity is begun any more.
    until: Instant,
    sample: u64,
}

impl Drill<'_> {
    /// What is left of another drill would be compared, too.
    async fn is_empty(&self) -> Result<(), Problem> {
        let prefix = format!("env/{}/", self.operator.env);
        let list = List { prefix: prefix.clone(), ..List::default() };
        match self.there.store.list(&list).await?.items.is_empty() {
            true => Ok(()),
            false => Err(Problem::new(format!(
                "the scratch bucket has objects below {prefix}: a drill begins with an empty one"
            ))),
        }
    }

    fn is_chosen(&self, entity: &EntityRef) -> bool {
        let digest = digest::sha256(&[entity.segment.as_bytes(), entity.id.as_bytes()]);
        let bits = digest[..8].iter().fold(0, |bits: u64, byte| bits << 8 | u64::from(*byte));
        entity.segment == RULES || bits.is_multiple_of(self.sample)
    }

    async fn all(&self, compared: &mut Compared) -> Result<(), Problem> {
        let mut kinds: Vec<&EntityDefinition> =
            self.operator.tools.definitions.entities().collect();
        kinds.sort_by_key(|it| it.segment != RULES);
        for definition in kinds {
            self.segment(definition, compared).await?;
        }
        self.again(compared).await
    }

    /// Copies, derives and compares every chosen entity of one segment, some at a time as their
    /// histories are listed.
    async fn segment(
        &self,
        definition: &EntityDefinition,
        compared: &mut Compared,
    ) -> Result<(), Problem> {
        let deriving = Deriving::new(&self.there);
        let prefix = format!("env/{}/{}/", self.operator.env, definition.segment);
        let mut pages = Pages::of(prefix);
        let mut open: Option<Group> = None;
        while let Some(page) = pages.next(&*self.here.store).await? {
            let mut groups = Vec::new();
            for item in page.items {
                let Ok(ObjectName::History(name)) = ObjectName::parse(&item.name) else { continue };
                if !self.is_chosen(&name.entity) {
                    continue;
                }
                match &mut open {
                    Some((entity, records)) if *entity == name.entity => records.push(item),
                    other => groups.extend(other.replace((name.entity, vec![item]))),
                }
            }
            self.groups(&deriving, definition, groups, compared).await?;
            let now = self.operator.tools.clock.now();
            self.operator.screen.progress(now, || {
                format!("drill {}: {} entities", definition.segment, compared.entities)
            });
            if now >= self.until.after(COUNTED_FOR) {
                break;
            }
        }
        self.groups(&deriving, definition, open.into_iter().collect(), compared).await
    }

    async fn groups(
        &self,
        deriving: &Deriving,
        definition: &EntityDefinition,
        groups: Vec<Group>,
        compared: &mut Compared,
    ) -> Result<(), Problem> {
        let found = Mutex::new(compared);
        // All rules are members of one bundle, which takes one write a second.
        let at_once = if definition.segment == RULES { 1 } else { ENTITIES_AT_ONCE };
        let mut work: Vec<BoxFuture<'_, Result<(), Problem>>> = Vec::new();
        for group in groups {
            let found = &found;
            work.push(Box::pin(async move {
                let of = self.entity(deriving, definition, group).await?;
                found.lock().unwrap_or_else(PoisonError::into_inner).add(of);
                Ok(())
            }));
        }
        in_turn(work, at_once).await?;
        self.counted.iter().for_each(|it| drop(it.take_log()));
        Ok(())
    }

    async fn entity(
        &self,
        deriving: &Deriving,
        definition: &EntityDefinition,
        (entity, mut records): Group,
    ) -> Result<Compared, Problem> {
        let mut compared = Compared::default();
        let in_all = records.len();
        records.retain(|it| it.created_at <= self.known_at);
        if records.is_empty() {
            return Ok(compared);
        }
        if self.operator.tools.clock.now() >= self.until {
            compared.not_reached += 1;
            return Ok(compared);
        }
        let mut work: Vec<BoxFuture<'_, Result<_, Problem>>> = Vec::new();
        for record in &records {
            work.push(Box::pin(one(&self.there, &*self.here.store, &*self.there.store, record)));
        }
        in_turn(work, AT_ONCE).await?;
        for batch in records.chunks(BATCH) {
            let batch = batch.iter().filter_map(|record| match ObjectName::parse(&record.name) {
                Ok(ObjectName::History(name)) => {
                    Some((name, record.generation, Some(record.created_at)))
                }
                _ => None,
            });
            compared.refused += deriving.records(batch.collect()).await?.len() as u64;
        }
        compared.rejected += deriving.everybody(&entity).await?.len() as u64;
        compared.entities += 1;
        compared.records += records.len() as u64;
        match records.len() == in_all {
            true => self.compare(definition, &entity, &mut compared).await?,
            false => compared.written_later += 1,
        }
        Ok(compared)
    }
}
