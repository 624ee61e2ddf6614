//! `purge`: nothing of an entity is left but a tombstone without content.
//!
//! The tombstone comes first. It is dated later than every record, and the functions' own handlers
//! derive from it before anything is erased: a snapshot-builder that is slow fails its
//! compare-and-swap, and a delivery of an old record is covered. What was under way meanwhile can
//! still write for as long as a handler lives. So everything is looked at again after that time,
//! until a look finds nothing. Claims go first and history last: a claim holds a record that the
//! next writer finishes, and a run that is killed finds by the history that it has to go on.

mod audit;
mod erase;
mod judge;
mod shards;
mod sweep;
mod tombstone;

use std::sync::Arc;
use std::time::Duration;

use clap::{ArgGroup, Args};
use domain::limits::{SERVICE_TIMEOUT, SHUTDOWN_GRACE};
use domain::{EntityDefinition, EntityRef, Generation, ObjectName};
use store::{Counted, Dry, Store, Tally, Tools};

use crate::derive::Deriving;
use crate::{Operator, Place, Problem, Shortcut, subject};
use erase::rights;
use sweep::{Sweep, Swept};
use tombstone::Tombstone;

pub(crate) use tombstone::is_of_purge;

#[cfg(test)]
pub(crate) use shards::names as shard_names;

/// After this nothing writes any more that was under way before. A job of a person can take
/// longer; what it has read by then is out of date, and its compare-and-swap fails.
const HANDLER_LIFE: Duration =
    Duration::from_secs(SERVICE_TIMEOUT.as_secs() + SHUTDOWN_GRACE.as_secs());

/// How often everything is looked at before somebody has to stop who keeps writing.
const ROUNDS_MAX: usize = 8;

/// A generation that no version has: to ask whether one might be erased.
const NO_GENERATION: Generation = Generation(1);

/// Erases an entity: its history and everything derived from it, in every version.
///
/// What remains is a tombstone record without content, the snapshot that says the entity is gone,
/// and an audit record of who purged it, when and why. First the tombstone is appended, later than
/// every record, and the functions' own code derives from it. Then every version of every object
/// that holds something of the entity is erased by its generation: history, snapshot, manifest,
/// journal, lines of shards and exports, pointers, registers, alerts and what is noted about them,
/// quarantine, claims. After a minute, when no function can still write what it has read before,
/// everything is looked at again, until nothing is found. Stopped anywhere, the same command goes
/// on. It cannot be undone.
///
/// It takes the right to delete objects, which no service account has on history: run it as a
/// person. What soft delete, a retention, copies, captures, logs and BigQuery keep is not in its
/// reach: docs/erasure.md says what to do about each.
#[derive(Args, Clone, Debug)]
#[command(
    group(ArgGroup::new("how").required(true).args(["dry_run", "yes"])),
    after_help = "Examples:
  purge venture V1 --reason 'request 4711' --dry-run     how many versions of what would be erased
  purge venture V1 --reason 'request 4711' --yes         erases them; say a ticket, not a name

Exit codes: 0 nothing is left, 1 something is left to look at"
)]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The kind: venture.
    entity: String,
    /// The id of the entity: V1.
    id: String,
    /// Why. It stays in the audit record, and nothing in it is erased.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who; the variable USER when not said.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Count what would be erased; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Erase it.
    #[arg(long)]
    yes: bool,
}

/// One purge.
struct Purge<'a> {
    operator: &'a Operator<'a>,
    entity: EntityRef,
    definition: &'a EntityDefinition,
    actor: String,
    reason: &'a str,
    counted: Arc<Counted>,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let definition = subject::definition(operator, &options.entity)?;
    let entity = subject::entity(operator, definition, &options.id)?;
    let actor = options.actor.clone().or_else(|| operator.user.clone());
    let actor = actor.ok_or_else(|| Problem::new("who purges it? say --actor NAME"))?;
    let inner = Arc::clone(&operator.tools.store);
    let inner: Arc<dyn Store> = if options.dry_run { Arc::new(Dry::new(inner)) } else { inner };
    let counted = Arc::new(Counted::new(inner));
    let tools = Tools { store: counted.clone(), ..operator.tools.clone() };
    let counting = Operator { tools, user: operator.user.clone(), ..*operator };
    let reason = &options.reason;
    let purge = Purge { operator: &counting, entity, definition, actor, reason, counted };
    if options.dry_run { purge.look().await } else { purge.run().await }
}

impl Purge<'_> {
    /// What would be erased.
    async fn look(&self) -> Result<bool, Problem> {
        let swept = self.sweep(None, true).await?;
        if swept.is_empty() {
            return self.nothing().await;
        }
        let text = format!("would erase {} of {}", swept.words(), self.entity);
        self.operator.screen.say(&format!("{text}; the look took {}", self.cost()))?;
        self.others().await?;
        self.operator.screen.hint(&format!(
            "a purge looks at everything twice at least, {} s apart",
            HANDLER_LIFE.as_secs()
        ));
        Ok(true)
    }

    async fn run(&self) -> Result<bool, Problem> {
        let before = tombstone::find(self).await?;
        let mut tombstone = before.purged;
        let ended = match &tombstone {
            Some(tombstone) => audit::is_written(self, tombstone).await?,
            None => false,
        };
        if ended {
            // Only looked at: an old delivery may have left objects without content.
            let found = self.sweep(tombstone.as_ref(), true).await?;
            if let (0, Some(tombstone)) = (found.content, &tombstone) {
                self.operator.screen.say(&format!(
                    "{} is purged, and nothing is left of it: {}",
                    self.entity,
                    audit::name(self, tombstone)
                ))?;
                return Ok(true);
            }
            tombstone = None;
        }
        if tombstone.is_none() && before.is_nothing {
            let found = self.sweep(None, true).await?;
            if found.is_empty() {
                return self.nothing().await;
            }
        }
        rights(self).await?;
        let mut all = Swept::default();
        if self.operator.planted.has(Shortcut::TombstoneLast) {
            all.add(self.sweep(None, false).await?);
            self.operator.tools.clock.sleep(HANDLER_LIFE).await;
            all.add(self.sweep(None, false).await?);
            let tombstone = tombstone::append(self).await?;
            self.derive(&tombstone).await?;
            return self.end(&tombstone, &all).await;
        }
        for round in 0..ROUNDS_MAX {
            all.add(self.claims().await?);
            let later = tombstone::find(self).await?.later_than(tombstone.as_ref());
            if tombstone.is_none() || later {
                tombstone = Some(tombstone::append(self).await?);
            }
            let Some(current) = &tombstone else { continue };
            if later || round == 0 {
                self.derive(current).await?;
            }
            let swept = self.sweep(Some(current), false).await?;
            let settled = round > 0 && !later && swept.content == 0;
            all.add(swept);
            if !all.held.is_empty() {
                return self.held(&all);
            }
            if settled || self.operator.planted.has(Shortcut::SecondLookSkipped) {
                return self.end(current, &all).await;
            }
            self.operator.screen.hint(&format!(
                "{}: {} so far; waiting {} s until nothing that was under way can still write",
                self.entity,
                all.words(),
                HANDLER_LIFE.as_secs()
            ));
            self.operator.tools.clock.sleep(HANDLER_LIFE).await;
        }
        Err(Problem::new(format!(
            "{}: something keeps writing it: stop who does, then run the same command again",
            self.entity
        )))
    }

    /// Has the functions' handlers derive from the tombstone.
    async fn derive(&self, tombstone: &Tombstone) -> Result<(), Problem> {
        if self.operator.planted.has(Shortcut::TombstoneNotDerived) {
            return Ok(());
        }
        let deriving = Deriving::new(&self.operator.tools);
        deriving.record(tombstone.name.clone(), tombstone.generation).await?;
        deriving.snapshot(&self.entity).await?;
        shards::strip(self, true).await
    }

    async fn claims(&self) -> Result<Swept, Problem> {
        let mut sweep = Sweep::new(self, None, false);
        sweep.claims().await?;
        Ok(sweep.swept)
    }

    async fn sweep(&self, spared: Option<&Tombstone>, look: bool) -> Result<Swept, Problem> {
        let mut sweep = Sweep::new(self, spared, look);
        sweep.everything().await?;
        Ok(sweep.swept)
    }

    /// Ends a purge that has found nothing at last.
    async fn end(&self, tombstone: &Tombstone, all: &Swept) -> Result<bool, Problem> {
        self.others().await?;
        let audit = audit::write(self, tombstone, all).await?;
        let screen = self.operator.screen;
        screen.say(&format!(
            "purged {}: {}; {}\nwhat remains: {}, its snapshot, {audit}",
            self.entity,
            all.words(),
            self.cost(),
            tombstone.object()
        ))?;
        screen.hint(
            "not in its reach: soft delete keeps what was erased for days where the bucket has it; \
             copies, captures, logs, alerts that were sent, BigQuery: docs/erasure.md",
        );
        Ok(true)
    }

    /// Ends a purge that was refused some objects.
    fn held(&self, all: &Swept) -> Result<bool, Problem> {
        let screen = self.operator.screen;
        screen.say(&format!(
            "{} is gone for every reader, and not purged: {} of its versions are held; erased: {}",
            self.entity,
            all.held.len(),
            all.words()
        ))?;
        for (version, why) in all.held.iter().take(HELD_SHOWN_MAX) {
            screen.say(&format!("  {version}: {why}"))?;
        }
        if all.held.len() > HELD_SHOWN_MAX {
            screen.say(&format!("  … {} more", all.held.len() - HELD_SHOWN_MAX))?;
        }
        screen.hint("release them or wait until they may go, then run the same command again");
        Ok(false)
    }

    async fn nothing(&self) -> Result<bool, Problem> {
        let Self { entity, definition, .. } = self;
        let (kind, id, env) = (&definition.entity, &entity.id, entity.env);
        self.operator.screen.hint(&format!("there is nothing of {kind} {id} in {env}"));
        self.others().await?;
        Ok(false)
    }

    /// Says what lies beside the history and is no class of ours.
    async fn others(&self) -> Result<(), Problem> {
        let history = ObjectName::history_prefix(&self.entity);
        let folder = history.trim_end_matches("history/");
        let found = sweep::others(self, folder).await?;
        if found > 0 {
            self.operator.screen.hint(&format!(
                "{found} versions below {folder} are not ours and are left: \
                 `gcloud storage rm --all-versions` them yourself"
            ));
        }
        Ok(())
    }

    fn cost(&self) -> Tally {
        let mut tally = Tally::default();
        tally.take(&self.counted);
        tally
    }
}

/// How many versions that are held are shown.
const HELD_SHOWN_MAX: usize = 20;
