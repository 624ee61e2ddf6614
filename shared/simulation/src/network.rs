//! The way from a process to the bucket and back, on which everything can go wrong.
//!
//! An operation travels to the bucket, happens there at once and wholly, and its answer travels
//! back. Either way takes time. On the way there it can be lost, on the way back its answer can;
//! a process that dies meanwhile does not call back what it has sent.

mod client;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use domain::Generation;
use emulator::Memory;
use store::{ErrorKind, Operations};

pub(crate) use self::client::Client;
use crate::dice::Dice;
use crate::plan::Mix;
use crate::report::{Fault, Faults};
use crate::timeline::Timeline;
use crate::trace::Trace;
use crate::world::Event;

/// A mistake of a client of Cloud Storage, which tests make it make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientShortcut {
    /// Writes compare the metageneration, which begins at 1 with every version.
    MetagenerationCompared,
    /// An answer 403 is taken for a missing object.
    ForbiddenTakenForMissing,
    /// A write whose answer is lost is made again without its precondition.
    RetriedWithoutPrecondition,
}

impl ClientShortcut {
    /// Every one of them.
    pub const ALL: [Self; 3] = [
        Self::MetagenerationCompared,
        Self::ForbiddenTakenForMissing,
        Self::RetriedWithoutPrecondition,
    ];
}

/// How long an operation without an answer is waited for.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything between processes and the bucket, and what decides about it.
pub(crate) struct Network {
    pub(crate) bucket: Arc<Memory>,
    pub(crate) timeline: Arc<Timeline<Event>>,
    shortcut: Option<ClientShortcut>,
    state: Mutex<State>,
}

/// What changes.
pub(crate) struct State {
    pub(crate) dice: Dice,
    pub(crate) mix: Mix,
    pub(crate) trace: Trace,
    pub(crate) faults: Faults,
    pub(crate) operations: Operations,
    /// The attempt whose future is being polled.
    pub(crate) caller: usize,
    calls: BTreeMap<u64, Call>,
    called: u64,
}

/// An operation on its way.
struct Call {
    caller: usize,
    /// What is asked: `get env/dev/…`.
    text: String,
    sort: Sort,
    happen: Option<Happen>,
    answered: Arc<AtomicBool>,
    waker: Waker,
    /// Nobody waits for the answer any more.
    abandoned: bool,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Read,
    List,
    Write,
    Delete,
}

/// An operation that has arrived at the bucket.
pub(crate) struct Arrived {
    /// The attempt whose it is.
    pub(crate) caller: usize,
    /// Whether it has written, as far as can be told from here.
    pub(crate) wrote: bool,
}

/// Makes an operation happen, or fail, and says how that ended.
type Happen = Box<dyn FnMut(&Memory, Way) -> Told + Send>;

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It happens and its answer arrives.
    Well,
    /// It never happens.
    LostThere(ErrorKind),
    /// It is told to have failed, and happens later.
    Late,
    /// It happens and its answer is lost.
    LostBack(ErrorKind),
    /// The service answers that this is not permitted.
    Forbidden,
}

/// What the process is told, for the trace.
enum Told {
    Generation(Generation),
    Count(usize),
    Nothing,
    Error(ErrorKind),
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generation(generation) => write!(f, "generation {generation}"),
            Self::Count(count) => write!(f, "{count} items"),
            Self::Nothing => f.write_str("nothing"),
            Self::Error(kind) => write!(f, "{kind:?}"),
        }
    }
}

impl Network {
    pub(crate) fn new(
        bucket: Arc<Memory>,
        timeline: Arc<Timeline<Event>>,
        shortcut: Option<ClientShortcut>,
        (dice, mix, trace): (Dice, Mix, Trace),
    ) -> Arc<Self> {
        let state = State {
            dice,
            mix,
            trace,
            faults: Faults::default(),
            operations: Operations::default(),
            caller: 0,
            calls: BTreeMap::new(),
            called: 0,
        };
        Arc::new(Self { bucket, timeline, shortcut, state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something in the trace.
    pub(crate) fn note(&self, what: fmt::Arguments<'_>) {
        self.state().trace.note(self.timeline.now(), what);
    }

    /// Whose the operation `id` is, if somebody waits for it.
    pub(crate) fn caller_of(&self, id: u64) -> Option<usize> {
        let state = self.state();
        state.calls.get(&id).filter(|call| !call.abandoned).map(|call| call.caller)
    }

    /// The operation `id` has arrived at the bucket, unless it was called back.
    pub(crate) fn arrive(&self, id: u64) -> Option<Arrived> {
        let mut state = self.state();
        let call = state.calls.get_mut(&id)?;
        let (caller, abandoned, sort) = (call.caller, call.abandoned, call.sort);
        let mut happen = call.happen.take()?;
        let (answered, waker) = (Arc::clone(&call.answered), call.waker.clone());
        let text = std::mem::take(&mut call.text);
        let way = state.way(sort);
        let unanswered = matches!(way, Way::LostThere(ErrorKind::Unavailable)) && state.times_out();
        let back = if unanswered { CLIENT_TIMEOUT } else { state.latency() };
        let count = match sort {
            Sort::Read => &mut state.operations.class_b,
            Sort::List | Sort::Write => &mut state.operations.class_a,
            Sort::Delete => &mut state.operations.deletes,
        };
        *count += 1;
        // The bucket has a clock and listeners of its own, which ask this network.
        drop(state);
        let told = happen(&self.bucket, way);
        let wrote = matches!(told, Told::Generation(_));
        let ended = if abandoned { " (nobody waits)" } else { "" };
        let is_late = way == Way::Late && !abandoned;
        let way = match way {
            Way::Well => String::new(),
            way => format!(" [{way:?}]"),
        };
        self.note(format_args!("  #{caller} {text}: {told}{way}{ended}"));
        if is_late {
            // The caller has gone on by then.
            let text = format!("{text} (late)");
            let happen = Some(happen);
            let call = Call { caller, text, sort, happen, answered, waker, abandoned: true };
            let delay = back + self.state().dice.millis(1, 20_000);
            self.send(call, delay);
        }
        if abandoned {
            self.state().calls.remove(&id);
        } else {
            self.timeline.after(back, Event::Answer(id));
        }
        Some(Arrived { caller, wrote: sort == Sort::Write && wrote })
    }

    /// The answer of the operation `id` has arrived. Whose it is, unless nobody waits for it.
    pub(crate) fn answer(&self, id: u64) -> Option<usize> {
        let call = self.state().calls.remove(&id)?;
        call.answered.store(true, Ordering::Relaxed);
        call.waker.wake();
        (!call.abandoned).then_some(call.caller)
    }

    fn begin(&self, call: Call) -> u64 {
        let there = self.state().latency();
        self.send(call, there)
    }

    fn send(&self, call: Call, delay: Duration) -> u64 {
        let mut state = self.state();
        state.called += 1;
        let id = state.called;
        state.calls.insert(id, call);
        self.timeline.after(delay, Event::Arrive(id));
        id
    }

    /// Nobody waits for the operation `id` any more. If it is still on its way it may happen all
    /// the same.
    fn abandon(&self, id: u64) {
        let mut state = self.state();
        let recalled = state.dice.per_mille(500);
        let Some(call) = state.calls.get_mut(&id) else { return };
        call.abandoned = true;
        if recalled || call.happen.is_none() {
            state.calls.remove(&id);
        }
    }
}

impl State {
    /// How long one way takes.
    fn latency(&mut self) -> Duration {
        if self.dice.per_mille(self.mix.slow) {
            return self.dice.millis(500, 8_000);
        }
        self.dice.millis(1, 1 + self.mix.latency_ms)
    }

    fn times_out(&mut self) -> bool {
        self.dice.per_mille(200)
    }

    fn way(&mut self, sort: Sort) -> Way {
        let (dice, mix, faults) = (&self.dice, &self.mix, &mut self.faults);
        let writes = sort == Sort::Write;
        if dice.per_mille(mix.lost) {
            faults.strike(Fault::Lost);
            // The client's own retry of a write is answered 412: its first try took effect.
            let conflict = writes && dice.per_mille(333);
            let kind = if conflict { ErrorKind::Conflict } else { ErrorKind::Unavailable };
            return Way::LostBack(kind);
        }
        if writes && dice.per_mille(mix.late) {
            faults.strike(Fault::Late);
            return Way::Late;
        }
        if dice.per_mille(mix.failures) {
            faults.strike(Fault::Failure);
            return Way::LostThere(ErrorKind::Unavailable);
        }
        if dice.per_mille(mix.throttled) {
            faults.strike(Fault::Throttled);
            return Way::LostThere(ErrorKind::Throttled);
        }
        if dice.per_mille(mix.forbidden) {
            faults.strike(Fault::Forbidden);
            return Way::Forbidden;
        }
        Way::Well
    }
}
