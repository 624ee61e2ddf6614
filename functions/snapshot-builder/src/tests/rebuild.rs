//! A snapshot built again from its history.

use std::sync::Arc;

use domain::{Definitions, Overwrote, Version};
use emulator::faulty::{Fault, Faulty};
use emulator::{Upload, tools};
use store::{Error, Tools};

use super::{
    bucket, builder, builder_of, deliver, entity, fold, folded, full, merge, snapshot_name,
    snapshot_of, tombstone, upload,
};
use crate::{Rebuild, Rebuilt, SnapshotBuilder, Uncounted};

async fn rebuild(builder: &SnapshotBuilder) -> Result<Rebuilt, Error> {
    builder.rebuild(&entity()).await.map(|rebuild| rebuild.rebuilt)
}

#[tokio::test]
async fn what_its_history_says_is_not_written_again() {
    let bucket = bucket();
    let builder = builder(bucket.clone());
    assert_eq!(rebuild(&builder).await, Ok(Rebuilt::Missing));
    for (file, body) in [
        ("2025/11/06/a_1.json", full(1, "")),
        ("2025/11/06/a_2.json", tombstone(2)),
        ("2025/11/06/a_3.json", full(3, "")),
        ("2025/11/06/a_4.json", merge(4, r#","title":"T""#)),
    ] {
        let delivery = upload(&bucket, file, body);
        deliver(&builder, &delivery).await.unwrap();
        let before = snapshot_of(&bucket);
        assert_eq!(rebuild(&builder).await, Ok(Rebuilt::Same));
        assert_eq!(snapshot_of(&bucket), before);
    }
}

#[tokio::test]
async fn a_snapshot_that_says_anything_else_becomes_the_fold_whatever_fails() {
    for fault in Fault::all(6) {
        let bucket = bucket();
        let deliveries = [
            upload(&bucket, "2025/11/06/a_1.json", full(1, r#","title":"T""#)),
            upload(&bucket, "2025/11/06/a_2.json", merge(2, r#","status":"Pilot""#)),
        ];
        bucket.insert(&snapshot_name(), "by hand".into(), Upload::default()).unwrap();
        // It fails, or is done; it is never half done.
        let first = rebuild(&builder(Faulty::new(bucket.clone(), fault))).await;
        let second = rebuild(&builder(bucket.clone())).await.unwrap();
        assert_eq!(folded(&bucket), Some(fold(&bucket, &deliveries)), "{fault:?} {first:?}");
        assert!(matches!(second, Rebuilt::Same | Rebuilt::Changed { .. }), "{fault:?}");
    }
}

#[tokio::test]
async fn a_snapshot_without_a_history_that_counts_is_left_alone() {
    let bucket = bucket();
    bucket.insert(&snapshot_name(), "by hand".into(), Upload::default()).unwrap();
    let record = upload(&bucket, "2025/11/06/a_1.json", "no JSON");
    let before = snapshot_of(&bucket);
    let Rebuild { rebuilt, uncounted } = builder(bucket.clone()).rebuild(&entity()).await.unwrap();
    assert_eq!((rebuilt, snapshot_of(&bucket)), (Rebuilt::WithoutHistory, before));
    let reasons = vec!["not JSON: expected ident at line 1 column 2".to_owned()];
    let (object, generation) = (record.name.to_string(), record.generation);
    assert_eq!(uncounted, [Uncounted { object, generation, reasons }]);
}

#[tokio::test]
async fn a_rebuild_names_the_record_that_the_snapshot_named_and_begins_a_run() {
    let bucket = bucket();
    let first = builder(bucket.clone());
    let delivery = upload(&bucket, "2025/11/06/a_1.json", full(1, r#","title":"T""#));
    assert_eq!(delivery.overwrote, Overwrote::Nothing);
    deliver(&first, &delivery).await.unwrap();
    let before = snapshot_of(&bucket).unwrap();
    // A record that no function was told of.
    upload(&bucket, "2025/11/06/a_2.json", full(2, r#","title":"U""#));
    let later = later(first);
    let Ok(Rebuilt::Changed { before: replaced, after }) = rebuild(&later).await else {
        panic!("it says something else");
    };
    let now = snapshot_of(&bucket).unwrap();
    assert_eq!((replaced, after), (before.body.clone(), now.body.clone()));
    for key in ["source-name", "source-generation"] {
        assert_eq!(now.metadata[key], before.metadata[key]);
    }
    assert_ne!(now.metadata["run"], before.metadata["run"]);
    assert_eq!(now.metadata["definitions"], "later");
}

/// The release after.
fn later(builder: SnapshotBuilder) -> SnapshotBuilder {
    let version = Version { definitions: "later".to_owned(), software: "1".to_owned() };
    let ids = emulator::SeededIds::new(9);
    builder_of(Tools { version, ids, ..builder.tools })
}

#[tokio::test]
async fn a_kind_that_is_not_defined_cannot_be_rebuilt() {
    let none = Arc::new(Definitions::from_files([]).unwrap());
    let mut builder = builder(bucket());
    builder.tools = Tools { definitions: none, ..tools(bucket()) };
    let err = builder.rebuild(&entity()).await.unwrap_err();
    assert!(err.to_string().contains("no entity definition has the segment"), "{err}");
}

#[tokio::test]
async fn a_snapshot_is_renewed_in_a_run_of_its_own_and_created_where_it_is_missing() {
    for fault in Fault::all(5) {
        let bucket = bucket();
        let deliveries = [
            upload(&bucket, "2025/11/06/a_1.json", full(1, r#","title":"T""#)),
            upload(&bucket, "2025/11/06/a_2.json", merge(2, r#","status":"Pilot""#)),
        ];
        // Missing, no snapshot, and what the history says.
        for _ in 0..3 {
            let first = builder(Faulty::new(bucket.clone(), fault)).renew(&entity()).await;
            let before = bucket.objects().remove(&snapshot_name());
            let renewed = builder(bucket.clone()).renew(&entity()).await.unwrap();
            assert_eq!(folded(&bucket), Some(fold(&bucket, &deliveries)), "{fault:?} {first:?}");
            let after = bucket.objects().remove(&snapshot_name()).unwrap();
            assert_eq!(renewed.overwrote, before.as_ref().map(|it| it.generation));
            assert_eq!(renewed.generation, Some(after.generation));
            // The ids of another builder are drawn from the same seed: this one is asked twice.
            let run = || bucket.objects()[&snapshot_name()].metadata["run"].clone();
            let steady = builder(bucket.clone());
            let mut runs = Vec::new();
            for _ in 0..2 {
                steady.renew(&entity()).await.unwrap();
                runs.push(run());
            }
            assert_ne!(runs[0], runs[1], "{fault:?}");
            if fault.at % 2 == 0 {
                bucket.insert(&snapshot_name(), "by hand".into(), Upload::default()).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_snapshot_whose_history_is_gone_waits_for_a_record_and_then_is_what_that_says() {
    let bucket = bucket();
    let builder = builder(bucket.clone());
    let nothing = builder.renew(&entity()).await.unwrap();
    assert_eq!((nothing.generation, bucket.objects().len()), (None, 0));
    bucket.insert(&snapshot_name(), "by hand".into(), Upload::default()).unwrap();
    assert!(builder.renew(&entity()).await.unwrap().generation.is_some());
    let object = bucket.objects().remove(&snapshot_name()).unwrap();
    assert_eq!(object.metadata["state"], "pending");
    let deliveries = [
        upload(&bucket, "2025/11/06/a_2.json", merge(2, r#","status":"Pilot""#)),
        upload(&bucket, "2025/11/06/a_1.json", full(1, r#","title":"T""#)),
    ];
    for (at, delivery) in deliveries.iter().enumerate() {
        deliver(&builder, delivery).await.unwrap();
        assert_eq!(folded(&bucket), Some(fold(&bucket, &deliveries[..=at])));
    }
}
