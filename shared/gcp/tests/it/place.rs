//! A bucket client over the emulator.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{Clock, Generation};
use emulator::{Emulator, Faults, Memory, SeededIds, TestClock};
use gcp::{Bucket, Options};
use store::{Error, Metadata, Operations, Precondition, Store};

/// The seed of ids and faults.
pub(crate) const SEED: u64 = 4;

/// Emulator, its bucket as it is, and the client of it.
pub(crate) struct Place {
    pub(crate) emulator: Emulator,
    pub(crate) memory: Arc<Memory>,
    pub(crate) bucket: Bucket,
}

/// Under the usual deadline.
pub(crate) async fn place(faults: Option<Faults>) -> Place {
    place_within(gcp::DEADLINE, TestClock::at("2026-01-02T03:04:05Z"), faults).await
}

pub(crate) async fn place_within(
    deadline: Duration,
    clock: Arc<dyn Clock>,
    faults: Option<Faults>,
) -> Place {
    let emulator = Emulator::start(emulator::Options { faults, ..Default::default() });
    let emulator = emulator.await.unwrap();
    let memory = emulator.create_bucket("bucket").unwrap();
    let emulator_host = Some(emulator.url());
    let options = Options { emulator_host, deadline, ..Options::new("bucket") };
    let bucket = Bucket::new(options, clock, SeededIds::new(SEED)).unwrap();
    Place { emulator, memory, bucket }
}

impl Place {
    /// The content of the object, past the client and its faults.
    pub(crate) fn stored(&self, name: &str) -> Option<Bytes> {
        self.memory.objects().remove(name).map(|object| object.body)
    }

    /// How many requests there have been.
    pub(crate) fn requests(&self) -> u64 {
        let Operations { class_a, class_b, deletes } = self.emulator.requests();
        class_a + class_b + deletes
    }
}

pub(crate) async fn put(
    bucket: &Bucket,
    name: &str,
    body: impl Into<Bytes>,
    precondition: Precondition,
) -> Result<Generation, Error> {
    bucket.put(name, body.into(), &Metadata::new(), precondition).await
}

pub(crate) async fn body(bucket: &Bucket, name: &str) -> Option<Bytes> {
    bucket.get(name, None).await.unwrap().map(|object| object.body)
}

/// Runs cases one after the other; those whose instruction makes the client wait for the end of a
/// silence go at the same time, after the others, so that nothing else keeps them waiting.
/// Returns the ends in the order of the cases.
pub(crate) async fn ends<C>(
    cases: Vec<(&str, C, impl Future<Output = String> + Send + 'static)>,
) -> Vec<(C, String)> {
    let (mut ends, mut waiting) = (Vec::new(), Vec::new());
    for (number, (instruction, case, run)) in cases.into_iter().enumerate() {
        match instruction.contains("stall") {
            true => waiting.push((number, case, run)),
            false => ends.push((number, case, run.await)),
        }
    }
    let waiting = waiting.into_iter().map(|(number, case, run)| (number, case, tokio::spawn(run)));
    for (number, case, run) in waiting.collect::<Vec<_>>() {
        ends.push((number, case, run.await.unwrap()));
    }
    ends.sort_by_key(|(number, ..)| *number);
    ends.into_iter().map(|(_, case, end)| (case, end)).collect()
}
