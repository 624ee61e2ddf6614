//! The record that a person means, with everything that they need not say.

use std::time::Duration;

use domain::json::Object;
use domain::{EntityDefinition, EntityRef, Instant};
use projection::fold::State;
use projection::snapshot::Stored;
use serde_json::Value;

use crate::Problem;

/// What the record is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// The entity is this document.
    Full,
    /// The entity is patched.
    Merge,
    /// The entity is gone.
    Delete,
}

/// Who writes, and why.
#[derive(Debug, Default)]
pub(super) struct By {
    pub(super) actor: Option<String>,
    pub(super) reason: Option<String>,
}

/// What is known before the record is written.
pub(super) struct Wish<'a> {
    pub(super) op: Op,
    /// What a person has written; nothing for a deletion.
    pub(super) written: Option<Object>,
    pub(super) entity: &'a EntityRef,
    pub(super) definition: &'a EntityDefinition,
    /// What the entity is so far.
    pub(super) stored: &'a Stored,
    pub(super) by: By,
    pub(super) now: Instant,
}

/// The record and its time: now, or 1 ms after what the entity has seen where that is later.
///
/// The envelope comes first; a field of it that the person has written stays as it is, so that a
/// wrong one is refused and not mended in silence.
///
/// # Errors
///
/// A file that says what it is itself, or a snapshot that hides what the entity is.
pub(super) fn compose(wish: Wish<'_>) -> Result<(Object, Instant), Problem> {
    let Wish { op, written, entity, definition, stored, by, now } = wish;
    let mut written = written.unwrap_or_default();
    if written.contains_key("op") {
        return Err(Problem::new(
            "the file has the reserved field \"op\": leave it out, and say --merge or --delete",
        ));
    }
    let (newest, document) = seen(stored, entity)?;
    let next = newest.map(|at| at.after(Duration::from_millis(1)));
    let updated_at = next.map_or(now, |next| next.max(now));
    let time = updated_at.to_millis_text();
    let mut record = Object::new();
    let mut set = |field: &str, value: String| {
        let value = written.shift_remove(field).unwrap_or(Value::String(value));
        record.insert(field.to_owned(), value);
    };
    match op {
        Op::Full => (),
        Op::Merge => set("op", "merge".to_owned()),
        Op::Delete => set("op", "delete".to_owned()),
    }
    set("id", entity.id.clone());
    set("entity", definition.entity.clone());
    set("env", entity.env.to_string());
    if op != Op::Delete {
        set("schema_version", definition.newest_version().to_owned());
    }
    if op == Op::Full {
        let created_at = document.and_then(|it| it.get("created_at")).and_then(Value::as_str);
        set("created_at", created_at.unwrap_or(&time).to_owned());
    }
    written.shift_remove("updated_at");
    record.insert("updated_at".to_owned(), Value::String(time));
    record.extend(written);
    for (field, value) in [("actor", by.actor), ("reason", by.reason)] {
        if let Some(value) = value {
            record.insert(field.to_owned(), Value::String(value));
        }
    }
    record.entry("origin").or_insert_with(|| Value::from("operator"));
    Ok((record, updated_at))
}

/// The time of the newest record that the snapshot has seen, and its document if it is live.
fn seen<'a>(
    stored: &'a Stored,
    entity: &EntityRef,
) -> Result<(Option<Instant>, Option<&'a Object>), Problem> {
    match stored {
        Stored::Missing => Ok((None, None)),
        Stored::Snapshot(folded) | Stored::Outdated(folded) => {
            let document = match &folded.state {
                State::Live(document) => Some(document),
                State::Deleted | State::Pending => None,
            };
            Ok((Some(folded.newest.updated_at), document))
        }
        Stored::Unknown => Err(Problem::new(format!(
            "the snapshot of {entity} was written by a newer release: write with that one"
        ))),
        Stored::Unreadable => Err(Problem::new(format!(
            "the snapshot of {entity} cannot be read: mend it with `migrate --run {}` first",
            entity.segment
        ))),
    }
}
