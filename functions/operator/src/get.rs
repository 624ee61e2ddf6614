//! `get`: what an entity is, was at an instant, or was known to be.

use clap::Args;
use domain::{EntityDefinition, EntityRef, Instant, ObjectName, Version};
use projection::fold::{Folded, State};
use projection::snapshot::{self, Stored};
use serde_json::{Value, json};
use store::{List, Object};

use crate::append::Etag;
use crate::records::{self, Records, Until};
use crate::{Operator, Place, Problem, legible, subject};

/// Shows an entity: its current snapshot, or the fold of a part of its history.
///
/// --as-of takes the records that are dated until an instant, by their `updated_at`; --known-at
/// those that were stored until then, however they are dated: what a reader could have seen. With
/// both, both hold. Such a fold is made by the code of the snapshot-builder, under the definitions
/// of this release, and reads every record of the entity; nothing is written. Ends with 0 when the
/// entity is live, with 1 when it is deleted, waits for a full record, or is not there.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  get venture V1                                        the document
  get venture V1 --metadata                             and where it comes from
  get venture V1 --as-of 2025-11-06T12:00:00Z           what held then, by what is known today
  get venture V1 --known-at 2025-11-06T12:00:00Z        what was known then
  get venture V1 --json --metadata                      for a program, on one line")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The kind: venture.
    entity: String,
    /// The id of the entity: V1.
    id: String,
    /// By the records that are dated until this instant: 2025-11-06T12:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    as_of: Option<Instant>,
    /// By the records that were stored until this instant: 2025-11-06T12:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    known_at: Option<Instant>,
    /// Also etag (for `write --if-current`), generation, state, newest record and definitions.
    #[arg(long)]
    metadata: bool,
    /// On one line, for a program.
    #[arg(long)]
    json: bool,
}

/// Reads an instant of the command line.
pub(crate) fn instant(text: &str) -> Result<Instant, String> {
    Instant::parse(text).ok_or_else(|| {
        "not a date and time with its zone, such as 2025-11-06T12:00:00Z or \
         2025-11-06T13:00:00+01:00"
            .to_owned()
    })
}

/// What is shown.
struct Shown {
    /// `live`, `deleted`, `pending`, or what a newer release says.
    state: String,
    document: Option<Value>,
    /// What the fold covers, where that can be read.
    folded: Option<Folded>,
    /// What stands beside it, in order.
    beside: Vec<(&'static str, Value)>,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let definition = subject::definition(operator, &options.entity)?;
    let entity = subject::entity(operator, definition, &options.id)?;
    let until = Until { as_of: options.as_of, known_at: options.known_at };
    let shown = match options.as_of.or(options.known_at) {
        None => current(operator, &entity, definition, &options.entity).await?,
        Some(_) => {
            let records = records::read(operator, &entity, definition, until, 1).await?;
            truncated(&records, until)
        }
    };
    let named = format!("{} {} in {}", options.entity, options.id, operator.env);
    let Some(shown) = shown else {
        operator.screen.hint(&match until {
            Until { as_of: None, known_at: None } => {
                format!("there is no {named}, and no record of one")
            }
            _ => format!(
                "no record of {named} counts until then: `history {} {}` shows what there is",
                options.entity, options.id
            ),
        });
        return Ok(false);
    };
    say(options, operator, &entity, &shown)?;
    let live = shown.state == "live";
    if !live {
        operator.screen.hint(&format!("{named}: {}", meaning(&shown.state)));
    }
    Ok(live)
}

fn meaning(state: &str) -> &'static str {
    match state {
        "deleted" => "deleted",
        "pending" => "not there yet: merges wait for a full record",
        _ => "the snapshot is of a newer release: use that one",
    }
}

/// The current snapshot; `None` where there is no record either.
async fn current(
    operator: &Operator<'_>,
    entity: &EntityRef,
    definition: &EntityDefinition,
    kind: &str,
) -> Result<Option<Shown>, Problem> {
    let Some(object) = operator.tools.snapshot(entity).await? else {
        let list = List { prefix: ObjectName::history_prefix(entity), ..List::default() };
        let page = operator.tools.store.list(&list).await?;
        return match page.items.is_empty() {
            true => Ok(None),
            false => Err(Problem::new(format!(
                "{entity} has records and no snapshot: `why {kind} {}` says why",
                entity.id
            ))),
        };
    };
    let read = snapshot::read(Some(object.content()), definition);
    let (state, document, folded) = match read {
        Stored::Snapshot(folded) | Stored::Outdated(folded) => {
            (state(&folded.state).to_owned(), document(&folded.state), Some(*folded))
        }
        Stored::Unknown => {
            ("of a newer release".to_owned(), domain::json::parse(&object.body).ok(), None)
        }
        Stored::Missing | Stored::Unreadable => {
            return Err(Problem::new(format!(
                "the snapshot of {entity} cannot be read: `why {kind} {}` says what to do",
                entity.id
            )));
        }
    };
    let mut beside = beside(&object, &operator.tools.version);
    if let Some(folded) = &folded {
        let etag = Etag::of(Some(&folded.newest)).to_string();
        beside.insert(0, ("etag", etag.into()));
    }
    Ok(Some(Shown { state, document, folded, beside }))
}

/// The fold of a part of the history; `None` when none of it counts.
fn truncated(records: &Records, until: Until) -> Option<Shown> {
    let folded = records.fold()?;
    let text = |at: Option<Instant>| at.map_or(Value::Null, |at| Value::from(at.to_string()));
    let beside = vec![
        ("as_of", text(until.as_of)),
        ("known_at", text(until.known_at)),
        ("records", Value::from(records.counting())),
        ("not_counting", Value::from(records.entries.len() - records.counting())),
        ("later", Value::from(records.later)),
    ];
    let (state, document) = (state(&folded.state).to_owned(), document(&folded.state));
    Some(Shown { state, document, folded: Some(folded), beside })
}

/// The word for a state.
pub(crate) fn state(state: &State) -> &'static str {
    match state {
        State::Live(_) => "live",
        State::Deleted => "deleted",
        State::Pending => "pending",
    }
}

fn document(state: &State) -> Option<Value> {
    match state {
        State::Live(document) => Some(Value::Object(document.clone())),
        State::Deleted | State::Pending => None,
    }
}

/// What the metadata of a stored snapshot says besides what it covers.
fn beside(object: &Object, version: &Version) -> Vec<(&'static str, Value)> {
    let text = |key: &str| object.metadata.get(key).map_or(Value::Null, |text| text.clone().into());
    let definitions = text(Version::DEFINITIONS);
    let ours = definitions.as_str() == Some(&version.definitions);
    vec![
        ("generation", object.generation.to_string().into()),
        ("schema_version", text(snapshot::SCHEMA_VERSION)),
        ("definitions", definitions),
        ("definitions_are_ours", ours.into()),
        ("software", text(Version::SOFTWARE)),
        ("run", text(snapshot::RUN)),
        ("errors", text("errors")),
    ]
}

fn say(
    options: &Options,
    operator: &Operator<'_>,
    entity: &EntityRef,
    shown: &Shown,
) -> Result<(), Problem> {
    let key = |key: Option<&domain::OrderKey>| match key {
        Some(key) => json!({ "updated_at": key.updated_at.to_string(), "name": key.relative() }),
        None => Value::Null,
    };
    let folded = shown.folded.as_ref();
    let newest = key(folded.map(|folded| &folded.newest));
    let base = key(folded.and_then(|folded| folded.base.as_ref()));
    if options.json {
        if !options.metadata {
            let Some(document) = &shown.document else { return Ok(()) };
            return operator.screen.say(&legible::compact(document));
        }
        let mut line = json!({
            "entity": options.entity, "id": entity.id, "env": entity.env.as_str(),
            "state": shown.state, "newest": newest, "base": base,
        });
        for (name, value) in &shown.beside {
            line[*name] = value.clone();
        }
        line["document"] = shown.document.clone().unwrap_or(Value::Null);
        return operator.screen.say(&legible::compact(&line));
    }
    if options.metadata {
        let mut rows = vec![("entity", entity.to_string()), ("state", shown.state.clone())];
        for (name, key) in [("newest record", &newest), ("base", &base)] {
            if let (Some(at), Some(object)) = (key["updated_at"].as_str(), key["name"].as_str()) {
                rows.push((name, format!("{at}  {object}")));
            }
        }
        let told = shown.beside.iter().filter(|(_, value)| !value.is_null());
        rows.extend(told.map(|(name, value)| {
            (*name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        }));
        let cells =
            |(name, text): &(&str, String)| vec![name.replace('_', " "), legible::line(text)];
        operator.screen.say(&legible::table(&rows.iter().map(cells).collect::<Vec<_>>()))?;
        if shown.document.is_some() {
            operator.screen.say("")?;
        }
    }
    match &shown.document {
        Some(document) => operator.screen.say(&legible::document(document)),
        None => Ok(()),
    }
}
