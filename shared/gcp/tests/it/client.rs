//! A bucket client over the scripted server, with time and chance in the hands of the test.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use domain::{BoxFuture, Clock, Ids, Instant};
use flate2::Compression;
use flate2::write::GzEncoder;
use gcp::{Bucket, Options};

use crate::server::{Server, Step, answer};

/// Sleeps without waiting, and remembers for how long.
pub(crate) struct Naps {
    now: Mutex<Instant>,
    taken: Mutex<Vec<Duration>>,
}

impl Naps {
    pub(crate) fn new() -> Arc<Self> {
        let now = Mutex::new(Instant::parse("2026-01-02T03:04:05Z").unwrap());
        Arc::new(Self { now, taken: Mutex::default() })
    }

    pub(crate) fn taken(&self) -> Vec<Duration> {
        self.taken.lock().unwrap().clone()
    }
}

impl Clock for Naps {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        self.taken.lock().unwrap().push(delay);
        let mut now = self.now.lock().unwrap();
        *now = now.after(delay);
        Box::pin(std::future::ready(()))
    }
}

/// The highest number there is: the longest delay that jitter can choose.
pub(crate) struct Highest;

impl Ids for Highest {
    fn random(&self) -> u128 {
        u128::MAX
    }

    fn jitter(&self, bound: Duration) -> Duration {
        bound
    }
}

/// A client under the usual deadline.
pub(crate) fn bucket(server: &Server) -> Bucket {
    bucket_within(server, gcp::DEADLINE, Naps::new())
}

pub(crate) fn bucket_within(server: &Server, deadline: Duration, clock: Arc<Naps>) -> Bucket {
    bucket_at(&server.host, deadline, clock)
}

pub(crate) fn bucket_at(host: &str, deadline: Duration, clock: Arc<Naps>) -> Bucket {
    let emulator_host = Some(host.to_owned());
    let options = Options { emulator_host, deadline, ..Options::new("bucket") };
    Bucket::new(options, clock, Arc::new(Highest)).unwrap()
}

/// The checksum header of `stored`.
pub(crate) fn hash(stored: &[u8]) -> String {
    let crc32c = crc32c::crc32c(stored).to_be_bytes();
    let crc32c = base64::engine::general_purpose::STANDARD.encode(crc32c);
    format!("crc32c={crc32c},md5=AAAAAAAAAAAAAAAAAAAAAA==")
}

/// The answer to a read of generation 7, stored as it is sent.
pub(crate) fn object_bytes(body: &[u8], more: &[(&str, &str)]) -> Vec<u8> {
    let (hash, length) = (hash(body), body.len().to_string());
    let headers = [
        ("Content-Type", "application/json"),
        ("x-goog-generation", "7"),
        ("x-goog-metageneration", "1"),
        ("x-goog-hash", hash.as_str()),
        ("x-goog-stored-content-length", length.as_str()),
    ];
    answer(200, &[&headers, more].concat(), body)
}

pub(crate) fn object(body: &[u8], more: &[(&str, &str)]) -> Step {
    Step::Say(object_bytes(body, more))
}

/// `bytes` as one gzip stream.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
