//! `index`: what an index says below a key; and existing data brought along when an index is new
//! or has a new version.

mod build;
mod look;
mod remove;

use clap::{Args, Subcommand};
use domain::definitions::{Index, IndexKind};
use domain::is_segment;

use crate::{Operator, Place, Problem, subject};

/// What stands for the folder of a bundle, which is one object.
pub(crate) const BUNDLE: &str = "_bundle";

/// Shows what an index says; builds one over existing data; drops one that is declared no more.
///
/// Without `build` or `drop` it shows the pointers below a key, or the members of a register with
/// the winner first, and from which version of its snapshot each came. A key is said as documents
/// have it, `Due Diligence` or 2025-11-06, and is made part of a name as the index does it. Ends
/// with 0 when there is something, else with 1. A key that is called build or drop comes after --.
///
/// A definition never changes in place: it gets a new version, whose objects lie in a folder of
/// their own. So: deploy the release that declares the new version, wait until it takes all
/// traffic, build, have readers use the new folder, remove the old version from the definitions,
/// deploy, drop.
#[derive(Args, Clone, Debug)]
#[command(
    subcommand_negates_reqs = true,
    after_help = "Examples:
  index ventures by-status 'Due Diligence'        the pointers below this key
  index ventures by-status --limit 20 --json      the first of all, for a program
  index build ventures by-status-v2 --dry-run     objects, operations and dollars
  index build ventures by-status-v2               interrupted, it goes on where it stopped
  index drop ventures by-status                   the version before, once it is not declared"
)]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    action: Option<Action>,
    /// The segment: ventures.
    #[arg(required = true)]
    segment: Option<String>,
    /// The index, by its folder: by-status, by-status-v2; _bundle for the one object of a bundle.
    #[arg(required = true)]
    index: Option<String>,
    /// A value for each key of the index, in order; with fewer, all that is below.
    #[arg(allow_negative_numbers = true)]
    key: Vec<String>,
    /// Also where an entity has no place any more.
    #[arg(long)]
    tombstones: bool,
    /// Show so many.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// A line of JSON for each.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Has the index-writer's handler bring every entity of a segment along.
    ///
    /// The handler keeps all indices of an entity at once, this one among them. Every snapshot is
    /// visited, and those that have changed since the start once more: until then a request to an
    /// older release, which does not know the index, can be under way. Safe while functions run.
    Build {
        /// The segment: ventures.
        segment: String,
        /// The index, by its folder: by-status, by-status-v2.
        index: String,
        /// Count objects, operations and dollars; write nothing. It reads what the build reads.
        #[arg(long)]
        dry_run: bool,
        /// Begin the second pass at once: no older release is running any more.
        #[arg(long)]
        no_wait: bool,
    },
    /// Deletes the objects of an index whose definition is gone.
    ///
    /// It begins when no request to an older release, which writes the index, can be under way.
    Drop {
        /// The segment: ventures.
        segment: String,
        /// The folder of the index: by-status, by-status-v2; _bundle for the one object of a bundle.
        index: String,
        /// Count only.
        #[arg(long)]
        dry_run: bool,
        /// Even if the index is declared: functions then write it again.
        #[arg(long)]
        declared: bool,
        /// Begin at once: no older release, which writes the index, is running any more.
        #[arg(long)]
        no_wait: bool,
    },
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let Some(action) = &options.action else { return look(options, operator).await };
    match action {
        Action::Build { segment, index, dry_run, no_wait } => {
            subject::segment(operator, segment)?;
            let declared = declared(operator, segment);
            if !declared.contains(index) {
                return Err(Problem::new(format!(
                    "{segment} declares no index {index}; there are: {}",
                    list(&declared)
                )));
            }
            build::run(operator, (segment, index), *dry_run, !no_wait).await
        }
        Action::Drop { segment, index, dry_run, declared: even, no_wait } => {
            if !is_segment(segment) {
                return Err(Problem::new(format!("{segment:?} is no segment, such as ventures")));
            }
            if !even && declared(operator, segment).contains(index) {
                return Err(Problem::new(format!(
                    "{segment} declares {index}: remove it from the definitions and deploy, or \
                     say --declared"
                )));
            }
            remove::run(operator, (segment, index), *dry_run, !no_wait).await
        }
    }
}

async fn look(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    // Without an action both are required.
    let segment = options.segment.as_deref().unwrap_or_default();
    let folder = options.index.as_deref().unwrap_or_default();
    let definition = subject::segment(operator, segment)?;
    let index =
        definition.indices.iter().find(|index| place(index) == folder).ok_or_else(|| {
            let declared = list(&declared(operator, segment));
            Problem::new(format!("{segment} declares no index {folder}; there are: {declared}"))
        })?;
    let Options { key: keys, tombstones, limit, json, .. } = options;
    let wish = look::Wish { keys, tombstones: *tombstones, limit: *limit, json: *json };
    look::run(operator, definition, index, &wish).await
}

/// Where an index lies, as `index build` takes it.
pub(crate) fn place(index: &Index) -> String {
    match index.kind() {
        IndexKind::Bundle => BUNDLE.to_owned(),
        IndexKind::Pointers | IndexKind::LatestBy => index.folder(),
    }
}

/// Where the indices lie that a segment declares.
fn declared(operator: &Operator<'_>, segment: &str) -> Vec<String> {
    let definition = operator.tools.definitions.entity_of_segment(segment);
    let indices = definition.into_iter().flat_map(|definition| &definition.indices);
    indices.map(place).collect()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
