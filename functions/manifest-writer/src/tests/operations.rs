//! What an event costs.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use domain::{Delivery, Disposition, EntityRef, Env, ObjectName};
use emulator::{Memory, TestClock, Upload};
use expect_test::{Expect, expect};
use store::{Counted, ErrorKind, counts};

use super::{NOW, bucket, deliver, entity, write_snapshot, writer_at};
use crate::ManifestWriter;
use emulator::faulty::{Fault, Faulty, When};

struct Bench {
    bucket: Arc<Memory>,
    clock: Arc<TestClock>,
    store: Arc<Counted>,
    writer: ManifestWriter,
    table: String,
}

impl Bench {
    /// A bucket with `others` entities.
    fn new(others: usize) -> Self {
        let bucket = bucket();
        for other in 0..others {
            let other = EntityRef::new(Env::Dev, "ventures", &format!("V1{other}")).unwrap();
            let hour = "2025-11-06T12".to_owned();
            for name in
                [ObjectName::Snapshot(other.clone()), ObjectName::Journal { entity: other, hour }]
            {
                bucket.insert(&name.to_string(), "{}\n".into(), Upload::default()).unwrap();
            }
        }
        let store = Arc::new(Counted::new(bucket.clone()));
        Self::over(bucket, store)
    }

    fn over(bucket: Arc<Memory>, store: Arc<Counted>) -> Self {
        let clock = TestClock::at(NOW);
        let writer = writer_at(store.clone(), clock.clone());
        Self { bucket, clock, store, writer, table: String::new() }
    }

    async fn event(&mut self, path: &str, delivery: &Delivery) {
        let before = self.store.operations();
        let outcome = match deliver(&self.writer, delivery).await {
            Ok(Disposition::Done) => "done".to_owned(),
            other => format!("{other:?}"),
        };
        let operations = self.store.operations() - before;
        writeln!(self.table, "{path}: {operations}: {outcome}").unwrap();
    }

    fn check(&self, expect: &Expect) {
        expect.assert_eq(&self.table);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn every_path_costs_what_its_budget_says_among_10_and_among_10_000_entities() {
    let expect = expect![[r#"
        first change in an hour: 2 B + 2 A: done
        same generation: 2 B + 0 A: Ok(Skipped("manifest came from this snapshot"))
        change: 2 B + 1 A: done
        superseded: 2 B + 0 A: Ok(Skipped("manifest came from this snapshot"))
        deleted: 2 B + 1 A: done
        deleted, again: 2 B + 0 A: Ok(Skipped("manifest came from this snapshot"))
        recreated: 2 B + 1 A: done
        same generation, next hour: 2 B + 0 A: Ok(Skipped("manifest came from this snapshot"))
        change, next hour: 2 B + 2 A: done
        not a snapshot: 2 B + 0 A: Ok(Rejected(["the snapshot has no state or is no JSON object: it was not written by us"]))
        unknown segment: 0 B + 0 A: Ok(Rejected(["no entity definition has the segment \"gadgets\""]))
    "#]];
    for others in [10, 10_000] {
        let mut bench = Bench::new(others);
        let write = |bench: &Bench, second, n| write_snapshot(&bench.bucket, second, n);
        let first = write(&bench, 1, Some(1));
        bench.event("first change in an hour", &first).await;
        bench.event("same generation", &first).await;
        let second = write(&bench, 2, Some(2));
        bench.event("change", &second).await;
        bench.event("superseded", &first).await;
        let gone = write(&bench, 3, None);
        bench.event("deleted", &gone).await;
        bench.event("deleted, again", &gone).await;
        let back = write(&bench, 4, Some(4));
        bench.event("recreated", &back).await;
        bench.clock.advance(Duration::from_secs(3600));
        bench.event("same generation, next hour", &back).await;
        let later = write(&bench, 5, Some(5));
        bench.event("change, next hour", &later).await;
        let foreign = Upload::default();
        bench.bucket.insert(&later.name.to_string(), "[]".into(), foreign).unwrap();
        bench.event("not a snapshot", &later).await;
        let unknown = EntityRef::new(Env::Dev, "gadgets", "V1").unwrap();
        let unknown = Delivery { name: ObjectName::Snapshot(unknown), ..later };
        bench.event("unknown segment", &unknown).await;
        bench.check(&expect);
        // What estimates are made from.
        let written = counts::MANIFEST_WRITTEN;
        let first = written + counts::JOURNAL_WRITTEN;
        for line in [
            format!("change: {written}: done\n"),
            format!("deleted: {written}: done\n"),
            format!("first change in an hour: {first}: done\n"),
            format!("change, next hour: {first}: done\n"),
        ] {
            assert!(bench.table.contains(&line), "{line}");
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_further_try_reads_manifest_and_snapshot_again() {
    let mut table = String::new();
    for (path, when) in [("a conflict", When::Before), ("a lost answer", When::After)] {
        let bucket = bucket();
        let first = write_snapshot(&bucket, 1, Some(1));
        deliver(&writer_at(bucket.clone(), TestClock::at(NOW)), &first).await.unwrap();
        let second = write_snapshot(&bucket, 2, Some(2));
        let fault = Fault { at: 2, times: 1, kind: ErrorKind::Conflict, when };
        let store = Arc::new(Counted::new(Faulty::new(bucket.clone(), fault)));
        let mut bench = Bench::over(bucket, store);
        bench.event(path, &second).await;
        table.push_str(&bench.table);
    }
    expect![[r#"
        a conflict: 4 B + 2 A: done
        a lost answer: 4 B + 1 A: Ok(Skipped("manifest came from this snapshot"))
    "#]]
    .assert_eq(&table);
}

#[tokio::test(flavor = "current_thread")]
async fn an_event_without_a_snapshot_leaves_a_tombstone_that_readers_skip() {
    let bench = Bench::new(0);
    let delivery = write_snapshot(&super::bucket(), 1, Some(1));
    assert_eq!(deliver(&bench.writer, &delivery).await, Ok(Disposition::Done));
    super::agrees(&bench.bucket, None).unwrap();
    assert_eq!(bench.bucket.objects().len(), 2, "a journal entry and a tombstone");
    assert!(bench.bucket.objects().contains_key(&super::manifest_name()));
    assert_eq!(delivery.name, ObjectName::Snapshot(entity()));
}
