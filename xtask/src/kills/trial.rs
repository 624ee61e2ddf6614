//! One folder, and an emulator that is killed on it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use emulator::Chance;
use serde_json::json;

use super::child::Child;
use super::client::Client;
use super::endpoint::Endpoint;
use super::keeper::Keeper;
use super::load::Writer;
use super::model::{self, Problem, Version};
use crate::terminal::Terminal;

/// The one bucket.
const BUCKET: &str = "kills";

/// Where it publishes.
const TOPIC: &str = "changes";

/// How many writers there are at a time.
const WRITERS: usize = 6;

/// How many buckets come and go meanwhile.
const KEEPERS: usize = 2;

/// After so many milliseconds of load at the latest the emulator is killed.
const LOAD_MAX_MS: u64 = 60;

/// One load in so many may last longer, so that what the watch of the folder takes up after a
/// while is taken up before the kill.
const LOADS_LONG_ONE_IN: u64 = 20;
const LONG_LOAD_MAX_MS: u64 = 500;

/// One start in so many ends with a kill at once, within so many milliseconds.
const STARTS_KILLED_ONE_IN: u64 = 6;
const START_MAX_MS: u64 = 40;

/// At one kill in so many also what is noncurrent is read.
const THOROUGH_ONE_IN: u32 = 50;

/// Deliveries that do not come for so long never will.
const QUIET_MAX: Duration = Duration::from_secs(90);

/// The whole, between two lives of the emulator.
pub(crate) struct Trial<'a> {
    folder: &'a Path,
    endpoint: Endpoint,
    writers: Vec<Writer>,
    keepers: Vec<Keeper>,
    chance: Chance,
    /// Everything that there ever was.
    versions: HashSet<Version>,
    problems: Vec<Problem>,
    kills: u32,
}

/// What has come out.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How often the emulator was killed.
    pub(crate) kills: u32,
    /// Changes that were acknowledged.
    pub(crate) writes: u64,
    /// Versions whose delivery was acknowledged.
    pub(crate) messages: usize,
    /// What must not be.
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Trial<'a> {
    /// Makes bucket, topic and subscription on `folder`.
    pub(crate) async fn begin(folder: &'a Path, seed: u64) -> Result<Self> {
        let chance = Chance::new(seed);
        let endpoint = Endpoint::start(chance.next()).await?;
        let writers = (0..WRITERS).map(|number| Writer::new(number, chance.next())).collect();
        let keepers = (0..KEEPERS).map(|number| Keeper::new(number, chance.next())).collect();
        let (versions, problems) = (HashSet::new(), Vec::new());
        let trial =
            Self { folder, endpoint, writers, keepers, chance, versions, problems, kills: 0 };
        let (child, client) = trial.start().await?;
        let topic = format!("projects/local/topics/{TOPIC}");
        client.create(&format!("/v1/{topic}"), &json!({})).await?;
        let subscription = json!({
            "topic": topic,
            "pushConfig": {"pushEndpoint": trial.endpoint.url},
            "retryPolicy": {"minimumBackoff": "0.010s", "maximumBackoff": "0.100s"},
            "ackDeadlineSeconds": 10,
        });
        client.create("/v1/projects/local/subscriptions/pushed", &subscription).await?;
        child.kill().await?;
        Ok(trial)
    }

    /// Kills `times` times, or until something is wrong.
    pub(crate) async fn run(mut self, times: u32, terminal: &Terminal) -> Result<Ended> {
        while self.kills < times && self.problems.is_empty() {
            terminal.doing(format!("{} versions", self.versions.len()));
            if self.chance.below(STARTS_KILLED_ONE_IN) == 0 {
                self.kill_a_start().await?;
                terminal.step();
            } else {
                let life = self.live().await;
                life.with_context(|| format!("after {} kills", self.kills))?;
                terminal.step();
            }
        }
        if self.problems.is_empty() {
            terminal.doing("waiting for the last deliveries".to_owned());
            self.settle().await?;
        }
        let messages = self.endpoint.deliveries().acknowledged.len();
        let writes = self.writers.iter().map(|writer| writer.acknowledged).sum();
        Ok(Ended { kills: self.kills, writes, messages, problems: self.problems })
    }

    async fn start(&self) -> Result<(Child, Client)> {
        let mut child = Child::spawn(self.folder, BUCKET, TOPIC)?;
        let url = child.url().await?;
        Ok((child, Client::new(&url, BUCKET)?))
    }

    async fn kill(&mut self, child: Child) -> Result<()> {
        let complaints = child.kill().await?;
        self.problems.extend(complaints.into_iter().map(Problem::Torn));
        self.kills += 1;
        Ok(())
    }

    /// A life that ends while it begins.
    async fn kill_a_start(&mut self) -> Result<()> {
        let child = Child::spawn(self.folder, BUCKET, TOPIC)?;
        tokio::time::sleep(Duration::from_millis(self.chance.below(START_MAX_MS))).await;
        self.kill(child).await
    }

    /// A life: a look at what the last one has left, load, and a kill.
    async fn live(&mut self) -> Result<()> {
        let (child, client) = self.start().await?;
        self.look(&client, self.kills.is_multiple_of(THOROUGH_ONE_IN)).await?;
        if !self.problems.is_empty() {
            return Ok(());
        }
        let killed = Arc::new(AtomicBool::new(false));
        let working = self.writers.drain(..).map(|mut writer| {
            let (client, killed) = (client.clone(), killed.clone());
            tokio::spawn(async move {
                let worked = writer.work(&client, &killed).await;
                (writer, worked)
            })
        });
        let working: Vec<_> = working.collect();
        let keeping = self.keepers.drain(..).map(|mut keeper| {
            let (server, killed) = (client.server.clone(), killed.clone());
            tokio::spawn(async move {
                let kept = keeper.work(&server, &killed).await;
                (keeper, kept)
            })
        });
        let keeping: Vec<_> = keeping.collect();
        let load_max_ms = match self.chance.below(LOADS_LONG_ONE_IN) {
            0 => LONG_LOAD_MAX_MS,
            _ => LOAD_MAX_MS,
        };
        tokio::time::sleep(Duration::from_millis(self.chance.below(load_max_ms))).await;
        killed.store(true, Ordering::SeqCst);
        self.kill(child).await?;
        for writer in working {
            let (mut writer, worked) = writer.await?;
            self.problems.extend(worked.err().map(|err| Problem::Lost(format!("{err:#}"))));
            self.versions.extend(writer.versions.drain(..));
            self.writers.push(writer);
        }
        for keeper in keeping {
            let (keeper, kept) = keeper.await?;
            let lost = |err| Some(Problem::Lost(format!("{err:#}")));
            self.problems.extend(kept.unwrap_or_else(lost));
            self.keepers.push(keeper);
        }
        Ok(())
    }

    /// Compares what is there with what must be.
    async fn look(&mut self, client: &Client, thorough: bool) -> Result<()> {
        let found = client.find(thorough).await?;
        let objects = self.writers.iter_mut().flat_map(|writer| &mut writer.objects);
        self.problems.extend(model::check(objects, &found));
        let objects = || self.writers.iter().flat_map(|writer| &writer.objects);
        let files = files(&self.folder.join(BUCKET))?;
        self.problems.extend(model::check_files(objects(), &files));
        // Those that were not acknowledged and are there all the same.
        let live = objects().filter_map(|it| Some((it.name.clone(), it.live.as_ref()?.0)));
        self.versions.extend(live);
        for keeper in &self.keepers {
            self.problems.extend(keeper.look(&client.server, self.folder).await?);
        }
        Ok(())
    }

    /// A life without an end of its own: everything is delivered.
    async fn settle(&mut self) -> Result<()> {
        let (child, client) = self.start().await?;
        self.look(&client, true).await?;
        while !self.versions.is_subset(&self.endpoint.deliveries().acknowledged) {
            if tokio::time::timeout(QUIET_MAX, self.endpoint.more()).await.is_err() {
                break;
            }
        }
        let deliveries = self.endpoint.deliveries();
        self.problems.extend(deliveries.strange.into_iter().map(Problem::Lost));
        let (acknowledged, pushed) = (deliveries.acknowledged, deliveries.pushed);
        self.problems.extend(model::check_messages(&self.versions, &acknowledged, &pushed));
        self.look(&client, true).await?;
        let complaints = child.kill().await?;
        self.problems.extend(complaints.into_iter().map(Problem::Torn));
        Ok(())
    }
}

/// The files below `folder`, with what they hold.
fn files(folder: &Path) -> Result<Vec<(String, Bytes)>> {
    let mut files = Vec::new();
    // It is there as long as a file is in it.
    let mut folders: Vec<_> = folder.is_dir().then(|| folder.to_owned()).into_iter().collect();
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let content = fs::read(entry.path())?;
            files.push((entry.path().display().to_string(), content.into()));
        }
    }
    Ok(files)
}
