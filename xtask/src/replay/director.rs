//! Makes the steps of a scenario happen.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use domain::Generation;
use emulator::{Emulator, Memory, Upload};

use super::ends::is_acknowledged;
use crate::process::Process;
use crate::routing::Route;
use crate::scenario::Step;

/// Deliveries that are not handled by then never will be.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// Between two looks at the attempts.
const LOOK: Duration = Duration::from_millis(5);

/// Whoever makes things happen in one run.
pub(crate) struct Director<'a> {
    pub(crate) emulator: &'a Emulator,
    pub(crate) memory: &'a Memory,
    pub(crate) processes: &'a [Process],
    pub(crate) routes: &'a [Route],
    /// Deliveries gather and are let go together, instead of each step being handled at once.
    pub(crate) gathers: bool,
    /// The names of what was uploaded.
    pub(crate) uploads: BTreeSet<String>,
    stopped: BTreeSet<String>,
    /// Uploads that nobody has waited for.
    awaited: Vec<(String, Generation)>,
}

impl<'a> Director<'a> {
    /// Nothing has happened so far.
    pub(crate) fn new(
        emulator: &'a Emulator,
        memory: &'a Memory,
        processes: &'a [Process],
        routes: &'a [Route],
    ) -> Self {
        Self {
            emulator,
            memory,
            processes,
            routes,
            gathers: false,
            uploads: BTreeSet::new(),
            stopped: BTreeSet::new(),
            awaited: Vec::new(),
        }
    }

    /// Makes `steps` happen, one after the other, and waits until all is handled.
    pub(crate) async fn play(&mut self, steps: &[Step]) -> Result<()> {
        if self.gathers {
            self.emulator.hold();
        }
        for step in steps {
            self.step(step).await?;
        }
        self.handled().await?;
        for process in self.processes.iter().filter(|it| self.stopped.contains(&it.function)) {
            process.start().await?;
        }
        self.stopped.clear();
        self.emulator.release();
        self.settled().await
    }

    /// Waits until no delivery is left.
    pub(crate) async fn settled(&self) -> Result<()> {
        let settled = self.emulator.settled(SETTLE_MAX).await;
        settled.map_err(|left| anyhow::anyhow!("deliveries do not come to an end: {left}"))
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Upload(upload) => {
                let client = Upload {
                    content_type: Some("application/json".to_owned()),
                    ..Upload::default()
                };
                let stored = self.memory.insert(&upload.name, upload.body.clone(), client)?;
                self.awaited.push((upload.name.clone(), stored.generation));
                self.uploads.insert(upload.name.clone());
            }
            Step::Deliver { name } => {
                self.emulator.announce(self.memory.bucket(), name, None)?;
                self.uploads.insert(name.clone());
            }
            Step::Expire { name } => {
                self.handled().await?;
                let versions = self.memory.versions_of(name);
                let old: Vec<_> = versions.iter().filter(|version| !version.live).collect();
                ensure!(!old.is_empty(), "{name} has no old version that could expire");
                for version in old {
                    self.memory.expire(name, version.generation);
                }
                return Ok(());
            }
            Step::Settle => return self.handled().await,
            Step::Stop(functions) => {
                self.handled().await?;
                self.known(functions)?.iter().for_each(|process| process.stop());
                self.stopped.extend(functions.iter().cloned());
                return Ok(());
            }
            Step::Start(functions) => {
                self.handled().await?;
                for process in self.known(functions)? {
                    process.start().await?;
                    self.stopped.remove(&process.function);
                }
            }
        }
        if self.gathers { Ok(()) } else { self.handled().await }
    }

    /// Lets everything go that was gathered, and waits until the functions that run have handled
    /// what was uploaded, and all of them everything when all run.
    async fn handled(&mut self) -> Result<()> {
        self.emulator.release();
        if self.stopped.is_empty() {
            self.settled().await?;
        } else {
            self.uploads_handled().await?;
        }
        self.awaited.clear();
        if self.gathers {
            self.emulator.hold();
        }
        Ok(())
    }

    async fn uploads_handled(&self) -> Result<()> {
        let begun = Instant::now();
        let running = |route: &&Route| !self.stopped.contains(&route.function);
        let mut waiting = Vec::new();
        for (name, generation) in &self.awaited {
            let takers = self.routes.iter().filter(running).filter(|route| route.takes(name));
            waiting.extend(takers.map(|route| (&route.subscription, name, *generation)));
        }
        while !waiting.is_empty() {
            let attempts = self.emulator.attempts();
            waiting.retain(|(subscription, name, generation)| {
                !attempts.iter().any(|it| {
                    it.subscription == **subscription
                        && it.object == **name
                        && it.generation == Some(*generation)
                        && is_acknowledged(it.status)
                })
            });
            if begun.elapsed() > SETTLE_MAX {
                bail!("not handled: {waiting:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn known(&self, functions: &[String]) -> Result<Vec<&'a Process>> {
        let find = |function: &String| {
            let process = self.processes.iter().find(|it| it.function == *function);
            process.with_context(|| format!("no function {function:?}"))
        };
        functions.iter().map(find).collect()
    }
}
