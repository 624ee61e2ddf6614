//! The record that a person means, with everything that they need not say.

use domain::Instant;
use domain::json::Object;
use serde_json::Value;

use super::Current;
use crate::Problem;

/// What the record is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// The entity is this document.
    Full,
    /// The entity is patched.
    Merge,
    /// The entity is gone.
    Delete,
}

/// Who writes, why, and with what.
#[derive(Clone, Debug)]
pub(crate) struct By {
    /// The person or the account.
    pub(crate) actor: Option<String>,
    pub(crate) reason: Option<String>,
    /// The command, where the document does not say where it comes from: `operator`, `seed`.
    pub(crate) origin: &'static str,
}

/// What is known before the record is written.
pub(crate) struct Wish<'a> {
    pub(crate) op: Op,
    /// What the record is to say, or what a person has written; nothing for a deletion.
    pub(crate) written: Option<Object>,
    /// Whose it is, and what that is so far.
    pub(crate) current: &'a Current<'a>,
    pub(crate) by: By,
    pub(crate) now: Instant,
    /// The record's id, where the run decides it; else one that nobody else has drawn.
    pub(crate) id: Option<String>,
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
    let Wish { op, written, current, by, now, id: _ } = wish;
    let Current { entity, definition, .. } = current;
    let mut written = written.unwrap_or_default();
    if written.contains_key("op") {
        return Err(Problem::new(
            "the file has the reserved field \"op\": leave it out, and say --merge or --delete",
        ));
    }
    let updated_at = current.next_at(now)?;
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
        let created_at =
            current.document().and_then(|it| it.get("created_at")).and_then(Value::as_str);
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
    record.entry("origin").or_insert_with(|| Value::from(by.origin));
    Ok((record, updated_at))
}
