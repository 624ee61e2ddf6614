//! Whole documents for SQL.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Env, ObjectName, Planted};
use emulator::Upload;
use emulator::faulty::{Fault, Faulty, When};
use projection::shard::ShardCount;
use store::counts::Compaction;
use store::{Counted, ErrorKind, Metadata, Operations, Tools};

use super::{Place, entity, put};
use crate::{Compacted, Compactor, Mode, Stop};

fn snapshot(place: &Place, id: &str, state: &str, body: &str) {
    let metadata = Metadata::from([("state".to_owned(), state.to_owned())]);
    let upload = Upload { metadata, ..Upload::default() };
    let name = ObjectName::Snapshot(entity(id)).to_string();
    place.bucket.insert(&name, body.to_owned().into(), upload).unwrap();
}

async fn export(place: &Place) -> Compacted {
    export_with(place.tools()).await.unwrap()
}

async fn export_with(tools: Tools) -> Result<Compacted, Stop> {
    let planted = Planted::NONE;
    let compactor = Compactor { tools, env: Env::Dev, progress: &|| (), planted };
    compactor.export("ventures").await
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

/// Documents that are exported, of which some have changed since and one is gone, after a change of
/// the count.
async fn begun() -> Place {
    let place = Place::at("2025-11-06T12:00:00Z");
    let live = |id: usize, n: usize| {
        let body = format!("{{\"id\":\"V{id}\",\"n\":{n}}}\n");
        snapshot(&place, &format!("V{id}"), "live", &body);
    };
    (0..6).for_each(|id| live(id, 1));
    export(&place).await;
    place.compact(Mode::Full(ShardCount::of(16))).await;
    (2..8).for_each(|id| live(id, 2));
    snapshot(&place, "V1", "deleted", "{}\n");
    place
}

#[tokio::test]
async fn killed_at_any_operation_it_comes_to_the_same_end() {
    let whole = begun().await;
    export(&whole).await;
    for when in [When::Before, When::After] {
        for at in 0.. {
            let place = begun().await;
            let fault = Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when };
            let faulty = Faulty::new(place.bucket.clone(), fault);
            let killed = export_with(place.tools_over(faulty.clone())).await;
            if !faulty.happened() {
                assert!(at > 10 && killed.is_ok());
                break;
            }
            killed.unwrap_err();
            export(&place).await;
            assert_eq!(export(&place).await.written, 0);
            assert_eq!(parts(&place), parts(&whole), "{at} {when:?}");
        }
    }
}

#[tokio::test]
async fn an_export_takes_what_the_formula_says() {
    let place = Place::at("2025-11-06T12:00:00Z");
    let live = |id: usize, n: usize| {
        let body = format!("{{\"id\":\"V{id}\",\"n\":{n}}}\n");
        snapshot(&place, &format!("V{id}"), "live", &body);
    };
    let check = async |e: u64, c: u64| {
        let counted = Arc::new(Counted::new(place.bucket.clone()));
        let s = export_with(place.tools_over(counted.clone())).await.unwrap().written as u64;
        let operations =
            Operations { class_a: 1 + 2 + s, class_b: 1 + e + c, ..Operations::default() };
        assert_eq!(counted.operations(), operations);
        let run = Compaction {
            entities: 1_500,
            read: c,
            shards: e,
            shards_of_all: e,
            changed: s,
            ..Compaction::default()
        };
        assert_eq!(run.export(), operations, "what estimates are made from");
        s
    };
    (0..1_500).for_each(|id| live(id, 1));
    let parts = check(0, 1_500).await;
    (0..10).for_each(|id| live(id, 2));
    assert_eq!(check(parts, 10).await, 10);
    assert_eq!(check(parts, 0).await, 0);
}
