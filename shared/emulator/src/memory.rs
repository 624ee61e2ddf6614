//! One bucket in memory, with versioning.

mod conditions;
mod list;
mod state;
mod stored;

pub use stored::{Stored, Upload};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::{BoxFuture, Clock, Generation};
use store::{CONTENT_BYTES_MAX, Error, ErrorKind, List, Listed, Metadata, Object, Page};
use store::{Precondition, Store};

pub(crate) use conditions::{Conditions, Unmet};
pub(crate) use list::{Found, Position, Query};
use state::State;

type Listener = Arc<dyn Fn(&Stored) + Send + Sync>;

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
}

impl Memory {
    /// An empty bucket called `bucket`; generations are drawn from `seed`.
    pub fn new(bucket: &str, clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            bucket: bucket.to_owned(),
            clock,
            state: Mutex::new(State::new(seed)),
            listeners: Mutex::default(),
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
        let stored = self.state().insert(name, body, upload, conditions, now)?;
        // Without the lock: a listener may ask this bucket.
        for listener in self.listeners() {
            listener(&stored);
        }
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

    /// Deletes the live version of `name`, which becomes noncurrent. `false` when there is none.
    pub(crate) fn remove(&self, name: &str, conditions: &Conditions) -> Result<bool, Error> {
        let now = self.clock.now();
        self.state().remove(name, conditions, now)
    }

    /// Deletes one version for ever. `false` when there is none.
    pub(crate) fn erase(
        &self,
        name: &str,
        generation: Generation,
        conditions: &Conditions,
    ) -> Result<bool, Error> {
        self.state().erase(name, generation, conditions)
    }

    /// One page of objects or versions.
    pub(crate) fn page(&self, query: &Query<'_>) -> Found {
        list::page(&self.state(), query)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners(&self) -> Vec<Listener> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An operation happens when its future is polled, wholly: one that is never polled never happens.
impl Store for Memory {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        let broken = move || Error::new(ErrorKind::Unusable, format!("get {name}: not valid gzip"));
        let read = move |stored: Stored| stored.decoded().ok_or_else(broken);
        Box::pin(async move { self.find(name, generation).map(read).transpose() })
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        let large = body.len() > CONTENT_BYTES_MAX;
        let upload = Upload {
            content_type: Some(stored::content_type_of(name).to_owned()),
            content_encoding: None,
            metadata: metadata.clone(),
            precondition: Some(precondition),
        };
        Box::pin(async move {
            if large {
                let reason = format!("put {name}: more than {CONTENT_BYTES_MAX} bytes");
                return Err(Error::new(ErrorKind::Unusable, reason));
            }
            Ok(self.insert(name, body, upload)?.generation)
        })
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        let conditions = Conditions::from(Some(Precondition::At(generation)));
        Box::pin(async move { self.remove(name, &conditions) })
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(async move {
            let refused =
                || Error::new(ErrorKind::Rejected, format!("list {}: token", list.prefix));
            let found = self.page(&Query::of(list).ok_or_else(refused)?);
            Ok(Page {
                items: found.items.iter().map(Stored::to_listed).collect(),
                prefixes: found.prefixes,
                next_page_token: found.next_page_token,
            })
        })
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(
            async move { Ok(self.state().versions(name).iter().map(Stored::to_listed).collect()) },
        )
    }
}
