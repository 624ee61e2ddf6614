//! One entity: what it was, what it is, and the record that leads from one to the other.

use domain::json::Object as Json;
use domain::{EntityDefinition, EntityRef, Instant};
use projection::fold::{Folded, State};
use projection::snapshot::Stored;
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;

use crate::append::{self, Appended, Conditional, Current, append_if_current};
use crate::purge::is_of_purge;
use crate::records::{self, Hold, Until};
use crate::stuck::Stuck;
use crate::{Operator, Problem, Shortcut};

/// How often an entity is read again because somebody else has written it.
const LOST_MAX: usize = 8;

/// To what, by whom and why.
pub(crate) struct Target {
    pub(crate) known_at: Instant,
    pub(crate) actor: Option<String>,
    pub(crate) reason: String,
    pub(crate) origin: &'static str,
    /// Only where it is deleted, or never was: who has written it meanwhile is not overwritten.
    pub(crate) absent_only: bool,
}

/// What came of one entity.
#[derive(Debug)]
pub(crate) enum Restored {
    /// It is what it was.
    Same,
    /// A record was appended: what it was before, and what it is.
    Appended { before: Value, after: Value, op: &'static str },
    /// No record leads there, and why.
    Left(Vec<String>),
}

/// Restores entities of one kind.
pub(crate) struct Restoring<'a> {
    pub(crate) operator: &'a Operator<'a>,
    pub(crate) definition: &'a EntityDefinition,
    pub(crate) builder: SnapshotBuilder,
    pub(crate) target: &'a Target,
}

impl Restoring<'_> {
    /// Brings `entity` to what was known of it at the instant.
    pub(crate) async fn known_at(&self, entity: &EntityRef) -> Result<Restored, Problem> {
        let at = Some(self.target.known_at);
        let until = match self.operator.planted.has(Shortcut::RestoredByDates) {
            true => Until { known_at: None, as_of: at },
            false => Until { known_at: at, as_of: None },
        };
        let hold = Hold::Fold;
        let read = records::held(self.operator, entity, self.definition, until, hold).await;
        let records = match read {
            Ok(records) => records,
            Err(stuck) => return left(stuck),
        };
        if records.later == 0 {
            return Ok(Restored::Same);
        }
        let wanted = document(records.fold().map(|folded| folded.state));
        self.to(entity, wanted).await
    }

    /// Makes `entity` this document, or nothing, by one record. It is read and decided again where
    /// somebody else has written meanwhile.
    pub(crate) async fn to(
        &self,
        entity: &EntityRef,
        wanted: Option<Json>,
    ) -> Result<Restored, Problem> {
        self.attempts(entity, wanted).await.or_else(left)
    }

    async fn attempts(&self, entity: &EntityRef, wanted: Option<Json>) -> Result<Restored, Stuck> {
        for _ in 0..LOST_MAX {
            let (until, hold) = (Until::default(), Hold::Fold);
            let records =
                records::held(self.operator, entity, self.definition, until, hold).await?;
            let folded = records.fold();
            let is = document(folded.as_ref().map(|folded| folded.state.clone()));
            if same(is.as_ref(), wanted.as_ref()) {
                return Ok(Restored::Same);
            }
            if records.entries.first().is_some_and(is_of_purge) {
                let why = "it is purged, or being purged, and nothing of before comes back";
                return Ok(Restored::Left(vec![why.to_owned()]));
            }
            if self.target.absent_only && is.is_some() {
                return Ok(Restored::Left(vec!["somebody has written it meanwhile".to_owned()]));
            }
            let stored = folded.map_or(Stored::Missing, |it| Stored::Snapshot(Box::new(it)));
            let definition = self.definition;
            let current = Current { entity: entity.clone(), definition, stored };
            let (appended, op) = match self.record(&current, is.as_ref(), wanted.as_ref()) {
                Ok(found) => found,
                Err(append::Refusal::Reasons(reasons)) => return Ok(Restored::Left(reasons)),
                Err(append::Refusal::Problem(problem)) => return Err(Stuck::One(problem)),
                Err(append::Refusal::Clock(problem)) => return Err(Stuck::All(problem)),
            };
            let builder = &self.builder;
            let unclaimed = self.operator.planted.has(Shortcut::RestoredWithoutClaim);
            let ended = match unclaimed {
                true => append::append(self.operator, &appended).await.map(Conditional::Won)?,
                false => append_if_current(self.operator, builder, &current, &appended).await?,
            };
            match ended {
                Conditional::Won(_) => {
                    let value = |it: Option<Json>| timeless(it).map_or(Value::Null, Value::Object);
                    let (before, after) = (value(is), value(wanted));
                    return Ok(Restored::Appended { before, after, op });
                }
                Conditional::Lost(_) => self.operator.tools.pause_after_conflict().await,
            }
        }
        Ok(Restored::Left(vec![format!(
            "others have written it {LOST_MAX} times meanwhile: run the same command again"
        )]))
    }

    /// The same, said to a person. Whether it is that.
    pub(crate) async fn said(
        &self,
        entity: &EntityRef,
        wanted: Option<Json>,
    ) -> Result<bool, Problem> {
        let screen = self.operator.screen;
        match self.to(entity, wanted).await? {
            Restored::Same => screen.say(&format!("{entity} is that already"))?,
            Restored::Appended { op, .. } => {
                screen.say(&format!("{entity} is back, by a {op} record"))?;
            }
            Restored::Left(reasons) => {
                screen.say(&format!("{entity} is left as it is: {}", reasons.join("; ")))?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The record that leads from what it is to what is wanted.
    fn record(
        &self,
        current: &Current<'_>,
        is: Option<&Json>,
        wanted: Option<&Json>,
    ) -> Result<(Appended, &'static str), append::Refusal> {
        let Some(wanted) = wanted else {
            let delete = self.envelope(current, "delete");
            return Ok((self.counted(current, delete)?, "delete"));
        };
        let reasons = match self.counted(current, wanted.clone()) {
            Ok(appended) => return Ok((appended, "full")),
            Err(append::Refusal::Reasons(reasons)) => reasons,
            Err(other) => return Err(other),
        };
        // What it was is not valid by itself: a merge has made it so, and a merge can again.
        let refused = |why: &str| {
            let mut all = vec![why.to_owned()];
            all.extend(reasons.clone());
            append::Refusal::Reasons(all)
        };
        let Some(is) = is else {
            return Err(refused("what it was is not valid by itself, and it is deleted now"));
        };
        let mut merge = self.envelope(current, "merge");
        merge.extend(patch(is, wanted));
        let appended = self.counted(current, merge)?;
        let folded = match &current.stored {
            Stored::Snapshot(folded) => (**folded).clone().with(appended.record.clone()),
            _ => return Err(refused("what it was is not valid by itself")),
        };
        match same(document(Some(folded.state)).as_ref(), Some(wanted)) {
            true => Ok((appended, "merge")),
            false => Err(refused(
                "no merge patch leads to what it was: none writes a null or created_at",
            )),
        }
    }

    fn envelope(&self, current: &Current<'_>, op: &str) -> Json {
        let fields = [
            ("op", op),
            ("id", current.entity.id.as_str()),
            ("entity", self.definition.entity.as_str()),
            ("env", current.entity.env.as_str()),
        ];
        fields.into_iter().map(|(field, value)| (field.to_owned(), Value::from(value))).collect()
    }

    /// The record with this content, dated and signed, if it counts. Its fields stand in the order
    /// in which the document has them.
    fn counted(
        &self,
        current: &Current<'_>,
        mut record: Json,
    ) -> Result<Appended, append::Refusal> {
        let now = self.operator.tools.clock.now();
        let updated_at = current.next_at(now).map_err(append::Refusal::Problem)?;
        let Target { actor, reason, origin, .. } = self.target;
        let mut set = |field: &str, value: &str| {
            record.insert(field.to_owned(), Value::from(value));
        };
        set("updated_at", &updated_at.to_millis_text());
        if let Some(actor) = actor {
            set("actor", actor);
        }
        set("reason", reason);
        set("origin", origin);
        let times = (updated_at, now);
        append::counted(record, times, current, self.operator, &self.builder, None)
    }
}

/// What is wrong with one entity leaves it as it is, and no other.
fn left(stuck: Stuck) -> Result<Restored, Problem> {
    match stuck {
        Stuck::One(problem) => Ok(Restored::Left(vec![problem.to_string()])),
        Stuck::All(problem) => Err(problem),
    }
}

/// The document of a live entity.
pub(crate) fn document(state: Option<State>) -> Option<Json> {
    match state {
        Some(State::Live(document)) => Some(document),
        Some(State::Deleted | State::Pending) | None => None,
    }
}

/// Whether they say the same, but for when it was last written.
pub(crate) fn same(left: Option<&Json>, right: Option<&Json>) -> bool {
    timeless(left.cloned()) == timeless(right.cloned())
}

/// Without when it was last written.
fn timeless(document: Option<Json>) -> Option<Json> {
    let mut document = document?;
    document.shift_remove("updated_at");
    Some(document)
}

/// The merge patch that leads from one document to the other, where one does: it cannot write a
/// null. (RFC 7396.)
fn patch(from: &Json, to: &Json) -> Json {
    let mut patch = Json::new();
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, wanted) in to {
        match (from.get(key), wanted) {
            (Some(is), wanted) if is == wanted => (),
            (Some(Value::Object(is)), Value::Object(wanted)) => {
                patch.insert(key.clone(), Value::Object(self::patch(is, wanted)));
            }
            (_, wanted) => drop(patch.insert(key.clone(), wanted.clone())),
        }
    }
    patch
}

/// The last live state of a history whose records are applied one after the other.
pub(crate) fn last_live(records: Vec<domain::Record>) -> Option<Json> {
    let mut folded: Option<Folded> = None;
    let mut last = None;
    for record in records {
        folded = match folded {
            None => Folded::of(vec![record]),
            Some(folded) => Some(folded.with(record)),
        };
        if let Some(State::Live(document)) = folded.as_ref().map(|folded| &folded.state) {
            last = Some(document.clone());
        }
    }
    last
}
