//! What runs take, exactly: the formulas of the crate's documentation, held against what happens.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::{ObjectName, Planted};
use projection::shard::ShardCount;
use store::counts::Compaction;
use store::{Counted, Operations, PAGE_ITEMS_MAX};

use super::{Place, compact};
use crate::{Compacted, Mode};

/// What the formulas are about, counted in the bucket before a run.
#[derive(Debug)]
struct Before {
    /// Entities with a manifest.
    n: u64,
    /// Entries of the journal.
    j: u64,
    /// Shards of the count, and of all.
    e: u64,
    o: u64,
    /// Shards in which the journal since the watermark names an entity, and how many it names.
    touched: u64,
    named: u64,
}

fn before(place: &Place, count: ShardCount) -> Before {
    let names = |prefix: &str| place.names(prefix).len() as u64;
    let index = place.index();
    let since = index.map(|it| it.watermark.hour_text()).unwrap_or_default();
    let noted = place.names("changes/").into_iter().filter_map(|name| {
        let name = format!("env/dev/manifests/ventures/{name}");
        match ObjectName::parse(&name) {
            Ok(ObjectName::Journal { entity, hour }) => (hour >= since).then_some(entity.id),
            _ => None,
        }
    });
    let named: BTreeSet<String> = noted.collect();
    let touched: BTreeSet<usize> = named.iter().map(|id| count.shard_of(id)).collect();
    let of_count = |name: &&String| {
        name.len() == "_index_shard=.ndjson".len() + format!("{:x}", count.number() - 1).len()
    };
    Before {
        n: names("by-id/"),
        j: names("changes/"),
        e: place.names("_index_shard=").iter().filter(of_count).count() as u64,
        o: names("_index_shard="),
        touched: touched.len() as u64,
        named: named.len() as u64,
    }
}

fn pages(items: u64) -> u64 {
    items.div_ceil(PAGE_ITEMS_MAX as u64).max(1)
}

/// What a run finds.
#[derive(Clone, Copy, Default)]
struct Finds {
    /// Sources that a full run has to read.
    unseen: u64,
    /// Shards that change.
    changed: u64,
    /// Entries of the journal that were deleted before: a page may have names that are gone.
    gone: u64,
}

/// Runs and holds what happened against the formula.
async fn check(place: &Place, mode: Mode, finds: Finds) -> Compacted {
    let Finds { unseen, changed, gone } = finds;
    let index = place.index();
    let count = index.as_ref().map(|it| it.count).unwrap_or_default();
    let count = if let Mode::Full(Some(count)) = mode { count } else { count };
    let Before { n, j, e, o, touched, named } = before(place, count);
    let j = j + gone;
    let counted = Arc::new(Counted::new(place.bucket.clone()));
    let tools = place.tools_over(counted.clone());
    let compacted = compact(tools, mode, Planted::NONE).await.unwrap();
    let i = u64::from(place.index() != index);
    let (class_a, class_b) = match (mode, &index) {
        (Mode::Delta, Some(_)) => (pages(j) + changed + i, 1 + touched + named),
        _ => (pages(o) + pages(n) + pages(j) + changed + i, 1 + e + unseen),
    };
    let Operations { deletes, .. } = counted.operations();
    assert_eq!(counted.operations(), Operations { class_a, class_b, deletes });
    // What estimates are made from.
    let is_delta = mode == Mode::Delta && index.is_some();
    let run = Compaction {
        entities: n,
        journal: j,
        read: if is_delta { named } else { unseen },
        shards: e,
        shards_of_all: o,
        touched,
        changed,
        index: i == 1,
    };
    let counts = if is_delta { run.delta() } else { run.full() };
    assert_eq!(counts, Operations { class_a, class_b, deletes: 0 });
    assert_eq!(deletes, compacted.deleted as u64);
    assert_eq!(place.listed().unwrap(), place.manifests());
    compacted
}

/// How many shards the first entities are in.
fn shards(count: ShardCount, entities: u32) -> u64 {
    let shards = (0..entities).map(|id| count.shard_of(&format!("V{id}")));
    shards.collect::<BTreeSet<_>>().len() as u64
}

/// A first full run of so many manifests, a delta of some that change, and the same again.
async fn check_all(entities: u32, changes: u32) {
    let place = Place::at("2025-11-06T09:30:00Z");
    for id in 0..entities {
        place.write(&format!("V{id}"), Some(id)).await;
    }
    place.turn("14:00:00");
    let all = u64::from(entities);
    let first = Finds { unseen: all, changed: shards(ShardCount::default(), entities), gone: 0 };
    check(&place, Mode::Full(None), first).await;
    // The journal of 9 is behind the watermark for long.
    let deleted = check(&place, Mode::Delta, Finds::default()).await.deleted;
    assert_eq!(deleted as u64, all);
    let nothing = Finds { gone: all, ..Finds::default() };
    for id in 0..changes {
        place.write(&format!("V{id}"), Some(entities + id)).await;
    }
    let some = Finds { changed: shards(ShardCount::default(), changes), ..nothing };
    let delta = check(&place, Mode::Delta, some).await;
    assert_eq!((delta.read, delta.swapped), (changes as usize, false));
    assert_eq!(place.lines(), place.manifests());
    let bytes = place.bucket.objects();
    check(&place, Mode::Delta, nothing).await;
    check(&place, Mode::Full(None), nothing).await;
    assert_eq!(place.bucket.objects(), bytes, "a second run writes nothing");
    let more = ShardCount::of(4096).unwrap();
    let into_more = Finds { unseen: all, changed: shards(more, entities), gone: all };
    check(&place, Mode::Full(Some(more)), into_more).await;
}

#[tokio::test]
async fn ten_manifests_take_what_the_formulas_say() {
    check_all(10, 3).await;
}

#[tokio::test]
async fn a_thousand_manifests_take_what_the_formulas_say() {
    check_all(1_000, 100).await;
}

#[tokio::test]
async fn a_hundred_thousand_manifests_take_what_the_formulas_say() {
    check_all(100_000, 100).await;
}
