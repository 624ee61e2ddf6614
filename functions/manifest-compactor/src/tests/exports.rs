//! Whole documents for SQL.

use std::collections::BTreeMap;

use domain::{Env, ObjectName, Planted};
use emulator::Upload;
use projection::shard::ShardCount;
use store::Metadata;

use super::{Place, entity, put};
use crate::{Compacted, Compactor, Mode};

fn snapshot(place: &Place, id: &str, state: &str, body: &str) {
    let metadata = Metadata::from([("state".to_owned(), state.to_owned())]);
    let upload = Upload { metadata, ..Upload::default() };
    let name = ObjectName::Snapshot(entity(id)).to_string();
    place.bucket.insert(&name, body.to_owned().into(), upload).unwrap();
}

async fn export(place: &Place) -> Compacted {
    let (tools, planted) = (place.tools(), Planted::NONE);
    let compactor = Compactor { tools, env: Env::Dev, progress: &|| (), planted };
    compactor.export("ventures").await.unwrap()
}

fn parts(place: &Place) -> BTreeMap<String, String> {
    let names = place.names("export/").into_iter();
    let objects = place.bucket.objects();
    let body = |name: &String| {
        let object = &objects[&format!("env/dev/manifests/ventures/{name}")];
        String::from_utf8(object.body.to_vec()).unwrap()
    };
    names.map(|name| (name.clone(), body(&name))).collect()
}

#[tokio::test]
async fn an_export_has_every_live_document_whole() {
    let place = Place::at("2025-11-06T12:00:00Z");
    let document = |n: &str| {
        format!("{{\"id\":\"V1\",\"entity\":\"venture\",\"n\":{n},\"deep\":{{\"a\":[0.60]}}}}\n")
    };
    snapshot(&place, "V1", "live", &document("1"));
    snapshot(&place, "V2", "deleted", "{}\n");
    snapshot(&place, "V3", "pending", "{}\n");
    let first = export(&place).await;
    assert_eq!((first.entities, first.read, first.written), (3, 3, 1));
    let name = "export/part-c1.ndjson".to_owned();
    assert_eq!(parts(&place), BTreeMap::from([(name.clone(), document("1"))]));
    let again = export(&place).await;
    // Entities without a line are remembered by no part where there is no other.
    assert_eq!((again.read, again.written), (2, 0));
    snapshot(&place, "V1", "live", &document("2"));
    assert_eq!(export(&place).await.written, 1);
    assert_eq!(parts(&place), BTreeMap::from([(name.clone(), document("2"))]));
    snapshot(&place, "V1", "deleted", "{}\n");
    export(&place).await;
    assert_eq!(parts(&place), BTreeMap::from([(name, String::new())]));
}

#[tokio::test]
async fn what_is_no_snapshot_of_ours_is_told() {
    let place = Place::at("2025-11-06T12:00:00Z");
    put(&place.bucket, "env/dev/snapshots/ventures/V1.json", "{\"id\":\"V1\"}\n");
    let rejected = export(&place).await.rejected;
    expect_test::expect!["it has no state or is no JSON object: it was not written by us"]
        .assert_eq(&rejected["V1"]);
}

#[tokio::test]
async fn there_are_as_many_parts_as_shards_and_those_of_another_count_go() {
    let place = Place::at("2025-11-06T12:00:00Z");
    for id in 0..30 {
        let id = format!("V{id}");
        snapshot(&place, &id, "live", &format!("{{\"id\":\"{id}\"}}\n"));
    }
    export(&place).await;
    let all: String = parts(&place).into_values().collect();
    assert_eq!((parts(&place).len() > 16, all.lines().count()), (true, 30));
    place.compact(Mode::Full(ShardCount::of(16))).await;
    export(&place).await;
    let names: Vec<_> = parts(&place).into_keys().collect();
    assert!(names.iter().all(|name| name.len() == "export/part-0.ndjson".len()), "{names:?}");
    let all: String = parts(&place).into_values().collect();
    assert_eq!(all.lines().count(), 30);
}
