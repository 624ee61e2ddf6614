//! `history`: every record of an entity, who wrote it, whether it counts, and what it changed.

use std::collections::HashMap;

use clap::Args;
use domain::json::Object as Json;
use projection::fold::{Folded, State};
use serde_json::{Value, json};

use crate::migrate::difference::{self, Change};
use crate::records::{self, Entry, Records, Until};
use crate::{Operator, Place, Problem, get, legible, subject};

/// The most changes that are shown of one record.
const CHANGES_MAX: usize = 20;

/// Shows the records of an entity, oldest first, with what each changed.
///
/// Records stand in the order in which they are folded: by their `updated_at`, whenever they were
/// stored. Of each: when it is dated and when it was stored, who wrote it and why, whether it counts
/// and why not, and what the entity became by it, place by place: - what stood there, + what stands
/// there. One that came late is compared with what it follows, not with what was there when it
/// came. It reads every record of the entity. Ends with 0 when there is a record, else with 1.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  history venture V1                 the newest 20 records
  history venture V1 --limit 500     more of them
  history venture V1 --json          for a program, a line for each record")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The kind: venture.
    entity: String,
    /// The id of the entity: V1.
    id: String,
    /// Show so many of the newest records.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// A line of JSON for each record.
    #[arg(long)]
    json: bool,
}

/// What a record made of the entity.
struct Step {
    /// What the entity is after it.
    state: &'static str,
    changes: Vec<Change>,
    /// How many changes are not shown.
    more: usize,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let definition = subject::definition(operator, &options.entity)?;
    let entity = subject::entity(operator, definition, &options.id)?;
    // And what the first that is shown follows.
    let keep = options.limit.saturating_add(1);
    let until = Until::default();
    let records = records::read(operator, &entity, definition, until, keep).await?;
    if records.entries.is_empty() {
        let (kind, id, env) = (&options.entity, &options.id, operator.env);
        operator.screen.hint(&format!("there is no record of {kind} {id} in {env}"));
        return Ok(false);
    }
    let before = records.entries.len().saturating_sub(options.limit);
    let mut steps = steps(&records);
    for entry in &records.entries[before..] {
        let step = entry.verdict.as_ref().ok().and_then(|key| steps.remove(&key.relative()));
        let text = match options.json {
            true => line(entry, step.as_ref()),
            false => paragraph(entry, step.as_ref()),
        };
        operator.screen.say(&text)?;
    }
    if before > 0 {
        operator.screen.hint(&format!("{before} earlier records (--limit shows more)"));
    }
    Ok(true)
}

/// What each of the kept records made of the entity, by the name of the record.
fn steps(records: &Records) -> HashMap<String, Step> {
    let mut steps = HashMap::new();
    let mut folded: Option<Folded> = None;
    for record in &records.kept {
        let before = document(folded.as_ref());
        folded = match folded {
            None => Folded::of(vec![record.clone()]),
            Some(folded) => Some(folded.with(record.clone())),
        };
        let Some(after) = &folded else { continue };
        let mut changes = match &after.state {
            // That it is gone says it all.
            State::Deleted | State::Pending => Vec::new(),
            State::Live(_) => difference::changes(&before, &document(Some(after))),
        };
        let more = changes.len().saturating_sub(CHANGES_MAX);
        changes.truncate(CHANGES_MAX);
        let step = Step { state: get::state(&after.state), changes, more };
        steps.insert(record.key.relative(), step);
    }
    steps
}

/// The document; without one, an empty one.
fn document(folded: Option<&Folded>) -> Value {
    match folded.map(|folded| &folded.state) {
        Some(State::Live(document)) => Value::Object(document.clone()),
        _ => Value::Object(Json::new()),
    }
}

fn line(entry: &Entry, step: Option<&Step>) -> String {
    let mut line = entry.to_json();
    if let Some(step) = step {
        let change = |it: &Change| {
            let mut change = json!({ "path": it.place });
            for (name, value) in [("old", &it.before), ("new", &it.after)] {
                if let Some(value) = value {
                    change[name] = value.clone();
                }
            }
            change
        };
        line["state"] = step.state.into();
        line["changes"] = step.changes.iter().map(change).collect();
        line["more_changes"] = step.more.into();
    }
    legible::compact(&line)
}

fn paragraph(entry: &Entry, step: Option<&Step>) -> String {
    let dated = entry.dated.map_or_else(|| "?".to_owned(), |at| at.to_string());
    let file = entry.object.split_once("/history/").map_or(&*entry.object, |(_, file)| file);
    let mut text = format!("{dated}  {}  {}", entry.op, legible::whole(file));
    let told = [
        ("actor", entry.actor.as_deref()),
        ("reason", entry.reason.as_deref()),
        ("origin", entry.origin.as_deref()),
    ];
    let mut rows = vec![("stored", entry.stored_at.to_string())];
    rows.extend(told.into_iter().filter_map(|(name, text)| Some((name, legible::line(text?)))));
    match &entry.verdict {
        Ok(_) => rows.push(("counts", format!("yes, {}", step.map_or("live", meaning)))),
        Err(reasons) => {
            rows.extend(
                reasons.iter().map(|reason| ("counts", format!("no: {}", legible::line(reason)))),
            );
        }
    }
    let cells = |(name, text): (&str, String)| vec![format!("  {name}"), text];
    text += &format!("\n{}", legible::table(&rows.into_iter().map(cells).collect::<Vec<_>>()));
    for line in step.into_iter().flat_map(|step| &step.changes).flat_map(Change::lines) {
        text += &format!("\n    {}", legible::line(&line));
    }
    if let Some(Step { more: more @ 1.., .. }) = step {
        text += &format!("\n    … {more} more");
    }
    text
}

fn meaning(step: &Step) -> &'static str {
    match step.state {
        "deleted" => "the entity is deleted",
        "pending" => "and waits for a full record",
        _ => "the entity is live",
    }
}
