//! One document of a seed: compared with what is there, and appended where that differs.

use std::path::Path;
use std::time::Duration;

use domain::json::Object;
use domain::limits::ATTEMPTS_MAX;
use domain::{EntityDefinition, EntityRef, Instant, digest, ulid};
use snapshot_builder::SnapshotBuilder;
use store::{ErrorKind, Metadata, Precondition};

use super::pace::Pace;
use super::tree;
use super::written::Written;
use crate::append::{self, Appended, By, Current, Op, Refusal, Wish};
use crate::{Operator, Problem, subject};

/// What a run has for all of its documents.
pub(super) struct Sower<'a> {
    pub(super) operator: &'a Operator<'a>,
    pub(super) builder: SnapshotBuilder,
    pub(super) by: By,
    /// When a record is dated that follows no later one.
    pub(super) dated_at: Instant,
    /// Since when runs on this folder may have written records that no snapshot has, if one may.
    pub(super) unfolded_since: Option<Instant>,
    /// Whether it goes on with what an earlier one began.
    pub(super) resumed: bool,
    pub(super) reads: Pace,
    pub(super) writes: Pace,
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sown {
    /// It is a record.
    Written,
    /// It was a record of this very run before.
    There,
    /// The entity is this document already.
    Unchanged,
    /// It does not count, for these reasons.
    Refused(Vec<String>),
}

impl Sower<'_> {
    /// Appends the document, unless the entity is what it says. One read, and one insert where it is
    /// not; a page of a list more where an earlier run may have written records that no snapshot has.
    ///
    /// # Errors
    ///
    /// Why the run cannot go on.
    pub(super) async fn sow(
        &self,
        definition: &EntityDefinition,
        id: &str,
        path: &Path,
    ) -> Result<Sown, Problem> {
        let entity = match subject::entity(self.operator, definition, id) {
            Ok(entity) => entity,
            Err(problem) => return Ok(Sown::Refused(vec![problem.to_string()])),
        };
        let (document, text) = match tree::read(path) {
            Ok(read) => read,
            Err(reason) => return Ok(Sown::Refused(vec![reason])),
        };
        let record_id = self.record_id(&entity, &text);
        drop(text);
        let clock = &*self.operator.tools.clock;
        self.reads.turn(clock).await;
        let current = Current::read(self.operator, &entity, definition).await?;
        let again = self.unfolded_since.map(|since| (since, document.clone()));
        let mut appended = match self.judged(document, &current, self.dated_at, &record_id)? {
            Ok(appended) => appended,
            Err(reasons) => return Ok(Sown::Refused(reasons)),
        };
        if current.says(&appended.record) {
            return Ok(Sown::Unchanged);
        }
        if let Some((since, document)) = again {
            let written = Written::since(self.operator, &current, since).await?;
            let resumed = self.resumed && written.has_in_this_run(&record_id);
            if resumed || written.has_last(&record_id, current.newest()?) {
                return Ok(Sown::There);
            }
            let next = written.last().map(|last| last.after(Duration::from_millis(1)));
            let now = next.map_or(self.dated_at, |next| next.max(self.dated_at));
            appended = match self.judged(document, &current, now, &record_id)? {
                Ok(appended) => appended,
                Err(reasons) => return Ok(Sown::Refused(reasons)),
            };
        }
        self.writes.turn(clock).await;
        self.create(&appended).await
    }

    /// The record, or every reason why there is none.
    fn judged(
        &self,
        document: Object,
        current: &Current<'_>,
        now: Instant,
        record_id: &str,
    ) -> Result<Result<Appended, Vec<String>>, Problem> {
        let (written, by, id) = (Some(document), self.by.clone(), Some(record_id.to_owned()));
        let wish = Wish { op: Op::Full, written, current, by, now, id };
        match append::judged(wish, self.operator, &self.builder) {
            Ok(appended) => Ok(Ok(appended)),
            Err(Refusal::Reasons(reasons)) => Ok(Err(reasons)),
            Err(Refusal::Problem(problem)) => Ok(Err(vec![problem.to_string()])),
            Err(Refusal::Clock(problem)) => Err(problem),
        }
    }

    /// The time of the run, and a digest of whose document this is and what it says: the same in every
    /// attempt of the run.
    fn record_id(&self, entity: &EntityRef, text: &[u8]) -> String {
        let digest = digest::sha256(&[entity.to_string().as_bytes(), text]);
        let random =
            digest.iter().take(16).fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        ulid(self.dated_at, random)
    }

    /// Creates the record. Where its name is taken, this run has written it, or its answer was lost.
    async fn create(&self, appended: &Appended) -> Result<Sown, Problem> {
        let (tools, name) = (&self.operator.tools, appended.object());
        for _ in 0..ATTEMPTS_MAX {
            let body = appended.stored.clone();
            match tools.store.put(&name, body, &Metadata::new(), Precondition::Absent).await {
                Ok(_) => return Ok(Sown::Written),
                Err(err) if err.kind == ErrorKind::Conflict => {
                    if tools.store.get(&name, None).await?.is_some() {
                        return Ok(Sown::There);
                    }
                }
                Err(err) if err.kind == ErrorKind::Throttled => {
                    tools.pause_after_throttling().await;
                }
                Err(err) => return Err(err.into()),
            }
        }
        Err(Problem::new(format!("put {name}: the store asks to slow down, or is contended")))
    }
}
