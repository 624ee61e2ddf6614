//! `restore`: entities as they were known to be at an instant, by records that are appended.

mod entity;
mod object;
mod walk;

use clap::{ArgGroup, Args};
use domain::Instant;

use crate::get::instant;
use crate::{Operator, Place, Problem, subject};
pub(crate) use entity::{Restoring, Target, document, last_live, same};

/// Restores entities to what was known of them at an instant, or a history object that is gone.
///
/// With --known-at, every entity in scope is compared with the fold of the records that were stored
/// until then. Where it differs, one record is appended that makes it what it was: a full document,
/// a deletion where it was not there, or a merge patch where what it was is not valid by itself.
/// Nothing is rewritten, so a restore can itself be undone, by another one to before it. The append is
/// conditional: who writes the same entity meanwhile is not overwritten, the entity is read again.
/// Run again, it appends nothing that is there; stopped anywhere, it goes on. Alerts that open by
/// it are stored and not sent, unless --loud.
///
/// With --history, an object of the history that somebody has deleted comes back from one of its
/// noncurrent versions; without --generation these are listed.
#[derive(Args, Clone, Debug)]
#[command(
    group(ArgGroup::new("what").required(true).args(["known_at", "history"])),
    after_help = "Examples:
  restore --known-at 2025-11-06T12:00:00Z --dry-run               what would change, and the cost
  restore --known-at 2025-11-06T12:00:00Z --segment ventures --reason 'import of 6 Nov'
  restore --known-at 2025-11-06T12:00:00Z --segment ventures --id V1
  restore --history env/prod/ventures/V1/history/2025/11/06/NAME.json
                                                                  its versions
  restore --history env/prod/ventures/V1/history/2025/11/06/NAME.json --generation 1762424242424242

Exit codes: 0 done, 1 something is left to look at"
)]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What was known at this instant: 2025-11-06T12:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    known_at: Option<Instant>,
    /// One segment: ventures; all that are defined when not said.
    #[arg(long, requires = "known_at")]
    segment: Option<String>,
    /// One entity of the segment.
    #[arg(long, requires = "segment")]
    id: Option<String>,
    /// The name of an object of the history that is gone.
    #[arg(long, value_name = "NAME")]
    history: Option<String>,
    /// Which of its versions comes back.
    #[arg(long, value_name = "GENERATION", requires = "history")]
    generation: Option<u64>,
    /// Compare and count; write nothing. It reads what the run reads.
    #[arg(long)]
    dry_run: bool,
    /// Send the alerts that open by it.
    #[arg(long, requires = "known_at")]
    loud: bool,
    /// Why; the instant when not said.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who; the variable USER when not said.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Show what would change of so many entities.
    #[arg(long, value_name = "N", default_value_t = 3)]
    differences: usize,
}

/// What a record of a restore says of where it comes from: many come at once, and the alerts that
/// open by them are not sent.
pub(crate) const QUIET: &str = "restore";

/// The same where the alerts are to be sent.
pub(crate) const LOUD: &str = "restore-loud";

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    if let Some(name) = &options.history {
        return object::run(operator, name, options.generation, options.dry_run).await;
    }
    let Some(known_at) = options.known_at else {
        return Err(Problem::new("say --known-at INSTANT or --history NAME"));
    };
    if known_at > operator.tools.clock.now() {
        return Err(Problem::new(format!("--known-at {known_at} has not come yet")));
    }
    let chosen = subject::segments(operator, options.segment.as_slice())?;
    let target = Target {
        known_at,
        actor: options.actor.clone().or_else(|| operator.user.clone()),
        reason: options.reason.clone().unwrap_or_else(|| format!("restored to {known_at}")),
        origin: if options.loud { LOUD } else { QUIET },
        absent_only: false,
    };
    let mut well = true;
    for definition in chosen {
        let only = match &options.id {
            Some(id) => Some(subject::entity(operator, definition, id)?),
            None => None,
        };
        let walk = walk::Walk::new(operator, definition, &target, options.dry_run);
        well &= walk.run(only, options.differences).await?;
    }
    Ok(well)
}
