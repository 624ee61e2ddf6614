//! One bucket in memory, with versioning.

mod change;
mod conditions;
mod contract;
mod glob;
mod list;
mod state;
mod stored;

pub use change::{Event, EventType};
pub use stored::{Properties, Stored, Upload};

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::{Clock, Generation, Instant};
use store::{Error, ErrorKind, Object};

pub(crate) use change::Change;
pub(crate) use conditions::{Conditions, Unmet};
pub(crate) use glob::Glob;
pub(crate) use list::{Found, Position, Query};
use state::State;

type Listener = Arc<dyn Fn(&Stored) + Send + Sync>;

/// What stands where the content of an object should.
pub(crate) enum Look {
    /// The same as before.
    Same,
    /// Nothing.
    Nothing,
    /// This.
    Content(Bytes),
}

/// Is told of every change before it is made, and can prevent it.
///
/// It is told under the lock of the bucket, which it must not ask: nobody sees what it was told
/// before it has returned, and everybody does afterwards.
pub(crate) trait Recorder: Send + Sync {
    /// Takes note of `changes` that belong together, and of the events that they are.
    ///
    /// # Errors
    ///
    /// When no note can be taken: the changes are not made then.
    fn record(&self, changes: &[Change], events: &[Event]) -> io::Result<()>;
}

/// One bucket in memory, with versioning.
///
/// Every call is atomic; the futures of its [`Store`] are ready when first polled, under any
/// executor. Generations are unique and look like the real ones, but they do not
/// increase. Two versions of one object never have the same time of creation.
pub struct Memory {
    bucket: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    listeners: Mutex<Vec<Listener>>,
    recorder: OnceLock<Arc<dyn Recorder>>,
}

impl Memory {
    /// An empty bucket called `bucket`; generations are drawn from `seed`.
    pub fn new(bucket: &str, clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            bucket: bucket.to_owned(),
            clock,
            state: Mutex::new(State::new(seed)),
            listeners: Mutex::default(),
            recorder: OnceLock::new(),
        })
    }

    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Uploads as any client of Cloud Storage may, and returns the version that is now live.
    ///
    /// # Errors
    ///
    /// `Rejected` for a name or metadata that the service refuses, `Throttled` under
    /// [`Memory::limit_write_rate`], `Conflict` when the precondition does not hold.
    pub fn insert(&self, name: &str, body: Bytes, upload: Upload) -> Result<Stored, Error> {
        let conditions = Conditions::from(upload.precondition);
        self.insert_under(&conditions, name, body, upload)
    }

    /// Uploads under preconditions that the storage contract does not have.
    pub(crate) fn insert_under(
        &self,
        conditions: &Conditions,
        name: &str,
        body: Bytes,
        upload: Upload,
    ) -> Result<Stored, Error> {
        upload.check(name)?;
        let now = self.clock.now();
        let mut state = self.state();
        let stored = state.plan_insert(name, body, upload, conditions, now)?;
        self.make(&mut state, "put", name, vec![Change::Insert(stored.clone())], now)?;
        drop(state);
        self.tell(&stored);
        Ok(stored)
    }

    /// The live objects, decoded, by name. One that does not decode is given as stored.
    pub fn objects(&self) -> BTreeMap<String, Object> {
        let state = self.state();
        let live = state.names().filter_map(|(name, _)| Some((name, state.live(name)?)));
        live.map(|(name, stored)| (name.to_owned(), stored.to_object())).collect()
    }

    /// Every version of `name`, noncurrent ones included, oldest first.
    pub fn versions_of(&self, name: &str) -> Vec<Stored> {
        self.state().versions(name).to_vec()
    }

    /// Forgets a noncurrent version, as a lifecycle rule does. `false` when there is none.
    pub fn expire(&self, name: &str, generation: Generation) -> bool {
        self.state().expire(name, generation)
    }

    /// From here on at most one write or delete of an object succeeds within `interval`; the
    /// others are `Throttled`. `None` lifts the limit.
    pub fn limit_write_rate(&self, interval: Option<Duration>) {
        self.state().write_interval = interval;
    }

    /// Calls `listener` with every version that is created from here on, before the call that
    /// created it returns.
    pub fn on_finalize(&self, listener: Box<dyn Fn(&Stored) + Send + Sync>) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener.into());
    }

    /// One version of `name`: `generation`, or the live one.
    pub(crate) fn find(&self, name: &str, generation: Option<Generation>) -> Option<Stored> {
        self.state().find(name, generation).cloned()
    }

    /// Deletes the live version of `name`. `false` when there is none.
    pub(crate) fn remove(&self, name: &str, conditions: &Conditions) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut state = self.state();
        let found = state.plan_remove(name, conditions, now)?;
        if found {
            let change = Change::Remove { name: name.to_owned(), at: now };
            self.make(&mut state, "delete", name, vec![change], now)?;
        }
        Ok(found)
    }

    /// Deletes one version for ever. `false` when there is none.
    pub(crate) fn erase(
        &self,
        name: &str,
        generation: Generation,
        conditions: &Conditions,
    ) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut state = self.state();
        let found = state.plan_erase(name, generation, conditions)?;
        if found {
            let change = Change::Erase { name: name.to_owned(), generation };
            self.make(&mut state, "delete", name, vec![change], now)?;
        }
        Ok(found)
    }

    /// Changes what is said about one version, which stays the version that it is. `None` when
    /// there is none.
    pub(crate) fn edit(
        &self,
        name: &str,
        generation: Option<Generation>,
        conditions: &Conditions,
        edit: impl FnOnce(&mut Stored),
    ) -> Result<Option<Stored>, Error> {
        let now = self.clock.now();
        let mut state = self.state();
        let edited = state.plan_edit(name, generation, conditions, edit, now)?;
        if let Some(edited) = &edited {
            self.make(&mut state, "update", name, vec![Change::Edit(edited.clone())], now)?;
        }
        Ok(edited)
    }

    /// Gives the live version of `from` another name, at once for everybody. `None` when there is
    /// none.
    pub(crate) fn rename(
        &self,
        from: (&str, &Conditions),
        to: (&str, &Conditions),
    ) -> Result<Option<Stored>, Error> {
        let now = self.clock.now();
        let mut state = self.state();
        if !state.plan_remove(from.0, from.1, now)? {
            return Ok(None);
        }
        let Some(source) = state.live(from.0).cloned() else { return Ok(None) };
        let upload = source.to_upload();
        upload.check(to.0)?;
        let stored = state.plan_insert(to.0, source.body, upload, to.1, now)?;
        let removed = Change::Remove { name: source.name, at: now };
        let changes = vec![Change::Insert(stored.clone()), removed];
        self.make(&mut state, "move", from.0, changes, now)?;
        drop(state);
        self.tell(&stored);
        Ok(Some(stored))
    }

    /// Makes the live version of `name` what `look` finds. It is called under the lock: what it
    /// finds and what is live are of one moment. No rate holds for it, and no precondition.
    pub(crate) fn adopt(
        &self,
        name: &str,
        look: impl FnOnce() -> io::Result<Look>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut state = self.state();
        let found = look().map_err(|err| unrecorded("read", name, &err))?;
        let live = state.live(name);
        let change = match (found, live) {
            (Look::Same, _) | (Look::Nothing, None) => return Ok(()),
            (Look::Content(found), Some(live)) if found == live.body => return Ok(()),
            (Look::Nothing, Some(_)) => Change::Remove { name: name.to_owned(), at: now },
            (Look::Content(found), live) => {
                let mut upload = live.map(Stored::to_upload).unwrap_or_default();
                upload.component_count = None;
                let content_type = stored::content_type_of(name).to_owned();
                upload.content_type = upload.content_type.or(Some(content_type));
                upload.check(name)?;
                Change::Insert(state.version(name, found, upload, now))
            }
        };
        self.make(&mut state, "adopt", name, vec![change.clone()], now)?;
        drop(state);
        if let Change::Insert(stored) = change {
            self.tell(&stored);
        }
        Ok(())
    }

    /// Ends the bucket, once `note` of that is taken: who still holds it can change nothing any
    /// more. `false` when it holds a version of an object, and stays what it is.
    pub(crate) fn close(&self, note: impl FnOnce() -> io::Result<()>) -> io::Result<bool> {
        let mut state = self.state();
        let empty = state.names().all(|(_, versions)| versions.is_empty());
        if empty {
            note()?;
            state.closed = true;
        }
        Ok(empty)
    }

    /// Makes changes that were recorded before, without recording them.
    pub(crate) fn restore(&self, changes: Vec<Change>) {
        let mut state = self.state();
        for change in changes {
            // The rate begins anew: nobody remembers when this was.
            state.apply(change, None);
        }
    }

    /// Tells `recorder` of every change from here on. There can be one.
    pub(crate) fn record_to(&self, recorder: Arc<dyn Recorder>) {
        // A second one would be a mistake of this crate, which makes each bucket in one place.
        drop(self.recorder.set(recorder));
    }

    /// Whether what is overwritten or deleted from here on is kept as a noncurrent version, once
    /// `note` of that is taken; it is, unless told.
    pub(crate) fn set_versioning(
        &self,
        versioning: bool,
        note: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.state();
        note()?;
        state.versioning = versioning;
        Ok(())
    }

    /// Every version of every object, in the order of names and of creation.
    pub(crate) fn everything(&self) -> Vec<Stored> {
        self.state().names().flat_map(|(_, versions)| versions.to_vec()).collect()
    }

    /// Records and makes `changes` that were planned under the same lock.
    fn make(
        &self,
        state: &mut State,
        operation: &str,
        name: &str,
        changes: Vec<Change>,
        now: Instant,
    ) -> Result<(), Error> {
        if state.closed {
            let reason = format!("{operation} {name}: the bucket was deleted");
            return Err(Error::new(ErrorKind::Unavailable, reason));
        }
        if let Some(recorder) = self.recorder.get() {
            let events = changes.iter().flat_map(|change| change::events(state, change));
            let events: Vec<Event> = events.collect();
            recorder.record(&changes, &events).map_err(|err| unrecorded(operation, name, &err))?;
        }
        for change in changes {
            state.apply(change, Some(now));
        }
        Ok(())
    }

    /// One page of objects or versions.
    pub(crate) fn page(&self, query: &Query<'_>) -> Found {
        list::page(&self.state(), query)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the listeners of a new version. It needs no lock: they may ask this bucket.
    fn tell(&self, stored: &Stored) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        listeners.iter().for_each(|listener| listener(stored));
    }
}

fn unrecorded(operation: &str, name: &str, err: &io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{operation} {name}: {err}"))
}
