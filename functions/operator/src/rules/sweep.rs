//! `rules sweep`: every rule, evaluated on every snapshot that it is about.

use std::collections::BTreeSet;

use clap::Args;
use domain::{Disposition, EntityDefinition, ObjectName, Planted, digest};
use rules::set::RuleSet;
use rules_engine::{RULES_AGE_MAX, RuleCache, RulesEngine};
use store::List;

use crate::job::progress::Progress;
use crate::job::{How, Job, Stop, What};
use crate::{Operator, Problem, subject};

/// Evaluates all rules on all snapshots that they are about.
///
/// By the handler of the rules-engine, as if each snapshot had just been written: rules that look at the
/// time alone begin and cease to hold so, repeated alerts fall due, and whatever an event has missed is
/// mended. The schedule runs it each night. Safe while functions run; interrupted, it goes on where it
/// stopped, as long as the day and the rules are the same. 2 B for each entity of a kind that has a rule
/// or an open alert.
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

/// Who begins a sweep. `apply` has waited until nobody goes by older rules, and so does not go on with
/// what the other has begun.
#[derive(Clone, Copy)]
enum By {
    Sweep,
    Apply,
}

pub(super) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let chosen = subject::segments(operator, &options.segment)?;
    let rules = rules_engine::rules_in_force(&operator.tools, operator.env).await?;
    let mut asked = Vec::new();
    for definition in chosen {
        if is_concerned(operator, definition, &rules).await? {
            asked.push(definition);
        }
    }
    all(operator, asked, By::Sweep, options.dry_run).await
}

/// The kinds that have a rule or an alert state, and of which no sweep by the rules in force is known
/// to have come to its end. One read for each kind, and a list where that is not known.
pub(super) async fn unfinished(operator: &Operator<'_>) -> Result<BTreeSet<String>, Problem> {
    let (tools, env) = (&operator.tools, operator.env);
    let rules = rules_engine::rules_in_force(tools, env).await?;
    let mut unfinished = BTreeSet::new();
    for definition in tools.definitions.entities() {
        let finished = Progress::finished_by(tools, env, what(definition, "")).await?;
        let digest = digest_of(&rules, definition);
        let is_done = finished.is_some_and(|by| by.ends_with(&digest));
        if !is_done && is_concerned(operator, definition, &rules).await? {
            unfinished.insert(definition.entity.clone());
        }
    }
    Ok(unfinished)
}

/// Evaluates all rules on the entities of some kinds, which changed rules are about.
pub(super) async fn kinds(
    operator: &Operator<'_>,
    kinds: &BTreeSet<String>,
) -> Result<bool, Problem> {
    let all_kinds = operator.tools.definitions.entities();
    let chosen = all_kinds.filter(|definition| kinds.contains(&definition.entity)).collect();
    all(operator, chosen, By::Apply, false).await
}

/// One kind after the other. One that cannot be swept, or that somebody else has begun to sweep
/// meanwhile, leaves out no other.
async fn all(
    operator: &Operator<'_>,
    chosen: Vec<&EntityDefinition>,
    by: By,
    dry: bool,
) -> Result<bool, Problem> {
    let (mut well, mut problem) = (true, None);
    for definition in chosen {
        match segment(operator, definition, by, dry).await {
            Ok(ended) => well &= ended,
            Err(err) => {
                let segment = &definition.segment;
                operator.screen.hint(&format!("rules-sweep {segment}: {err}"));
                problem.get_or_insert(err);
            }
        }
    }
    problem.map_or(Ok(well), Err)
}

/// Whether the kind has a rule, or an alert state: a rule that is gone has to close.
async fn is_concerned(
    operator: &Operator<'_>,
    definition: &EntityDefinition,
    rules: &RuleSet,
) -> Result<bool, Problem> {
    if rules.about(&definition.entity).next().is_some() {
        return Ok(true);
    }
    let prefix = format!("env/{}/indices/alerts/_state/{}/", operator.env, definition.segment);
    let page = operator.tools.store.list(&List { prefix, ..List::default() }).await?;
    let is_state = |name: &str| matches!(ObjectName::parse(name), Ok(ObjectName::AlertState(_)));
    Ok(page.items.iter().any(|item| is_state(&item.name)))
}

async fn segment(
    operator: &Operator<'_>,
    definition: &EntityDefinition,
    by: By,
    dry: bool,
) -> Result<bool, Problem> {
    let by = by.said(operator, definition).await?;
    // A release that differs evaluates by the same states: nobody has to be waited for.
    let job = Job::new(operator, what(definition, &by), How::new(operator, dry, false));
    let engine = RulesEngine {
        tools: job.tools.clone(),
        rules_age_max: RULES_AGE_MAX,
        cache: RuleCache::default(),
        planted: Planted::NONE,
    };
    let walked = job.walk(|stop| visit(&engine, stop)).await?;
    job.report(&walked)
}

fn what<'a>(definition: &'a EntityDefinition, by: &'a str) -> What<'a> {
    What { job: "rules-sweep", segment: &definition.segment, subject: "", by }
}

impl By {
    /// What a sweep goes by: who has begun it, the day, since time alone makes rules hold, and the
    /// digest of the rules.
    ///
    /// They are read before the sweep notes that it begins, and again after that. So an entity is
    /// evaluated by these rules or newer ones, and of two sweeps the later, which takes over, does
    /// what the earlier one has left.
    async fn said(
        self,
        operator: &Operator<'_>,
        definition: &EntityDefinition,
    ) -> Result<String, Problem> {
        let rules = rules_engine::rules_in_force(&operator.tools, operator.env).await?;
        let (day, digest) = (operator.tools.clock.now().day(), digest_of(&rules, definition));
        let word = match self {
            Self::Sweep => "sweep",
            Self::Apply => "apply",
        };
        Ok(format!("{word} {day} {digest}"))
    }
}

fn digest_of(rules: &RuleSet, definition: &EntityDefinition) -> String {
    let rules =
        rules.about(&definition.entity).map(|rule| format!("{} {}\n", rule.id, rule.digest));
    digest::hex_of(&rules.collect::<String>(), 16)
}

/// Why nothing can be done about an entity, if so.
async fn visit(engine: &RulesEngine, stop: Stop) -> Result<Vec<String>, Problem> {
    match engine.sweep(&stop.entity, stop.written_at).await {
        Ok(Disposition::Rejected(reasons)) => Ok(reasons),
        Ok(Disposition::Done | Disposition::Skipped(_)) => Ok(Vec::new()),
        Err(failure) => Ok(vec![failure.to_string()]),
    }
}
