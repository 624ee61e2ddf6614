//! A conditional append: of those who write after one version of an entity, one wins.
//!
//! History takes whatever is created, so the decision falls on another object: the claim, whose
//! name is made of the record that the writers have seen as the newest. It is created if absent,
//! and holds the record whole. Who creates it appends that record; who finds it appends the record
//! that it holds, and has lost. So a winner that dies in between has won all the same.
//!
//! A claim is spent when its record will never be what the next writer sees as the newest: it does
//! not count, or the snapshot covers it and yet has an older record as its newest. The next claim is
//! then that of the record in it. All who look agree on that, since both depend on what is stored.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use domain::json::{self, Object as Json};
use domain::limits::ATTEMPTS_MAX;
use domain::{Generation, HistoryName, ObjectName, OrderKey};
use projection::fold::Coverage;
use projection::snapshot::Stored;
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;
use store::{ErrorKind, Precondition};

use super::{Appended, Current, Etag, Other, append, create};
use crate::stuck::Stuck;
use crate::{Operator, Problem, Shortcut};

/// How many spent claims are passed, one after the other.
const SPENT_MAX: usize = 100;

/// How a conditional append ended.
#[derive(Clone, Debug)]
pub(crate) enum Conditional {
    /// The record is in the history, and no other conditional one after the same version.
    Won(Generation),
    /// This record is there instead, and ours is not.
    Lost(Box<Other>),
}

/// What a claim says.
struct Claim {
    name: HistoryName,
    body: Bytes,
}

/// Appends the record if nobody has conditionally appended after `current`, which the record was
/// composed after.
///
/// Two inserts where it wins. Where it loses, two inserts, of which the second mostly conflicts,
/// and two reads; for each spent claim one insert and one read more.
///
/// # Errors
///
/// What became of the record is not known then, unless the words say so. The same record again, or
/// another one after the same version, comes to the end that was begun.
pub(crate) async fn append_if_current(
    operator: &Operator<'_>,
    builder: &SnapshotBuilder,
    current: &Current<'_>,
    appended: &Appended,
) -> Result<Conditional, Stuck> {
    if operator.planted.has(Shortcut::AppendedBeforeClaimed) {
        append(operator, appended).await?;
    }
    let mut after = current.etag()?;
    for _ in 0..SPENT_MAX {
        let Some(claim) = claimed(operator, current, &after, appended).await? else {
            let won = append(operator, appended).await.map(Conditional::Won);
            return won.map_err(|problem| {
                Stuck::All(Problem::new(format!(
                    "{problem}; it has won: whoever writes next on a condition writes it, too"
                )))
            });
        };
        let name = ObjectName::History(claim.name.clone()).to_string();
        if operator.planted.has(Shortcut::ClaimNotFinished) {
            return Ok(Conditional::Lost(Box::new(Other::of(&name, &claim.body))));
        }
        create(operator, &name, &claim.body).await?;
        match spent(operator, builder, current, &claim) {
            Some(next) => after = next,
            None => return Ok(Conditional::Lost(Box::new(Other::of(&name, &claim.body)))),
        }
    }
    Err(Stuck::One(Problem::new(format!(
        "{}: more than {SPENT_MAX} conditional records do not count: `history` shows them; `write` \
         without --if-current passes them",
        current.entity
    ))))
}

/// The claim of whoever came first; nothing when that is this record.
async fn claimed(
    operator: &Operator<'_>,
    current: &Current<'_>,
    after: &Etag,
    appended: &Appended,
) -> Result<Option<Claim>, Stuck> {
    let tools = &operator.tools;
    let (entity, parent) = (current.entity.clone(), after.to_string());
    let name = ObjectName::Claim { entity, parent }.to_string();
    let body = body(appended, current.newest()?);
    let unknown = |err: store::Error| {
        Problem::new(format!(
            "{err}; whether the record wins is not known: run the same command again, which \
             finishes what was begun and says whose record it is"
        ))
    };
    for _ in 0..ATTEMPTS_MAX {
        let metadata = tools.version.metadata();
        match tools.store.put(&name, body.clone(), &metadata, Precondition::Absent).await {
            Ok(_) => return Ok(None),
            Err(err) if err.kind == ErrorKind::Throttled => tools.pause_after_throttling().await,
            Err(err) if err.kind == ErrorKind::Conflict => {
                let claim = match tools.store.get(&name, None).await {
                    Ok(Some(found)) => read(&found.body, current),
                    Ok(None) => return Err(unknown(err).into()),
                    Err(err) if err.kind == ErrorKind::Unusable => None,
                    Err(err) => return Err(unknown(err).into()),
                };
                let claim = claim.ok_or_else(|| Stuck::One(unreadable(&name)))?;
                // It can be this very claim, whose answer was lost.
                let ours = claim.name == appended.name
                    && !operator.planted.has(Shortcut::OwnClaimTakenForLost);
                return Ok((!ours).then_some(claim));
            }
            Err(err) => return Err(unknown(err).into()),
        }
    }
    let slow = format!("put {name}: the store asks to slow down; run the command again");
    Err(Stuck::All(Problem::new(slow)))
}

/// The claim of the record in a spent claim; nothing where it is not spent.
fn spent(
    operator: &Operator<'_>,
    builder: &SnapshotBuilder,
    current: &Current<'_>,
    claim: &Claim,
) -> Option<Etag> {
    let now = operator.tools.clock.now();
    let key = match builder.judge(&claim.name, &claim.body, now, current.definition) {
        Ok(record) => {
            let covered = match &current.stored {
                Stored::Snapshot(folded) | Stored::Outdated(folded) => {
                    folded.coverage(&record.key) == Coverage::Covered
                }
                Stored::Missing | Stored::Unknown | Stored::Unreadable => false,
            };
            covered.then_some(record.key)?
        }
        // Its time is nothing that the etag is made of.
        Err(_) => OrderKey::new(now, &claim.name),
    };
    Some(Etag::of(Some(&key)))
}

/// The fields of a claim.
mod field {
    pub(super) const NAME: &str = "name";
    pub(super) const AFTER: &str = "after";
    pub(super) const ACTOR: &str = "actor";
    pub(super) const TEXT: &str = "text";
    pub(super) const BASE64: &str = "base64";
}

/// One line: the record's name, what it follows, and what is stored under that name, as text or, where
/// it is none, in base64.
fn body(appended: &Appended, newest: Option<&OrderKey>) -> Bytes {
    let mut claim = Json::new();
    let mut set = |field: &str, value: Value| claim.insert(field.to_owned(), value);
    set(field::NAME, appended.object().into());
    set(field::AFTER, newest.map_or(Value::Null, |key| key.relative().into()));
    let record = json::parse(appended.text.as_bytes()).unwrap_or_default();
    set(field::ACTOR, record.get("actor").cloned().unwrap_or_default());
    match str::from_utf8(&appended.stored) {
        Ok(text) => set(field::TEXT, text.into()),
        Err(_) => set(field::BASE64, BASE64_STANDARD.encode(&appended.stored).into()),
    };
    json::to_line(&Value::Object(claim)).into()
}

/// What a claim says, if it says something about this entity.
fn read(body: &[u8], current: &Current<'_>) -> Option<Claim> {
    let claim = json::parse(body).ok()?;
    let text = |field: &str| claim.get(field).and_then(Value::as_str);
    let Ok(ObjectName::History(name)) = ObjectName::parse(text(field::NAME)?) else { return None };
    let body = match text(field::TEXT) {
        Some(text) => Bytes::from(text.to_owned()),
        None => BASE64_STANDARD.decode(text(field::BASE64)?).ok()?.into(),
    };
    (name.entity == current.entity).then_some(Claim { name, body })
}

fn unreadable(name: &str) -> Problem {
    Problem::new(format!(
        "{name} is no claim: nothing is written; look at it, and `write` without --if-current, \
         after which the next claim has another name"
    ))
}
