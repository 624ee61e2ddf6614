//! The storage contract through HTTP, against the emulator.

use std::sync::Arc;

use emulator::{Emulator, SeededIds, SystemClock};
use gcp::{Bucket, Options};
use store::conformance::{self, Subject};

/// An emulator with a bucket, and a client of it.
pub(crate) async fn emulated() -> (Emulator, Bucket) {
    let emulator = Emulator::start(emulator::Options::default()).await.unwrap();
    emulator.create_bucket("bucket");
    let options = Options { emulator_host: Some(emulator.url()), ..Options::new("bucket") };
    let bucket = Bucket::new(options, Arc::new(SystemClock), SeededIds::new(1)).unwrap();
    (emulator, bucket)
}

#[tokio::test]
async fn the_storage_contract_holds_over_http() {
    let (_emulator, bucket) = emulated().await;
    let broken = conformance::run(Subject::shared(&bucket, &bucket), "conformance/").await;
    assert_eq!(broken, []);
}
