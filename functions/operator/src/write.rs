//! `write`: appends history records that are known to count.

mod after;
pub(crate) mod batch;

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use domain::json::{self, Object as Json};
use domain::{EntityDefinition, RECORD_BYTES_MAX};
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;

use crate::append::{
    self, Appended, By, Conditional, Current, Etag, Op, Other, Wish, append_if_current,
};
use crate::{Operator, Place, Problem, subject};
use batch::BATCH_BYTES_MAX;

/// Appends a record to the history of an entity.
///
/// The record is a full document, a JSON merge patch (--merge), or says that the entity is gone
/// (--delete). It is held against the schema and the checks of its kind before it is written, with
/// the same code as in the snapshot-builder, and refused with every reason; of a patch the result is
/// judged. `id`, `entity`, `env`, `schema_version` and `created_at` are filled in where they are
/// missing. `updated_at` is the time now, or 1 ms after that of the entity where that is later.
///
/// With --if-current it is written only if the entity is what `get --metadata` has shown: of two who
/// have seen the same, one writes, and the other is told who did and ends with 1. That orders those
/// who use it. Records without it, of an earlier time, or on their way into the snapshot are in the
/// history all the same.
///
/// With --batch the file has a merge patch on each line. They are folded into as few records as do
/// the same as all of them, one after the other; all are judged before the first is written.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  write venture V1 --file v1.json                     a full document
  echo '{\"status\":\"Pilot\"}' | write venture V1 --merge --file - --reason \"board of 3 May\"
  write venture V1 --set status=Pilot --set mrr=1200  the patch, said on the command line
  write venture V1 --delete --reason duplicate
  write venture V1 --file v1.json --if-current 01K9CGKDG0AV7BZJ26205ZR7J2
  write venture V1 --file v1.json --if-current none   only if there is no such venture yet
  write venture V1 --batch --file patches.ndjson --wait
  write venture V1 --file v1.json --dry-run           what would be written, or every reason not to
  write venture V1 --file v1.json --wait              until the snapshot has it")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The kind: venture.
    entity: String,
    /// The id of the entity: V1.
    id: String,
    /// The document, patch or batch; - reads it from standard input.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present_any = ["delete", "set"],
        conflicts_with = "delete"
    )]
    file: Option<PathBuf>,
    /// A merge patch of this field; may be repeated. The value is JSON, or a text where it is none:
    /// status=Pilot, mrr=1200, title='"7"', note=null.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field, conflicts_with_all = ["file", "delete", "batch"])]
    set: Vec<(String, Value)>,
    /// The file is a JSON merge patch: what it does not name stays, null removes.
    #[arg(long, conflicts_with = "delete")]
    merge: bool,
    /// The file has a JSON merge patch on each line.
    #[arg(long, conflicts_with = "delete")]
    batch: bool,
    /// The entity is gone, until a later full record.
    #[arg(long)]
    delete: bool,
    /// Only if the entity is still what has this etag, or none: not there yet.
    #[arg(long, value_name = "ETAG", value_parser = Etag::parse)]
    if_current: Option<Etag>,
    /// Why, for whoever reads the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who; the variable USER when not said.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Show the record; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Return when the snapshot covers the record.
    #[arg(long)]
    wait: bool,
    /// Give up waiting after so many seconds. The record is written all the same.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "wait")]
    timeout: u64,
    /// Have this process write the snapshot, where no snapshot-builder is fed.
    #[arg(long, conflicts_with_all = ["wait", "dry_run"])]
    fold: bool,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let definition = subject::definition(operator, &options.entity)?;
    let entity = subject::entity(operator, definition, &options.id)?;
    let (op, documents) = documents(options, definition)?;
    let builder = SnapshotBuilder::new(operator.tools.clone());
    let current = Current::read(operator, &entity, definition).await?;
    let appended = composed(options, operator, &builder, &current, (op, documents))?;
    if let Some(etag) = &options.if_current
        && *etag != current.etag()?
    {
        let newest = current.newest_record(operator).await?;
        return lost(options, operator, newest.as_ref());
    }
    if options.dry_run {
        for appended in &appended {
            let text = appended.text.trim_end();
            operator.screen.say(&format!("would write {}\n{text}", appended.object()))?;
        }
        return Ok(true);
    }
    let mut written = Vec::new();
    for appended in appended {
        let generation = match options.if_current {
            None => {
                append::append(operator, &appended).await.map_err(|err| match written.len() {
                    0 => err,
                    n => Problem::new(format!("{err}; {n} are written: run the whole batch again")),
                })?
            }
            Some(_) => match append_if_current(operator, &builder, &current, &appended).await? {
                Conditional::Won(generation) => generation,
                Conditional::Lost(other) => return lost(options, operator, Some(&other)),
            },
        };
        operator.screen.say(&format!("wrote {}", appended.object()))?;
        written.push((appended, generation));
    }
    if let Some((last, _)) = written.last() {
        operator.screen.say(&format!("etag {}", last.etag()))?;
    }
    if options.fold {
        return after::fold(operator, &builder, &written).await;
    }
    if options.wait {
        let timeout = Duration::from_secs(options.timeout);
        return after::wait(operator, &current, &written, timeout).await;
    }
    Ok(true)
}

/// What the records are to say: one, or those that a batch makes.
fn documents(
    options: &Options,
    definition: &EntityDefinition,
) -> Result<(Op, Vec<Option<Json>>), Problem> {
    if !options.set.is_empty() {
        let patch: Json = options.set.iter().cloned().collect();
        return match patch.len() == options.set.len() {
            true => Ok((Op::Merge, vec![Some(patch)])),
            false => Err(Problem::new("--set names a field twice")),
        };
    }
    let Some(file) = &options.file else { return Ok((Op::Delete, vec![None])) };
    if !options.batch {
        let op = if options.merge { Op::Merge } else { Op::Full };
        return Ok((op, vec![Some(document(file)?)]));
    }
    let text = read(file, BATCH_BYTES_MAX, "a batch")?;
    let patches = batch::read(&text, definition).map_err(|problem| named(file, &problem))?.patches;
    if options.if_current.is_some() && patches.len() > 1 {
        return Err(Problem::new(format!(
            "the batch makes {} records, and --if-current holds for one: write it without, or in \
             parts",
            patches.len()
        )));
    }
    Ok((Op::Merge, patches.into_iter().map(Some).collect()))
}

/// The records, each after the one before, if all of them count.
fn composed(
    options: &Options,
    operator: &Operator<'_>,
    builder: &SnapshotBuilder,
    current: &Current<'_>,
    (op, documents): (Op, Vec<Option<Json>>),
) -> Result<Vec<Appended>, Problem> {
    let by = By {
        actor: options.actor.clone().or_else(|| operator.user.clone()),
        reason: options.reason.clone(),
        origin: "operator",
    };
    let now = operator.tools.clock.now();
    let (mut current, mut records) = (current.clone(), Vec::new());
    for written in documents {
        let wish = Wish { op, written, current: &current, by: by.clone(), now, id: None };
        let appended = append::judged(wish, operator, builder)?;
        current = current.with(&appended.record);
        records.push(appended);
    }
    Ok(records)
}

/// Says who wrote instead.
fn lost(
    options: &Options,
    operator: &Operator<'_>,
    other: Option<&Other>,
) -> Result<bool, Problem> {
    let (entity, id) = (&options.entity, &options.id);
    let who = other.map_or_else(|| "there is no record".to_owned(), ToString::to_string);
    operator.screen.hint(&format!(
        "nothing is written: {entity} {id} is another: {who}; read it again with `get {entity} {id} \
         --metadata` and decide again"
    ));
    Ok(false)
}

/// A field and its value, as a person says them.
fn field(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("not FIELD=VALUE, such as status=Pilot")?;
    let value = json::parse_within(value.as_bytes(), domain::RECORD_BOUNDS);
    let said = || text[name.len() + 1..].to_owned();
    Ok((name.to_owned(), value.unwrap_or_else(|_| Value::from(said()))))
}

/// The document in `file`.
fn document(file: &Path) -> Result<Json, Problem> {
    let bytes = read(file, RECORD_BYTES_MAX, "a record")?;
    match json::parse_within(&bytes, domain::RECORD_BOUNDS) {
        Ok(Value::Object(document)) => Ok(document),
        Ok(_) => Err(named(file, &"a record is a JSON object")),
        Err(err) => Err(named(file, &err)),
    }
}

/// What is in `file`.
fn read(file: &Path, bytes_max: usize, what: &str) -> Result<Vec<u8>, Problem> {
    let bound = bytes_max as u64 + 1;
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().take(bound).read_to_end(&mut bytes),
        false => fs::File::open(file).and_then(|file| file.take(bound).read_to_end(&mut bytes)),
    };
    read.map_err(|err| named(file, &err))?;
    match bytes.len() > bytes_max {
        true => Err(named(file, &format!("{what} has at most {bytes_max} bytes"))),
        false => Ok(bytes),
    }
}

fn named(file: &Path, what: &impl ToString) -> Problem {
    Problem::new(format!("{}: {}", file.display(), what.to_string()))
}
