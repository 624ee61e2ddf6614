//! One run: writers, the bucket, its notifications, pushes, processes, and time.
//!
//! Everything happens in one thread, in the order of the timeline. What a process does between
//! two operations takes no time.

mod end;
mod operators;
mod processes;
mod pubsub;
mod releases;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use domain::{Definitions, Instant};
use emulator::{Memory, Stored, Upload};
use store::Precondition;

pub(crate) use self::operators::Said;
use self::processes::Running;
use self::pubsub::{Attempt, Pending};
use crate::dice::Dice;
use crate::fleet::{Fleet, Function, Post};
use crate::network::{Arrived, ClientShortcut, Network};
use crate::plan::{Mix, Plan, Planned};
use crate::report::{Check, Counts, Fault, Report, Wrong};
use crate::seen::Seen;
use crate::timeline::{Next, Timeline, VirtualClock};
use crate::trace::Trace;

/// The bucket of every run.
const BUCKET: &str = "simulated";

/// A run that has not ended after so many events never does.
const EVENTS_MAX: usize = 400_000;

/// The longest time in which records are written and everything goes wrong.
const WRONG_MAX: Duration = Duration::from_secs(8 * 60);

/// Rules that were read before are older than any cache keeps them.
const RULES_PAUSE: Duration = Duration::from_secs(31);

/// What can happen.
pub(crate) enum Event {
    /// The record of that number is written.
    Write(usize),
    /// The command of that number is run.
    Operate(usize),
    /// An operation arrives at the bucket.
    Arrive(u64),
    /// The answer to an operation arrives.
    Answer(u64),
    /// The message of that number is pushed.
    Push(usize),
    /// The attempt of that number should have ended.
    Deadline(usize),
    /// The attempt of that number goes on after a pause.
    Thaw(usize),
    /// A process is replaced by one of another release.
    Redeploy,
    /// A release with newer definitions is there, and somebody brings the data along.
    Release,
    /// It takes all pushes.
    RolledOut,
    /// No request to the older release is under way any more.
    OlderEnded,
    /// Nothing goes wrong from here on.
    Calm,
}

/// Shared by all runs: what does not change.
pub struct Scenery<'a> {
    /// The functions.
    pub fleet: &'a dyn Fleet,
    /// [`crate::definitions`].
    pub definitions: Arc<Definitions>,
    /// [`crate::definitions_before`].
    pub definitions_before: Arc<Definitions>,
    /// [`crate::definitions_with_older_index`].
    pub definitions_with_older_index: Arc<Definitions>,
    /// A mistake of the client of Cloud Storage.
    pub client_shortcut: Option<ClientShortcut>,
}

/// Puts an attempt in line to be polled.
struct Alarm {
    attempt: usize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.attempt);
    }
}

/// Runs `plan`; its lines are kept if somebody wants to read them.
pub fn run(scenery: &Scenery<'_>, plan: &Plan, readable: bool) -> Report {
    let mut world = World::new(scenery, plan, readable);
    let played = world.play();
    world.end(played)
}

struct World<'a> {
    scenery: &'a Scenery<'a>,
    plan: &'a Plan,
    timeline: Arc<Timeline<Event>>,
    network: Arc<Network>,
    dice: Dice,
    mix: Mix,
    functions: Vec<Function>,
    /// The processes that take pushes, for each function.
    deployed: Vec<Vec<usize>>,
    processes: Vec<Running>,
    pending: Vec<Pending>,
    attempts: Vec<Attempt>,
    ready: Arc<Mutex<VecDeque<usize>>>,
    finalized: Arc<Mutex<Vec<Stored>>>,
    sent: Arc<Mutex<Vec<String>>>,
    /// Requests to targets, and whether they have arrived.
    posts: Arc<Mutex<Vec<(Post, bool)>>>,
    /// What becomes of them.
    fate: Arc<Mutex<Dice>>,
    /// What commands have printed: in which attempt, and when.
    printed: Arc<Mutex<Vec<(usize, Instant, String)>>>,
    seen: Seen,
    counts: Counts,
    events: usize,
    calm: bool,
}

impl<'a> World<'a> {
    fn new(scenery: &'a Scenery<'a>, plan: &'a Plan, readable: bool) -> Self {
        let dice = Dice::new(plan.seed);
        let timeline = Timeline::new();
        let clock = Arc::new(VirtualClock(Arc::clone(&timeline)));
        let bucket = Memory::new(BUCKET, clock, dice.seed());
        let finalized: Arc<Mutex<Vec<Stored>>> = Arc::default();
        let listener = Arc::clone(&finalized);
        bucket.on_finalize(Box::new(move |stored| {
            listener.lock().unwrap_or_else(PoisonError::into_inner).push(stored.clone());
        }));
        let state = (Dice::new(dice.seed()), plan.mix.calmed(), Trace::new(readable));
        let network = Network::new(bucket, Arc::clone(&timeline), scenery.client_shortcut, state);
        let functions = scenery.fleet.functions();
        let mut world = Self {
            scenery,
            plan,
            timeline,
            network,
            dice,
            mix: plan.mix.calmed(),
            deployed: vec![Vec::new(); functions.len()],
            functions,
            processes: Vec::new(),
            pending: Vec::new(),
            attempts: Vec::new(),
            ready: Arc::default(),
            finalized,
            sent: Arc::default(),
            posts: Arc::default(),
            fate: Arc::new(Mutex::new(Dice::new(plan.seed.rotate_left(1)))),
            printed: Arc::default(),
            seen: Seen::default(),
            counts: Counts::default(),
            events: 0,
            calm: true,
        };
        for function in 0..world.functions.len() {
            if world.functions[function].is_job() {
                continue;
            }
            for _ in 0..plan.mix.instances.max(1) {
                let newer = plan.mix.older_index > 0 && world.dice.per_mille(500);
                let process = world.start(function, u64::from(newer));
                world.deployed[function].push(process);
            }
        }
        world
    }

    /// Everything from beginning to end. It is judged before operators look at it: what they mend and
    /// restore would hide what is wrong.
    fn play(&mut self) -> Result<(), Wrong> {
        let endless = |what| Wrong { check: Check::Ends, what };
        self.come_to_rest().map_err(endless)?;
        self.judge()?;
        self.look().map_err(endless)
    }

    /// Lets everything happen that is planned; why it does not come to an end.
    fn come_to_rest(&mut self) -> Result<(), String> {
        let plan = self.plan;
        for record in &plan.given {
            self.write(record);
        }
        self.drain()?;
        self.begin();
        self.drain()?;
        if plan.changes_rules() {
            self.sweep()?;
        }
        self.repair_wanted()
    }

    /// Everything goes wrong from here on, until it does not any more.
    fn begin(&mut self) {
        let plan = self.plan;
        self.set_mix(&plan.mix);
        self.calm = false;
        if plan.mix.write_rate > 0 {
            self.network.bucket.limit_write_rate(Some(Duration::from_secs(1)));
        }
        let last = plan.records.last().map_or(Duration::ZERO, |record| record.at);
        // Messages that nobody can handle for hours become more and more.
        let wrong = last.min(WRONG_MAX);
        let mut calm_at = RULES_PAUSE + wrong + self.dice.millis(0, 120_000);
        if plan.mix.changes_release() {
            calm_at = calm_at.max(self.plan_release(RULES_PAUSE, last));
        }
        for (number, record) in plan.records.iter().enumerate() {
            self.timeline.after(RULES_PAUSE + record.at, Event::Write(number));
        }
        for (number, command) in plan.commands.iter().enumerate() {
            self.timeline.after(RULES_PAUSE + command.at, Event::Operate(number));
        }
        for _ in 0..plan.mix.redeploys {
            let busy = u64::try_from(last.as_millis()).unwrap_or(0) + 3_000;
            let at = RULES_PAUSE + self.dice.millis(0, busy);
            self.timeline.after(at, Event::Redeploy);
        }
        self.timeline.after(calm_at, Event::Calm);
    }

    /// A rule that has changed reaches an entity with its next event: every snapshot is announced
    /// once more, to whoever evaluates rules.
    pub(super) fn sweep(&mut self) -> Result<(), String> {
        self.timeline.after(RULES_PAUSE, Event::Calm);
        self.drain()?;
        for stored in self.seen.live_snapshots(&self.network.bucket) {
            self.announce(&stored, |function| function.name == "rules-engine");
        }
        self.drain()
    }

    /// Goes on until nothing is left to happen; why that never is.
    fn drain(&mut self) -> Result<(), String> {
        loop {
            self.poll();
            match self.timeline.next() {
                None => return self.settled(),
                Some(Next::Woken) => (),
                Some(Next::Event(event)) => self.happen(event),
            }
            self.events += 1;
            if self.events > EVENTS_MAX {
                return Err(format!("no end after {EVENTS_MAX} events"));
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Write(number) => self.write(&self.plan.records[number]),
            Event::Operate(number) => self.operate(number),
            Event::Arrive(id) => self.arrive(id),
            Event::Answer(id) => self.answer(id),
            Event::Push(message) => self.push(message),
            Event::Deadline(attempt) => self.deadline(attempt),
            Event::Thaw(attempt) => self.wake(attempt),
            Event::Redeploy => self.redeploy(),
            Event::Release => self.release(),
            Event::RolledOut => self.rolled_out(),
            Event::OlderEnded => self.older_ended(),
            Event::Calm => {
                self.network.note(format_args!("calm"));
                self.set_mix(&self.plan.mix.calmed());
                self.calm = true;
            }
        }
    }

    fn set_mix(&mut self, mix: &Mix) {
        self.mix = mix.clone();
        self.network.state().mix = mix.clone();
    }

    fn write(&mut self, record: &Planned) {
        self.network.note(format_args!(
            "write {} {}",
            record.name,
            String::from_utf8_lossy(&record.body).trim_end()
        ));
        let upload = Upload { precondition: Some(Precondition::Absent), ..Upload::default() };
        let body = record.body.clone();
        let written = self.network.bucket.insert(&record.name, body, upload);
        written.expect("a plan names every record differently, and nobody else writes history");
        self.counts.records += 1;
        self.announce_finalized();
    }

    fn announce_finalized(&mut self) {
        let finalized = {
            let mut finalized = self.finalized.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *finalized)
        };
        for stored in finalized {
            self.seen.note(&stored);
            if self.dice.per_mille(self.mix.expired) && self.seen.expire(&self.network.bucket) {
                self.strike(Fault::Expired);
            }
            self.announce(&stored, |_| true);
        }
    }

    fn wake(&self, attempt: usize) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push_back(attempt);
    }

    /// Lets every attempt go on that can.
    fn poll(&mut self) {
        loop {
            let next = self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(id) = next else { return };
            if self.attempts[id].paused_until > self.timeline.now() {
                continue;
            }
            let Some(mut future) = self.attempts[id].future.take() else { continue };
            self.network.state().caller = id;
            let alarm = Alarm { attempt: id, ready: Arc::clone(&self.ready) };
            let waker = Waker::from(Arc::new(alarm));
            match Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => self.attempts[id].future = Some(future),
                Poll::Ready(status) => self.answered(id, status),
            }
        }
    }

    fn arrive(&mut self, id: u64) {
        let early = self.network.caller_of(id).filter(|_| self.dice.per_mille(500));
        if let Some(attempt) = early {
            self.endanger(attempt);
        }
        if let Some(Arrived { caller, wrote }) = self.network.arrive(id) {
            self.attempts[caller].operations += 1;
            if wrote {
                self.doom(caller);
            }
        }
        self.announce_finalized();
    }

    fn answer(&mut self, id: u64) {
        let Some(attempt) = self.network.answer(id) else { return };
        self.endanger(attempt);
        if self.dice.per_mille(self.mix.pauses) {
            self.strike(Fault::Pause);
            let pause = self.dice.millis(500, 90_000);
            self.attempts[attempt].paused_until = self.timeline.now() + pause;
            self.network.note(format_args!("  #{attempt} stands still for {pause:?}"));
            self.timeline.after(pause, Event::Thaw(attempt));
            if self.dice.per_mille(self.mix.dooms) {
                self.attempts[attempt].doom = Some(self.dice.between(1, 3));
            }
        }
    }

    fn strike(&mut self, fault: Fault) {
        self.network.state().faults.strike(fault);
    }
}
