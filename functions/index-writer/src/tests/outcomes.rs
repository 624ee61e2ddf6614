//! How deliveries end that are out of the ordinary.

use std::sync::Arc;

use domain::{Definitions, Delivery, Disposition, Handler, Overwrote, Planted};
use emulator::Upload;
use expect_test::expect;

use store::Store as _;

use super::{bucket, indices, write_snapshot, writer};
use crate::Shortcut;

async fn outcome(writer: &crate::IndexWriter, delivery: &Delivery) -> Disposition {
    writer.handle(std::slice::from_ref(delivery)).await.remove(0).unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_push_without_attributes_finds_the_old_places_all_the_same() {
    let bucket = bucket();
    let writer = writer(bucket.clone(), Planted::NONE);
    let first = write_snapshot(&bucket, "V1", 1, r#"{"status":"A"}"#);
    outcome(&writer, &first).await;
    let second = write_snapshot(&bucket, "V1", 2, r#"{"status":"B"}"#);
    outcome(&writer, &Delivery { overwrote: Overwrote::Unknown, ..second }).await;
    expect![[r#"{"by-status/b/V1.json": ""}"#]].assert_eq(&format!("{:?}", indices(&bucket)));
}

#[tokio::test(flavor = "current_thread")]
async fn an_expired_version_asks_for_repair() {
    let bucket = bucket();
    let writer = writer(bucket.clone(), Planted::NONE);
    let first = write_snapshot(&bucket, "V1", 1, r#"{"status":"A"}"#);
    let second = write_snapshot(&bucket, "V1", 2, r#"{"status":"B"}"#);
    assert!(bucket.expire(&first.name.to_string(), first.generation));
    for _ in 0..2 {
        let skipped = outcome(&writer, &second).await;
        assert_eq!(skipped, Disposition::Skipped("an old version has expired, repair wanted"));
    }
    assert!(bucket.objects().contains_key("env/dev/indices/_repair/ventures/V1.json"));
}

#[tokio::test(flavor = "current_thread")]
async fn too_many_places_are_rejected_and_the_old_ones_go() {
    let bucket = bucket();
    let writer = writer(bucket.clone(), Planted::NONE);
    let first = write_snapshot(&bucket, "V1", 1, r#"{"status":"A"}"#);
    outcome(&writer, &first).await;
    let tags: Vec<String> = (0..1001).map(|n| format!("\"{n}\"")).collect();
    let second = write_snapshot(&bucket, "V1", 2, &format!(r#"{{"tags":[{}]}}"#, tags.join(",")));
    expect![[r#"Rejected(["more than 1000 index objects of one entity"])"#]]
        .assert_eq(&format!("{:?}", outcome(&writer, &second).await));
    assert!(indices(&bucket).is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_no_snapshot_or_of_no_known_kind_is_rejected() {
    let bucket = bucket();
    let mut writer = writer(bucket.clone(), Planted::NONE);
    let delivery = write_snapshot(&bucket, "V1", 1, r#"{"status":"A"}"#);
    bucket.insert(&delivery.name.to_string(), "{}".into(), Upload::default()).unwrap();
    assert!(matches!(outcome(&writer, &delivery).await, Disposition::Rejected(_)));
    writer.tools.definitions = Arc::new(Definitions::from_files(Vec::new()).unwrap());
    expect![[r#"Rejected(["no entity definition has the segment \"ventures\""])"#]]
        .assert_eq(&format!("{:?}", outcome(&writer, &delivery).await));
}

#[tokio::test(flavor = "current_thread")]
async fn the_place_of_a_snapshot_that_an_operator_has_deleted_goes_with_its_own_event() {
    let check = async |planted: Planted<Shortcut>| {
        let bucket = bucket();
        let writer = writer(bucket.clone(), planted);
        let event = write_snapshot(&bucket, "V1", 1, r#"{"status":"A"}"#);
        outcome(&writer, &event).await;
        // Deleting finalizes nothing, and what comes next overwrites nothing.
        assert_eq!(bucket.delete(&event.name.to_string(), event.generation).await, Ok(true));
        let next = write_snapshot(&bucket, "V1", 2, r#"{"status":"B"}"#);
        assert_eq!(next.overwrote, Overwrote::Nothing);
        outcome(&writer, &next).await;
        outcome(&writer, &event).await;
        indices(&bucket).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(check(Planted::NONE).await, ["by-status/b/V1.json"]);
    let found = check(Planted::bug(Shortcut::OwnIgnored)).await;
    assert_eq!(found, ["by-status/a/V1.json", "by-status/b/V1.json"], "the old one stays");
}

#[tokio::test(flavor = "current_thread")]
async fn a_place_from_before_the_snapshot_was_damaged_goes() {
    let bucket = bucket();
    let writer = writer(bucket.clone(), Planted::NONE);
    let first = write_snapshot(&bucket, "V1", 1, r#"{"status":"A"}"#);
    outcome(&writer, &first).await;
    let name = first.name.to_string();
    let damaged = bucket.insert(&name, "{}".into(), Upload::default()).unwrap();
    let overwrote = Overwrote::Generation(first.generation);
    let event = Delivery { generation: damaged.generation, overwrote, ..first };
    assert!(matches!(outcome(&writer, &event).await, Disposition::Rejected(_)));
    // The snapshot-builder folds the history again.
    let next = write_snapshot(&bucket, "V1", 2, r#"{"status":"B"}"#);
    assert_eq!(next.overwrote, Overwrote::Generation(damaged.generation));
    outcome(&writer, &next).await;
    expect![[r#"{"by-status/b/V1.json": ""}"#]].assert_eq(&format!("{:?}", indices(&bucket)));
}

#[tokio::test(flavor = "current_thread")]
async fn a_place_that_no_version_knows_of_is_left_when_it_is_named() {
    let bucket = bucket();
    let writer = writer(bucket.clone(), Planted::NONE);
    let first = write_snapshot(&bucket, "V1", 1, r#"{"status":"A"}"#);
    outcome(&writer, &first).await;
    let orphan = "env/dev/indices/ventures/by-status/never/V1.json";
    bucket.insert(orphan, "{\"id\":\"V1\"}".into(), Upload::default()).unwrap();
    let also = [domain::ObjectName::parse(orphan).unwrap()];
    let entity = super::entity("V1");
    assert_eq!(writer.mend(&entity, &[]).await.unwrap(), {
        Disposition::Skipped("index objects agree with the snapshot")
    });
    assert_eq!(writer.mend(&entity, &also).await.unwrap(), Disposition::Done);
    expect![[r#"{"by-status/a/V1.json": ""}"#]].assert_eq(&format!("{:?}", indices(&bucket)));
    // The tombstone stands in the way of whoever has read the place before.
    assert!(bucket.objects().contains_key(orphan));
}
