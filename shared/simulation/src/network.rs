//! The way from a process to the bucket and back, on which everything can go wrong.
//!
//! An operation travels to the bucket, happens there at once and wholly, and its answer travels
//! back. Either way takes time. On the way there it can be lost, on the way back its answer can;
//! a process that dies meanwhile does not call back what it has sent.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use domain::{BoxFuture, Generation};
use emulator::{Memory, Upload};
use futures_util::FutureExt as _;
use store::{Error, ErrorKind, List, Listed, Metadata, Object, Operations, Page};
use store::{Precondition, Store};

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
    class_a: bool,
    happen: Option<Happen>,
    answered: Arc<AtomicBool>,
    waker: Waker,
    /// Nobody waits for the answer any more.
    abandoned: bool,
}

/// Makes an operation happen, or fail, and says how that ended.
type Happen = Box<dyn FnOnce(&Memory, Way) -> Told + Send>;

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It happens and its answer arrives.
    Well,
    /// It never happens.
    LostThere(ErrorKind),
    /// It happens and its answer is lost.
    LostBack(ErrorKind),
    /// The service answers that this is not permitted.
    Forbidden,
}

/// What the process is told, for the trace.
pub(crate) enum Told {
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

    /// The operation `id` has arrived at the bucket. Whose it is, unless it was called back.
    pub(crate) fn arrive(&self, id: u64) -> Option<usize> {
        let mut state = self.state();
        let call = state.calls.get_mut(&id)?;
        let (caller, abandoned, class_a) = (call.caller, call.abandoned, call.class_a);
        let happen = call.happen.take()?;
        let text = std::mem::take(&mut call.text);
        let way = state.way();
        let late = matches!(way, Way::LostThere(ErrorKind::Unavailable)) && state.times_out();
        let back = if late { CLIENT_TIMEOUT } else { state.latency() };
        state.operations.class_a += u64::from(class_a);
        state.operations.class_b += u64::from(!class_a);
        // The bucket has a clock and listeners of its own, which ask this network.
        drop(state);
        let told = happen(&self.bucket, way);
        let ended = if abandoned { " (nobody waits)" } else { "" };
        let way = match way {
            Way::Well => String::new(),
            way => format!(" [{way:?}]"),
        };
        self.note(format_args!("  #{caller} {text}: {told}{way}{ended}"));
        if abandoned {
            self.state().calls.remove(&id);
        } else {
            self.timeline.after(back, Event::Answer(id));
        }
        Some(caller)
    }

    /// The answer of the operation `id` has arrived. Whose it is, unless nobody waits for it.
    pub(crate) fn answer(&self, id: u64) -> Option<usize> {
        let call = self.state().calls.remove(&id)?;
        call.answered.store(true, Ordering::Relaxed);
        call.waker.wake();
        (!call.abandoned).then_some(call.caller)
    }

    fn begin(&self, call: Call) -> u64 {
        let mut state = self.state();
        state.called += 1;
        let id = state.called;
        state.calls.insert(id, call);
        let there = state.latency();
        self.timeline.after(there, Event::Arrive(id));
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

    fn way(&mut self) -> Way {
        let (dice, mix, faults) = (&self.dice, &self.mix, &mut self.faults);
        let kinds = [ErrorKind::Unavailable, ErrorKind::Unavailable, ErrorKind::Conflict];
        if dice.per_mille(mix.lost) {
            faults.strike(Fault::Lost);
            // The client's own retry of a write is answered 412: its first try took effect.
            return Way::LostBack(*dice.pick(&kinds));
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

/// The bucket as a process sees it.
pub(crate) struct Client(pub(crate) Arc<Network>);

impl Client {
    /// Sends an operation and waits for its answer. `make` makes it happen; `forbidden` is what
    /// a client answers that is told 403.
    async fn call<T: Send + 'static>(
        &self,
        (text, class_a): (String, bool),
        make: impl FnOnce(&Memory) -> Result<T, Error> + Send + 'static,
        forbidden: Option<T>,
        tell: fn(&T) -> Told,
    ) -> Result<T, Error> {
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        let failed = |kind| Err(Error::new(kind, "the network is at fault"));
        let happen = move |bucket: &Memory, way| {
            let result = match way {
                Way::Well => make(bucket),
                Way::LostThere(kind) => failed(kind),
                Way::LostBack(kind) => {
                    // Whatever became of it, nobody is told.
                    make(bucket).map_or(failed(kind), |_| failed(kind))
                }
                Way::Forbidden => forbidden.map_or(failed(ErrorKind::Unavailable), Ok),
            };
            let told = result.as_ref().map_or_else(|err| Told::Error(err.kind), tell);
            *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            told
        };
        let happen: Happen = Box::new(happen);
        let (network, answered) = (Arc::clone(&self.0), Arc::default());
        Travel { network, answered, sent: None, what: Some((text, class_a, happen)) }.await;
        let result = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.unwrap_or_else(|| failed(ErrorKind::Unavailable))
    }

    fn has(&self, shortcut: ClientShortcut) -> bool {
        self.0.shortcut == Some(shortcut)
    }
}

/// A future that is ready when the answer has arrived.
struct Travel {
    network: Arc<Network>,
    answered: Arc<AtomicBool>,
    sent: Option<u64>,
    what: Option<(String, bool, Happen)>,
}

impl Future for Travel {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some((text, class_a, happen)) = self.what.take() {
            let call = Call {
                caller: self.network.state().caller,
                text,
                class_a,
                happen: Some(happen),
                answered: Arc::clone(&self.answered),
                waker: context.waker().clone(),
                abandoned: false,
            };
            self.sent = Some(self.network.begin(call));
        }
        if self.answered.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        let mut state = self.network.state();
        if let Some(call) = self.sent.and_then(|id| state.calls.get_mut(&id)) {
            call.waker = context.waker().clone();
        }
        Poll::Pending
    }
}

impl Drop for Travel {
    fn drop(&mut self) {
        if let Some(id) = self.sent.filter(|_| !self.answered.load(Ordering::Relaxed)) {
            self.network.abandon(id);
        }
    }
}

/// The bucket in memory answers when it is first asked.
fn at_once<T>(operation: BoxFuture<'_, Result<T, Error>>) -> Result<T, Error> {
    let pending = || Err(Error::new(ErrorKind::Unavailable, "the bucket does not answer"));
    operation.now_or_never().unwrap_or_else(pending)
}

impl Store for Client {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        let text = match generation {
            None => format!("get {name}"),
            Some(generation) => format!("get {name} of {generation}"),
        };
        let owned = name.to_owned();
        let make = move |bucket: &Memory| at_once(bucket.get(&owned, generation));
        let forbidden = self.has(ClientShortcut::ForbiddenTakenForMissing).then_some(None);
        let tell = |object: &Option<Object>| {
            object.as_ref().map_or(Told::Nothing, |object| Told::Generation(object.generation))
        };
        Box::pin(self.call((text, false), make, forbidden, tell))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        let text = match precondition {
            Precondition::Absent => format!("put {name} if absent"),
            Precondition::At(generation) => format!("put {name} if {generation}"),
        };
        let upload = Upload { metadata: metadata.clone(), ..Upload::default() };
        let again = (body.clone(), upload, name.to_owned());
        let (owned, metadata) = (name.to_owned(), metadata.clone());
        let compares_metageneration = self.has(ClientShortcut::MetagenerationCompared);
        let make = move |bucket: &Memory| {
            let live = || at_once(bucket.get(&owned, None)).ok().flatten();
            let precondition = match (precondition, compares_metageneration) {
                (Precondition::At(_), true) => Precondition::unchanged(live().as_ref()),
                (precondition, _) => precondition,
            };
            at_once(bucket.put(&owned, body, &metadata, precondition))
        };
        let tell = |generation: &Generation| Told::Generation(*generation);
        Box::pin(async move {
            let put = self.call((text, true), make, None, tell).await;
            let lost = matches!(&put, Err(err) if err.kind == ErrorKind::Unavailable);
            if !(lost && self.has(ClientShortcut::RetriedWithoutPrecondition)) {
                return put;
            }
            let (body, upload, name) = again;
            let text = format!("put {name} whatever is there");
            let insert = move |bucket: &Memory| {
                bucket.insert(&name, body, upload).map(|stored| stored.generation)
            };
            self.call((text, true), insert, None, tell).await
        })
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        let text = format!("delete {name} if {generation}");
        let owned = name.to_owned();
        let make = move |bucket: &Memory| at_once(bucket.delete(&owned, generation));
        Box::pin(self.call((text, false), make, None, |_| Told::Nothing))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        let text = format!("list {}", list.prefix);
        let owned = list.clone();
        let make = move |bucket: &Memory| at_once(bucket.list(&owned));
        Box::pin(self.call((text, true), make, None, |page| Told::Count(page.items.len())))
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        let text = format!("versions {name}");
        let owned = name.to_owned();
        let make = move |bucket: &Memory| at_once(bucket.versions(&owned));
        Box::pin(self.call((text, true), make, None, |versions| Told::Count(versions.len())))
    }
}
