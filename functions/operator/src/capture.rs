//! `capture`: what happened in a bucket, as a scenario that can be replayed elsewhere.

mod folder;
mod history;
mod stored;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgGroup, Args};
use domain::Instant;
use store::{Counted, Store, Tally, Tools};

use crate::google::Project;
use crate::{Operator, Place, Problem};
use folder::Folder;

/// Keeps history and what is derived from it in a folder, to be replayed by other code.
///
/// Of a segment, of some of its entities, or of those that the deliveries of a subscription are about:
/// every history record as it is stored, and the snapshots, manifests, pointers and registers as they
/// are now. `cargo xtask replay --from DIR --diff` then derives them anew and says where they differ.
/// Alert states and alerts are not kept, and so not compared.
/// Nothing in the bucket changes, and deliveries go on to wait: what was pulled is released.
///
/// The folder holds what is in the bucket: it is marked CONFIDENTIAL, only you may read it, and git
/// ignores it. A bucket that is written to meanwhile may differ from itself: `pause`, or capture again.
#[derive(Args, Clone, Debug)]
#[command(
    group = ArgGroup::new("source").required(true).args(["subscription", "segment"]),
    after_help = "Examples:
  capture --segment ventures --env prod --to /tmp/ventures           everything of one segment
  capture --segment ventures --id V1 --id V2 --to /tmp/two           two entities
  capture --segment ventures --since 2025-11-06T00:00:00Z --to /tmp/new
                                          those of which something was stored since
  capture --subscription prod-index-writer-snapshot-dead --to /tmp/dead
                                          those that the waiting deliveries are about
  cargo xtask replay --from /tmp/ventures --diff                     what this code makes of it"
)]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    project: Project,
    /// A subscription that is pulled from, such as that of dead letters.
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// A segment, such as ventures.
    #[arg(long, value_name = "SEGMENT")]
    segment: Option<String>,
    /// One entity of the segment. May be repeated.
    #[arg(long, value_name = "ID", requires = "segment")]
    id: Vec<String>,
    /// Only entities of which a record was stored since then.
    #[arg(long, value_name = "INSTANT", requires = "segment", value_parser = instant)]
    since: Option<Instant>,
    /// At most so many records, of whole entities; or so many deliveries.
    #[arg(long, value_name = "N", default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// The folder that is made.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Replace a folder that an earlier capture has made.
    #[arg(long)]
    force: bool,
}

pub(crate) fn instant(text: &str) -> Result<Instant, String> {
    let wrong = || "not a date and time with its zone, such as 2025-11-06T12:00:00Z".to_owned();
    Instant::parse(text).ok_or_else(wrong)
}

/// What has been captured so far.
#[derive(Default)]
struct Captured {
    /// The entities, by segment.
    entities: BTreeMap<String, BTreeSet<String>>,
    /// Segments of which everything was captured.
    whole: BTreeSet<String>,
    /// Each record: when it was stored, its file, and its object.
    records: Vec<(Instant, String, String)>,
    /// Objects of which a notification comes once more.
    told: Vec<String>,
    /// Derived objects.
    stored: usize,
    /// What could not be kept, and why.
    left_out: Vec<String>,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    if let Some(segment) = &options.segment {
        known(operator, segment)?;
    }
    let counted = Arc::new(Counted::new(Arc::clone(&operator.tools.store)));
    let store: Arc<dyn Store> = counted.clone();
    let tools = Tools { store, ..operator.tools.clone() };
    let counting = Operator { tools, user: None, ..*operator };
    let folder = Folder::begin(&options.to, options.force)?;
    let mut captured = Captured::default();
    if let Err(problem) = gather(options, &counting, &folder, &mut captured).await {
        folder.discard();
        return Err(problem);
    }
    folder.end(&captured, operator.env, operator.tools.clock.now())?;
    let mut tally = Tally::default();
    tally.take(&counted);
    report(options, operator, &captured)?;
    operator.screen.hint(&format!("read {tally}"));
    Ok(captured.left_out.is_empty())
}

async fn gather(
    options: &Options,
    operator: &Operator<'_>,
    folder: &Folder,
    captured: &mut Captured,
) -> Result<(), Problem> {
    match (&options.segment, &options.subscription) {
        (Some(segment), _) => {
            history::segment(operator, options, segment, folder, captured).await?;
        }
        (None, Some(name)) => {
            let services = operator.google.open(&options.project, &operator.tools)?;
            told::all(operator, &services, (name, options.limit), folder, captured).await?;
        }
        // The command line asks for one of them.
        (None, None) => (),
    }
    stored::all(operator, folder, captured).await?;
    captured.records.sort();
    Ok(())
}

fn known(operator: &Operator<'_>, segment: &str) -> Result<(), Problem> {
    let definitions = &operator.tools.definitions;
    if definitions.entity_of_segment(segment).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = definitions.entities().map(|it| it.segment.as_str()).collect();
    Err(Problem::new(format!("no segment {segment:?}; there are {}", known.join(", "))))
}

fn report(options: &Options, operator: &Operator<'_>, captured: &Captured) -> Result<(), Problem> {
    let entities: usize = captured.entities.values().map(BTreeSet::len).sum();
    let (records, stored, told) = (captured.records.len(), captured.stored, captured.told.len());
    let told = if told > 0 { format!(", {told} deliveries") } else { String::new() };
    let to = options.to.display();
    operator.screen.say(&format!(
        "{entities} entities: {records} records, {stored} derived objects{told} in {to} \
         (confidential)"
    ))?;
    let whole = options.segment.as_ref().is_none_or(|it| captured.whole.contains(it));
    if !whole && options.id.is_empty() && options.since.is_none() {
        operator
            .screen
            .hint("there is more: --limit; registers are left out, which need everything");
    }
    for line in captured.left_out.iter().take(20) {
        operator.screen.hint(&format!("left out: {line}"));
    }
    Ok(())
}
