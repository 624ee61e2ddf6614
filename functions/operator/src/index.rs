//! `index`: brings existing data along when an index is new or has a new version.

mod build;
mod remove;

use clap::{Args, Subcommand};
use domain::definitions::{Index, IndexKind};
use domain::is_segment;

use crate::{Operator, Place, Problem};

/// What stands for the folder of a bundle, which is one object.
const BUNDLE: &str = "_bundle";

/// Builds an index over existing data, or drops one that is declared no more.
///
/// A definition never changes in place: it gets a new version, whose objects lie in a folder of
/// their own. So: deploy the release that declares the new version, wait until it takes all
/// traffic, build, have readers use the new folder, remove the old version from the definitions,
/// deploy, drop.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  index build ventures by-status-v2 --dry-run     objects, operations and dollars
  index build ventures by-status-v2               interrupted, it goes on where it stopped
  index drop ventures by-status                   the version before, once it is not declared")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    action: Action,
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
    match &options.action {
        Action::Build { segment, index, dry_run, no_wait } => {
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

/// Where the indices lie that a segment declares.
fn declared(operator: &Operator<'_>, segment: &str) -> Vec<String> {
    let definition = operator.tools.definitions.entity_of_segment(segment);
    let indices = definition.into_iter().flat_map(|definition| &definition.indices);
    let place = |index: &Index| match index.kind() {
        IndexKind::Bundle => BUNDLE.to_owned(),
        IndexKind::Pointers | IndexKind::LatestBy => index.folder(),
    };
    indices.map(place).collect()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
