//! Deliveries for one entity, handled together.
//!
//! One object takes about one write per second, so ten records of one entity must not become ten
//! writes. Deliveries with one [`domain::ObjectName::subject`] stand in a line. Whoever's turn it
//! is leads: it hands everything that stands there, its own delivery included, to the handler as
//! one batch. What arrives meanwhile is the next batch.
//!
//! There are no tasks behind the callers' backs, because Cloud Run gives a function no processor
//! time outside a request, and because a caller can vanish at any point. When a leader does, the
//! others still stand in the line and the next one leads; the handler sees their deliveries once
//! more, as it may with any delivery. Nobody gets an outcome before the handler has seen its
//! delivery.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use domain::{Delivery, Disposition, Failure, Handler, Outcome, Planted};
use futures_util::FutureExt as _;
use tokio::sync::OwnedMutexGuard;

/// The most deliveries that one call of the handler gets.
pub const BATCH_MAX: usize = 100;

/// A handler that gets deliveries of one entity in batches. Needs no particular runtime.
pub struct Coalescer {
    handler: Arc<dyn Handler>,
    lines: Mutex<Lines>,
    planted: Planted<Shortcut>,
}

/// Ways to be quicker that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// A delivery that finds another one leading is acknowledged at once.
    FollowersAcknowledged,
}

impl Shortcut {
    /// Every one of them.
    pub const ALL: [Self; 1] = [Self::FollowersAcknowledged];
}

/// The lines of all subjects that somebody waits for. A line is removed with its last waiter.
#[derive(Default)]
struct Lines {
    by_subject: HashMap<String, Line>,
    /// Tickets are dealt in the order of arrival.
    next_ticket: u64,
}

/// Those who wait for one subject.
#[derive(Default)]
struct Line {
    /// Held by the one who leads.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Their deliveries, by ticket.
    waiting: BTreeMap<u64, Arc<Waiting>>,
}

/// One delivery and the place for its outcome.
struct Waiting {
    delivery: Delivery,
    outcome: OnceLock<Outcome>,
}

/// A caller's place in a line, given up when the caller returns or vanishes.
struct Seat<'a> {
    coalescer: &'a Coalescer,
    subject: String,
    ticket: u64,
    waiting: Arc<Waiting>,
    /// Released after the seat has been given up, so that whoever leads next does not find it.
    turn: Option<OwnedMutexGuard<()>>,
}

impl Coalescer {
    /// Puts a line for each subject in front of `handler`.
    pub fn new(handler: Arc<dyn Handler>) -> Self {
        Self { handler, lines: Mutex::default(), planted: Planted::NONE }
    }

    /// The same, with a wrong turn that a test takes.
    #[cfg(any(test, feature = "planted-bugs"))]
    pub fn with_bug(handler: Arc<dyn Handler>, bug: Shortcut) -> Self {
        Self { planted: Planted::bug(bug), ..Self::new(handler) }
    }

    /// Handles `delivery`, alone or with others of the same subject, and returns its outcome.
    ///
    /// A panic in the handler is a retry for the whole batch. Safe to drop at any point.
    pub async fn handle(&self, delivery: Delivery) -> Outcome {
        let (mut seat, turn) = self.sit(delivery);
        if self.planted.has(Shortcut::FollowersAcknowledged) && turn.try_lock().is_err() {
            return Ok(Disposition::Skipped("another delivery leads"));
        }
        seat.turn = Some(turn.lock_owned().await);
        if let Some(outcome) = seat.waiting.outcome.get() {
            return outcome.clone();
        }
        let batch = seat.batch();
        let outcomes = self.call(&batch).await;
        for (waiting, outcome) in batch.iter().zip(outcomes) {
            waiting.outcome.get_or_init(|| outcome);
        }
        let outcome = seat.waiting.outcome.get().cloned();
        outcome.unwrap_or_else(|| retry("delivery was not in its own batch"))
    }

    /// How many subjects somebody waits for at present.
    #[cfg(test)]
    pub(crate) fn subjects(&self) -> usize {
        self.lines().by_subject.len()
    }

    fn sit(&self, delivery: Delivery) -> (Seat<'_>, Arc<tokio::sync::Mutex<()>>) {
        let subject = delivery.name.subject();
        let waiting = Arc::new(Waiting { delivery, outcome: OnceLock::new() });
        let mut lines = self.lines();
        let ticket = lines.next_ticket;
        lines.next_ticket += 1;
        let line = lines.by_subject.entry(subject.clone()).or_default();
        line.waiting.insert(ticket, Arc::clone(&waiting));
        let turn = Arc::clone(&line.turn);
        (Seat { coalescer: self, subject, ticket, waiting, turn: None }, turn)
    }

    /// Calls the handler with each different delivery of `batch` once, and returns an outcome for
    /// each member of `batch`.
    async fn call(&self, batch: &[Arc<Waiting>]) -> Vec<Outcome> {
        let mut deliveries: Vec<Delivery> = Vec::with_capacity(batch.len());
        let mut places = Vec::with_capacity(batch.len());
        for waiting in batch {
            let known = deliveries.iter().position(|delivery| *delivery == waiting.delivery);
            places.push(known.unwrap_or(deliveries.len()));
            if known.is_none() {
                deliveries.push(waiting.delivery.clone());
            }
        }
        // The call is inside as well: a handler may panic before it returns a future.
        let handled = async { self.handler.handle(&deliveries).await };
        let outcomes = match AssertUnwindSafe(handled).catch_unwind().await {
            // With a different number nobody can tell whose outcome is whose.
            Ok(outcomes) if outcomes.len() == deliveries.len() => outcomes,
            Ok(_) => vec![retry("handler gave no outcome for each delivery"); deliveries.len()],
            Err(_) => vec![retry("handler panicked"); deliveries.len()],
        };
        places.into_iter().filter_map(|place| outcomes.get(place).cloned()).collect()
    }

    /// Never held across a wait, and nothing panics while it is held.
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat<'_> {
    /// This one's delivery and the next in the line, [`BATCH_MAX`] together.
    ///
    /// Turns are taken in the order of arrival, so whoever was given an outcome by an earlier
    /// leader has left. Were one still there, its delivery would be handled once more, as any may.
    fn batch(&self) -> Vec<Arc<Waiting>> {
        let lines = self.coalescer.lines();
        let waiting = lines.by_subject.get(&self.subject).map(|line| &line.waiting);
        let others = waiting.into_iter().flatten().filter(|(ticket, _)| **ticket != self.ticket);
        let others = others.take(BATCH_MAX - 1).map(|(_, waiting)| Arc::clone(waiting));
        std::iter::once(Arc::clone(&self.waiting)).chain(others).collect()
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut lines = self.coalescer.lines();
        let Some(line) = lines.by_subject.get_mut(&self.subject) else { return };
        line.waiting.remove(&self.ticket);
        if line.waiting.is_empty() {
            lines.by_subject.remove(&self.subject);
        }
    }
}

fn retry(reason: &str) -> Outcome {
    Err(Failure::Retry(reason.to_owned()))
}
