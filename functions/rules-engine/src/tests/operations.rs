//! What an event costs.

use std::sync::Arc;

use domain::{Delivery, Disposition, Handler, Planted};
use emulator::Memory;
use expect_test::{Expect, expect};
use store::{Counted, Operations, counts};

use super::{alerts, bucket, engine, write_snapshot};

struct Bench {
    bucket: Arc<Memory>,
    store: Arc<Counted>,
    engine: crate::RulesEngine,
}

impl Bench {
    fn new() -> Self {
        let bucket = bucket();
        let store = Arc::new(Counted::new(bucket.clone()));
        let engine = engine(store.clone(), Planted::NONE);
        Self { bucket, store, engine }
    }

    /// The same, held against what estimates are made from.
    async fn counted(&self, delivery: &Delivery, counts: Operations, expect: Expect) {
        let before = self.store.operations();
        self.event(delivery, expect).await;
        assert_eq!(self.store.operations() - before, counts);
    }

    async fn event(&self, delivery: &Delivery, expect: Expect) {
        let before: Operations = self.store.operations();
        let outcomes = self.engine.handle(std::slice::from_ref(delivery)).await;
        let outcome = match &outcomes[0] {
            Ok(Disposition::Done) => "done".to_owned(),
            other => format!("{other:?}"),
        };
        expect.assert_eq(&format!("{outcome}: {}", self.store.operations() - before));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn every_path_costs_what_its_budget_says() {
    let bench = Bench::new();
    let write = |second, n| write_snapshot(&bench.bucket, second, n);
    // One reading of the rules, as they have not been read before.
    bench
        .event(
            &write(1, Some(50)),
            expect![[r#"Ok(Skipped("no rule begins or ceases to hold")): 3 B + 0 A"#]],
        )
        .await;
    bench
        .event(
            &write(2, Some(40)),
            expect![[r#"Ok(Skipped("no rule begins or ceases to hold")): 2 B + 0 A"#]],
        )
        .await;
    // A note, the snapshot and the rules again, the change, the alert.
    let opening = write(3, Some(5));
    bench.counted(&opening, counts::rules_changed(1), expect!["done: 4 B + 3 A"]).await;
    // The attempt before may have died before it wrote the alert: it is written, and the note that
    // says so is taken away.
    bench
        .counted(
            &opening,
            counts::RULES_UNCHANGED + counts::alerts_confirmed(1),
            expect![[r#"Ok(Skipped("no rule begins or ceases to hold")): 2 B + 2 A"#]],
        )
        .await;
    bench
        .counted(
            &write(4, Some(6)),
            counts::RULES_UNCHANGED,
            expect![[r#"Ok(Skipped("no rule begins or ceases to hold")): 2 B + 0 A"#]],
        )
        .await;
    // As for what opens: it is told that it has ended.
    let closing = write(5, None);
    bench.counted(&closing, counts::rules_changed(1), expect!["done: 4 B + 3 A"]).await;
    bench
        .counted(
            &closing,
            counts::RULES_UNCHANGED + counts::alerts_confirmed(1),
            expect![[r#"Ok(Skipped("no rule begins or ceases to hold")): 2 B + 2 A"#]],
        )
        .await;
    let [open, _, written] = alerts(&bench.bucket);
    assert_eq!((open.len(), written), (0, vec![opening.generation]));
}

#[tokio::test(flavor = "current_thread")]
async fn a_rule_that_compares_with_the_version_before_costs_a_read() {
    let bench = Bench::new();
    let rule = r#"{"id":"up","applies_to":"venture","condition":{"path":"n","op":"increased_by","value":10}}"#;
    let bundle = format!(r#"{{"entity":"rule","members":[{rule}]}}"#);
    let name = "env/dev/indices/rules/_bundle.json";
    bench.bucket.insert(name, bundle.into(), Default::default()).unwrap();
    let write = |second, n| write_snapshot(&bench.bucket, second, n);
    // With one reading of the rules; a first version has none before it.
    bench
        .event(
            &write(1, Some(50)),
            expect![[r#"Ok(Skipped("no rule begins or ceases to hold")): 3 B + 0 A"#]],
        )
        .await;
    let same = write(2, Some(55));
    let nothing = counts::RULES_UNCHANGED + counts::changes_told(1, 0, 0);
    bench
        .counted(
            &same,
            nothing,
            expect![[r#"Ok(Skipped("no rule begins or ceases to hold")): 3 B + 0 A"#]],
        )
        .await;
    let up = write(3, Some(70));
    let told = counts::RULES_UNCHANGED + counts::changes_told(1, 0, 1);
    bench
        .counted(
            &up,
            told,
            expect![[r#"Ok(Skipped("no rule begins or ceases to hold")): 3 B + 1 A"#]],
        )
        .await;
    // Its own version is read, too, when it is no longer the current one.
    write(4, Some(71));
    let late = counts::RULES_UNCHANGED + counts::changes_told(1, 1, 1);
    bench
        .counted(
            &up,
            late,
            expect![[r#"Ok(Skipped("no rule begins or ceases to hold")): 4 B + 1 A"#]],
        )
        .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_snapshot_that_nobody_of_ours_wrote_is_rejected() {
    let bench = Bench::new();
    let delivery = write_snapshot(&bench.bucket, 1, Some(5));
    bench.bucket.insert(&delivery.name.to_string(), "[]".into(), Default::default()).unwrap();
    bench
        .event(&delivery, expect![[r#"Ok(Rejected(["the snapshot has no state or is no JSON object: it was not written by us"])): 2 B + 0 A"#]])
        .await;
}
