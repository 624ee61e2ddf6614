//! What a listing shows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use domain::{Env, Instant, ObjectName, Planted};
use emulator::intercepted::{Intercepted, Operation};
use emulator::{Memory, Upload};
use expect_test::expect;
use manifest_writer::ManifestWriter;
use projection::shard::{Lines, ShardCount};
use projection::shard_index::ShardIndex;
use store::{Counted, Store, Tools};

use super::{bucket, entity, record, release, run, tell};

const SHOWS: &str = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0"],"upgrades":[],"manifest":{"title":["/title"],"n":["/n"]},"indices":[]}"#;

fn tools_of(store: Arc<dyn Store>) -> Tools {
    let files = [("venture/entity.json", SHOWS), ("venture/v1.0.0.schema.json", "{}")];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    release(store, &Arc::new(domain::Definitions::from_files(files).unwrap()))
}

/// Has the functions take in a record of `id`, up to its manifest.
async fn tell_of(bucket: &Arc<Memory>, tools: &Tools, id: &str, file: &str, body: &str) {
    record(bucket, tools, id, file, body).await;
    let writer = ManifestWriter { tools: tools.clone(), planted: Planted::NONE };
    let snapshot = ObjectName::Snapshot(entity(id)).to_string();
    tell(bucket, tools, ("manifest-writer", Arc::new(writer)), &snapshot).await;
}

fn put(bucket: &Memory, name: &ObjectName, body: impl Into<Bytes>) {
    bucket.insert(&name.to_string(), body.into(), Upload::default()).unwrap();
}

/// Shards of these lines, as a compaction leaves them that began at `watermark`.
fn shards(bucket: &Memory, lines: &[(String, String)], count: ShardCount, watermark: &str) {
    let mut shards: BTreeMap<usize, Lines> = BTreeMap::new();
    for (id, line) in lines {
        let shard = shards.entry(count.shard_of(id)).or_default();
        shard.set(id, Some(format!("{line}\n")));
    }
    for (shard, lines) in shards {
        let name = ObjectName::Shard(count.name(Env::Dev, "ventures", shard));
        put(bucket, &name, lines.body());
    }
    let watermark = Instant::parse(watermark).unwrap();
    let index = ShardIndex { count, watermark, replaced: None };
    put(bucket, &index_name(), index.body());
}

fn index_name() -> ObjectName {
    ObjectName::ShardIndex { env: Env::Dev, segment: "ventures".to_owned() }
}

fn line_of(id: &str, title: &str) -> (String, String) {
    (id.to_owned(), format!(r#"{{"id":"{id}","entity":"venture","title":"{title}"}}"#))
}

/// What a command said, and whether it ended well.
async fn said(tools: &Tools, line: &str) -> String {
    match run(tools, line).await {
        (Ok(well), said) => format!("{said}{}", if well { "" } else { "(1)\n" }),
        (Err(problem), said) => format!("{said}error: {problem}\n"),
    }
}

#[tokio::test]
async fn of_100000_entities_it_shows_the_write_before_it_one_dated_back_and_a_delete() {
    let bucket = bucket();
    let lines: Vec<_> = (0..100_000).map(|n| line_of(&format!("V{n:05}"), "old")).collect();
    shards(&bucket, &lines, ShardCount::of(256).unwrap(), "2025-11-06T11:10:00Z");
    let tools = tools_of(bucket.clone());
    let full = |at: &str, title: &str| {
        format!(r#"{{"schema_version":"1.0.0","updated_at":"{at}","title":"{title}"}}"#)
    };
    // One that is written now.
    tell_of(&bucket, &tools, "V00005", "a_1", &full("2025-11-06T11:59:00Z", "new")).await;
    // One of which a record turns up that is dated before what there was.
    tell_of(&bucket, &tools, "V00006", "a_1", &full("2025-11-06T11:00:00Z", "later")).await;
    let back = r#"{"op":"merge","updated_at":"2025-11-06T11:30:00Z","title":"newest"}"#;
    tell_of(&bucket, &tools, "V00006", "a_3", back).await;
    let back = r#"{"op":"merge","updated_at":"2025-11-06T11:10:00Z","title":"-","n":0.60}"#;
    tell_of(&bucket, &tools, "V00006", "a_2", back).await;
    // One that goes, and one that is new.
    tell_of(&bucket, &tools, "V00007", "a_1", &full("2025-11-06T11:59:00Z", "going")).await;
    let gone = r#"{"op":"delete","updated_at":"2025-11-06T11:59:30Z"}"#;
    tell_of(&bucket, &tools, "V00007", "a_2", gone).await;
    tell_of(&bucket, &tools, "W1", "a_1", &full("2025-11-06T11:59:59Z", "first")).await;

    let counted = Arc::new(Counted::new(bucket.clone()));
    let tools = tools_of(counted.clone());
    let (ended, told) = run(&tools, "list venture --json").await;
    assert_eq!(ended, Ok(true));
    let changed = told.lines().filter(|line| !line.contains(r#""title":"old""#));
    expect![[r#"
        {"id":"V00005","entity":"venture","title":"new"}
        {"id":"V00006","entity":"venture","title":"newest","n":0.60}
        {"id":"W1","entity":"venture","title":"first"}
        262 B + 1 A, $0.0001; 4 changed since the last compaction"#]]
    .assert_eq(&changed.collect::<Vec<_>>().join("\n"));
    // 100,000, one less, one more.
    assert_eq!(told.lines().count(), 100_000 + 1);
    let operations = counted.operations();
    // The index twice, its shards, the four manifests that the journal names; one page of it.
    assert_eq!((operations.class_b, operations.class_a), (2 + 256 + 4, 1));
}

#[tokio::test]
async fn a_listing_is_a_table_or_a_number_of_those_that_are_wanted() {
    let bucket = bucket();
    let tools = tools_of(bucket.clone());
    for (id, title, n) in [("V1", "R&D", "1"), ("V2", "Pilot", "1"), ("V3", "R&D\\u001b[2J", "2")] {
        let body = format!(
            r#"{{"schema_version":"1.0.0","updated_at":"2025-11-06T11:00:00Z","title":"{title}","n":{n}}}"#
        );
        tell_of(&bucket, &tools, id, "a_1", &body).await;
    }
    let mut told = String::new();
    for line in [
        "list venture",
        "list venture --where title=R&D",
        "list venture --where n=1 --where title=Pilot --json",
        "list venture --where n=1 --count",
        "list venture --limit 1",
        "list venture --where n=3",
        "list venture --where nothing --count",
        "list ventures",
    ] {
        let words = ["operator"].into_iter().chain(line.split_whitespace());
        if let Err(err) = <crate::Cli as clap::Parser>::try_parse_from(words) {
            told += &format!("$ {line}\n{}\n", err.to_string().lines().next().unwrap());
            continue;
        }
        told += &format!("$ {line}\n{}", said(&tools, line).await);
    }
    expect![[r#"
        $ list venture
        ID  UPDATED  SHOWS
        V1  -        {"title":"R&D","n":1}
        V2  -        {"title":"Pilot","n":1}
        V3  -        {"title":"R&D\u001b[2J","n":2}
        5 B + 1 A, $0.0000; never compacted, so every manifest was read: `manifest-compactor` makes that cheap
        $ list venture --where title=R&D
        ID  UPDATED  SHOWS
        V1  -        {"title":"R&D","n":1}
        5 B + 1 A, $0.0000; never compacted, so every manifest was read: `manifest-compactor` makes that cheap
        $ list venture --where n=1 --where title=Pilot --json
        {"id":"V2","entity":"venture","title":"Pilot","n":1}
        5 B + 1 A, $0.0000; never compacted, so every manifest was read: `manifest-compactor` makes that cheap
        $ list venture --where n=1 --count
        2
        5 B + 1 A, $0.0000; never compacted, so every manifest was read: `manifest-compactor` makes that cheap
        $ list venture --limit 1
        ID  UPDATED  SHOWS
        V1  -        {"title":"R&D","n":1}
        the first 1 of 3; --limit shows more
        5 B + 1 A, $0.0000; never compacted, so every manifest was read: `manifest-compactor` makes that cheap
        $ list venture --where n=3
        no such venture in dev
        5 B + 1 A, $0.0000; never compacted, so every manifest was read: `manifest-compactor` makes that cheap
        (1)
        $ list venture --where nothing --count
        error: invalid value 'nothing' for '--where <FIELD=VALUE>': not FIELD=VALUE, such as status=Pilot
        $ list ventures
        error: no kind "ventures"; there are venture
    "#]].assert_eq(&told);
}

/// A bucket of which something is changed before its index is read for the second time, and `again`
/// before every later read of it.
fn meanwhile(
    bucket: &Arc<Memory>,
    again: bool,
    change: impl Fn(&Memory) + Send + Sync + 'static,
) -> Arc<dyn Store> {
    let (inner, name) = (Arc::clone(bucket), index_name().to_string());
    let reads = AtomicUsize::new(0);
    Intercepted::new(bucket.clone(), move |operation| {
        if let Operation::Get(read) = operation
            && read == name
        {
            let reads = reads.fetch_add(1, Ordering::Relaxed);
            if reads == 1 || (again && reads > 1) {
                change(&inner);
            }
        }
        Ok(())
    })
}

#[tokio::test]
async fn when_the_index_changes_meanwhile_it_begins_anew() {
    let (few, many) = (ShardCount::of(16).unwrap(), ShardCount::of(256).unwrap());
    let bucket = bucket();
    shards(&bucket, &[line_of("V1", "of few")], few, "2025-11-06T11:10:00Z");
    // Of the count before, nothing is left when the index is read again.
    let change = move |bucket: &Memory| {
        shards(bucket, &[line_of("V1", "of many")], many, "2025-11-06T11:50:00Z");
    };
    let store = meanwhile(&bucket, false, change);
    let told = said(&tools_of(store), "list venture --json").await;
    expect![[r#"
        {"id":"V1","entity":"venture","title":"of many"}
        276 B + 2 A, $0.0001; 0 changed since the last compaction
    "#]]
    .assert_eq(&told);
}

#[tokio::test]
async fn an_index_that_never_rests_ends_it() {
    let bucket = bucket();
    shards(&bucket, &[line_of("V1", "one")], ShardCount::default(), "2025-11-06T11:10:00Z");
    let change = |bucket: &Memory| {
        let index = bucket.objects().remove(&index_name().to_string()).unwrap();
        put(bucket, &index_name(), index.body);
    };
    let store = meanwhile(&bucket, true, change);
    let told = said(&tools_of(store), "list venture --count").await;
    expect![[r#"
        error: the shards of ventures were compacted 8 times while they were read: run it again when no compaction is under way
    "#]].assert_eq(&told);
}

#[tokio::test]
async fn what_cannot_be_read_is_said_with_what_mends_it() {
    let mut told = String::new();
    type Change = dyn Fn(&Memory);
    let places: [(&str, &Change); 4] = [
        ("an index that is none", &|bucket| put(bucket, &index_name(), "{}")),
        ("a shard that is cut short", &|bucket| {
            let shard = ShardCount::default().shard_of("V1");
            let name = ShardCount::default().name(Env::Dev, "ventures", shard);
            put(bucket, &ObjectName::Shard(name), r#"{"id":"V1""#);
        }),
        ("a manifest that is none", &|bucket| {
            let hour = "2025-11-06T11".to_owned();
            put(bucket, &ObjectName::Journal { entity: entity("V1"), hour }, "{}\n");
            put(bucket, &ObjectName::Manifest(entity("V1")), "[1]");
        }),
        ("a manifest of somebody else", &|bucket| {
            let hour = "2025-11-06T12".to_owned();
            put(bucket, &ObjectName::Journal { entity: entity("V1"), hour }, "{}\n");
            put(bucket, &ObjectName::Manifest(entity("V1")), r#"{"id":"V2"}"#);
        }),
    ];
    for (what, change) in places {
        let bucket = bucket();
        let lines = [line_of("V1", "one")];
        shards(&bucket, &lines, ShardCount::default(), "2025-11-06T11:10:00Z");
        change(&bucket);
        told += &format!("{what}:\n{}", said(&tools_of(bucket), "list venture --json").await);
    }
    expect![[r#"
        an index that is none:
        error: env/dev/manifests/ventures/_index.json is no shard or index of ours (it has no count or no watermark): `manifest-compactor --full --segment ventures` writes it anew
        a shard that is cut short:
        error: env/dev/manifests/ventures/_index_shard=c1.ndjson is no shard or index of ours (its last line is cut short): `manifest-compactor --full --segment ventures` writes it anew
        a manifest that is none:
        {"id":"V1","entity":"venture","title":"one"}
        259 B + 1 A, $0.0001; 1 changed since the last compaction
        the manifest of V1 cannot be read, so its line may be old: it is no JSON object
        (1)
        a manifest of somebody else:
        {"id":"V1","entity":"venture","title":"one"}
        259 B + 1 A, $0.0001; 1 changed since the last compaction
        the manifest of V1 cannot be read, so its line may be old: it does not have the id of its name
        (1)
    "#]].assert_eq(&told);
}
