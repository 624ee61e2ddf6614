//! What an event costs, whatever the size of the index.

use std::sync::Arc;

use domain::{Delivery, Disposition, Handler, Overwrote, Planted};
use emulator::{Memory, Upload};
use expect_test::{Expect, expect};
use store::{Counted, Operations, counts};

use super::{bucket, write_snapshot, writer};
use crate::IndexWriter;

struct Bench {
    bucket: Arc<Memory>,
    store: Arc<Counted>,
    writer: IndexWriter,
}

impl Bench {
    /// A bucket in which so many other entities are in the index.
    fn new(others: usize) -> Self {
        let bucket = bucket();
        for n in 0..others {
            let name = format!("env/dev/indices/ventures/by-status/a/other{n}.json");
            bucket.insert(&name, "{}".into(), Upload::default()).unwrap();
        }
        let store = Arc::new(Counted::new(bucket.clone()));
        let writer = writer(store.clone(), Planted::NONE);
        Self { bucket, store, writer }
    }

    fn snapshot(&self, second: usize, document: &str) -> Delivery {
        write_snapshot(&self.bucket, "V1", second, document)
    }

    /// The same, held against what estimates are made from.
    async fn counted(&self, delivery: &Delivery, counts: Operations, expect: Expect) {
        let before = self.store.operations();
        self.event(delivery, expect).await;
        assert_eq!(self.store.operations() - before, counts);
    }

    async fn event(&self, delivery: &Delivery, expect: Expect) {
        let before = self.store.operations();
        let outcomes = self.writer.handle(std::slice::from_ref(delivery)).await;
        let outcome = match &outcomes[0] {
            Ok(Disposition::Done) => "done".to_owned(),
            Ok(Disposition::Skipped(reason)) => (*reason).to_owned(),
            other => format!("{other:?}"),
        };
        expect.assert_eq(&format!("{outcome}: {}", self.store.operations() - before));
    }
}

/// Three pointers: 2 B + k (1 B + 1 A).
const CREATED: &str = r#"{"status":"A","tags":["x","y"]}"#;

async fn check(others: usize) {
    let bench = Bench::new(others);
    let created = bench.snapshot(1, CREATED);
    bench.counted(&created, counts::pointers_created(3), expect!["done: 5 B + 3 A"]).await;
    // The same again: the pointers came from this version.
    bench.event(&created, expect!["index objects agree with the snapshot: 5 B + 0 A"]).await;
    // Nothing shown changes: 3 B + k B.
    let unchanged = bench.snapshot(2, r#"{"status":"A","tags":["x","y"],"b":1}"#);
    let (counts, expect) = (
        counts::pointers_updated(3, 0, 0),
        expect!["index objects agree with the snapshot: 6 B + 0 A"],
    );
    bench.counted(&unchanged, counts, expect).await;
    // The run of all three changes, one is removed, one is new: 3 B + (k + r) B + (c + r) A.
    let changed = bench.snapshot(3, r#"{"status":"B","tags":["x","y"]}"#);
    bench.counted(&changed, counts::pointers_updated(3, 3, 1), expect!["done: 7 B + 4 A"]).await;
    // Superseded by the time it is handled: 1 B more.
    let superseded = bench.snapshot(4, r#"{"status":"C"}"#);
    let newest = bench.snapshot(5, r#"{"status":"C","b":1}"#);
    bench.event(&superseded, expect!["done: 8 B + 4 A"]).await;
    bench.event(&newest, expect!["index objects agree with the snapshot: 4 B + 0 A"]).await;
    // A register: 1 B + 1 A each.
    let joined = bench.snapshot(6, r#"{"group":"G","asOf":"2025-01-01"}"#);
    let counts = counts::pointers_updated(0, 0, 1) + counts::REGISTER_TOUCHED;
    bench.counted(&joined, counts, expect!["done: 5 B + 2 A"]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn every_path_costs_what_its_budget_says_with_10_entities() {
    check(10).await;
}

#[tokio::test(flavor = "current_thread")]
async fn every_path_costs_what_its_budget_says_with_10_000_entities() {
    check(10_000).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_push_without_attributes_costs_one_list_of_versions() {
    let bench = Bench::new(0);
    let first = bench.snapshot(1, r#"{"status":"A"}"#);
    let unknown = |delivery: Delivery| Delivery { overwrote: Overwrote::Unknown, ..delivery };
    bench.event(&first, expect!["done: 3 B + 1 A"]).await;
    let second = unknown(bench.snapshot(2, r#"{"status":"B"}"#));
    bench.event(&second, expect!["done: 5 B + 3 A"]).await;
}
