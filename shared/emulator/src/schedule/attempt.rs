//! One attempt, going from one store operation to the next.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant};
use store::{Error, List, Listed, Metadata, Object, Page, Precondition, Store};

/// Lets an attempt make one operation at a time.
#[derive(Default)]
pub struct Gate {
    open: AtomicBool,
}

impl Gate {
    /// Waits for the step in which the operation happens, and begins it only then.
    async fn step<'a, T>(&self, operation: impl FnOnce() -> BoxFuture<'a, T>) -> T {
        poll_fn(|context| {
            if self.open.swap(false, Ordering::Relaxed) {
                return Poll::Ready(());
            }
            // A future among others is polled again only if it asks for it.
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        operation().await
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

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.gate.step(move || self.inner.erase(name, generation)))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(self.gate.step(|| self.inner.list(list)))
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(self.gate.step(|| self.inner.versions(name)))
    }

    fn answered_at(&self) -> Option<Instant> {
        self.inner.answered_at()
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

    fn poll(&mut self) {
        let Some(future) = &mut self.future else { return };
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            self.result = Some(result);
            self.future = None;
        }
    }
}
