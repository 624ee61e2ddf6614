//! `rebuild`: snapshots, and what is derived from them, written anew where nothing differs too.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use clap::{Args, ValueEnum};
use domain::{EntityDefinition, EntityRef, Generation, ObjectName, json};
use projection::plan::places;
use snapshot_builder::SnapshotBuilder;
use store::dollars;

use crate::job::{How, Job, Stop, What};
use crate::migrate::consequences;
use crate::reconcile::number;
use crate::reconcile::repair::Repairer;
use crate::{Operator, Place, Problem, subject};

/// Derives anew from history, also where nothing differs.
///
/// Every snapshot of a segment, also one that is gone, is folded again from its whole history and
/// written, in a projection run of its own: what is derived from it is then decided again by whoever
/// derives it. `snapshots` leaves that to the functions; `manifests` and `indices` have the handler of
/// the manifest-writer or of the index-writer do it here too. Where something may be wrong, `reconcile`
/// finds what is, and what lies in places that nobody knows of. Safe while functions run, and
/// interrupted, it goes on where it stopped.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  rebuild snapshots --segment ventures --dry-run     operations and dollars
  rebuild manifests --segment ventures               every manifest of a segment
  rebuild indices                                    every index object of every segment")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What to derive anew.
    what: Derived,
    /// The segment: ventures; all that are declared when missing. May be repeated.
    #[arg(long, value_name = "SEGMENT")]
    segment: Vec<String>,
    /// Count operations and dollars; write nothing. It reads what the run reads.
    #[arg(long)]
    dry_run: bool,
    /// Begin the second pass at once: no older release is running any more.
    #[arg(long)]
    no_wait: bool,
}

/// What is derived anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Derived {
    /// Snapshots alone.
    Snapshots,
    /// Snapshots and manifests.
    Manifests,
    /// Snapshots, pointers and registers.
    Indices,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let chosen = subject::segments(operator, &options.segment)?;
    let how = How::new(operator, options.dry_run, !options.no_wait);
    let mut well = true;
    for definition in chosen {
        well &= segment(options, how, operator, definition).await?;
    }
    Ok(well)
}

async fn segment(
    options: &Options,
    how: How,
    operator: &Operator<'_>,
    definition: &EntityDefinition,
) -> Result<bool, Problem> {
    let job = match options.what {
        Derived::Snapshots => "rebuild-snapshots",
        Derived::Manifests => "rebuild-manifests",
        Derived::Indices => "rebuild-indices",
    };
    let what = What { job, segment: &definition.segment, subject: "", by: "" };
    let job = Job::new(operator, what, how);
    let builder = SnapshotBuilder::new(job.tools.clone());
    let (tools, env) = (&job.tools, operator.env);
    let planted = operator.planted;
    let repairer = Repairer { tools, builder: &builder, definition, env, planted };
    let done = Mutex::default();
    let gone = job.gone(|entity| derive(&repairer, options.what, entity, &done)).await?;
    let visit = |stop| visit(&repairer, options.what, stop, &done);
    let mut walked = job.walk(visit).await?;
    walked.rejected.extend(gone);
    let well = job.report(&walked)?;
    let Done { visited, brought_back, places, .. } =
        done.into_inner().unwrap_or_else(PoisonError::into_inner);
    if brought_back > 0 {
        operator.screen.say(&format!("  {brought_back} entities had a history and no snapshot"))?;
    }
    if visited > 0 {
        let (class_a, class_b) = consequences(visited, places);
        let dollars = dollars(class_a, class_b);
        operator.screen.say(&format!(
            "  what functions then derive takes about {class_b} B + {class_a} A, ${dollars:.4}"
        ))?;
    }
    Ok(well)
}

/// What was done.
#[derive(Default)]
struct Done {
    visited: u64,
    /// Those among them that had no snapshot.
    brought_back: u64,
    places: u64,
    /// Versions that this run has written: the second pass has nothing to do about them.
    written: HashSet<u64>,
}

async fn visit(
    repairer: &Repairer<'_>,
    what: Derived,
    stop: Stop,
    done: &Mutex<Done>,
) -> Result<Vec<String>, Problem> {
    let seen = version(&stop.entity, stop.generation);
    if done.lock().unwrap_or_else(PoisonError::into_inner).written.contains(&seen) {
        return Ok(Vec::new());
    }
    derive(repairer, what, stop.entity, done).await
}

fn version(entity: &EntityRef, generation: Generation) -> u64 {
    number(&[&entity.to_string(), &generation.to_string()])
}

async fn derive(
    repairer: &Repairer<'_>,
    what: Derived,
    entity: EntityRef,
    done: &Mutex<Done>,
) -> Result<Vec<String>, Problem> {
    let renewed = match repairer.renew(&entity).await? {
        Ok(renewed) => renewed,
        Err(reason) => return Ok(vec![reason]),
    };
    // No record counts, and there is no snapshot.
    if renewed.generation.is_none() {
        return Ok(Vec::new());
    }
    let name = ObjectName::Snapshot(entity.clone()).to_string();
    let object = repairer.tools.look(&name).await?;
    let written = object.as_ref().map(|object| version(&entity, object.generation));
    let document = object.and_then(|object| json::parse(&object.body).ok());
    let places = places(repairer.definition, &entity, document.as_ref());
    {
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        done.visited += 1;
        done.brought_back += u64::from(renewed.overwrote.is_none());
        done.places += places.map_or(0, |places| places.len() as u64);
        done.written.extend(written);
    }
    Ok(match what {
        Derived::Snapshots => Vec::new(),
        Derived::Manifests => repairer.manifest(&entity).await,
        Derived::Indices => repairer.indices(&entity, &[]).await,
    })
}
