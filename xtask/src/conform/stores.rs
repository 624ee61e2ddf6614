//! Our stores.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use emulator::{Emulator, Memory, SeededIds, SystemClock};
use gcp::Bucket;
use store::conformance::Subject;
use store::conformance::random::Contestant;
use tempfile::TempDir;

/// The bucket of every store.
pub(super) const BUCKET: &str = "conformance";

/// Seeds of generations: no two stores draw the same.
const SEEDS: [u64; 3] = [1, 2, 3];

/// A bucket in memory, one through HTTP, and one on a folder.
pub(super) struct Stores {
    memory: Arc<Memory>,
    http: Bucket,
    folder: Arc<Memory>,
    /// What is behind them, for as long as they are used.
    _behind: (Emulator, Emulator, TempDir),
}

impl Stores {
    /// Empty buckets.
    pub(super) async fn start() -> Result<Self> {
        let [memory, http, files] = SEEDS;
        let memory = Memory::new(BUCKET, Arc::new(SystemClock), memory);
        let served = emulator::Options { seed: http, ..Default::default() };
        let served = Emulator::start(served).await.context("cannot start the emulator")?;
        served.create_bucket(BUCKET)?;
        let http = client(&served.url(), BUCKET)?;
        let temporary = TempDir::new().context("no temporary folder")?;
        let folder = Some(temporary.path().to_owned());
        let kept = emulator::Options { seed: files, folder, ..Default::default() };
        let kept = Emulator::start(kept).await.context("cannot start the emulator on a folder")?;
        let folder = kept.create_bucket(BUCKET)?;
        Ok(Self { memory, http, folder, _behind: (served, kept, temporary) })
    }

    /// What the checks run on, by name.
    pub(super) fn subjects(&self) -> [(&'static str, Subject<'_>); 3] {
        [
            ("memory", Subject::shared(&*self.memory, &*self.memory)),
            ("http", Subject::shared(&self.http, &self.http)),
            ("folder", Subject::shared(&*self.folder, &*self.folder)),
        ]
    }

    /// What random operations run on.
    pub(super) fn contestants(&self) -> [Contestant<'_>; 3] {
        self.subjects().map(|(name, subject)| Contestant { name, store: subject.store })
    }
}

/// How long a call may take: what another emulator answers badly is soon given up.
const DEADLINE: Duration = Duration::from_secs(4);

/// A client of `bucket` of the emulator at `url`.
pub(super) fn client(url: &str, bucket: &str) -> Result<Bucket> {
    let options = gcp::Options {
        bucket: bucket.to_owned(),
        emulator_host: Some(url.to_owned()),
        deadline: DEADLINE,
    };
    Ok(Bucket::new(options, Arc::new(SystemClock), SeededIds::new(1))?)
}
