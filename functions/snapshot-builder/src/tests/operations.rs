//! What a delivery costs, whatever else lies in the bucket.

use std::fmt::Write as _;
use std::sync::Arc;

use domain::{Delivery, Disposition, EntityRef, Env, ObjectName};
use emulator::{Memory, Upload};
use expect_test::{Expect, expect};
use store::{Counted, ErrorKind, Operations, Store as _, counts};

use super::{bucket, builder, deliver, full, merge, tombstone, upload, upload_as};
use crate::SnapshotBuilder;
use emulator::faulty::{Fault, Faulty, When};

struct Bench {
    bucket: Arc<Memory>,
    store: Arc<Counted>,
    builder: SnapshotBuilder,
    table: String,
}

impl Bench {
    /// A bucket with `others` entities, whose ids begin as this one's does.
    fn new(others: usize) -> Self {
        let bucket = bucket();
        for other in 0..others {
            let other = EntityRef::new(Env::Dev, "ventures", &format!("V1{other}")).unwrap();
            upload_as(&bucket, &other, "2025/11/06/x_1.json", full(1, ""), Upload::default());
            let snapshot = ObjectName::Snapshot(other).to_string();
            bucket.insert(&snapshot, "{}\n".into(), Upload::default()).unwrap();
        }
        let store = Arc::new(Counted::new(bucket.clone()));
        Self::over(bucket, store)
    }

    /// A bucket in which operations fail.
    fn failing(bucket: Arc<Memory>, fault: Fault) -> Self {
        let store = Arc::new(Counted::new(Faulty::new(bucket.clone(), fault)));
        Self::over(bucket, store)
    }

    fn over(bucket: Arc<Memory>, store: Arc<Counted>) -> Self {
        let builder = builder(store.clone());
        Self { bucket, store, builder, table: String::new() }
    }

    fn upload(&self, file: &str, body: String) -> Delivery {
        upload(&self.bucket, &format!("2025/11/06/{file}.json"), body)
    }

    async fn deliver(&mut self, path: &str, delivery: &Delivery) {
        let before = self.store.operations();
        let outcome = match deliver(&self.builder, delivery).await {
            Ok(Disposition::Done) => "done".to_owned(),
            Ok(Disposition::Skipped(reason)) => format!("skipped, {reason}"),
            Ok(Disposition::Rejected(_)) => "rejected".to_owned(),
            Err(failure) => format!("failed, {failure}"),
        };
        let operations = self.store.operations() - before;
        writeln!(self.table, "{path}: {operations}: {outcome}").unwrap();
    }

    /// Holds what estimates are made from against what was counted.
    fn counts(&self, counts: &[(&str, Operations)]) {
        for (path, operations) in counts {
            let line = format!("{path}: {operations}: done\n");
            assert!(self.table.contains(&line), "{line}{}", self.table);
        }
    }

    fn check(&self, expect: &Expect) {
        expect.assert_eq(&self.table);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn every_path_costs_what_its_budget_says_among_10_and_among_10_000_entities() {
    let expect = expect![[r#"
        create: 2 B + 1 A: done
        covered: 2 B + 0 A: skipped, snapshot covers the record
        covered by its base: 2 B + 0 A: skipped, snapshot covers the record
        replace: 2 B + 1 A: done
        merge in order: 2 B + 1 A: done
        late, 5 listed, 4 read: 6 B + 2 A: done
        tombstone: 2 B + 1 A: done
        without a time of creation: 2 B + 2 A: done
        rejected: 2 B + 0 A: rejected
        gone: 2 B + 0 A: skipped, object is gone
    "#]];
    for others in [10, 10_000] {
        let mut bench = Bench::new(others);
        let create = bench.upload("x_10", full(10, ""));
        bench.deliver("create", &create).await;
        bench.deliver("covered", &create).await;
        let older = bench.upload("x_05", full(5, ""));
        bench.deliver("covered by its base", &older).await;
        let replace = bench.upload("x_20", full(20, ""));
        bench.deliver("replace", &replace).await;
        let merged = bench.upload("x_40", merge(40, r#","a":1"#));
        bench.deliver("merge in order", &merged).await;
        let late = bench.upload("x_30", merge(30, r#","b":1"#));
        bench.deliver("late, 5 listed, 4 read", &late).await;
        let gone = bench.upload("x_50", tombstone(50));
        bench.deliver("tombstone", &gone).await;
        let unknown = Delivery { created_at: None, ..bench.upload("x_60", full(60, "")) };
        bench.deliver("without a time of creation", &unknown).await;
        let refused = bench.upload("x_70", "garbage".to_owned());
        bench.deliver("rejected", &refused).await;
        let gone = bench.upload("x_80", full(80, ""));
        bench.bucket.delete(&gone.name.to_string(), gone.generation).await.unwrap();
        bench.deliver("gone", &gone).await;
        bench.check(&expect);
        bench.counts(&[
            ("create", counts::SNAPSHOT_WRITTEN),
            ("replace", counts::SNAPSHOT_WRITTEN),
            ("merge in order", counts::SNAPSHOT_WRITTEN),
            ("tombstone", counts::SNAPSHOT_WRITTEN),
            ("late, 5 listed, 4 read", counts::snapshot_late(5, 4)),
        ]);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_long_history_is_listed_by_the_thousand_and_read_once() {
    let mut bench = Bench::new(10);
    let base = bench.upload("x_0", full(0, ""));
    let merges: Vec<Delivery> = (1..1200)
        .map(|n| bench.upload(&format!("x_{n}"), merge(n, &format!(r#","a":{n}"#))))
        .collect();
    bench.deliver("create", &base).await;
    bench.deliver("merge in order", &merges[1198]).await;
    bench.deliver("late, 1,200 listed, 1,199 read", &merges[600]).await;
    bench.deliver("covered", &merges[1197]).await;
    // Too old to be remembered by its id: the fold shows that it changes nothing.
    bench.deliver("covered, not remembered", &merges[0]).await;
    bench.counts(&[("late, 1,200 listed, 1,199 read", counts::snapshot_late(1200, 1199))]);
    bench.check(&expect![[r#"
        create: 2 B + 1 A: done
        merge in order: 2 B + 1 A: done
        late, 1,200 listed, 1,199 read: 1201 B + 3 A: done
        covered: 2 B + 0 A: skipped, snapshot covers the record
        covered, not remembered: 1201 B + 2 A: skipped, snapshot covers the record
    "#]]);
}

#[tokio::test(flavor = "current_thread")]
async fn days_before_what_is_folded_are_not_listed() {
    let mut bench = Bench::new(10);
    for day in 1..=28 {
        let relative = format!("2025/10/{day:02}/x_1.json");
        let body =
            format!(r#"{{"schema_version":"1.0.0","updated_at":"2025-10-{day:02}T10:00:00Z"}}"#);
        upload(&bench.bucket, &relative, body);
    }
    for (path, delivery) in [
        ("create", bench.upload("x_1", full(1, ""))),
        ("merge in order", bench.upload("x_3", merge(3, ""))),
        ("late, 3 listed, 2 read", bench.upload("x_2", merge(2, ""))),
    ] {
        bench.deliver(path, &delivery).await;
    }
    bench.check(&expect![[r#"
        create: 2 B + 1 A: done
        merge in order: 2 B + 1 A: done
        late, 3 listed, 2 read: 4 B + 2 A: done
    "#]]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_further_try_costs_one_read_and_one_write() {
    let mut table = String::new();
    for (path, fault) in [
        ("one conflict", (1, ErrorKind::Conflict, When::Before)),
        ("a lost answer", (1, ErrorKind::Conflict, When::After)),
        ("two conflicts, then 3 listed, 2 read", (2, ErrorKind::Conflict, When::Before)),
        ("one throttle, then 3 listed, 2 read", (1, ErrorKind::Throttled, When::Before)),
    ] {
        let (times, kind, when) = fault;
        let bucket = bucket();
        upload(&bucket, "2025/11/06/x_1.json", full(1, ""));
        upload(&bucket, "2025/11/06/x_2.json", full(2, ""));
        let delivery = upload(&bucket, "2025/11/06/x_3.json", full(3, ""));
        let mut bench = if times == 1 {
            Bench::failing(bucket, Fault { at: 2, times, kind, when })
        } else {
            // The inner store does not see the write that the outer one fails.
            let fault = Fault { at: 2, times: 1, kind, when };
            let inner = Faulty::new(bucket.clone(), Fault { at: 3, ..fault });
            let store = Arc::new(Counted::new(Faulty::new(inner, fault)));
            Bench::over(bucket, store)
        };
        bench.deliver(path, &delivery).await;
        table.push_str(&bench.table);
    }
    expect![[r#"
        one conflict: 3 B + 2 A: done
        a lost answer: 3 B + 1 A: skipped, snapshot covers the record
        two conflicts, then 3 listed, 2 read: 6 B + 4 A: done
        one throttle, then 3 listed, 2 read: 5 B + 3 A: done
    "#]]
    .assert_eq(&table);
}
