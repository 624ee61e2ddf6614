//! Every interleaving of snapshots, attempts, one overlapping attempt and one crash, in which
//! attempts are interrupted a bounded number of times. (Musuvathi and Qadeer, "Iterative Context
//! Bounding for Systematic Testing of Multithreaded Programs", PLDI 2007.)

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use domain::{Delivery, Handler, Outcome, Planted};
use emulator::Memory;
use emulator::schedule::{Attempt, Explored, Explorer, Gated};

use super::{alerts, bucket, engine, write_snapshot};
use crate::Shortcut;

/// The attempts of one message.
struct Running {
    message: usize,
    attempt: Attempt<Vec<Outcome>>,
}

/// One run of a scenario: snapshots written one after the other, for each a message, of each as
/// many attempts as `attempts` says, and at most one crash.
struct Run {
    bucket: Arc<Memory>,
    snapshots: Vec<Option<u32>>,
    attempts: Vec<usize>,
    planted: Planted<Shortcut>,
    messages: Vec<Delivery>,
    running: Vec<Running>,
    crashes_left: usize,
    /// The attempt that made the last step, and how often another may still come between.
    last: Option<usize>,
    interruptions_left: usize,
}

/// How often attempts are interrupted by others: without a bound two of them that want the same
/// could keep each other from it for as long as they try. `INTERRUPTIONS_MAX` asks for more,
/// which takes minutes.
#[expect(clippy::disallowed_methods, reason = "the long check asks the test for more")]
fn interruptions_max() -> usize {
    std::env::var("INTERRUPTIONS_MAX").map_or(1, |more| more.parse().unwrap())
}

impl Run {
    fn new(snapshots: &[Option<u32>], attempts: &[usize], planted: Planted<Shortcut>) -> Self {
        let mut run = Self {
            bucket: bucket(),
            snapshots: snapshots.to_vec(),
            attempts: attempts.to_vec(),
            planted,
            messages: Vec::new(),
            running: Vec::new(),
            crashes_left: 1,
            last: None,
            interruptions_left: interruptions_max(),
        };
        run.write();
        run
    }

    fn write(&mut self) {
        let n = self.messages.len();
        let delivery =
            write_snapshot(&self.bucket, u32::try_from(n).unwrap() + 1, self.snapshots[n]);
        self.messages.push(delivery);
        for _ in 0..self.attempts[n] {
            let attempt = self.attempt(n);
            self.running.push(Running { message: n, attempt });
        }
    }

    fn attempt(&self, message: usize) -> Attempt<Vec<Outcome>> {
        let store: Arc<dyn store::Store> = self.bucket.clone();
        let (store, gate) = Gated::new(store, &["env/dev/indices/rules/_bundle.json"]);
        let engine = engine(store, self.planted);
        let delivery = self.messages[message].clone();
        Attempt::new(gate, Box::pin(async move { engine.handle(&[delivery]).await }))
    }

    /// Steps until nothing runs; `false` when the rest has been gone through before.
    fn schedule(&mut self, explorer: &mut Explorer) -> bool {
        loop {
            let alive = self.alive();
            let writes = usize::from(self.messages.len() < self.snapshots.len());
            let crashes = alive.len() * self.crashes_left;
            let options = alive.len() + writes + crashes;
            if options == 0 {
                return true;
            }
            let Some(choice) = explorer.choose(self.number(), options) else { return false };
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

    /// Messages that nobody has acknowledged are delivered again until somebody has.
    fn redeliver(&mut self) {
        for message in 0..self.messages.len() {
            let mut of = self.running.iter().filter(|running| running.message == message);
            let acknowledged = |running: &Running| {
                running.attempt.result().is_some_and(|outcomes| outcomes[0].is_ok())
            };
            if !of.any(acknowledged) {
                assert!(self.attempt(message).finish().unwrap()[0].is_ok());
            }
        }
    }

    /// What is wrong at rest.
    fn verdict(&self) -> Result<(), String> {
        let holds = self.snapshots.last().unwrap().is_some_and(|n| n < 10);
        let [open, ever_open, written] = alerts(&self.bucket);
        let generations: Vec<_> = self.messages.iter().map(|message| message.generation).collect();
        if open.len() != usize::from(holds) {
            return Err(format!("{} open, rule holds: {holds}", open.len()));
        }
        if let Some(lost) = ever_open.iter().find(|generation| !written.contains(generation)) {
            return Err(format!("the alert that opened with {lost} was never written"));
        }
        let names_a_snapshot = |generation| {
            let at = generations.iter().position(|known| known == generation);
            at.is_some_and(|at| self.snapshots[at].is_some_and(|n| n < 10))
        };
        if !written.iter().all(names_a_snapshot) {
            return Err("an alert names no snapshot for which the rule holds".to_owned());
        }
        Ok(())
    }
}

/// Goes through everything; the first verdict that is not good, if there is one.
fn explore(
    snapshots: &[Option<u32>],
    attempts: &[usize],
    planted: Planted<Shortcut>,
) -> (Explored, Option<String>) {
    let mut wrong = None;
    let explored = Explorer::explore(|explorer| {
        if wrong.is_some() {
            return;
        }
        let mut run = Run::new(snapshots, attempts, planted);
        if run.schedule(explorer) {
            run.redeliver();
            let verdict = run.verdict();
            wrong = verdict.err().map(|verdict| format!("{verdict}: {:?}", explorer.path()));
        }
    });
    (explored, wrong)
}

#[test]
fn no_interleaving_of_two_snapshots_and_three_attempts_leaves_a_wrong_state() {
    for snapshots in [[Some(5), Some(50)], [Some(50), Some(5)], [Some(5), Some(6)], [Some(5), None]]
    {
        for attempts in [[1, 1], [2, 1]] {
            let (explored, wrong) = explore(&snapshots, &attempts, Planted::NONE);
            assert_eq!(wrong, None, "{snapshots:?} {attempts:?}");
            println!("{snapshots:?} {attempts:?}: {explored:?}");
        }
    }
}

#[test]
fn a_resolved_alert_stays_resolved_under_reordering() {
    let (_, wrong) = explore(&[Some(5), Some(50), Some(60)], &[1, 1, 1], Planted::NONE);
    assert_eq!(wrong, None);
}

fn check_shortcut(shortcut: Shortcut, snapshots: &[Option<u32>], attempts: &[usize]) {
    let (_, wrong) = explore(snapshots, attempts, Planted::bug(shortcut));
    assert!(wrong.is_some(), "{shortcut:?} is not seen");
}

#[test]
fn a_change_without_a_note_before_it_is_seen() {
    check_shortcut(Shortcut::NoNote, &[Some(5), Some(50)], &[1, 1]);
}

#[test]
fn a_note_that_is_left_standing_is_seen() {
    check_shortcut(Shortcut::NoteIgnored, &[Some(5), Some(50)], &[1, 1]);
}

#[test]
fn a_snapshot_that_is_not_read_again_is_seen() {
    check_shortcut(Shortcut::SnapshotNotReadAgain, &[Some(5), Some(50)], &[1, 1]);
}

#[test]
fn an_alert_that_only_its_opener_writes_is_seen() {
    check_shortcut(Shortcut::AlertByOpenerOnly, &[Some(5), Some(6)], &[2, 1]);
}

#[test]
fn an_alert_that_leaves_the_state_unwritten_is_seen() {
    check_shortcut(Shortcut::ClosedUnwritten, &[Some(5), Some(50)], &[1, 1]);
}
