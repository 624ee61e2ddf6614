//! Every interleaving of a few attempts, at small scope.
//!
//! Each store operation of an attempt is one step. An attempt that is dropped between two steps
//! has crashed there. The search goes through all choices depth first, running from the
//! beginning each time, and leaves off where it meets a state that it has been in before.

mod race;

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::future::poll_fn;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use domain::{BoxFuture, Generation};
use store::{Error, List, Listed, Metadata, Object, Page, Precondition, Store};

pub use race::{Race, Verdict, interruptions_max};

/// Lets an attempt make one operation at a time.
#[derive(Default)]
pub struct Gate {
    open: AtomicBool,
    seen: Mutex<DefaultHasher>,
}

impl Gate {
    /// What the attempt has asked and been told so far, as a number: attempts of the same
    /// handler with equal numbers are in the same state.
    fn trace(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).finish()
    }

    fn note(&self, told: impl Hash) {
        told.hash(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for the step in which the operation happens, and begins it only then.
    async fn step<'a, T: Debug>(&self, operation: impl FnOnce() -> BoxFuture<'a, T>) -> T {
        poll_fn(|context| {
            if self.open.swap(false, Ordering::Relaxed) {
                return Poll::Ready(());
            }
            // A future among others is polled again only if it asks for it.
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let result = operation().await;
        self.note(format!("{result:?}"));
        result
    }
}

/// A store behind a gate.
pub struct Gated {
    inner: Arc<dyn Store>,
    gate: Arc<Gate>,
    constant: &'static [&'static str],
}

impl Gated {
    /// The same bucket, one operation at a time. Reading one of the `constant` objects, which
    /// nobody writes, is no step: it makes no difference when it happens.
    pub fn new(inner: Arc<dyn Store>, constant: &'static [&'static str]) -> (Arc<Self>, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        (Arc::new(Self { inner, gate: Arc::clone(&gate), constant }), gate)
    }
}

impl Store for Gated {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        if self.constant.contains(&name) {
            return self.inner.get(name, generation);
        }
        Box::pin(self.gate.step(move || self.inner.get(name, generation)))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        let put = move || self.inner.put(name, body, metadata, precondition);
        Box::pin(self.gate.step(put))
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.gate.step(move || self.inner.delete(name, generation)))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(self.gate.step(|| self.inner.list(list)))
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(self.gate.step(|| self.inner.versions(name)))
    }
}

/// A future that goes from one store operation to the next.
pub struct Attempt<T> {
    future: Option<BoxFuture<'static, T>>,
    gate: Arc<Gate>,
    result: Option<T>,
}

impl<T> Attempt<T> {
    /// An attempt that has not begun. All its operations go through `gate`.
    pub fn new(gate: Arc<Gate>, future: BoxFuture<'static, T>) -> Self {
        let mut attempt = Self { future: Some(future), gate, result: None };
        attempt.poll();
        attempt
    }

    /// Makes the next operation and goes on to the one after it.
    ///
    /// # Panics
    ///
    /// If the attempt waits for anything else than the store: it would never go on.
    pub fn step(&mut self) {
        self.gate.open.store(true, Ordering::Relaxed);
        self.poll();
        let unused = self.gate.open.swap(false, Ordering::Relaxed);
        assert!(!(unused && self.runs()), "the attempt waits for something else than the store");
    }

    /// Goes on to the end.
    pub fn finish(&mut self) -> Option<&T> {
        while self.runs() {
            self.step();
        }
        self.result.as_ref()
    }

    /// Drops the attempt where it is.
    pub fn crash(&mut self) {
        self.future = None;
    }

    /// Whether it has operations to make.
    pub fn runs(&self) -> bool {
        self.future.is_some()
    }

    /// How it ended, if it has not crashed.
    pub fn result(&self) -> Option<&T> {
        self.result.as_ref()
    }

    /// A number for the state it is in.
    pub fn trace(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        (self.gate.trace(), self.runs(), self.result.is_some()).hash(&mut hash);
        hash.finish()
    }

    fn poll(&mut self) {
        let Some(future) = &mut self.future else { return };
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            self.result = Some(result);
            self.future = None;
        }
    }
}

/// Goes through all schedules.
#[derive(Default)]
pub struct Explorer {
    /// What is chosen at each point, and of how many.
    choices: Vec<(usize, usize)>,
    at: usize,
    visited: HashSet<u64>,
    runs: u64,
}

/// How much a search went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    /// States in which something was chosen.
    pub states: u64,
    /// Runs from the beginning.
    pub runs: u64,
}

impl Explorer {
    /// Calls `run` once for each schedule. It has to make the same choices lead to the same
    /// states, and to return when [`Explorer::choose`] says that it has been there.
    pub fn explore(mut run: impl FnMut(&mut Self)) -> Explored {
        let mut explorer = Self::default();
        loop {
            explorer.at = 0;
            explorer.runs += 1;
            run(&mut explorer);
            while explorer.choices.last().is_some_and(|(chosen, of)| chosen + 1 == *of) {
                explorer.choices.pop();
            }
            let Some((chosen, _)) = explorer.choices.last_mut() else { break };
            *chosen += 1;
        }
        Explored { states: explorer.visited.len() as u64, runs: explorer.runs }
    }

    /// Chooses one of `options` in the state whose number `state` computes; `None` when everything
    /// that follows from here has been gone through, or there is no option.
    pub fn choose(&mut self, state: impl FnOnce() -> u64, options: usize) -> Option<usize> {
        if options == 0 {
            return None;
        }
        if self.at == self.choices.len() {
            if !self.visited.insert(state()) {
                return None;
            }
            self.choices.push((0, options));
        }
        let (chosen, _) = self.choices[self.at];
        self.at += 1;
        Some(chosen)
    }

    /// The choices of this run, for a message that lets a person follow it.
    pub fn path(&self) -> Vec<usize> {
        self.choices[..self.at].iter().map(|(chosen, _)| *chosen).collect()
    }
}
