//! `quarantine`: notes of what could not be handled, which are open, and what to do about them.
//!
//! Handlers write notes and never clear one: whether a note still matters follows from what is
//! stored now, see [`standing`].

pub(crate) mod advice;
pub(crate) mod note;
pub(crate) mod retry;
pub(crate) mod standing;

use clap::{Args, Subcommand};
use domain::{Disposition, Outcome};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::quarantine::note::Note;
use crate::quarantine::standing::Standing;
use crate::{Operator, Place, Problem};

/// How many notes are read at the same time.
const READS_AT_ONCE: usize = 16;

/// The fewest digits of an id that are shown.
const ID_DIGITS_MIN: usize = 8;

/// Notes of what could not be handled: list, show, retry, drop.
///
/// A function that can never handle an object as it is leaves a note and acknowledges the
/// delivery. A note about a history record is resolved when the snapshot has folded the record or
/// a later full one; a note about anything else when that object has another version. Notes stay
/// until you drop them.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  quarantine list                    what is open, with the first reason of each
  quarantine list --all --json       everything, for a program
  quarantine show 3fa9               one note wholly, and how to mend each reason
  quarantine retry 3fa9              the same handler once more, as after a deploy
  quarantine drop 3fa9               forgets a note that is resolved")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Lists notes that are open.
    List {
        /// Resolved ones too.
        #[arg(long)]
        all: bool,
        /// One line of JSON for each, with every reason.
        #[arg(long)]
        json: bool,
    },
    /// Shows a note wholly, and how to mend each of its reasons.
    Show {
        /// As `list` prints it, or the beginning of it.
        id: String,
    },
    /// Hands the objects to the handlers again that could not handle them, and leaves the notes.
    Retry {
        /// As `list` prints them, or the beginnings of them.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Deletes notes.
    Drop {
        /// As `list` prints them, or the beginnings of them.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Even if they are open: nothing reminds you of them any more.
        #[arg(long)]
        open: bool,
    },
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    match &options.action {
        Action::List { all, json } => list(operator, *all, *json).await,
        Action::Show { id } => show(operator, id).await,
        Action::Retry { ids } => retry_all(operator, ids).await,
        Action::Drop { ids, open } => drop_all(operator, ids, *open).await,
    }
}

async fn list(operator: &Operator<'_>, all: bool, json: bool) -> Result<bool, Problem> {
    let names = note::names(operator).await?;
    let digits = digits(&names.iter().map(|name| note::id(name)).collect::<Vec<_>>());
    let in_all = names.len();
    let found = stream::iter(names.into_iter().enumerate()).map(|(at, name)| async move {
        let now = operator.tools.clock.now();
        operator.screen.progress(now, || format!("{at} of {in_all} notes read"));
        let Some(note) = note::read(operator, &name).await? else { return Ok(None) };
        let standing = standing::standing(&note, &note::evidence(operator, &note).await?);
        Ok::<_, Problem>(Some((note, standing)))
    });
    let found: Vec<_> = found.buffered(READS_AT_ONCE).try_collect().await?;
    let mut found: Vec<(Note, Standing)> = found.into_iter().flatten().collect();
    let in_all = found.len();
    found.retain(|(_, standing)| all || standing.is_open());
    found.sort_by(|(left, _), (right, _)| {
        (&left.quarantined_at, &left.name).cmp(&(&right.quarantined_at, &right.name))
    });
    if json {
        for (note, standing) in &found {
            operator.screen.say(&note.to_json(standing).to_string())?;
        }
        return Ok(true);
    }
    if !found.is_empty() {
        operator.screen.say(&table(&found, digits))?;
    }
    let open = found.iter().filter(|(_, standing)| standing.is_open()).count();
    let resolved = in_all - open;
    let resolved = match (resolved, all) {
        (0, _) => String::new(),
        (resolved, true) => format!(", {resolved} resolved"),
        (resolved, false) => format!(", {resolved} resolved (--all shows them)"),
    };
    operator.screen.hint(&format!("{open} open{resolved} in {}", operator.env));
    Ok(true)
}

/// A row for each note, with columns as wide as they need to be.
fn table(found: &[(Note, Standing)], digits: usize) -> String {
    let head = ["ID", "STATE", "FUNCTION", "ENTITY", "WHEN", "OBJECT", "FIRST REASON"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(found.iter().map(|(note, standing)| {
        [
            note.id[..digits].to_owned(),
            standing.to_string(),
            note.function.clone(),
            note.entity(),
            note.quarantined_at.clone(),
            note.object.clone(),
            note.reasons.first().cloned().unwrap_or_default(),
        ]
    }));
    let widths: [usize; 7] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn show(operator: &Operator<'_>, id: &str) -> Result<bool, Problem> {
    let note = named(operator, id).await?;
    let standing = standing::standing(&note, &note::evidence(operator, &note).await?);
    let mut text = format!(
        "id          {}\nstate       {standing}\nfunction    {}\nentity      {}\nobject      {}\n\
         generation  {}\nwhen        {}\nnote        {}",
        note.id,
        note.function,
        note.entity(),
        note.object,
        note.object_generation,
        note.quarantined_at,
        note.name,
    );
    for reason in &note.reasons {
        text += &format!("\n\nreason      {reason}\nto mend it  {}", advice::advice(reason));
    }
    operator.screen.say(&text)?;
    Ok(true)
}

async fn retry_all(operator: &Operator<'_>, ids: &[String]) -> Result<bool, Problem> {
    let mut well = true;
    for id in ids {
        let note = named(operator, id).await?;
        let outcome = retry::retry(operator, &note).await?;
        well &= outcome.as_ref().is_ok_and(|end| !matches!(end, Disposition::Rejected(_)));
        operator.screen.say(&format!("{} {}: {}", note.function, note.object, ended(&outcome)))?;
    }
    Ok(well)
}

/// How a retry ended.
fn ended(outcome: &Outcome) -> String {
    match outcome {
        Ok(Disposition::Done) => "done; `quarantine drop` forgets the note".to_owned(),
        Ok(Disposition::Skipped(reason)) => format!("nothing to do: {reason}"),
        Ok(Disposition::Rejected(reasons)) => {
            let each = |reason: &String| format!("\n  {reason}\n    {}", advice::advice(reason));
            format!("still rejected{}", reasons.iter().map(each).collect::<String>())
        }
        Err(failure) => format!("did not end: {failure}; try again later"),
    }
}

async fn drop_all(operator: &Operator<'_>, ids: &[String], open: bool) -> Result<bool, Problem> {
    let mut well = true;
    for id in ids {
        let note = named(operator, id).await?;
        let standing = standing::standing(&note, &note::evidence(operator, &note).await?);
        if standing.is_open() && !open {
            well = false;
            operator.screen.say(&format!("{id} is {standing}: left alone; --open drops it"))?;
            continue;
        }
        let deleted = operator.tools.store.delete(&note.name, note.generation).await?;
        let said = if deleted { "dropped" } else { "gone already" };
        operator.screen.say(&format!("{id} ({} {}): {said}", note.function, note.object))?;
    }
    Ok(well)
}

/// The one note whose id begins with `id`.
async fn named(operator: &Operator<'_>, id: &str) -> Result<Note, Problem> {
    let names = note::names(operator).await?;
    let name = select(&names, id, operator.env.as_str())?;
    let gone = || Problem::new(format!("note {id} is gone: list again"));
    note::read(operator, name).await?.ok_or_else(gone)
}

/// The one name whose id begins with `id`.
fn select<'a>(names: &'a [String], id: &str, env: &str) -> Result<&'a String, Problem> {
    let found: Vec<&String> =
        names.iter().filter(|name| !id.is_empty() && note::id(name).starts_with(id)).collect();
    match *found {
        [name] => Ok(name),
        [] => Err(Problem::new(format!(
            "no note in {env} has an id that begins with {id:?}: `quarantine list --all` shows them"
        ))),
        _ => {
            let ids: Vec<String> = found.iter().map(|name| note::id(name)).collect();
            Err(Problem::new(format!("{id:?} begins more than one id: {}", ids.join(", "))))
        }
    }
}

/// How many digits tell these ids apart.
fn digits(ids: &[String]) -> usize {
    let unique = |digits: &usize| {
        let mut short: Vec<&str> = ids.iter().map(|id| &id[..*digits]).collect();
        short.sort_unstable();
        short.windows(2).all(|pair| pair[0] != pair[1])
    };
    (ID_DIGITS_MIN..note::ID_DIGITS).find(unique).unwrap_or(note::ID_DIGITS)
}
