//! Lines of shards that nobody is going to change are compared with manifests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Env, Instant, ObjectName};
use emulator::Upload;
use projection::shard::{Lines, SEEN, ShardCount, of_manifest};
use projection::shard_index::ShardIndex;
use serde_json::Value;
use store::{Metadata, Store as _};

use super::world::{World, lines};
use crate::tests::run;

const COUNT: ShardCount = ShardCount::ALL[0];
const INDEX: &str = "env/dev/manifests/ventures/_index.json";

fn put(world: &World, name: &str, body: impl Into<bytes::Bytes>) {
    let metadata = Metadata::from([(SEEN.to_owned(), String::new())]);
    let upload = Upload { metadata, ..Upload::default() };
    world.bucket.insert(name, body.into(), upload).unwrap();
}

fn shard_of(id: &str) -> String {
    ObjectName::Shard(COUNT.name(Env::Dev, "ventures", COUNT.shard_of(id))).to_string()
}

/// A store that was compacted two hours ago, without tombstones.
fn compacted() -> Arc<World> {
    let world = World::new(4);
    for id in 0..30 {
        world.simple(id);
    }
    world.drain();
    let mut shards: BTreeMap<String, Lines> = BTreeMap::new();
    for (name, object) in world.bucket.objects() {
        if let Ok(ObjectName::Manifest(entity)) = ObjectName::parse(&name) {
            let line = of_manifest(&entity.id, &object.body).unwrap();
            shards.entry(shard_of(&entity.id)).or_default().set(&entity.id, line);
        }
    }
    for (name, lines) in shards {
        put(&world, &name, lines.body());
    }
    let watermark = Instant::parse("2025-11-06T13:00:00Z").unwrap();
    put(&world, INDEX, ShardIndex { count: COUNT, watermark, replaced: None }.body());
    world.advance(Duration::from_secs(2 * 60 * 60));
    world
}

/// Changes the lines of the shard of an entity.
fn change(world: &World, id: &str, change: impl FnOnce(&mut Lines)) {
    let object = world.bucket.objects().remove(&shard_of(id)).unwrap();
    let mut lines = Lines::read(&object.body, &object.metadata).unwrap();
    change(&mut lines);
    put(world, &shard_of(id), lines.body());
}

fn set(world: &World, id: &str, line: Option<&str>) {
    change(world, id, |lines| lines.set(id, line.map(str::to_owned)));
}

async fn found(world: &World, line: &str) -> Vec<(String, String, String)> {
    let (_, said) = run(&world.tools(), line).await;
    let text = |it: &Value, field: &str| it[field].as_str().unwrap().to_owned();
    let (found, _) = lines(&said);
    let found = found.iter();
    found.map(|it| (text(it, "kind"), text(it, "object"), text(it, "mend"))).collect()
}

const LOOK: &str = "reconcile --segment ventures --json";

#[tokio::test]
async fn what_a_compaction_has_gathered_is_clean() {
    assert_eq!(found(&compacted(), LOOK).await, []);
}

#[tokio::test]
async fn a_line_that_is_changed_dropped_or_added_is_found_and_taken_up_by_a_compaction() {
    let wrong = |id: &'static str| format!("{{\"id\":\"{id}\",\"status\":\"never\"}}\n");
    for (id, line, kind) in [
        ("V3", Some(wrong("V3")), "stale"),
        ("V3", None, "stale"),
        ("W3", Some(wrong("W3")), "orphan"),
    ] {
        let world = compacted();
        set(&world, id, line.as_deref());
        let named = found(&world, LOOK).await;
        assert_eq!(named.len(), 1, "{named:?}");
        let (said, object, mend) = &named[0];
        assert_eq!((said.as_str(), object), (kind, &shard_of(id)));
        assert!(mend.ends_with("then `manifest-compactor --full --segment ventures`"), "{mend}");
        let shard = world.bucket.objects()[&shard_of(id)].clone();
        let (ended, _) = run(&world.tools(), &format!("{LOOK} --repair")).await;
        assert_eq!(ended, Ok(true));
        assert_eq!(world.bucket.objects()[&shard_of(id)], shard, "a shard is the compactor's");
        let journal = format!("env/dev/manifests/ventures/changes/2025-11-06T14/{id}.json");
        assert!(world.bucket.objects().contains_key(&journal), "it is going to be read");
        assert_eq!(found(&world, LOOK).await, []);
    }
}

#[tokio::test]
async fn a_line_that_the_journal_names_is_no_finding() {
    let world = compacted();
    set(&world, "V3", None);
    put(&world, "env/dev/manifests/ventures/changes/2025-11-06T13/V3.json", "{\"id\":\"V3\"}\n");
    assert_eq!(found(&world, LOOK).await, []);
}

#[tokio::test]
async fn a_shard_that_is_missing_or_none_is_found_as_a_whole() {
    let name = shard_of("V3");
    let mend = "`manifest-compactor --full --segment ventures`".to_owned();
    let world = compacted();
    put(&world, &name, "no lines");
    let stale = [("stale".to_owned(), name.clone(), mend.clone())];
    assert_eq!(found(&world, LOOK).await, stale);
    let generation = world.bucket.objects()[&name].generation;
    world.bucket.delete(&name, generation).await.unwrap();
    assert_eq!(found(&world, LOOK).await, [("missing".to_owned(), name, mend.clone())]);
    put(&world, INDEX, "{}");
    assert_eq!(found(&world, LOOK).await, [("stale".to_owned(), INDEX.to_owned(), mend)]);
}
