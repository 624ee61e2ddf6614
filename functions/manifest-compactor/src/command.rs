//! The command line: which segments, and what it cost.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, Parser};
use cloud_run::Config;
use domain::Planted;
use job::{Place, Problem, Screen};
use projection::shard::{SEEN_MAX, ShardCount};
use store::{Counted, Dry, Store, Tally, Tools};

use crate::compactor::{Compacted, Compactor, Mode};
use crate::end::Stop;
use crate::planted::Shortcut;

/// How many sources that cannot be read are shown of each segment.
const REJECTED_SHOWN_MAX: usize = 20;

/// What `--help` begins with.
const ABOUT: &str = "\
Gathers manifests in shards, and documents in an export.

Shards are manifests/{segment}/_index_shard={hex}.ndjson: one line for each entity that is not \
deleted, in the order of ids. Without --full it reads what the journal notes since the last run, and \
lists no manifests; a segment that was never compacted is compacted in full. It can be stopped \
anywhere and run again: what is written is not written again. Two runs at the same time do no harm: \
one of them stops and says so.

It works on the bucket of --bucket or of the variable BUCKET, in Cloud Storage with the credentials \
of gcloud or of the machine, or in the emulator at STORAGE_EMULATOR_HOST.";

/// Gathers manifests in shards, and documents in an export.
#[derive(Parser, Debug)]
#[command(name = "manifest-compactor", version, long_about = ABOUT)]
pub struct Cli {
    /// All there is.
    #[command(flatten)]
    pub options: Options,
}

/// Gathers manifests in shards, and documents in an export.
#[derive(Args, Clone, Debug)]
#[command(long_about = ABOUT, after_help = "Examples:
  manifest-compactor --bucket acme-data --env prod          what has changed since the last run
  manifest-compactor --full                                 list everything once, mend whatever differs
  manifest-compactor --full --export                        the same, and whole documents for SQL
  manifest-compactor --segment ventures --full --dry-run    what a full run would cost
  manifest-compactor --segment ventures --full --shards 4096
                                                            more shards, each with fewer lines

Exit codes: 0 done, 1 something is left to look at, 75 another run is ahead (nothing to do)")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// One segment, such as ventures; all of them when not said. May be repeated.
    #[arg(long, value_name = "SEGMENT")]
    segment: Vec<String>,
    /// Read what the journal notes since the last run. This is what happens when nothing is said.
    #[arg(long, conflicts_with = "full")]
    delta: bool,
    /// List every manifest, and read those that the shards have not seen.
    #[arg(long)]
    full: bool,
    /// Into how many shards: 16, 256, 4096 or 65536. As many as there are when not said, 256 at
    /// first. About 500 entities in each are right. The old ones are kept for an hour.
    #[arg(long, value_name = "N", requires = "full")]
    shards: Option<ShardCount>,
    /// Gather whole documents too, in manifests/{segment}/export/part-{hex}.ndjson.
    #[arg(long)]
    export: bool,
    /// Read what would be read; write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// How a run over all its segments ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// Everything is done.
    Done,
    /// Of some segments somebody else was ahead.
    Ahead,
    /// Something is left that a person has to look at; the screen says what.
    Look,
}

impl Ended {
    /// The exit code; that of somebody being ahead is sysexits' for "try again".
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Look => 1,
            Self::Ahead => 75,
        }
    }
}

/// Compacts what `options` name, in the bucket that they and the environment name.
///
/// # Errors
///
/// Why it cannot begin.
pub fn run(options: &Options, screen: &Screen) -> Result<Ended, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let tools = options.place.tools(&Config::environment(), gcp::connect_person)?;
        let ended = perform(options, &tools, screen, Planted::NONE).await?;
        if let Some(peak) = peak_memory_mib() {
            screen.hint(&format!("{peak} MiB of memory at most"));
        }
        Ok(ended)
    })
}

/// The most memory that this process has had resident, where the system says so.
/// (proc(5), `/proc/pid/status`, VmHWM.)
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

/// The same with the bucket, the clock and the screen that are given, and a wrong turn that a test
/// takes.
///
/// # Errors
///
/// As for [`run`].
pub async fn perform(
    options: &Options,
    tools: &Tools,
    screen: &Screen,
    planted: Planted<Shortcut>,
) -> Result<Ended, Problem> {
    let segments = segments(options, tools)?;
    let store = Arc::clone(&tools.store);
    let store: Arc<dyn Store> = if options.dry_run { Arc::new(Dry::new(store)) } else { store };
    let counted = Arc::new(Counted::new(store));
    let tools = Tools { store: counted.clone(), ..tools.clone() };
    let tally = Mutex::new(Tally::default());
    let mut ended = Ended::Done;
    for segment in &segments {
        let progress = || {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.take(&counted);
            screen.progress(tools.clock.now(), || format!("{segment}: {tally} so far"));
        };
        let env = options.place.env;
        let compactor = Compactor { tools: tools.clone(), env, progress: &progress, planted };
        let mode = if options.full { Mode::Full(options.shards) } else { Mode::Delta };
        let listing = compactor.compact(segment, mode).await;
        ended = ended.max(report(screen, segment, "listing", &listing)?);
        if options.export && listing.is_ok() {
            let documents = compactor.export(segment).await;
            ended = ended.max(report(screen, segment, "export", &documents)?);
        }
    }
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.take(&counted);
    let would = if options.dry_run { "would write " } else { "wrote " };
    let what = if segments.len() == 1 { "segment" } else { "segments" };
    screen.say(&format!("{} {what}: {would}{tally}", segments.len()))?;
    Ok(ended)
}

/// Those that are named, or all.
fn segments(options: &Options, tools: &Tools) -> Result<Vec<String>, Problem> {
    let known: Vec<String> = tools.definitions.entities().map(|it| it.segment.clone()).collect();
    if let Some(unknown) = options.segment.iter().find(|it| !known.contains(it)) {
        let known = known.join(", ");
        return Err(Problem::new(format!("no segment {unknown:?}; there are {known}")));
    }
    Ok(if options.segment.is_empty() { known } else { options.segment.clone() })
}

/// Says how one segment went.
fn report(
    screen: &Screen,
    segment: &str,
    what: &str,
    ended: &Result<Compacted, Stop>,
) -> Result<Ended, Problem> {
    match ended {
        Ok(compacted) => {
            screen.say(&format!("{segment}: {what}: {}", described(compacted)))?;
            Ok(if compacted.rejected.is_empty() { Ended::Done } else { Ended::Look })
        }
        Err(stop) => {
            screen.hint(&format!("{segment}: {what}: {stop}"));
            Ok(if matches!(stop, Stop::Ahead(_)) { Ended::Ahead } else { Ended::Look })
        }
    }
}

/// One line, and one for each source that cannot be read, and one of advice.
fn described(compacted: &Compacted) -> String {
    let Compacted { full, count, entities, read, written, deleted, swapped, rejected, .. } =
        compacted;
    let count = *count;
    let of = if *full { "entities" } else { "entries of the journal" };
    let mut text = format!(
        "{entities} {of}, {read} objects read, {written} of {} shards written",
        count.number()
    );
    if *deleted > 0 {
        text += &format!(", {deleted} objects deleted");
    }
    if *swapped {
        text += ", index swapped";
    }
    for (id, why) in rejected.iter().take(REJECTED_SHOWN_MAX) {
        // Writing to a string does not fail.
        write!(text, "\n  {id}: {why}").unwrap_or_default();
    }
    if rejected.len() > REJECTED_SHOWN_MAX {
        text += &format!("\n  and {} more", rejected.len() - REJECTED_SHOWN_MAX);
    }
    let crowded = *full && entities / count.number() >= SEEN_MAX;
    if let (true, Some(next)) = (crowded, count.next()) {
        text += &format!(
            "\n  each shard has more entities than it remembers: `--full --shards {}` spares reads",
            next.number()
        );
    }
    text
}
