//! Many records of one entity within a second: one object takes about one write per second.
//!
//! Time is that of a paused runtime: it moves on when everybody waits, so that what takes
//! seconds is over at once and is the same in every run.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cloud_run::Coalescer;
use domain::{BoxFuture, Clock, Delivery, Generation, Ids, Instant, Outcome};
use emulator::{Memory, SeededIds};
use futures_util::future::join_all;
use store::{Error, List, Listed, Metadata, Object, Page, Precondition, Store};

use super::{Dice, NOW, builder_with, covers, fold, folded, full, merge, snapshot_name, upload};

/// The clock of a paused runtime.
struct PausedClock(tokio::time::Instant);

impl PausedClock {
    fn start() -> Arc<Self> {
        Arc::new(Self(tokio::time::Instant::now()))
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Instant {
        Instant::parse(NOW).unwrap().after(self.0.elapsed())
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(delay))
    }
}

/// A store whose operations take their time, the same or up to twice as long.
struct Distant {
    inner: Arc<dyn Store>,
    clock: Arc<PausedClock>,
    delay: Duration,
    jitter: Option<Arc<SeededIds>>,
}

impl Distant {
    async fn make<T>(&self, operation: BoxFuture<'_, T>) -> T {
        let more = self.jitter.as_ref().map_or(Duration::ZERO, |ids| ids.jitter(self.delay));
        self.clock.sleep(self.delay / 2 + more).await;
        let result = operation.await;
        self.clock.sleep(self.delay / 2).await;
        result
    }
}

impl Store for Distant {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(self.make(self.inner.get(name, generation)))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(self.make(self.inner.put(name, body, metadata, precondition)))
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.make(self.inner.delete(name, generation)))
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.make(self.inner.erase(name, generation)))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(self.make(self.inner.list(list)))
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(self.make(self.inner.versions(name)))
    }

    fn answered_at(&self) -> Option<Instant> {
        self.inner.answered_at()
    }
}

const RECORDS: usize = 50;
const WRITES_EVERY: Duration = Duration::from_secs(1);
const OPERATION: Duration = Duration::from_millis(40);

/// A bucket that takes one write per second and object, and processes in front of it.
struct World {
    bucket: Arc<Memory>,
    clock: Arc<PausedClock>,
    instances: Vec<Coalescer>,
    dice: Dice,
}

impl World {
    fn new(instances: usize, seed: u64) -> Self {
        let clock = PausedClock::start();
        let bucket = Memory::new("test", clock.clone(), seed);
        bucket.limit_write_rate(Some(WRITES_EVERY));
        let instance = |n| {
            let ids = SeededIds::new(seed * 100 + n as u64);
            let store = Arc::new(Distant {
                inner: bucket.clone(),
                clock: clock.clone(),
                delay: OPERATION,
                jitter: Some(ids.clone()),
            });
            Coalescer::new(Arc::new(builder_with(store, clock.clone(), ids)))
        };
        let instances = (0..instances).map(instance).collect();
        Self { bucket, clock, instances, dice: Dice::new(seed) }
    }

    /// Writes a record within the first second, and delivers it to one of the processes until it
    /// is acknowledged.
    async fn record(&self, n: usize, in_order: bool) -> (Delivery, usize) {
        let place = if in_order { n } else { self.dice.below(RECORDS) };
        let delay = place * 1000 / RECORDS;
        self.clock.sleep(Duration::from_millis(delay as u64)).await;
        let second = u32::try_from(n).unwrap();
        let text = match n % 10 {
            0 => full(second, r#","status":"a""#),
            _ => merge(second, &format!(r#","o":{{"x{n}":{n}}}"#)),
        };
        let delivery = upload(&self.bucket, &format!("2025/11/06/x_{n:02}.json"), text);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let wait = Duration::from_millis(20 + self.dice.below(100) as u64);
            self.clock.sleep(wait).await;
            let instance = &self.instances[self.dice.below(self.instances.len())];
            let outcome: Outcome = instance.handle(delivery.clone()).await;
            if outcome.is_ok() {
                assert!(covers(&self.bucket, &delivery), "{}", delivery.name);
                return (delivery, attempts);
            }
        }
    }
}

async fn check_burst(instances: usize, in_order: bool) {
    let mut most = 0;
    for seed in 0..20 {
        let world = World::new(instances, seed);
        let records = join_all((0..RECORDS).map(|n| world.record(n, in_order))).await;
        let (deliveries, attempts): (Vec<Delivery>, Vec<usize>) = records.into_iter().unzip();
        let what = format!("{instances} instances, in order: {in_order}, seed {seed}");
        assert_eq!(folded(&world.bucket), Some(fold(&world.bucket, &deliveries)), "{what}");
        assert!(attempts.iter().all(|attempts| *attempts == 1), "{what}: {attempts:?}");
        let versions = world.bucket.versions_of(&snapshot_name()).len();
        assert!(versions <= 2 + instances, "{what}: {versions} snapshots");
        most = most.max(versions);
    }
    println!("{instances} instances, in order: {in_order}: at most {most} snapshots");
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn fifty_records_in_a_second_are_few_writes_of_one_instance() {
    check_burst(1, true).await;
    check_burst(1, false).await;
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn fifty_records_in_a_second_are_few_writes_of_two_instances() {
    check_burst(2, true).await;
    check_burst(2, false).await;
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn fifty_records_in_a_second_are_few_writes_of_three_instances() {
    check_burst(3, true).await;
    check_burst(3, false).await;
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn a_record_in_order_takes_two_round_trips() {
    let clock = PausedClock::start();
    let bucket = Memory::new("test", clock.clone(), 1);
    let (inner, delay) = (bucket.clone(), Duration::from_secs(1));
    let store = Arc::new(Distant { inner, clock: clock.clone(), delay, jitter: None });
    let builder = builder_with(store, clock.clone(), SeededIds::new(1));
    for (n, text) in [full(1, ""), full(2, ""), merge(3, "")].into_iter().enumerate() {
        let delivery = upload(&bucket, &format!("2025/11/06/x_{n}.json"), text);
        let began = clock.0.elapsed();
        super::deliver(&builder, &delivery).await.unwrap();
        assert_eq!(clock.0.elapsed() - began, 2 * delay);
    }
}
