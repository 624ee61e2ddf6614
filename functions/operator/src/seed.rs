//! `seed`: appends a folder of documents.

pub(crate) mod pace;

pub(crate) mod note;
mod sow;
mod tree;
mod written;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use domain::{RECORD_BYTES_MAX, digest};
use futures_util::{StreamExt as _, stream};
use snapshot_builder::SnapshotBuilder;
use store::{Counted, Dry, Store, Tally, Tools};
use tokio::sync::Semaphore;

use crate::append::By;
use crate::{Operator, Place, Problem, legible};
use note::Note;
use pace::Pace;
use sow::{Sower, Sown};
use tree::{Entry, Stray, Tree};
pub(crate) use tree::{read as read_document, shown};

/// How many documents are worked on at the same time.
const AT_ONCE: usize = 64;

/// How many bytes of documents are worked on at the same time, in units of [`UNIT_BYTES`].
const UNITS_AT_ONCE: usize = 128;

/// What a permit stands for.
const UNIT_BYTES: u64 = 128 * 1024;

/// Writes in a second, at first: half of what a bucket at rest takes.
const WRITES_AT_FIRST: u32 = 500;

/// Reads for each write: a bucket takes five times as many.
const READS_PER_WRITE: f64 = 5.0;

/// After how many documents operations are counted up.
const COUNTED_EVERY: u64 = 1000;

/// Hexadecimal digits of the name of a run.
const RUN_DIGITS: usize = 32;

/// How many documents that are not written are listed with their reasons.
const REFUSED_SHOWN_MAX: usize = 10_000;

/// Appends each document of a folder as a full record.
///
/// The folder holds {entity}/{id}.json: a folder for each kind, called as the kind (venture) or as its
/// segment (ventures), and in it a file for each entity. What begins with a dot is passed over. Each
/// document is filled in and judged as by `write`, and written with the origin seed unless it says
/// another; one that its entity says already is left alone. Documents that do not count are not
/// written; they are listed at the end with every reason, and the command ends with 1.
///
/// It can be stopped anywhere and run again, on the same folder: no document becomes a record twice,
/// since the ids of records follow from when the run began, which it notes, and from what is in the
/// documents. Mend what it has listed and run it again, too.
///
/// Of n documents it takes n + 1 reads and n + 2 inserts where all are new, and n + 1 reads and 2
/// inserts where all are there; one insert more, to list what was written, for each that differs in a
/// run that goes on or begins within an hour after another has ended. It begins with 500 writes a second, at most, and doubles that in
/// twenty minutes, as Cloud Storage asks for.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  seed ./entities --dry-run                   what would be written, what it costs, what does not count
  seed ./entities --reason \"migration of May\"
  seed ./entities --rate 50                   gently, beside others who write much")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The folder, with {entity}/{id}.json in it.
    folder: PathBuf,
    /// Why, for whoever reads the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who; the variable USER when not said.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Begin with at most so many writes a second.
    #[arg(long, value_name = "N", default_value_t = WRITES_AT_FIRST,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(WRITES_AT_FIRST)))]
    rate: u32,
    /// Read what would be read; write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// How a run goes.
#[derive(Debug, Default)]
struct Sum {
    documents: u64,
    written: u64,
    there: u64,
    unchanged: u64,
    /// What is not written, and why: the first of them, in the order of their paths.
    refused: BTreeMap<String, Vec<String>>,
    refused_more: u64,
    tally: Tally,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let folder = tree::shown(&options.folder);
    let unreadable = |err| Problem::new(format!("{folder}: {err}"));
    let full = options.folder.canonicalize().map_err(unreadable)?;
    let definitions = Arc::clone(&operator.tools.definitions);
    let tree = Tree::open(&options.folder, &definitions)?;
    let documents = tree.count();
    if documents == 0 && tree.entries().next().is_none() {
        return Err(Problem::new(format!(
            "{folder} has no documents: {{entity}}/{{id}}.json is looked for, as venture/V1.json"
        )));
    }
    let inner = Arc::clone(&operator.tools.store);
    let inner: Arc<dyn Store> = if options.dry_run { Arc::new(Dry::new(inner)) } else { inner };
    let counted = Arc::new(Counted::new(inner));
    let tools = Tools { store: counted.clone(), ..operator.tools.clone() };
    let operator = &Operator { tools, user: operator.user.clone(), ..*operator };
    // The same folder is the same run, until it is done.
    let digest = digest::sha256(&[full.as_os_str().as_encoded_bytes()]);
    let again = |problem: Problem| {
        Problem::new(format!("{problem}; run the same command again: it goes on where it stopped"))
    };
    let note = Note::begin(operator, &digest::hex(&digest, RUN_DIGITS), &folder).await;
    let note = note.map_err(again)?;
    if note.resumed {
        operator.screen.hint(&format!("goes on with the run that began at {}", note.dated_at));
    }
    let mut sum = Sum { documents, ..Sum::default() };
    let ended = sow_all(&sower(options, operator, &note), &tree, &counted, &mut sum).await;
    // A document that is mended is written by this run, too: nothing is written twice.
    if ended.is_ok()
        && sum.refused.is_empty()
        && let Err(problem) = note.finish(operator).await
    {
        operator.screen.hint(&format!("everything is done, and no note says so: {problem}"));
    }
    sum.tally.take(&counted);
    ended.map_err(again)?;
    sum.report(options, operator)
}

fn sower<'a>(options: &Options, operator: &'a Operator<'a>, note: &Note) -> Sower<'a> {
    let clock = &*operator.tools.clock;
    let rate = f64::from(options.rate);
    Sower {
        operator,
        builder: SnapshotBuilder::new(operator.tools.clone()),
        by: By {
            actor: options.actor.clone().or_else(|| operator.user.clone()),
            reason: options.reason.clone(),
            origin: "seed",
        },
        dated_at: note.dated_at,
        unfolded_since: note.unfolded_since,
        resumed: note.resumed,
        reads: Pace::new(clock, rate * READS_PER_WRITE),
        writes: Pace::new(clock, rate),
    }
}

/// Goes through the documents as they come.
async fn sow_all(
    sower: &Sower<'_>,
    tree: &Tree<'_>,
    counted: &Counted,
    sum: &mut Sum,
) -> Result<(), Problem> {
    let units = Semaphore::new(UNITS_AT_ONCE);
    let work = tree.entries().map(|entry| {
        let units = &units;
        async move {
            let (definition, id, path, bytes) = match entry {
                Entry::Stray(Stray { path, why }) => {
                    return Ok((path, Sown::Refused(vec![why])));
                }
                Entry::Document { definition, id, path, bytes } => (definition, id, path, bytes),
            };
            let bytes = bytes.min(RECORD_BYTES_MAX as u64);
            let wanted = u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX).saturating_add(1);
            let _held = units.acquire_many(wanted).await;
            sower.sow(definition, &id, &path).await.map(|sown| (tree::shown(&path), sown))
        }
    });
    let mut work = stream::iter(work).buffer_unordered(AT_ONCE);
    while let Some(sown) = work.next().await {
        let (path, sown) = sown?;
        sum.add(path, sown);
        if sum.done().is_multiple_of(COUNTED_EVERY) {
            sum.tally.take(counted);
        }
        sower.operator.screen.progress(sower.operator.tools.clock.now(), || sum.to_string());
    }
    Ok(())
}

impl Sum {
    fn add(&mut self, path: String, sown: Sown) {
        match sown {
            Sown::Written => self.written += 1,
            Sown::There => self.there += 1,
            Sown::Unchanged => self.unchanged += 1,
            Sown::Refused(reasons) if self.refused.len() < REFUSED_SHOWN_MAX => {
                self.refused.insert(path, reasons);
            }
            Sown::Refused(_) => self.refused_more += 1,
        }
    }

    fn done(&self) -> u64 {
        self.written + self.there + self.unchanged + self.not_written()
    }

    fn not_written(&self) -> u64 {
        self.refused.len() as u64 + self.refused_more
    }

    /// Says how it went; whether everything is written.
    fn report(&self, options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
        let would = if options.dry_run { "would write" } else { "wrote" };
        operator.screen.say(&format!("{self}; {would} {}", self.tally))?;
        for (path, reasons) in &self.refused {
            let reasons: Vec<String> = reasons.iter().map(|it| legible::whole(it)).collect();
            operator.screen.say(&format!("  {path}: {}", reasons.join("; ")))?;
        }
        if self.refused_more > 0 {
            operator.screen.say(&format!("  and {} more", self.refused_more))?;
        }
        if self.not_written() > 0 {
            operator.screen.hint("mend what is listed and run the same command again");
        }
        Ok(self.not_written() == 0)
    }
}

/// `1200 of 5000 documents: 1100 written, 0 written before, 95 unchanged, 5 not written`
impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, written, there, unchanged, .. } = self;
        write!(
            f,
            "{} of {documents} documents: {written} written, {there} written before, {unchanged} \
             unchanged, {} not written",
            written + there + unchanged,
            self.not_written()
        )
    }
}
