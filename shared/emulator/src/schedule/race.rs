//! Objects written one after the other, for each a message, and the attempts that handle them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use domain::{Delivery, Handler, Outcome};
use store::Store;

use super::{Attempt, Explored, Explorer, Gated};
use crate::Memory;

/// Says what is wrong with a bucket at rest, given the deliveries there were.
pub type Verdict<'a> = dyn Fn(&Memory, &[Delivery]) -> Result<(), String> + 'a;

/// A race between the writers of objects and the attempts that handle their deliveries, with at
/// most one crash. Whatever nobody has acknowledged in the end is delivered again.
pub struct Race<'a> {
    /// The bucket before anything happens.
    pub bucket: &'a dyn Fn() -> Arc<Memory>,
    /// How many objects are written. The first is there before any attempt begins.
    pub writes: usize,
    /// Writes the object of that number and answers its delivery.
    pub write: &'a dyn Fn(&Memory, usize) -> Delivery,
    /// How many attempts of each message there are: more than one overlap.
    pub attempts: &'a [usize],
    /// A handler over this store.
    pub handler: &'a dyn Fn(Arc<dyn Store>) -> Arc<dyn Handler>,
    /// Objects that nobody writes.
    pub constant: &'static [&'static str],
    /// How often attempts are interrupted by others: without a bound two of them that want the
    /// same could keep each other from it for as long as they try. (Musuvathi and Qadeer,
    /// "Iterative Context Bounding for Systematic Testing of Multithreaded Programs", PLDI 2007.)
    pub interruptions_max: usize,
    /// What is wrong with the bucket at rest, given the deliveries there were.
    pub verdict: &'a Verdict<'a>,
}

/// `least`, or more if the environment asks for it in `INTERRUPTIONS_MAX`, as the long check does.
#[expect(clippy::disallowed_methods, reason = "the long check asks the tests for more")]
pub fn interruptions_max(least: usize) -> usize {
    let asked = std::env::var("INTERRUPTIONS_MAX").ok().and_then(|asked| asked.parse().ok());
    asked.map_or(least, |asked: usize| asked.max(least))
}

impl Race<'_> {
    /// Goes through every schedule until one ends wrong: what was gone through, and the first
    /// verdict that is not good, with the choices that lead to it.
    pub fn explore(&self) -> (Explored, Option<String>) {
        let mut wrong = None;
        let explored = Explorer::explore(|explorer| {
            if wrong.is_some() {
                return;
            }
            let mut run = Run::new(self);
            if run.schedule(explorer) {
                let verdict =
                    run.redeliver().and_then(|()| (self.verdict)(&run.bucket, &run.messages));
                wrong = verdict.err().map(|verdict| format!("{verdict}: {:?}", explorer.path()));
            }
        });
        (explored, wrong)
    }
}

/// An attempt to handle the message of that number.
struct Running {
    message: usize,
    attempt: Attempt<Vec<Outcome>>,
}

/// One run of a race.
struct Run<'a> {
    race: &'a Race<'a>,
    bucket: Arc<Memory>,
    messages: Vec<Delivery>,
    running: Vec<Running>,
    crashes_left: usize,
    /// The attempt that made the last step, and how often another may still come between.
    last: Option<usize>,
    interruptions_left: usize,
}

impl<'a> Run<'a> {
    fn new(race: &'a Race<'a>) -> Self {
        let mut run = Self {
            race,
            bucket: (race.bucket)(),
            messages: Vec::new(),
            running: Vec::new(),
            crashes_left: 1,
            last: None,
            interruptions_left: race.interruptions_max,
        };
        run.write();
        run
    }

    fn write(&mut self) {
        let message = self.messages.len();
        self.messages.push((self.race.write)(&self.bucket, message));
        for _ in 0..self.race.attempts[message] {
            let attempt = self.attempt(message);
            self.running.push(Running { message, attempt });
        }
    }

    fn attempt(&self, message: usize) -> Attempt<Vec<Outcome>> {
        let store: Arc<dyn Store> = self.bucket.clone();
        let (store, gate) = Gated::new(store, self.race.constant);
        let handler = (self.race.handler)(store);
        let delivery = self.messages[message].clone();
        Attempt::new(gate, Box::pin(async move { handler.handle(&[delivery]).await }))
    }

    /// Steps until nothing runs; `false` when the rest has been gone through before.
    fn schedule(&mut self, explorer: &mut Explorer) -> bool {
        loop {
            let alive = self.alive();
            let writes = usize::from(self.messages.len() < self.race.writes);
            let crashes = alive.len() * self.crashes_left;
            let options = alive.len() + writes + crashes;
            if options == 0 {
                return true;
            }
            let Some(choice) = explorer.choose(|| self.number(), options) else { return false };
            if choice < alive.len() {
                self.step(alive[choice]);
            } else if choice < alive.len() + writes {
                self.write();
            } else {
                self.running[alive[choice - alive.len() - writes]].attempt.crash();
                self.crashes_left = 0;
            }
        }
    }

    /// The attempts that can make the next step.
    fn alive(&self) -> Vec<usize> {
        let runs = |i: &usize| self.running[*i].attempt.runs();
        match self.last.filter(runs) {
            Some(last) if self.interruptions_left == 0 => vec![last],
            _ => (0..self.running.len()).filter(runs).collect(),
        }
    }

    fn step(&mut self, attempt: usize) {
        let interrupted = self.last.filter(|last| self.running[*last].attempt.runs());
        if interrupted.is_some_and(|last| last != attempt) {
            self.interruptions_left -= 1;
        }
        self.last = Some(attempt);
        self.running[attempt].attempt.step();
    }

    /// A number for everything that the future depends on.
    fn number(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        for (name, object) in self.bucket.objects() {
            (name, object.generation, &object.body[..], object.metadata).hash(&mut hash);
        }
        let traces = self.running.iter().map(|running| running.attempt.trace());
        (traces.collect::<Vec<_>>(), self.messages.len(), self.crashes_left).hash(&mut hash);
        (self.last, self.interruptions_left).hash(&mut hash);
        hash.finish()
    }

    /// Delivers again what nobody has acknowledged, without any fault.
    fn redeliver(&mut self) -> Result<(), String> {
        for message in 0..self.messages.len() {
            let mut of = self.running.iter().filter(|running| running.message == message);
            let acknowledged = |running: &Running| {
                running.attempt.result().is_some_and(|outcomes| outcomes[0].is_ok())
            };
            if !of.any(acknowledged) {
                match self.attempt(message).finish() {
                    Some(outcomes) if outcomes[0].is_ok() => (),
                    other => return Err(format!("message {message} is never done: {other:?}")),
                }
            }
        }
        Ok(())
    }
}
