//! The page of `why`.

use projection::fold::{Folded, State};
use projection::snapshot::{self, Stored};
use serde_json::{Value, json};

use super::Found;
use super::findings::Finding;
use crate::records::Entry;
use crate::{Operator, get, legible};

/// For people.
pub(super) fn text(
    operator: &Operator<'_>,
    found: &Found,
    findings: &[Finding],
    limit: usize,
) -> String {
    let (kind, id, env) = (&found.kind, legible::line(&found.entity.id), operator.env);
    let mut text = format!("{kind} {id} in {env}: {}", state(found));
    let entries = &found.records.entries;
    let shown = &entries[entries.len().saturating_sub(limit)..];
    text += &format!("\n\nrecords, {} of {} count", found.records.counting(), entries.len());
    if shown.len() < entries.len() {
        text += &format!("\n  … {} before (--limit shows more)", entries.len() - shown.len());
    }
    let row = |entry: &Entry| {
        vec![
            entry.dated.map_or_else(|| "?".to_owned(), |at| at.to_string()),
            entry.stored_at.to_string(),
            entry.op.to_owned(),
            legible::line(entry.actor.as_deref().unwrap_or("-")),
            legible::whole(file(&entry.object)),
            legible::line(&standing(found, entry)),
        ]
    };
    let head = ["DATED", "STORED", "OP", "ACTOR", "RECORD", "STANDING"].map(str::to_owned).to_vec();
    text += &indented(&[vec![head], shown.iter().map(row).collect()].concat());
    text += "\n\nsnapshot";
    text += &indented(&snapshot_rows(operator, found));
    if !found.derived.is_empty() {
        text += "\n\nderived";
        let rows = found.derived.iter().map(|it| {
            vec![
                legible::line(it.from.as_deref().unwrap_or("-")),
                it.words().to_owned(),
                legible::whole(&it.name),
            ]
        });
        let head = ["FROM VERSION", "STANDING", "OBJECT"].map(str::to_owned).to_vec();
        text += &indented(&[vec![head], rows.collect()].concat());
    }
    let resolved = found.notes.iter().filter(|(_, standing)| !standing.is_open()).count();
    if resolved > 0 {
        text += &format!("\n\n{resolved} notes in quarantine are resolved");
    }
    match findings {
        [] => text += "\n\neverything agrees",
        findings => {
            text += "\n\nout of date";
            for together in findings.chunk_by(|left, right| left.mend == right.mend) {
                for finding in together {
                    text += &format!("\n  {}", legible::whole(&finding.what));
                }
                text += &format!("\n    {}", legible::whole(&together[0].mend));
            }
        }
    }
    text
}

/// For programs.
pub(super) fn json(found: &Found, findings: &[Finding], limit: usize) -> String {
    let entries = &found.records.entries;
    let shown = &entries[entries.len().saturating_sub(limit)..];
    let record = |entry: &Entry| {
        let mut record = entry.to_json();
        record["in_snapshot"] = found.has(entry).map_or(Value::Null, Value::from);
        record
    };
    let derived = found.derived.iter().map(|it| {
        json!({
            "object": it.name, "from_generation": it.from, "agrees": it.wrong().is_none(),
            "standing": it.words(),
        })
    });
    let object = found.object.as_ref();
    legible::compact(&json!({
        "entity": found.kind, "id": found.entity.id, "env": found.entity.env.as_str(),
        "state": state(found),
        "records_counting": found.records.counting(), "records_in_all": entries.len(),
        "records": shown.iter().map(record).collect::<Vec<_>>(),
        "snapshot": object.map(|object| json!({
            "generation": object.generation.to_string(), "agrees": found.agrees(),
            "metadata": object.metadata,
        })),
        "derived": derived.collect::<Vec<_>>(),
        "quarantine": found.notes.iter().map(|(note, it)| note.to_json(it)).collect::<Vec<_>>(),
        "repair_wanted_since": found.repair_wanted,
        "out_of_date": findings.iter().map(|it| json!({ "what": it.what, "mend": it.mend }))
            .collect::<Vec<_>>(),
    }))
}

/// What the entity is now, by its snapshot.
fn state(found: &Found) -> &'static str {
    match (&found.stored, found.covers()) {
        (_, Some(folded)) => get::state(&folded.state),
        (Stored::Unknown, None) => "of a newer release",
        (Stored::Unreadable, None) => "unreadable",
        _ => "no snapshot",
    }
}

/// Whether a record counts, and what the snapshot makes of it.
fn standing(found: &Found, entry: &Entry) -> String {
    let key = match &entry.verdict {
        Ok(key) => key,
        Err(reasons) => return format!("does not count: {}", reasons.join("; ")),
    };
    let base = found.covers().and_then(|folded| folded.base.as_ref());
    let state = found.covers().map(|folded| &folded.state);
    let word = match (found.has(entry), base) {
        (Some(false), _) => "counts; the snapshot has not",
        (None, _) => "counts; the snapshot does not remember that far back",
        (Some(true), Some(base)) if key == base => "counts; the snapshot begins with it",
        (Some(true), Some(base)) if key < base => "counts; before what the snapshot begins with",
        (Some(true), _) if state == Some(&State::Pending) => "counts; waits for a full record",
        (Some(true), _) if state == Some(&State::Deleted) => "counts; the entity is deleted",
        (Some(true), _) => "counts; folded",
    };
    word.to_owned()
}

/// The name of a record below the history of its entity.
fn file(object: &str) -> &str {
    object.split_once("/history/").map_or(object, |(_, file)| file)
}

fn snapshot_rows(operator: &Operator<'_>, found: &Found) -> Vec<Vec<String>> {
    let Some(object) = &found.object else { return vec![vec!["none".to_owned()]] };
    let row = |name: &str, value: String| vec![name.to_owned(), legible::line(&value)];
    let mut rows = vec![row("generation", object.generation.to_string())];
    let covered =
        found.records.entries.iter().filter(|it| it.verdict.is_ok() && found.has(it) == Some(true));
    let (covered, counting) = (covered.count(), found.records.counting());
    rows.push(row("covers", format!("{covered} of {counting} records that count")));
    if let Some(Folded { base, newest, .. }) = found.covers() {
        let key = |key: &domain::OrderKey| format!("{}  {}", key.updated_at, key.relative());
        rows.extend(base.as_ref().map(|base| row("begins with", key(base))));
        rows.push(row("newest", key(newest)));
    }
    let definitions = match found.is_of_another_release(&operator.tools.version) {
        true => "of another release",
        false => "of this release",
    };
    rows.push(row("definitions", definitions.to_owned()));
    for name in [snapshot::SCHEMA_VERSION, "errors"] {
        rows.extend(object.metadata.get(name).map(|text| row(name, text.clone())));
    }
    rows
}

fn indented(rows: &[Vec<String>]) -> String {
    legible::table(rows).lines().map(|line| format!("\n  {line}")).collect()
}
