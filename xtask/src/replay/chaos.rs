//! Kills functions in mid-delivery, and starts them again on the same port.
//!
//! The killing happens inside the finalization of an object, before the answer to the upload is
//! sent: the function that wrote it has written and will never know. The first write of every
//! function is one of those, so that a run with faults kills each function that writes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use domain::{Class, Ids as _, ObjectName};
use emulator::{Memory, SeededIds};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::metadata::Function;
use crate::process::Process;

/// The most kills of one run beside the first of each function.
const KILLS_MAX: usize = 6;

/// After the first, one write in this many is fatal.
const KILL_ONE_IN: u128 = 6;

/// How long a killed function stays away.
const AWAY: Duration = Duration::from_millis(20);

/// The killer of one run.
pub(crate) struct Chaos {
    shared: Arc<Shared>,
    restarts: JoinHandle<Result<()>>,
}

struct Shared {
    active: AtomicBool,
    kills: AtomicUsize,
    struck: Mutex<BTreeSet<String>>,
    chance: Arc<SeededIds>,
    processes: Arc<Vec<Process>>,
    writers: Vec<(String, Vec<Class>)>,
    killed: mpsc::UnboundedSender<usize>,
}

impl Chaos {
    /// Watches `memory` for writes of `functions` from here on.
    pub(crate) fn begin(
        seed: u64,
        memory: &Memory,
        functions: &[Function],
        processes: &Arc<Vec<Process>>,
    ) -> Self {
        let (killed, restarts) = mpsc::unbounded_channel();
        let writes = |it: &Function| (it.name.clone(), it.metadata.writes.clone());
        let shared = Arc::new(Shared {
            active: AtomicBool::new(true),
            kills: AtomicUsize::new(0),
            struck: Mutex::default(),
            chance: SeededIds::new(seed),
            processes: Arc::clone(processes),
            writers: functions.iter().map(writes).collect(),
            killed,
        });
        let watching = Arc::clone(&shared);
        memory.on_finalize(Box::new(move |stored| watching.strike(&stored.name)));
        let restarts = tokio::spawn(restart(restarts, Arc::clone(processes)));
        Self { shared, restarts }
    }

    /// Kills no more, and waits until every killed function is back. Returns how many died.
    pub(crate) async fn end(self) -> Result<usize> {
        self.shared.active.store(false, Ordering::SeqCst);
        // The task ends when it fails only; what it was told so far is done when nobody is down.
        while self.shared.processes.iter().any(Process::is_killed) && !self.restarts.is_finished() {
            tokio::time::sleep(AWAY).await;
        }
        if self.restarts.is_finished() {
            self.restarts.await??;
        } else {
            self.restarts.abort();
        }
        for process in self.shared.processes.iter() {
            process.wait_healthy().await?;
        }
        Ok(self.shared.kills.load(Ordering::SeqCst))
    }
}

impl Shared {
    /// Perhaps kills whoever wrote `name`.
    fn strike(&self, name: &str) {
        let Ok(name) = ObjectName::parse(name) else { return };
        if !self.active.load(Ordering::SeqCst) {
            return;
        }
        for (function, classes) in &self.writers {
            if !classes.contains(&name.class()) || !self.is_fatal(function, &name) {
                continue;
            }
            for (at, process) in self.processes.iter().enumerate() {
                if process.function == *function && process.kill() {
                    self.kills.fetch_add(1, Ordering::SeqCst);
                    // Nobody listens when the run is over, and then nobody has to come back.
                    self.killed.send(at).unwrap_or_default();
                }
            }
        }
    }

    fn is_fatal(&self, function: &str, name: &ObjectName) -> bool {
        // Several functions write quarantine; the name says which.
        if let ObjectName::Quarantine { function: writer, .. } = name
            && writer != function
        {
            return false;
        }
        let mut struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        struck.insert(function.to_owned())
            || (self.kills.load(Ordering::SeqCst) < KILLS_MAX + struck.len()
                && self.chance.random().is_multiple_of(KILL_ONE_IN))
    }
}

async fn restart(
    mut killed: mpsc::UnboundedReceiver<usize>,
    processes: Arc<Vec<Process>>,
) -> Result<()> {
    while let Some(at) = killed.recv().await {
        tokio::time::sleep(AWAY).await;
        processes[at].revive().await?;
    }
    Ok(())
}
