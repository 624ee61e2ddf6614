//! Evaluates rules on snapshots and raises alerts.
//!
//! The alert state of an entity says which rules are open; its alerts follow from it. Most
//! snapshots change nothing, and those cost two reads and no write. That is not what the other
//! derived objects do, which are written whenever their source has a new generation: without
//! that write nothing makes a slower attempt fail that has read the state before and a snapshot
//! that is old by then. So a change is made in two steps:
//!
//! 1. The state is rewritten as it was, with a note that somebody is about to change it.
//! 2. The snapshot's generation is read again. Only if it has not moved is the change written, in
//!    the place of that very note.
//!
//! An attempt for a snapshot reads the state after that snapshot was written. If it sees a note
//! and has nothing to change, it writes the state without the note, and whoever made it fails. If
//! it sees none, a note that is made later is followed by a reading of this snapshot or a newer
//! one. Either way nobody changes the state by an older snapshot once the attempt has ended. The
//! interleavings of two snapshots, three attempts and a crash are enumerated in the tests.
//!
//! An alert object is written after the state that opens it, and its writer can die in between. So
//! the state notes the version with which alerts have opened as perhaps unwritten, and it has every
//! other object that is told with a change: that an alert has ended, or still stands. Whoever finds
//! them writes these objects, which is harmless where they are there, and takes the note away, and
//! with it what is of no more use. That
//! the opener's own event comes again does not do instead: another attempt of it may have been
//! acknowledged under the rules before, and an older event can open an alert with a snapshot whose
//! event was handled long ago.

mod changes;
mod in_force;
mod mend;
mod objects;
mod shortcut;

use std::time::Duration;

use domain::limits::ATTEMPTS_MAX;
use domain::{
    BoxFuture, Class, Delivery, Disposition, EntityDefinition, EntityRef, Failure, Generation,
    Handler, Instant, ObjectName, Outcome, Planted,
};
use futures_util::future::try_join;
use projection::source::Source;
use rules::set::RuleSet;
use rules::state::{AlertState, Subject, Transitions, decide};
use store::{Error, ErrorKind, Object, Precondition, Tools};

pub use in_force::{RULES_SEGMENT, RuleCache, rules_in_force};
pub use shortcut::Shortcut;

#[cfg(test)]
mod tests;

/// How old the rules may be that an attempt begins with, unless told otherwise. A change of the
/// state is decided on rules read for it.
pub const RULES_AGE_MAX: Duration = Duration::from_secs(30);

/// The metadata key that says that somebody is about to change the state.
const ABOUT_TO_CHANGE: &str = "about-to-change";

/// The metadata key of the version with which alerts opened that perhaps nobody has written.
const UNWRITTEN: &str = "unwritten";

/// The metadata key of a snapshot that says that a bulk write made it, and which.
const ORIGIN: &str = "origin";

/// For how long after a bulk write what a sweep finds on its snapshots is taken for that write's: its
/// events may still be on their way.
const BULK_EVENTS_MAX: Duration = Duration::from_secs(3600);

/// How far the clocks of two processes may lie apart.
const AHEAD_MAX: Duration = Duration::from_secs(3600);

/// The function.
pub struct RulesEngine {
    /// What it works with.
    pub tools: Tools,
    /// How old rules may be.
    pub rules_age_max: Duration,
    /// The rules last read, for each environment.
    pub cache: RuleCache,
    /// A wrong turn that a test takes.
    pub planted: Planted<Shortcut>,
}

impl Handler for RulesEngine {
    fn fed_with(&self) -> &'static [Class] {
        &[Class::Snapshot]
    }

    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            let outcome = match batch[0].name.entity() {
                Some(entity) => self.evaluate(entity, Cause::events(batch)).await,
                None => Ok(Disposition::Skipped("not the object of an entity")),
            };
            vec![outcome; batch.len()]
        })
    }
}

/// Why an entity is evaluated.
#[derive(Clone, Copy)]
struct Cause<'a> {
    /// These events of its snapshot, the newest last.
    events: &'a [Delivery],
    /// Whether what opens is of the bulk write that the snapshot is of, if it is of one.
    is_of_the_write: bool,
}

impl<'a> Cause<'a> {
    /// Events of its own, or that one of them is made up for.
    fn events(events: &'a [Delivery]) -> Self {
        Self { events, is_of_the_write: true }
    }
}

/// What an attempt has read.
struct View {
    source: Source,
    stored: Option<Object>,
    state: AlertState,
    /// Where a bulk write of the snapshot comes from.
    origin: Option<String>,
    /// The present before anything was read, or as the state has it.
    now: Instant,
}

/// What the metadata of a state says of the state itself.
#[derive(Default)]
struct Notes {
    /// [`ABOUT_TO_CHANGE`].
    about_to_change: Option<String>,
    /// [`UNWRITTEN`].
    unwritten: Option<String>,
}

impl View {
    fn note(&self, key: &str) -> Option<&String> {
        self.stored.as_ref()?.metadata.get(key)
    }

    /// Whether the state notes something that this attempt has to take away.
    fn is_noted(&self) -> bool {
        let is_told = !self.state.told.is_empty();
        is_told || self.note(ABOUT_TO_CHANGE).is_some() || self.note(UNWRITTEN).is_some()
    }

    fn subject<'a>(&'a self, kind: &'a str, now: Instant) -> Subject<'a> {
        Subject {
            entity: &self.source.entity,
            kind,
            generation: self.source.generation,
            newest: self.source.newest.as_ref(),
            document: self.source.document.as_ref(),
            before: None,
            origin: self.origin.as_deref(),
            now,
        }
    }
}

impl RulesEngine {
    /// Evaluates the rules on the snapshot of `entity`, written at `written_at`, as an event of it would:
    /// rules that depend on time, and those that came after the last event. Tests of a change are of
    /// events alone. What opens is told even if a bulk write made the snapshot, unless it has just done
    /// so: it is not that write which brings it about.
    pub async fn sweep(&self, entity: &EntityRef, written_at: Instant) -> Outcome {
        let is_of_the_write = self.tools.clock.now() < written_at.after(BULK_EVENTS_MAX);
        self.evaluate(entity, Cause { events: &[], is_of_the_write }).await
    }

    async fn evaluate(&self, entity: &EntityRef, cause: Cause<'_>) -> Outcome {
        let definition = match self.tools.definition(entity) {
            Ok(definition) => definition,
            Err(rejected) => return Ok(rejected),
        };
        self.repeated(entity, || self.attempt(entity, definition, cause)).await
    }

    /// Makes attempts until one comes to its end: one that has nothing to say is begun again, and so
    /// is one that somebody else was ahead of.
    async fn repeated<F>(&self, entity: &EntityRef, attempt: impl Fn() -> F) -> Outcome
    where
        F: Future<Output = Result<Option<Disposition>, Error>>,
    {
        for _ in 0..ATTEMPTS_MAX {
            match attempt().await {
                Ok(Some(disposition)) => return Ok(disposition),
                Ok(None) => (),
                Err(err) if err.kind == ErrorKind::Conflict => (),
                Err(err) => return err.outcome(),
            }
            self.tools.pause_after_conflict().await;
        }
        Err(Failure::Retry(format!("alert state of {entity} is contended")))
    }

    /// One attempt; `None` when the snapshot has moved meanwhile.
    async fn attempt(
        &self,
        entity: &EntityRef,
        definition: &EntityDefinition,
        cause: Cause<'_>,
    ) -> Result<Option<Disposition>, Error> {
        let view = match self.view(entity, definition, cause).await? {
            Ok(view) => view,
            Err(reason) => return Ok(Some(Disposition::Rejected(vec![reason]))),
        };
        let kind = &definition.entity;
        self.write_noted_alerts(&view, kind).await?;
        let rules = self.rules(entity.env, self.rules_age_max).await?;
        self.write_changes(&view, cause.events, definition, &rules).await?;
        let decided = decide(&view.state, view.subject(kind, view.now), &rules);
        warn_of(entity, &decided.exhausted);
        if !decided.is_empty() {
            let rules = self.rules(entity.env, Duration::ZERO).await?;
            let transitions = decide(&view.state, view.subject(kind, view.now), &rules);
            if !transitions.is_empty() {
                return self.change(&view, transitions, &rules, kind).await;
            }
        }
        if view.is_noted() && !self.planted.has(Shortcut::NoteIgnored) {
            self.write_unnoted(&view, kind).await?;
        }
        Ok(Some(Disposition::Skipped("no rule begins or ceases to hold")))
    }

    async fn view(
        &self,
        entity: &EntityRef,
        definition: &EntityDefinition,
        cause: Cause<'_>,
    ) -> Result<Result<View, String>, Error> {
        let began = self.tools.clock.now();
        let state = ObjectName::AlertState(entity.clone()).to_string();
        let state = self.tools.store.get(&state, None);
        let own = cause.events.last().map(|event| event.generation);
        let snapshot = self.snapshot(entity, own);
        let (snapshot, stored) = try_join(snapshot, state).await?;
        let source = match Source::read(entity, definition, snapshot.as_ref().map(Object::parts)) {
            Ok(source) => source,
            Err(reason) => return Ok(Err(reason)),
        };
        let state = AlertState::read(stored.as_ref().map(|stored| &stored.body[..]));
        let origin = snapshot.and_then(|snapshot| snapshot.metadata.get(ORIGIN).cloned());
        let origin = origin.filter(|_| cause.is_of_the_write);
        let now = self.not_before(&state, began);
        Ok(Ok(View { source, stored, state, origin, now }))
    }

    /// The present, and not before the instant by which the state was decided: clocks differ, and
    /// attempts are slow. A state that is far ahead was not decided by a clock.
    fn not_before(&self, state: &AlertState, now: Instant) -> Instant {
        let ahead = state.evaluated_at.filter(|at| *at < now.after(AHEAD_MAX));
        match ahead {
            Some(at) if !self.planted.has(Shortcut::StateInstantIgnored) => at.max(now),
            _ => now,
        }
    }

    /// Changes the state in two steps and writes the alerts that open.
    async fn change(
        &self,
        view: &View,
        mut transitions: Transitions,
        rules: &RuleSet,
        kind: &str,
    ) -> Result<Option<Disposition>, Error> {
        let entity = &view.source.entity;
        let mut precondition = Precondition::unchanged(view.stored.as_ref());
        if !self.planted.has(Shortcut::NoNote) {
            // A word of its own for each note: who reads it knows that it is not theirs.
            let word = self.tools.ids.ulid(self.tools.clock.now());
            let notes = Notes { about_to_change: Some(word), ..Notes::default() };
            // What it told of has been written by this attempt.
            let noted = self.write(view, &view.state.written(), notes, precondition, kind).await?;
            precondition = Precondition::At(noted);
            if !self.planted.has(Shortcut::SnapshotNotReadAgain) && self.moved(view).await? {
                return Ok(None);
            }
            if !self.planted.has(Shortcut::ClockNotReadAgain) {
                let now = self.not_before(&view.state, self.tools.clock.now());
                transitions = decide(&view.state, view.subject(kind, now), rules);
            }
            if transitions.is_empty() {
                return Ok(None);
            }
        }
        let opens = !transitions.opened.is_empty() && !self.planted.has(Shortcut::OpenedUnnoted);
        let unwritten = opens.then(|| view.source.generation_text());
        let told = transitions.told();
        if self.planted.has(Shortcut::ResolvedByCloserOnly) {
            transitions.next = transitions.next.written();
        }
        self.write_change(view, &transitions.next, unwritten, precondition, kind).await?;
        self.write_alerts(&told, entity).await?;
        Ok(Some(Disposition::Done))
    }

    /// Writes the change in the place of the note, which is not a second old: an object takes
    /// about one write per second, so a store that asks to slow down is waited for. The change is
    /// right however long that takes: whoever has seen a newer snapshot has replaced the note.
    async fn write_change(
        &self,
        view: &View,
        next: &AlertState,
        unwritten: Option<String>,
        precondition: Precondition,
        kind: &str,
    ) -> Result<Generation, Error> {
        let given_up = self.planted.has(Shortcut::ThrottledGivenUp);
        let tries_max = if given_up { 1 } else { ATTEMPTS_MAX };
        let mut tries = 1;
        loop {
            let notes = Notes { about_to_change: None, unwritten: unwritten.clone() };
            match self.write(view, next, notes, precondition, kind).await {
                Err(err) if err.kind == ErrorKind::Throttled && tries < tries_max => {
                    self.tools.pause_after_throttling().await;
                }
                written => return written,
            }
            tries += 1;
        }
    }

    async fn moved(&self, view: &View) -> Result<bool, Error> {
        let snapshot = self.snapshot(&view.source.entity, view.source.generation).await?;
        Ok(snapshot.map(|snapshot| snapshot.generation) != view.source.generation)
    }

    /// The snapshot that the state is decided on: the current one.
    async fn snapshot(
        &self,
        entity: &EntityRef,
        own: Option<Generation>,
    ) -> Result<Option<Object>, Error> {
        if self.planted.has(Shortcut::OwnGenerationTrusted) {
            let name = ObjectName::Snapshot(entity.clone()).to_string();
            return self.tools.store.get(&name, own).await;
        }
        self.tools.snapshot(entity).await
    }

    async fn write(
        &self,
        view: &View,
        state: &AlertState,
        notes: Notes,
        precondition: Precondition,
        kind: &str,
    ) -> Result<Generation, Error> {
        let entity = &view.source.entity;
        let name = ObjectName::AlertState(entity.clone()).to_string();
        let mut metadata = view.source.derived_metadata(&self.tools.version);
        let notes = [(ABOUT_TO_CHANGE, notes.about_to_change), (UNWRITTEN, notes.unwritten)];
        metadata.extend(notes.into_iter().filter_map(|(key, note)| Some((key.to_owned(), note?))));
        self.tools.store.put(&name, state.body(entity, kind).into(), &metadata, precondition).await
    }

    /// Writes the state as it is, without notes. Somebody's note that a change is coming has to go;
    /// a store that asks to slow down may leave the other to the next attempt.
    async fn write_unnoted(&self, view: &View, kind: &str) -> Result<(), Error> {
        let precondition = Precondition::unchanged(view.stored.as_ref());
        match self.write(view, &view.state.written(), Notes::default(), precondition, kind).await {
            Err(err)
                if err.kind == ErrorKind::Throttled && view.note(ABOUT_TO_CHANGE).is_none() =>
            {
                Ok(())
            }
            written => written.map(drop),
        }
    }
}

/// Says which rules have not been evaluated to their end.
fn warn_of(entity: &EntityRef, exhausted: &[String]) {
    if !exhausted.is_empty() {
        let (entity, rules) = (entity.to_string(), exhausted.join(", "));
        tracing::warn!(entity, rules, "rules take more steps than they have, and do not hold");
    }
}
