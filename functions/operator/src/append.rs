//! A history record on its way into the bucket, for whatever command writes one.
//!
//! [`Current`] is what the entity is, [`Wish`] what is to become of it, [`judged`] the record that
//! does so, if it counts, by the code of the snapshot-builder. [`append`] creates it; so does
//! [`append_if_current`], unless somebody else has written after the same [`Current`].

mod clock;
mod compose;
mod conditional;
mod current;

use bytes::Bytes;
use domain::json::{self, Object as Json};
use domain::limits::ATTEMPTS_MAX;
use domain::{Generation, HistoryName, Instant, ObjectName, Record};
use projection::fold::State;
use projection::snapshot::{self, Decision};
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;
use store::{ErrorKind, Metadata, Precondition, gzip};

use crate::stuck::Stuck;
use crate::{Operator, Problem, rules};

pub(crate) use compose::{By, Op, Wish};
pub(crate) use conditional::{Conditional, append_if_current};
pub(crate) use current::{Current, Etag, Other};

/// A larger record is compressed. Below, the bytes cost less than what reads them.
const COMPRESS_ABOVE_BYTES: usize = 64 * 1024;

/// A record that counts, and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Appended {
    pub(crate) name: HistoryName,
    pub(crate) record: Record,
    /// Its text, on one line.
    pub(crate) text: String,
    /// What is stored.
    pub(crate) stored: Bytes,
}

impl Appended {
    /// The name of its object.
    pub(crate) fn object(&self) -> String {
        ObjectName::History(self.name.clone()).to_string()
    }

    /// What a reader of the snapshot that ends with this record has to say to write after it.
    pub(crate) fn etag(&self) -> Etag {
        Etag::of(Some(&self.record.key))
    }
}

/// Why there is no record.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// It would not count, or its result would not be valid.
    Reasons(Vec<String>),
    /// It cannot be composed.
    Problem(Problem),
    /// The clock of this machine is wrong: no record can be dated.
    Clock(Problem),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Problem(problem) | Refusal::Clock(problem) => problem,
            Refusal::Reasons(reasons) => {
                Self::new(format!("refused, nothing is written:\n  {}", reasons.join("\n  ")))
            }
        }
    }
}

/// The record that is wished for, if it counts and its result is valid.
///
/// # Errors
///
/// Every reason for which it does not count.
pub(crate) fn judged(
    wish: Wish<'_>,
    operator: &Operator<'_>,
    builder: &SnapshotBuilder,
) -> Result<Appended, Refusal> {
    let (current, now) = (wish.current, wish.now);
    let Current { definition, stored, .. } = current;
    let id = wish.id.clone();
    let (document, updated_at) = compose::compose(wish).map_err(Refusal::Problem)?;
    let appended = counted(document, (updated_at, now), current, operator, builder, id)?;
    if let Decision::Put(folded) = snapshot::decide(stored, vec![appended.record.clone()])
        && let State::Live(document) = &folded.state
    {
        let mut reasons = builder.violations(&Value::Object(document.clone()), definition);
        reasons.extend(rules::not_understood(document, definition));
        if !reasons.is_empty() {
            return Err(Refusal::Reasons(reasons));
        }
    }
    Ok(appended)
}

/// The record with this content, of this time and written now, if it counts. What becomes of the
/// entity is not judged.
///
/// # Errors
///
/// Every reason for which it does not count.
pub(crate) fn counted(
    document: Json,
    (updated_at, now): (Instant, Instant),
    current: &Current<'_>,
    operator: &Operator<'_>,
    builder: &SnapshotBuilder,
    id: Option<String>,
) -> Result<Appended, Refusal> {
    clock::check(operator).map_err(Refusal::Clock)?;
    let line = json::to_line(&Value::Object(document));
    let text = String::from_utf8_lossy(&line).into_owned();
    let compressed = (line.len() > COMPRESS_ABOVE_BYTES).then(|| gzip::compress(&line)).flatten();
    let (ending, stored_bytes) = match compressed {
        Some(compressed) => (".gz", compressed),
        None => ("", line),
    };
    let id = id.unwrap_or_else(|| operator.tools.ids.ulid(updated_at));
    let mut name = HistoryName::dated(current.entity.clone(), updated_at, &id);
    name.file += ending;
    let record =
        builder.judge(&name, &stored_bytes, now, current.definition).map_err(Refusal::Reasons)?;
    Ok(Appended { name, record, text, stored: stored_bytes.into() })
}

/// Creates the object, or finds that it is there with this content: an answer was lost, or an
/// earlier run has written it. One insert, and one read where it is there.
///
/// # Errors
///
/// Whether it is there is not known then, unless the name is taken by another record.
pub(crate) async fn append(
    operator: &Operator<'_>,
    appended: &Appended,
) -> Result<Generation, Problem> {
    Ok(create(operator, &appended.object(), &appended.stored).await?)
}

async fn create(operator: &Operator<'_>, name: &str, body: &Bytes) -> Result<Generation, Stuck> {
    let store = &operator.tools.store;
    for _ in 0..ATTEMPTS_MAX {
        let put = store.put(name, body.clone(), &Metadata::new(), Precondition::Absent).await;
        let err = match put {
            Ok(generation) => return Ok(generation),
            Err(err) => err,
        };
        match err.kind {
            ErrorKind::Throttled => operator.tools.pause_after_throttling().await,
            _ => return found(operator, name, body, err).await,
        }
    }
    Err(Stuck::All(Problem::new(format!(
        "put {name}: the store asks to slow down; look whether it is there before you write again"
    ))))
}

/// What is there when it could not be created. A conflict is one answer to a name that is taken; an
/// account that may not replace may be answered that instead; and no answer may be lost.
async fn found(
    operator: &Operator<'_>,
    name: &str,
    body: &Bytes,
    err: store::Error,
) -> Result<Generation, Stuck> {
    let unknown =
        || Problem::new(format!("{err}; look whether {name} is there before you write again"));
    match operator.tools.store.get(name, None).await {
        Ok(Some(object)) if object.body == *body => Ok(object.generation),
        Ok(Some(_)) => Err(Stuck::One(Problem::new(format!(
            "{name} is there and says something else: nothing is written; run the command again, so \
             that the record gets another name"
        )))),
        Ok(None) if err.kind == ErrorKind::Conflict => Err(err.into()),
        Ok(None) | Err(_) => Err(unknown().into()),
    }
}
