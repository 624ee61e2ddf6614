//! Which bulk write a snapshot has come from: what decides whether alerts about it are sent.

use projection::snapshot::ORIGIN;

use super::*;

/// The origin that the snapshot names after these deliveries, each a second and an origin, in one
/// batch or one after the other.
async fn origin(records: &[(u32, &str)], batched: bool) -> Option<String> {
    let bucket = bucket();
    let deliveries: Vec<Delivery> = records
        .iter()
        .map(|(second, origin)| {
            let rest = format!(r#","title":"t{second}","origin":"{origin}""#);
            upload(&bucket, &format!("2025/11/06/x_{second:02}{origin}.json"), full(*second, &rest))
        })
        .collect();
    let builder = builder(bucket.clone());
    match batched {
        true => assert!(builder.handle(&deliveries).await.iter().all(Result::is_ok)),
        false => {
            for delivery in &deliveries {
                assert!(deliver(&builder, delivery).await.is_ok());
            }
        }
    }
    let snapshot = snapshot_of(&bucket).unwrap();
    assert!(!String::from_utf8_lossy(&snapshot.body).contains("origin"));
    snapshot.metadata.get(ORIGIN).cloned()
}

#[tokio::test(flavor = "current_thread")]
async fn a_snapshot_names_the_bulk_write_that_all_of_its_news_are_of() {
    for (records, batched, expected) in [
        (&[(1, "seed")][..], false, Some("seed")),
        (&[(1, "restore")], false, Some("restore")),
        (&[(1, "migrate")], false, Some("migrate")),
        (&[(1, "restore-loud")], false, None),
        (&[(1, "operator")], false, None),
        (&[(1, "")], false, None),
        // What was folded before is no news.
        (&[(1, "operator"), (2, "seed")], false, Some("seed")),
        (&[(1, "seed"), (2, "operator")], false, None),
        (&[(1, "seed"), (2, "restore")], true, Some("restore")),
        (&[(1, "operator"), (2, "seed")], true, None),
        (&[(1, "seed"), (2, "operator")], true, None),
        // Late, so that the history is folded again.
        (&[(5, "operator"), (9, "operator"), (7, "seed")], false, None),
    ] {
        assert_eq!(origin(records, batched).await.as_deref(), expected, "{records:?} {batched}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_late_record_of_a_bulk_write_is_one_among_merges_too() {
    for (late, expected) in [("seed", Some("seed")), ("operator", None)] {
        let bucket = bucket();
        let builder = builder(bucket.clone());
        let first = upload(&bucket, "2025/11/06/x_1.json", full(1, r#","n_1":1"#));
        let last = upload(&bucket, "2025/11/06/x_9.json", merge(9, r#","n_9":1"#));
        let late = merge(5, &format!(r#","n_5":1,"origin":"{late}""#));
        let late = upload(&bucket, "2025/11/06/x_5.json", late);
        for delivery in [first, last, late] {
            assert!(deliver(&builder, &delivery).await.is_ok());
        }
        assert!(body(&bucket).contains("n_5"));
        let metadata = snapshot_of(&bucket).unwrap().metadata;
        assert_eq!(metadata.get(ORIGIN).map(String::as_str), expected);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_built_again_of_records_that_were_there_is_a_migration() {
    let bucket = bucket();
    let builder = builder(bucket.clone());
    let delivery = upload(&bucket, "2025/11/06/x_1.json", full(1, r#","title":"a""#));
    assert!(deliver(&builder, &delivery).await.is_ok());
    // The same record counts as something else, as under other definitions.
    let snapshot = snapshot_of(&bucket).unwrap();
    let changed = String::from_utf8(snapshot.body.to_vec()).unwrap().replace(r#""a""#, r#""b""#);
    let metadata = snapshot.metadata.clone();
    let upload = Upload { metadata, ..Upload::default() };
    bucket.insert(&snapshot_name(), changed.into(), upload).unwrap();
    assert!(builder.rebuild(&entity()).await.is_ok());
    let metadata = snapshot_of(&bucket).unwrap().metadata;
    assert_eq!(metadata.get(ORIGIN).map(String::as_str), Some(snapshot::MIGRATE));
}
