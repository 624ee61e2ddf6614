//! The storage contract: through HTTP, side by side with other stores, and on a real bucket.

use std::env;
use std::io::Write as _;
use std::sync::Arc;

use domain::{Clock as _, Ids};
use emulator::{Emulator, Memory, SeededIds, SystemClock, TestClock};
use gcp::{Bucket, Options};
use store::conformance::random::{self, Contestant, compare};
use store::conformance::{self, End, Patient, Subject};

/// Names a bucket of Cloud Storage to run the checks on.
const TEST_BUCKET: &str = "TEST_BUCKET";

/// Operations that are compared, and the seed of their first round, which has more objects than a
/// page; a later one has more versions.
const OPERATIONS: usize = 4000;
const SEED: u64 = 40;

/// A client of the bucket `bucket` of `emulator`.
fn client(emulator: &Emulator) -> Bucket {
    let options = Options { emulator_host: Some(emulator.url()), ..Options::new("bucket") };
    Bucket::new(options, Arc::new(SystemClock), SeededIds::new(SEED)).unwrap()
}

async fn emulated(options: emulator::Options) -> (Emulator, Arc<Memory>) {
    let emulator = Emulator::start(options).await.unwrap();
    let memory = emulator.create_bucket("bucket").unwrap();
    (emulator, memory)
}

#[tokio::test]
async fn the_storage_contract_holds_over_http() {
    let (emulator, memory) = emulated(emulator::Options::default()).await;
    let bucket = client(&emulator);
    let broken = conformance::run(Subject::shared(&bucket, &bucket), "conformance/").await;
    assert_eq!(broken, []);
    let written = memory.objects().len();
    assert!(bucket.clean("conformance/").await.unwrap() > written);
    assert_eq!(bucket.clean("").await, Ok(0), "nothing is left behind, old versions included");
}

#[tokio::test]
async fn the_storage_contract_holds_on_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Some(folder.path().to_owned());
    let (_emulator, memory) = emulated(emulator::Options { folder, ..Default::default() }).await;
    let broken = conformance::run(Subject::shared(&*memory, &*memory), "conformance/").await;
    assert_eq!(broken, []);
}

#[tokio::test]
async fn memory_http_and_a_folder_are_alike() {
    let memory = Memory::new("bucket", TestClock::at("2026-01-02T03:04:05Z"), SEED);
    let (emulator, _) = emulated(emulator::Options::default()).await;
    let bucket = client(&emulator);
    let folder = tempfile::tempdir().unwrap();
    let folder = Some(folder.path().to_owned());
    let (_other, files) = emulated(emulator::Options { folder, ..Default::default() }).await;
    let contestants = [
        Contestant { name: "memory", store: &*memory },
        Contestant { name: "http", store: &bucket },
        Contestant { name: "folder", store: &*files },
    ];
    let prefix = "random/".to_owned();
    let options = random::Options { seed: SEED, operations: OPERATIONS, prefix, crowds: true };
    let tally = compare(&contestants, &options, &mut |_| ()).await;
    let tally = tally.unwrap_or_else(|difference| panic!("{difference}"));
    assert_eq!(tally.operations, OPERATIONS);
}

/// Says what the output of a test that succeeds does not show.
fn say(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").unwrap();
}

/// Needs a bucket with Object Versioning, without a retention policy, and credentials as `gcloud
/// auth application-default login` leaves them, of somebody who is Storage Object User on it:
/// `storage.objects.create`, `get`, `list` and `delete`. Costs about ten thousand operations of
/// class A. Objects are below a prefix of their own, and all their versions are deleted again.
#[tokio::test]
async fn the_storage_contract_holds_on_a_real_bucket() {
    let Some(name) = env::var_os(TEST_BUCKET).and_then(|name| name.into_string().ok()) else {
        say(&format!("{TEST_BUCKET} is not set: no real bucket was asked"));
        return;
    };
    let now = SystemClock.now();
    // The time, and nothing that two runs at one time would have in common.
    let ids = SeededIds::new(now.unix_millis().unsigned_abs() ^ u64::from(std::process::id()));
    let prefix = format!("strata-conformance/{}/", ids.ulid(now));
    say(&format!("{TEST_BUCKET}={name}: below {prefix}"));
    let bucket = Arc::new(Bucket::new(Options::new(name), Arc::new(SystemClock), ids).unwrap());
    let patient = Patient::new(bucket.clone(), Arc::new(SystemClock));
    let mut broken = Vec::new();
    for (number, check) in conformance::checks().into_iter().enumerate() {
        let prefix = conformance::prefix_of(&prefix, number);
        let end = check.run(Subject::shared(&patient, &*bucket), &prefix).await;
        say(&format!("{}: {end:?}", check.name));
        if end != End::Holds {
            broken.push(check.name);
        }
    }
    let erased = bucket.clean(&prefix).await.unwrap();
    say(&format!("{erased} versions deleted below {prefix}"));
    assert!(broken.is_empty(), "{broken:#?}");
}
