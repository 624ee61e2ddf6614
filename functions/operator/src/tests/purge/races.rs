//! Deliveries that are handled while an entity is purged: nothing with content is there when the
//! purge has ended, nor after whatever is delivered again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::{
    BoxFuture, Clock, Delivery, Env, Handler, Ids as _, Instant, ObjectName, Outcome, Overwrote,
    Planted,
};
use emulator::schedule::{Attempt, Gated, is_long};
use emulator::{Memory, SeededIds, TestClock};
use index_writer::IndexWriter;
use manifest_writer::ManifestWriter;
use rules_engine::{RuleCache, RulesEngine};
use store::{Store, Tools};

use super::super::{NOW, builder, entity};
use super::{LINE, SNAPSHOT, left, place, put, record};
use crate::{Cli, Command, Operator, Problem, Screen, Shortcut};
use clap::Parser as _;

/// A clock by which the purge waits for a step of the race. Nothing that was under way when it began
/// to wait is so when it ends.
struct Waits {
    inner: Arc<TestClock>,
    store: Arc<dyn Store>,
    waiting: Arc<AtomicBool>,
}

/// What is read of the bucket to wait: nothing.
const WAIT: &str = "wait";

impl Clock for Waits {
    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        if delay < Duration::from_secs(30) {
            return self.inner.sleep(delay);
        }
        self.waiting.store(true, Ordering::Relaxed);
        Box::pin(async move {
            self.store.get(WAIT, None).await.unwrap();
            self.waiting.store(false, Ordering::Relaxed);
            self.inner.sleep(delay).await;
        })
    }
}

type Handled = Attempt<Vec<Outcome>>;

/// Who handles something old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    SnapshotBuilder,
    LateMerge,
    ManifestWriter,
    IndexWriter,
    RulesEngine,
}

const ALL: [Who; 5] =
    [Who::SnapshotBuilder, Who::LateMerge, Who::ManifestWriter, Who::IndexWriter, Who::RulesEngine];

/// The most operations of a handler.
const STEPS: usize = 12;

struct Race {
    bucket: Arc<Memory>,
    tools: Tools,
    old: Vec<Delivery>,
}

impl Race {
    async fn begin() -> Self {
        let (bucket, tools) = place().await;
        let late = record(1, "secret late", r#","op":"merge""#).replace("10:01:00", "10:01:30");
        put(&bucket, "env/dev/ventures/V1/history/2025/11/06/m_5.json", &late);
        let unhandled = record(30, "secret three", r#","n":7777"#);
        put(&bucket, "env/dev/ventures/V1/history/2025/11/06/n_6.json", &unhandled);
        let mut old = Vec::new();
        for (name, object) in bucket.objects() {
            if name.contains("/ventures/V1/history/") {
                old.push(delivery(&name, object.generation));
            }
        }
        for version in bucket.versions_of(SNAPSHOT) {
            old.push(delivery(SNAPSHOT, version.generation));
        }
        Self { bucket, tools, old }
    }

    fn of(&self, what: &str) -> Delivery {
        let found = self.old.iter().rfind(|it| it.name.to_string().contains(what));
        found.unwrap().clone()
    }

    fn handler(&self, who: Who) -> Handled {
        let (store, gate) =
            Gated::new(self.bucket.clone(), &["env/dev/indices/rules/_bundle.json"]);
        let ids = SeededIds::new(5);
        let tools = Tools { store, ids, clock: TestClock::at(NOW), ..self.tools.clone() };
        let (delivery, handler) = self.parts(who, &tools);
        Attempt::new(gate, Box::pin(async move { handler.handle(&[delivery]).await }))
    }

    fn parts(&self, who: Who, tools: &Tools) -> (Delivery, Box<dyn Handler>) {
        let (tools, planted) = (tools.clone(), Planted::NONE);
        match who {
            Who::SnapshotBuilder => (self.of("n_6"), Box::new(builder(&tools))),
            Who::LateMerge => (self.of("m_5"), Box::new(builder(&tools))),
            Who::ManifestWriter => {
                (self.of(SNAPSHOT), Box::new(ManifestWriter { tools, planted: Planted::NONE }))
            }
            Who::IndexWriter => (self.of(SNAPSHOT), Box::new(IndexWriter { tools, planted })),
            Who::RulesEngine => {
                let (rules_age_max, cache) = (Duration::from_secs(30), RuleCache::default());
                let planted = Planted::NONE;
                let engine = RulesEngine { tools, rules_age_max, cache, planted };
                (self.of(SNAPSHOT), Box::new(engine))
            }
        }
    }

    fn purge(
        &self,
        planted: Planted<Shortcut>,
    ) -> (Attempt<Result<bool, Problem>>, Arc<AtomicBool>) {
        let (store, gate) = Gated::new(self.bucket.clone(), &[]);
        let waiting = Arc::new(AtomicBool::new(false));
        let inner = TestClock::at(NOW);
        let clock = Arc::new(Waits { inner, store: store.clone(), waiting: Arc::clone(&waiting) });
        let tools = Tools { store, clock, ids: SeededIds::new(6), ..self.tools.clone() };
        let line = async move {
            let screen = Screen::on(std::io::sink(), std::io::sink());
            let cli = Cli::parse_from(["operator"].into_iter().chain(LINE.split_whitespace()));
            let user = Some("ada".to_owned());
            let operator = Operator {
                tools,
                env: Env::Dev,
                user,
                google: &crate::Google::default(),
                screen: &screen,
                planted,
            };
            let Command::Purge(options) = &cli.command else { panic!("{LINE}") };
            crate::purge::run(options, &operator).await
        };
        (Attempt::new(gate, Box::pin(line)), waiting)
    }

    /// Everything that was ever delivered comes again, to everybody.
    async fn deliver_again(&self) {
        for who in ALL {
            let (_, handler) = self.parts(who, &self.tools);
            for delivery in &self.old {
                if handler.fed_with().contains(&delivery.name.class()) {
                    drop(handler.handle(std::slice::from_ref(delivery)).await);
                }
            }
        }
    }
}

fn delivery(name: &str, generation: domain::Generation) -> Delivery {
    let name = ObjectName::parse(name).unwrap();
    Delivery { name, generation, overwrote: Overwrote::Unknown, created_at: None }
}

/// A handler that makes `early` operations before the purge begins, `middle` after so many of the
/// purge, and the rest after `late` more; at the latest while the purge waits.
async fn raced(
    who: Who,
    planted: Planted<Shortcut>,
    (early, first, middle, second): (usize, usize, usize, usize),
) -> Result<(), String> {
    let race = Race::begin().await;
    let mut handler = race.handler(who);
    let steps = |handler: &mut Handled, steps: usize| {
        for _ in 0..steps {
            if !handler.runs() {
                break;
            }
            handler.step();
        }
    };
    steps(&mut handler, early);
    let (mut purge, waiting) = race.purge(planted);
    for (ours, theirs) in [(first, middle), (second, usize::MAX)] {
        for _ in 0..ours {
            if waiting.load(Ordering::Relaxed) {
                handler.finish();
            }
            if purge.runs() {
                purge.step();
            }
        }
        steps(&mut handler, theirs);
    }
    while purge.runs() {
        if waiting.load(Ordering::Relaxed) {
            handler.finish();
        }
        purge.step();
    }
    if purge.result() != Some(&Ok(true)) {
        return Err(format!("the purge ended with {:?}", purge.result()));
    }
    handler.finish();
    let found = left(&race.bucket).await;
    if !found.is_empty() {
        return Err(format!("at the end there is {found:#?}"));
    }
    race.deliver_again().await;
    let found = left(&race.bucket).await;
    if !found.is_empty() {
        return Err(format!("after all deliveries there is {found:#?}"));
    }
    let versions = Store::versions(&*race.bucket, SNAPSHOT).await.unwrap();
    match versions.len() {
        1 => Ok(()),
        more => Err(format!("{more} versions of the snapshot of {}", entity("V1"))),
    }
}

/// A wrong turn for each of many purges.
type Planting = fn() -> Planted<Shortcut>;

/// Goes through so many schedules until one is wrong.
async fn race(who: Who, planted: Planting, schedules: u64) -> Option<String> {
    let dice = SeededIds::new(11);
    let below = |bound: usize| usize::try_from(dice.random() % (bound as u128)).unwrap();
    for _ in 0..schedules {
        let schedule = (below(STEPS), below(OPERATIONS), below(STEPS), below(OPERATIONS));
        if let Err(wrong) = raced(who, planted(), schedule).await {
            return Some(format!("{schedule:?}: {wrong}"));
        }
    }
    None
}

/// Of a purge in a race, up to its first wait and some more.
const OPERATIONS: usize = 160;

/// Of each handler.
const SCHEDULES: u64 = 25;

#[tokio::test]
async fn nothing_comes_back_beside_any_handler() {
    let schedules = if is_long() { 40 * SCHEDULES } else { SCHEDULES };
    for who in ALL {
        assert_eq!(race(who, || Planted::NONE, schedules).await, None, "{who:?}");
    }
}

#[tokio::test]
async fn wrong_turns_of_a_purge_are_seen() {
    let wrong_turns: [(Who, Planting); 3] = [
        (Who::SnapshotBuilder, || Planted::bug(Shortcut::TombstoneLast)),
        (Who::IndexWriter, || Planted::bug(Shortcut::SecondLookSkipped)),
        (Who::SnapshotBuilder, || Planted::bug(Shortcut::TombstoneNotDerived)),
    ];
    for (who, planted) in wrong_turns {
        assert!(race(who, planted, 8 * SCHEDULES).await.is_some(), "{:?} is not seen", planted());
    }
}

/// A compaction has read a shard without the line, and the manifest; it writes when the purge has
/// ended.
async fn beside_a_compaction(planted: Planted<Shortcut>) -> bool {
    let race = Race::begin().await;
    for name in crate::purge::shard_names(&entity("V1")) {
        put(&race.bucket, &name, "{\"id\":\"V2\",\"n\":1}\n");
    }
    let read = race.bucket.objects();
    let (mut purge, _) = race.purge(planted);
    assert_eq!(purge.finish(), Some(&Ok(true)));
    for name in crate::purge::shard_names(&entity("V1")) {
        let at = store::Precondition::At(read[&name].generation);
        let body = "{\"id\":\"V1\",\"n\":7777}\n{\"id\":\"V2\",\"n\":1}\n";
        let metadata = store::Metadata::new();
        let put = Store::put(&*race.bucket, &name, body.into(), &metadata, at).await;
        assert!(put.is_err() || left(&race.bucket).await.len() == 1);
        if put.is_ok() {
            return false;
        }
    }
    left(&race.bucket).await.is_empty()
}

#[tokio::test]
async fn a_compaction_that_is_under_way_fails_at_its_write() {
    assert!(beside_a_compaction(Planted::NONE).await);
    assert!(!beside_a_compaction(Planted::bug(Shortcut::ShardNotTouched)).await);
}
