//! `rules sweep`: every rule, evaluated on every snapshot that it is about.

use std::collections::BTreeSet;

use clap::Args;
use domain::{Disposition, EntityDefinition, ObjectName, Planted};
use rules_engine::{RULES_AGE_MAX, RuleCache, RulesEngine};
use store::List;

use crate::job::{How, Job, Stop, What};
use crate::{Operator, Problem, subject};

/// Evaluates all rules on all snapshots that they are about.
///
/// By the handler of the rules-engine, as if each snapshot had just been written: rules that look at the
/// time alone begin and cease to hold so, repeated alerts fall due, and whatever an event has missed is
/// mended. The schedule runs it each night. Safe while functions run; interrupted, it goes on where it
/// stopped. 2 B for each entity of a kind that has a rule or an open alert.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  rules sweep
  rules sweep --segment ventures
  rules sweep --dry-run              how many alerts would begin or end, and what it costs")]
pub(super) struct Options {
    /// A segment, such as ventures; may be repeated.
    #[arg(long, value_name = "SEGMENT")]
    segment: Vec<String>,
    /// Count operations and dollars; write nothing. It reads what the run reads.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let chosen = subject::segments(operator, &options.segment)?;
    let rules = rules_engine::rules_in_force(&operator.tools, operator.env).await?;
    let mut well = true;
    for definition in chosen {
        let is_asked = rules.about(&definition.entity).next().is_some();
        if !is_asked && !has_states(operator, definition).await? {
            continue;
        }
        well &= segment(operator, definition, options.dry_run).await?;
    }
    Ok(well)
}

/// The same for the entities of some kinds.
pub(super) async fn kinds(
    operator: &Operator<'_>,
    kinds: &BTreeSet<String>,
) -> Result<bool, Problem> {
    let mut well = true;
    for definition in operator.tools.definitions.entities() {
        if kinds.contains(&definition.entity) {
            well &= segment(operator, definition, false).await?;
        }
    }
    Ok(well)
}

/// Whether an entity of the kind has an alert state: a rule that is gone has to close.
async fn has_states(
    operator: &Operator<'_>,
    definition: &EntityDefinition,
) -> Result<bool, Problem> {
    let prefix = format!("env/{}/indices/alerts/_state/{}/", operator.env, definition.segment);
    let page = operator.tools.store.list(&List { prefix, ..List::default() }).await?;
    let is_state = |name: &str| matches!(ObjectName::parse(name), Ok(ObjectName::AlertState(_)));
    Ok(page.items.iter().any(|item| is_state(&item.name)))
}

async fn segment(
    operator: &Operator<'_>,
    definition: &EntityDefinition,
    dry: bool,
) -> Result<bool, Problem> {
    let what = What { job: "rules-sweep", segment: &definition.segment, subject: "" };
    // A release that differs evaluates by the same states: nobody has to be waited for.
    let job = Job::new(operator, what, How::new(operator, dry, false));
    let engine = RulesEngine {
        tools: job.tools.clone(),
        rules_age_max: RULES_AGE_MAX,
        cache: RuleCache::default(),
        planted: Planted::NONE,
    };
    let walked = job.walk(|stop| visit(&engine, stop)).await?;
    job.report(&walked)
}

/// Why nothing can be done about an entity, if so.
async fn visit(engine: &RulesEngine, stop: Stop) -> Result<Vec<String>, Problem> {
    match engine.sweep(&stop.entity, stop.written_at).await {
        Ok(Disposition::Rejected(reasons)) => Ok(reasons),
        Ok(Disposition::Done | Disposition::Skipped(_)) => Ok(Vec::new()),
        Err(failure) => Ok(vec![failure.to_string()]),
    }
}
