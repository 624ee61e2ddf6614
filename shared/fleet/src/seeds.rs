//! Many seeds on every processor.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use simulation::Counts;

use crate::Stage;

/// Which seeds.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many at most.
    pub count: u64,
    /// No seed is begun later than this after the beginning.
    pub time_max: Option<Duration>,
    /// Every seed whose number this divides is run twice, to compare the hashes of its traces.
    pub twice_every: u64,
    /// After so many divergences no seed is begun any more.
    pub divergences_max: usize,
    /// Threads.
    pub threads: usize,
}

/// What many seeds together have shown.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Seeds that were run.
    pub seeds: u64,
    /// Seeds that were run a second time.
    pub twice: u64,
    /// Seeds that ended wrong, in order, with what was wrong.
    pub divergences: Vec<(u64, String)>,
    /// What it took.
    pub counts: Counts,
    /// How long it took.
    pub elapsed: Duration,
}

/// Runs `seeds`; tells `progress` of every one that has ended.
pub fn explore(stage: &Stage, seeds: Seeds, progress: impl Fn(&Found) + Sync) -> Found {
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let found = Mutex::new(Found::default());
    let lock = || found.lock().unwrap_or_else(PoisonError::into_inner);
    let over = || seeds.time_max.is_some_and(|time_max| begun.elapsed() >= time_max);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let enough = lock().divergences.len() >= seeds.divergences_max;
            let Some(seed) = seeds.first.checked_add(number) else { return };
            if number >= seeds.count || enough || over() {
                return;
            }
            let report = stage.run(seed, false);
            let twice = seed.is_multiple_of(seeds.twice_every.max(1)) && seeds.twice_every > 0;
            let same = !twice || {
                let again = stage.run(seed, false);
                (again.trace_hash, &again.wrong, &again.counts)
                    == (report.trace_hash, &report.wrong, &report.counts)
            };
            let differs = || "a second run of the same seed is another one".to_owned();
            let wrong = report.wrong.map(|wrong| wrong.what).or_else(|| (!same).then(differs));
            let mut found = lock();
            found.seeds += 1;
            found.twice += u64::from(twice);
            found.counts.add(&report.counts);
            found.divergences.extend(wrong.map(|wrong| (seed, wrong)));
            found.elapsed = begun.elapsed();
            progress(&found);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..seeds.threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.divergences.sort();
    found.elapsed = begun.elapsed();
    found
}

impl Found {
    /// Histories per second.
    pub fn rate(&self) -> f64 {
        self.seeds as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}
