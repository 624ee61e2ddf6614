//! `reconcile`: everything that is derived, compared with the fold of its history, and mended.
//!
//! A segment at a time. Registers and shards are read first, then every entity is looked at
//! (`look`), then what is derived is listed, so that what no entity has a place for is found
//! (`segment`). Of names and contents numbers are kept. What differs is looked at again after a
//! grace that is longer than a handler lives (`settle`), and mended by what functions do
//! (`repair`).

mod finding;
mod ledger;
mod look;
mod others;

mod part;
mod places;
pub(crate) mod repair;
mod segment;
mod settle;
mod view;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use cloud_run::Config;
use domain::limits::{ACK_DEADLINE, SERVICE_TIMEOUT, SHUTDOWN_GRACE};
use domain::{EntityDefinition, EntityRef, Env, Instant, ObjectName, Planted};
use projection::plan::places;
use projection::register;
use rules::set::{NoRule, RuleSet};
use rules_engine::RULES_SEGMENT;
use snapshot_builder::SnapshotBuilder;
use store::{Counted, ErrorKind, Tally, Tools};

use crate::pages::{Pages, folder_names};
pub(crate) use finding::command;
use finding::{Fate, Finding};
use ledger::Ledger;
use look::InForce;
use others::Garbage;
pub(crate) use part::number;
use part::{Part, Sample, Share};
use repair::Repairer;
use segment::Segment;

use crate::{Operator, Place, Problem, Shortcut, subject};

/// How many entities are looked at at the same time.
const AT_ONCE: usize = 8;

/// How often an entity is looked at again that is written meanwhile.
const LOOKS_MAX: usize = 3;

/// How long to wait before a second look, unless told otherwise: a push that was lost is made once
/// more within it.
const GRACE: Duration = Duration::from_secs(2 * ACK_DEADLINE.as_secs());

const _: () = assert!(
    GRACE.as_secs() > SERVICE_TIMEOUT.as_secs() + SHUTDOWN_GRACE.as_secs(),
    "a handler could be at work at both looks"
);

/// Compares everything that is derived with the history, and mends it.
///
/// Every snapshot, manifest, pointer, register, line of a shard, alert state and alert is compared
/// with what the history says under this release. Found are: what is missing; what is stale; orphans,
/// of an entity that has no place there; garbage, which nobody of ours would write; notes in
/// quarantine that are open; alerts that were not sent; repairs that the index-writer wants; rules that
/// are not understood, and so never hold. Each with the command that mends it. A difference counts when
/// it is there in the same versions at a second look, after --grace: where functions are at work, what
/// they have not come to yet is no finding.
///
/// With --repair it is mended as functions would do it, safely while they run: the snapshot is
/// written anew, the functions' own handlers derive from it, and places that were left get a
/// tombstone. Tombstones that are a day old are deleted. History is never touched. What nobody of
/// ours would write is only deleted with --delete-garbage. A second run writes nothing. Shards are the
/// compactor's: what is wrong with a whole one is named with the command that makes it.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  reconcile                                   looks at everything, writes nothing
  reconcile --repair                          and mends it
  reconcile --segment ventures --id V1 --repair
                                              one entity, as `why` advises
  reconcile --sample 1/100 --json             one in a hundred, for a program; others each week
  reconcile --since 2025-11-06T00:00:00Z      what was written since then

What one segment takes, in operations (A = list page or write, B = read), where n entities have h
records and k places in pointers each and there are r registers: (n (4 + h + k) + r + 2) B + n ⌈h/1000⌉ A,
and 1 A for each thousand, or part of it, of the entities, the snapshots, the manifests with their
journal, the alert states and the index objects, 2 A for each index of registers, and 1 A for repairs.
Besides: 1 B for the rules that are not understood; 1 B for each alert and 2 or 3 for each note in quarantine, and their lists; 1 B for each open
alert of an entity; where shards are, 1 B for each and 2 A; without --segment 8 A or more for what
belongs to none. What differs is looked at once more. --since lists all history besides.

Exit codes: 0 nothing is left to mend, 1 something is, or cannot be compared, or it could not be run. As
a Cloud Run job with several tasks each looks at its part.")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The segment: ventures; all that are declared when missing. May be repeated.
    #[arg(long, value_name = "SEGMENT")]
    segment: Vec<String>,
    /// One entity of the segment: V1.
    #[arg(long, value_name = "ID", requires = "segment")]
    id: Option<String>,
    /// Only entities of which something was written since then: 2025-11-06T00:00:00Z.
    #[arg(long, value_name = "INSTANT")]
    since: Option<String>,
    /// One in so many entities, 100 or 1/100: others each week, all of them in so many weeks. Those of
    /// which a repair is wanted are looked at in any case.
    #[arg(long, value_name = "N")]
    sample: Option<Sample>,
    /// Mend what is found, and delete tombstones that are a day old.
    #[arg(long)]
    repair: bool,
    /// Delete what nobody of ours would write.
    #[arg(long)]
    delete_garbage: bool,
    /// Seconds between the two looks; longer than a handler lives where functions run.
    #[arg(long, value_name = "SECONDS", default_value_t = GRACE.as_secs())]
    grace: u64,
    /// Show so many findings of each kind; all are counted.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u64,
    /// A line of JSON for each finding, and one in the end.
    #[arg(long)]
    json: bool,
    /// One part of several: 0/4 to 3/4. A Cloud Run job says it otherwise.
    #[arg(long, value_name = "N/M")]
    task: Option<Share>,
}

impl Options {
    /// Takes over from the environment which task of a Cloud Run job this is, unless it was said.
    pub(crate) fn read_task(&mut self, config: &Config) -> Result<(), Problem> {
        if self.task.is_none() {
            let index = config.parsed("CLOUD_RUN_TASK_INDEX", 0)?;
            let count = config.parsed("CLOUD_RUN_TASK_COUNT", 1)?;
            self.task = Some(Share::of(index, count).map_err(Problem::new)?);
        }
        Ok(())
    }
}

/// A run.
pub(crate) struct Reconciler<'a> {
    operator: &'a Operator<'a>,
    tools: Tools,
    counted: Arc<Counted>,
    tally: Tally,
    builder: SnapshotBuilder,
    part: Part,
    ledger: Ledger,
    in_force: InForce,
    /// Whether the bundle of rules is known not to be what their histories make.
    bundle_is_wrong: bool,
    garbage: Vec<Garbage>,
    /// Segments that were named; all when there are none.
    segments: Vec<String>,
    grace: Duration,
    repair: bool,
    delete_garbage: bool,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let chosen = chosen(options, operator)?;
    let mut run = Reconciler::begin(options, operator)?;
    for definition in chosen {
        Segment::begin(&mut run, definition).await?.reconcile().await?;
        if definition.segment == RULES_SEGMENT {
            run.not_understood().await?;
        }
    }
    if run.segments.is_empty() {
        run.undeclared().await?;
    }
    run.alerts().await?;
    run.quarantined().await?;
    run.settle_garbage().await?;
    run.tally.take(&run.counted);
    run.ledger.end(operator.screen, &run.tally, run.repair || run.delete_garbage)?;
    Ok(run.ledger.is_clean())
}

/// The kinds to look at, that of rules first: alert states follow from their bundle.
fn chosen<'a>(
    options: &Options,
    operator: &'a Operator<'_>,
) -> Result<Vec<&'a EntityDefinition>, Problem> {
    let mut chosen = subject::segments(operator, &options.segment)?;
    if options.id.is_some() && options.segment.len() != 1 {
        return Err(Problem::new("--id is of one segment: say --segment once"));
    }
    chosen.sort_by_key(|it| it.segment != RULES_SEGMENT);
    Ok(chosen)
}

impl<'a> Reconciler<'a> {
    fn begin(options: &Options, operator: &'a Operator<'a>) -> Result<Self, Problem> {
        let since = match &options.since {
            Some(text) => Some(Instant::parse(text).ok_or_else(|| {
                Problem::new(format!(
                    "--since {text:?} is no instant, such as 2025-11-06T00:00:00Z"
                ))
            })?),
            None => None,
        };
        if let (Some(id), Some(segment)) = (&options.id, options.segment.first()) {
            EntityRef::new(operator.env, segment, id)
                .map_err(|err| Problem::new(format!("{id:?} is no id: {err}")))?;
        }
        let counted = Arc::new(Counted::new(Arc::clone(&operator.tools.store)));
        let tools = Tools { store: counted.clone(), ..operator.tools.clone() };
        let (id, sample) = (options.id.clone(), options.sample);
        let task = options.task.unwrap_or(Share::WHOLE);
        let week = Part::week(operator.tools.clock.now());
        Ok(Self {
            operator,
            builder: SnapshotBuilder::new(tools.clone()),
            tools,
            counted,
            tally: Tally::default(),
            part: Part {
                id,
                sample,
                week,
                task,
                since,
                touched: HashSet::new(),
                wished: HashSet::new(),
            },
            ledger: Ledger::new(options.json, options.limit),
            in_force: InForce::default(),
            bundle_is_wrong: false,
            garbage: Vec::new(),
            segments: options.segment.clone(),
            grace: Duration::from_secs(options.grace),
            repair: options.repair,
            delete_garbage: options.delete_garbage,
        })
    }

    fn env(&self) -> Env {
        self.operator.env
    }

    fn planted(&self) -> Planted<Shortcut> {
        self.operator.planted
    }

    /// Whether a segment is looked at.
    fn chosen(&self, segment: &str) -> bool {
        self.segments.is_empty() || self.segments.iter().any(|it| it == segment)
    }

    fn repairer<'s>(&'s self, definition: &'s EntityDefinition) -> Repairer<'s> {
        let (tools, builder) = (&self.tools, &self.builder);
        Repairer { tools, builder, definition, env: self.env(), planted: self.planted() }
    }

    /// Reads the rules in force: those of the bundle, or of their histories where that is known to
    /// be wrong. What is not understood there.
    async fn read_rules(&mut self) -> Result<Vec<NoRule>, Problem> {
        let bundle = ObjectName::Bundle { env: self.env(), segment: RULES_SEGMENT.to_owned() };
        let (body, version) = match self.bundle_is_wrong {
            true => {
                let body = self.folded_bundle(&bundle).await?;
                let version = number(&[&String::from_utf8_lossy(&body)]).to_string();
                (Some(body.into()), version)
            }
            false => {
                let object = self.tools.look(&bundle.to_string()).await?;
                let version = object.as_ref().map(|it| it.generation.to_string());
                (object.map(|it| it.body), version.unwrap_or_default())
            }
        };
        let members = body.map_or(Some(Vec::new()), |body| register::members(&body));
        let (rules, refused) = members.map(|members| RuleSet::read(&members)).unzip();
        self.in_force = InForce { rules, version };
        Ok(refused.unwrap_or_default())
    }

    /// The bundle of rules that their histories make.
    async fn folded_bundle(&self, bundle: &ObjectName) -> Result<Vec<u8>, Problem> {
        let definitions = &self.tools.definitions;
        let Some(definition) = definitions.entity_of_segment(RULES_SEGMENT) else {
            return Ok(register::empty(""));
        };
        let mut body: Option<Vec<u8>> = None;
        let prefix = format!("env/{}/{RULES_SEGMENT}/", self.env());
        let mut pages = Pages::folders(prefix.clone());
        while let Some(page) = pages.next(&*self.tools.store).await? {
            for id in folder_names(&page, &prefix) {
                let Ok(entity) = EntityRef::new(self.env(), RULES_SEGMENT, id) else { continue };
                let folded = match self.builder.fold(&entity).await {
                    Err(err) if err.kind == ErrorKind::Unusable => continue,
                    whole => whole?.folded,
                };
                let source = look::told_by(&entity, folded.as_ref());
                let places = places(definition, &entity, source.document.as_ref());
                let places = places.unwrap_or_default();
                let Some(place) = places.get(bundle) else { continue };
                let (stored, version) = (body.as_deref(), &self.tools.version);
                let write =
                    register::decide(bundle, stored, Some(place), &source, definition, version);
                body = write.ok().flatten().map(|write| write.body).or(body);
            }
        }
        Ok(body.unwrap_or_else(|| register::empty(&definition.entity)))
    }

    fn found(&mut self, finding: &Finding) -> Result<(), Problem> {
        let is_bundle = matches!(ObjectName::parse(&finding.object), Ok(ObjectName::Bundle { .. }));
        if is_bundle && finding.segment == RULES_SEGMENT && finding.fate != Fate::Mended {
            self.bundle_is_wrong = true;
        }
        self.ledger.add(self.operator.screen, finding)
    }

    /// Waits for the grace before `count` things are looked at again.
    async fn wait(&self, count: usize) {
        let seconds = self.grace.as_secs();
        let screen = self.operator.screen;
        screen.hint(&format!("{count} differ: looking again in {seconds} s"));
        self.tools.clock.sleep(self.grace).await;
    }

    fn progress(&mut self, what: &str) {
        self.tally.take(&self.counted);
        let (entities, tally) = (self.ledger.entities, &self.tally);
        self.operator.screen.progress(self.tools.clock.now(), || {
            format!("reconcile {what}: {entities} entities looked at, {tally}")
        });
    }
}
