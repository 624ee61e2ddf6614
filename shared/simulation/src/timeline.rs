//! Virtual time: what is going to happen, and the clock that processes see.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use domain::{BoxFuture, Clock, Instant};

/// When every run begins, in milliseconds since 1970: 2025-11-06T10:59:00Z. The hour, by which the
/// journal goes, ends while things happen.
const BEGIN_MS: i64 = 1_762_426_740_000;

/// The instant so many milliseconds after the beginning of a run.
pub(crate) fn instant(ms: i64) -> Instant {
    Instant::from_unix_millis(BEGIN_MS + ms)
}

/// What is going to happen at which time, in one order. `E` is what can happen.
pub(crate) struct Timeline<E> {
    state: Mutex<State<E>>,
}

struct State<E> {
    now: Duration,
    /// By time, and by the order in which it was said where times are equal.
    agenda: BTreeMap<(Duration, u64), What<E>>,
    said: u64,
}

enum What<E> {
    Event(E),
    Wake(Waker),
}

impl<E: Send + 'static> Timeline<E> {
    /// Nothing is going to happen.
    pub(crate) fn new() -> Arc<Self> {
        let state = State { now: Duration::ZERO, agenda: BTreeMap::new(), said: 0 };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// The time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.state().now
    }

    /// The present, as clocks show it.
    pub(crate) fn instant(&self) -> Instant {
        instant(0).after(self.now())
    }

    /// Says that `event` happens after `delay`.
    pub(crate) fn after(&self, delay: Duration, event: E) {
        self.state().say(delay, What::Event(event));
    }

    /// Goes on to what happens next; `None` when nothing does. Sleepers are woken on the way.
    pub(crate) fn next(&self) -> Option<Next<E>> {
        let mut state = self.state();
        let ((at, _), what) = state.agenda.pop_first()?;
        state.now = at;
        drop(state);
        Some(match what {
            What::Event(event) => Next::Event(event),
            What::Wake(waker) => {
                waker.wake();
                Next::Woken
            }
        })
    }

    fn state(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happened.
pub(crate) enum Next<E> {
    Event(E),
    Woken,
}

impl<E> State<E> {
    fn say(&mut self, delay: Duration, what: What<E>) -> (Duration, u64) {
        self.said += 1;
        let key = (self.now + delay, self.said);
        self.agenda.insert(key, what);
        key
    }
}

/// The clock of a process.
pub(crate) struct VirtualClock<E>(pub(crate) Arc<Timeline<E>>);

impl<E: Send + 'static> Clock for VirtualClock<E> {
    fn now(&self) -> Instant {
        self.0.instant()
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        Box::pin(Sleep { timeline: Arc::clone(&self.0), delay, alarm: None })
    }
}

/// A future that is ready when its time has come.
struct Sleep<E: Send + 'static> {
    timeline: Arc<Timeline<E>>,
    delay: Duration,
    alarm: Option<(Duration, u64)>,
}

impl<E: Send + 'static> Future for Sleep<E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let wake = What::Wake(context.waker().clone());
        let timeline = Arc::clone(&self.timeline);
        let mut state = timeline.state();
        match self.alarm {
            None => self.alarm = Some(state.say(self.delay, wake)),
            Some((at, _)) if at <= state.now => return Poll::Ready(()),
            Some(key) => drop(state.agenda.insert(key, wake)),
        }
        Poll::Pending
    }
}

impl<E: Send + 'static> Drop for Sleep<E> {
    fn drop(&mut self) {
        // What nobody waits for does not happen.
        if let Some(key) = self.alarm {
            self.timeline.state().agenda.remove(&key);
        }
    }
}
