//! What a handler in a race works with: nothing but what the race gives it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{BoxFuture, Clock, Ids, Instant};
use store::{Store, Tools};

use super::script::Script;
use crate::tools;

/// The process that one attempt runs in.
#[derive(Clone)]
pub struct Process {
    /// The bucket.
    pub store: Arc<dyn Store>,
    /// What it does besides asking the store.
    pub notes: Arc<Notes>,
    pub(super) script: Arc<Script>,
    pub(super) number: u128,
}

/// What attempts do besides asking the store, such as sending something, in their order.
#[derive(Default)]
pub struct Notes(Mutex<Vec<String>>);

impl Notes {
    /// Notes that `what` has been done.
    pub fn note(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    pub(super) fn read(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Process {
    /// [`tools`] over its store, with a clock that stands still and an id that all attempts of
    /// one message draw, again and again: what an attempt does depends on nothing else than its
    /// message and what the store says.
    pub fn tools(&self) -> Tools {
        let clock = Arc::new(Standing {
            at: tools(self.store.clone()).clock.now(),
            script: self.script.clone(),
        });
        Tools { clock, ids: Arc::new(Same(self.number)), ..tools(self.store.clone()) }
    }
}

/// A clock that stands still; whoever sleeps on it has paused.
struct Standing {
    at: Instant,
    script: Arc<Script>,
}

impl Clock for Standing {
    fn now(&self) -> Instant {
        self.at
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(self.script.pause())
    }
}

struct Same(u128);

impl Ids for Same {
    fn random(&self) -> u128 {
        self.0
    }
}
