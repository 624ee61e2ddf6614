//! Processes: they start with empty caches, die between any two operations, and give way to
//! others of another release.

use std::sync::Arc;

use domain::Version;
use emulator::SeededIds;
use store::Tools;

use super::World;
use super::pubsub::Attempt;
use crate::fleet::Process;
use crate::network::Client;
use crate::plan::Mix;
use crate::report::Fault;
use crate::timeline::VirtualClock;

/// The function that the release which knows the newest schema version reaches last.
const SNAPSHOT_BUILDER: &str = "snapshot-builder";

/// A process, of a release.
pub(super) struct Running {
    pub(super) process: Arc<dyn Process>,
    pub(super) release: u64,
}

impl World<'_> {
    /// Perhaps the process of `attempt` dies, or whoever waits for it goes away.
    pub(super) fn endanger(&mut self, attempt: usize) {
        if self.dice.per_mille(self.mix.crashes) {
            self.strike(Fault::Crash);
            self.crash(self.attempts[attempt].process);
        } else if self.dice.per_mille(self.mix.cuts) {
            self.cut_off(attempt);
        }
    }

    /// A doomed attempt is cut off right after one of its next writes.
    pub(super) fn doom(&mut self, attempt: usize) {
        let Some(left) = &mut self.attempts[attempt].doom else { return };
        *left -= 1;
        if *left == 0 {
            self.attempts[attempt].doom = None;
            self.cut_off(attempt);
        }
    }

    /// Whoever waits for `attempt` goes away, and with it the attempt.
    pub(super) fn cut_off(&mut self, attempt: usize) {
        self.strike(Fault::Cut);
        self.network.note(format_args!("  #{attempt} is cut off"));
        self.cut(attempt);
    }

    pub(super) fn cut(&mut self, attempt: usize) {
        let running = self.attempts[attempt].future.take();
        if running.is_some() && !self.attempts[attempt].overdue {
            self.ended(attempt, false);
        }
    }

    pub(super) fn crash(&mut self, process: usize) {
        self.network.note(format_args!("process {process} dies"));
        let of = |attempt: &Attempt| attempt.process == process && attempt.future.is_some();
        let running: Vec<usize> =
            (0..self.attempts.len()).filter(|id| of(&self.attempts[*id])).collect();
        for attempt in running {
            self.cut(attempt);
        }
        self.replace(process, self.processes[process].release);
    }

    pub(super) fn redeploy(&mut self) {
        self.strike(Fault::Redeploy);
        let deployed: Vec<usize> = self.deployed.iter().flatten().copied().collect();
        let process = *self.dice.pick(&deployed);
        let release = self.dice.between(1, 2);
        self.network.note(format_args!("process {process} gives way to release {release}"));
        // What it has begun it finishes.
        self.replace(process, release);
    }

    /// Another process takes the pushes of `process`.
    pub(super) fn replace(&mut self, process: usize, release: u64) {
        for function in 0..self.deployed.len() {
            let place = self.deployed[function].iter().position(|it| *it == process);
            if let Some(place) = place {
                self.deployed[function][place] = self.start(function, release);
            }
        }
    }

    /// Starts a process: its caches are empty.
    pub(super) fn start(&mut self, function: usize, release: u64) -> usize {
        let name = self.functions[function].name;
        let (definitions, digest) = match self.plan.mix {
            Mix { older_index: 1.., .. } if release == 0 => {
                (&self.scenery.definitions_with_older_index, "before".to_owned())
            }
            Mix { older_release: 1.., .. } if release == 0 && name == SNAPSHOT_BUILDER => {
                (&self.scenery.definitions_before, "before".to_owned())
            }
            _ => (&self.scenery.definitions, format!("d{release}")),
        };
        let version = Version { definitions: digest, software: release.to_string() };
        let tools = Tools {
            store: Arc::new(Client(Arc::clone(&self.network))),
            clock: Arc::new(VirtualClock(Arc::clone(&self.timeline))),
            ids: SeededIds::new(self.dice.seed()),
            definitions: Arc::clone(definitions),
            version,
        };
        let outside = self.outside(self.functions[function].is_job());
        let process = self.scenery.fleet.start(name, tools, outside);
        self.processes.push(Running { process, release });
        self.processes.len() - 1
    }
}
