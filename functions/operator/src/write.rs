//! `write`: appends a history record that is known to count.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use domain::json::{self, Object as Json};
use domain::{
    Delivery, Disposition, Generation, Handler as _, HistoryName, ObjectName, Overwrote,
    RECORD_BYTES_MAX, Record,
};
use projection::fold::Coverage;
use projection::snapshot::Stored;
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;

use crate::append::{self, By, Current, Op, Wish};
use crate::{Operator, Place, Problem, subject};

/// Between two looks whether the snapshot covers the record.
const LOOK: Duration = Duration::from_millis(250);

/// Appends a record to the history of an entity.
///
/// The record is a full document, a JSON merge patch (--merge), or says that the entity is gone
/// (--delete). It is held against the schema and the checks of its kind before it is written, with
/// the same code as in the snapshot-builder, and refused with every reason; of a patch the result is
/// judged. `id`, `entity`, `env`, `schema_version` and `created_at` are filled in where they are
/// missing. `updated_at` is the time now, or 1 ms after that of the entity where that is later.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  write venture V1 --file v1.json                     a full document
  echo '{\"status\":\"Pilot\"}' | write venture V1 --merge --file - --reason \"board of 3 May\"
  write venture V1 --delete --reason duplicate
  write venture V1 --file v1.json --dry-run           what would be written, or every reason not to
  write venture V1 --file v1.json --wait              until the snapshot has it")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The kind: venture.
    entity: String,
    /// The id of the entity: V1.
    id: String,
    /// The document or patch; - reads it from standard input.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "delete",
        conflicts_with = "delete"
    )]
    file: Option<PathBuf>,
    /// The file is a JSON merge patch: what it does not name stays, null removes.
    #[arg(long, conflicts_with = "delete")]
    merge: bool,
    /// The entity is gone, until a later full record.
    #[arg(long)]
    delete: bool,
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
    let written = options.file.as_deref().map(read).transpose()?;
    let builder = SnapshotBuilder::new(operator.tools.clone());
    let current = Current::read(operator, &entity, definition).await?;
    let op = match (options.merge, options.delete) {
        (true, _) => Op::Merge,
        (_, true) => Op::Delete,
        _ => Op::Full,
    };
    let by = By {
        actor: options.actor.clone().or_else(|| operator.user.clone()),
        reason: options.reason.clone(),
        origin: "operator",
    };
    let now = operator.tools.clock.now();
    let wish = Wish { op, written, current: &current, by, now, id: None };
    let appended = append::judged(wish, operator, &builder)?;
    let name = appended.object();
    if options.dry_run {
        operator.screen.say(&format!("would write {name}\n{}", appended.text.trim_end()))?;
        return Ok(true);
    }
    let generation = append::append(operator, &appended).await?;
    operator.screen.say(&format!("wrote {name}"))?;
    if options.fold {
        return fold(operator, &builder, appended.name, generation).await;
    }
    if options.wait {
        let timeout = Duration::from_secs(options.timeout);
        return wait(operator, &current, &appended.record, timeout).await;
    }
    Ok(true)
}

/// The document in `file`.
fn read(file: &Path) -> Result<Json, Problem> {
    let named = |what: String| Problem::new(format!("{}: {what}", file.display()));
    let bound = RECORD_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().take(bound).read_to_end(&mut bytes),
        false => fs::File::open(file).and_then(|file| file.take(bound).read_to_end(&mut bytes)),
    };
    read.map_err(|err| named(err.to_string()))?;
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(named(format!("a record has at most {RECORD_BYTES_MAX} bytes")));
    }
    match json::parse_within(&bytes, domain::RECORD_BOUNDS) {
        Ok(Value::Object(document)) => Ok(document),
        Ok(_) => Err(named("a record is a JSON object".to_owned())),
        Err(err) => Err(named(err.to_string())),
    }
}

/// Handles the record as the snapshot-builder does.
async fn fold(
    operator: &Operator<'_>,
    builder: &SnapshotBuilder,
    name: HistoryName,
    generation: Generation,
) -> Result<bool, Problem> {
    let created_at = Some(operator.tools.clock.now());
    let name = ObjectName::History(name);
    let delivery = Delivery { name, generation, overwrote: Overwrote::Nothing, created_at };
    match builder.handle(&[delivery]).await.pop() {
        Some(Ok(Disposition::Done | Disposition::Skipped(_))) => {
            operator.screen.say("the snapshot has it")?;
            Ok(true)
        }
        Some(Ok(Disposition::Rejected(reasons))) => Err(Problem::new(reasons.join("; "))),
        Some(Err(failure)) => Err(Problem::new(format!(
            "the record is written, and is no part of the snapshot yet: {failure}"
        ))),
        None => Err(Problem::new("the handler gave no answer")),
    }
}

/// Waits until the snapshot covers the record.
async fn wait(
    operator: &Operator<'_>,
    before: &Current<'_>,
    record: &Record,
    timeout: Duration,
) -> Result<bool, Problem> {
    let clock = &operator.tools.clock;
    let over_at = clock.now().after(timeout);
    loop {
        let current = Current::read(operator, &before.entity, before.definition).await?;
        if let Stored::Snapshot(folded) | Stored::Outdated(folded) = current.stored
            && folded.coverage(&record.key) == Coverage::Covered
        {
            operator.screen.say("the snapshot has it")?;
            return Ok(true);
        }
        if clock.now() >= over_at {
            operator.screen.hint(&format!(
                "the record is written, and after {} s no snapshot has it: is the snapshot-builder \
                 fed? see `quarantine list`",
                timeout.as_secs()
            ));
            return Ok(false);
        }
        clock.sleep(LOOK).await;
    }
}
