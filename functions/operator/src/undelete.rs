//! `undelete`: the document before its tombstone, as a new record.

use clap::Args;
use projection::fold::State;
use snapshot_builder::SnapshotBuilder;

use crate::records::{self, Hold, Until};
use crate::restore::{QUIET, Restoring, Target, last_live};
use crate::{Operator, Place, Problem, legible, subject};

/// Brings back an entity that was deleted.
///
/// Appends a full record of the document as it was before its tombstone. The tombstone stays in the
/// history, and so does everything else. What was purged has nothing before its tombstone. The record
/// is conditional on what was read: who writes meanwhile is not overwritten.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  undelete venture V1 --dry-run                          the document that would come back
  undelete venture V1 --reason 'deleted by mistake'      appends it")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The kind: venture.
    entity: String,
    /// The id of the entity: V1.
    id: String,
    /// Why; that it is undeleted when not said.
    #[arg(long, value_name = "TEXT", default_value = "undeleted")]
    reason: String,
    /// Who; the variable USER when not said.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Show the document; write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let definition = subject::definition(operator, &options.entity)?;
    let entity = subject::entity(operator, definition, &options.id)?;
    let records =
        records::held(operator, &entity, definition, Until::default(), Hold::Live).await?;
    let (kind, id, env) = (&options.entity, &options.id, operator.env);
    let state = records.fold().map(|folded| folded.state);
    match state {
        Some(State::Deleted) => (),
        Some(State::Live(_)) => {
            operator.screen.say(&format!("{kind} {id} in {env} is not deleted"))?;
            return Ok(true);
        }
        Some(State::Pending) | None => {
            return Err(Problem::new(format!(
                "there was no {kind} {id} in {env}: `history` shows its records"
            )));
        }
    }
    let Some(document) = last_live(records.kept) else {
        return Err(Problem::new(format!(
            "nothing before the tombstone of {kind} {id} in {env} counts: `history {kind} {id}` \
             shows what there is; what was purged cannot come back"
        )));
    };
    if options.dry_run {
        let text = legible::document(&serde_json::Value::Object(document));
        operator.screen.say(&text)?;
        return Ok(true);
    }
    let target = Target {
        known_at: operator.tools.clock.now(),
        actor: options.actor.clone().or_else(|| operator.user.clone()),
        reason: options.reason.clone(),
        origin: QUIET,
        absent_only: true,
    };
    let builder = SnapshotBuilder::new(operator.tools.clone());
    let restoring = Restoring { operator, definition, builder, target: &target };
    restoring.said(&entity, Some(document)).await
}
