//! Shards say what manifests say, in bytes that follow from nothing else.

use expect_test::expect;
use store::Store as _;

use super::{MODES, Place, lines, manifest_name, put};
use crate::{Compacted, Mode, Shortcut};

const NOON: &str = "2025-11-06T12:00:00Z";

async fn filled(ids: usize) -> Place {
    let place = Place::at(NOON);
    for id in 0..ids {
        place.write(&format!("V{id}"), Some(u32::try_from(id).unwrap())).await;
    }
    place
}

fn body(place: &Place, name: &str) -> String {
    let name = format!("env/dev/manifests/ventures/{name}");
    String::from_utf8(place.bucket.objects()[&name].body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_first_run_makes_shards_of_every_manifest() {
    for mode in MODES {
        let place = filled(40).await;
        place.write("V7", None).await;
        let compacted = place.compact(mode).await;
        assert!(compacted.full && compacted.swapped, "{compacted:?}");
        assert_eq!((compacted.entities, compacted.read), (40, 40));
        assert_eq!(place.lines(), place.manifests());
        assert_eq!(place.lines().len(), 39);
    }
}

#[tokio::test]
async fn names_and_lines_are_those_of_the_layout() {
    let place = filled(0).await;
    // The SHA-1 of V1 begins with c1, so does that of V443.
    for id in ["V443", "V12", "V1"] {
        place.write(id, Some(1)).await;
    }
    place.compact(Mode::Delta).await;
    expect![[r#"
        _index.json
        _index_shard=76.ndjson
        _index_shard=c1.ndjson"#]]
    .assert_eq(&place.names("_").join("\n"));
    expect![[r#"
        {"id":"V1","entity":"venture","n":1}
        {"id":"V443","entity":"venture","n":1}
    "#]]
    .assert_eq(&body(&place, "_index_shard=c1.ndjson"));
    expect![[r#"
        {"count":256,"watermark":"2025-11-06T11:50:00.000Z"}
    "#]]
    .assert_eq(&body(&place, "_index.json"));
}

#[tokio::test]
async fn a_second_run_reads_no_manifest_and_writes_nothing() {
    let place = filled(40).await;
    place.compact(Mode::Full(None)).await;
    let before = place.bucket.objects();
    let full = place.compact(Mode::Full(None)).await;
    assert_eq!((full.read, full.written, full.swapped, full.deleted), (0, 0, false, 0));
    let delta = place.compact(Mode::Delta).await;
    assert_eq!((delta.read, delta.written, delta.swapped, delta.deleted), (40, 0, false, 0));
    assert_eq!(place.bucket.objects(), before);
}

#[tokio::test]
async fn only_shards_that_change_are_written() {
    let place = filled(40).await;
    place.compact(Mode::Full(None)).await;
    for mode in MODES {
        let before = place.bucket.objects();
        place.write("V3", Some(100)).await;
        // The snapshot is another, what is shown of it is not.
        place.write("V4", Some(4)).await;
        let compacted = place.compact(mode).await;
        assert_eq!(compacted.written, usize::from(mode == Mode::Delta), "{compacted:?}");
        let shards = |name: &str| name.contains("_index_shard=");
        let after = place.bucket.objects();
        let changed = after.iter().filter(|(name, it)| shards(name) && before[*name] != **it);
        assert_eq!(changed.count(), compacted.written);
        assert_eq!(place.lines(), place.manifests());
    }
}

#[tokio::test]
async fn the_same_manifests_make_the_same_bytes_however_they_came_about() {
    let at_once = filled(60).await;
    at_once.compact(Mode::Full(None)).await;
    let one_by_one = Place::at(NOON);
    for id in (0..60).rev() {
        one_by_one.write(&format!("V{id}"), Some(9)).await;
        one_by_one.compact(MODES[id % 2]).await;
        one_by_one.write(&format!("V{id}"), Some(u32::try_from(id).unwrap())).await;
    }
    one_by_one.compact(Mode::Delta).await;
    let shards = |place: &Place| {
        let names = place.names("_index_shard=");
        names.into_iter().map(|name| body(place, &name)).collect::<Vec<_>>()
    };
    assert_eq!(shards(&at_once), shards(&one_by_one));
}

#[tokio::test]
async fn who_is_deleted_leaves_with_the_next_run_and_comes_back() {
    for mode in MODES {
        let place = filled(3).await;
        place.compact(mode).await;
        place.write("V1", None).await;
        place.compact(mode).await;
        assert_eq!(place.lines().into_keys().collect::<Vec<_>>(), ["V0", "V2"]);
        // The shard is empty. It stays, since nobody could tell it from one that is to come.
        assert_eq!(place.names("_index_shard=").len(), 3);
        place.write("V1", Some(5)).await;
        place.compact(mode).await;
        assert_eq!(place.lines(), place.manifests());
        assert_eq!(place.lines().len(), 3);
    }
}

/// Compacts after somebody has deleted a tombstone for good.
async fn after_a_tombstone_was_deleted(mode: Mode, shortcut: Option<Shortcut>) -> Place {
    let place = filled(3).await;
    place.compact(mode).await;
    place.turn("20:00:00");
    // As reconcile deletes a tombstone that is a day old; this time the journal has no entry.
    let name = manifest_name("V1");
    let generation = place.bucket.objects()[&name].generation;
    place.bucket.delete(&name, generation).await.unwrap();
    match shortcut {
        None => place.compact(Mode::Full(None)).await,
        Some(shortcut) => place.compact_wrongly(Mode::Full(None), shortcut).await,
    };
    place
}

#[tokio::test]
async fn a_full_run_takes_away_what_has_no_manifest() {
    let place = after_a_tombstone_was_deleted(Mode::Delta, None).await;
    assert_eq!(place.lines(), place.manifests());
    let shortcut = Shortcut::LinesOfTheMissingKept;
    let place = after_a_tombstone_was_deleted(Mode::Delta, Some(shortcut)).await;
    assert_ne!(place.lines(), place.manifests(), "it is not seen");
}

#[tokio::test]
async fn a_full_run_mends_what_no_journal_speaks_of() {
    let place = filled(20).await;
    place.compact(Mode::Full(None)).await;
    for name in place.names("changes/") {
        let name = format!("env/dev/manifests/ventures/{name}");
        let generation = place.bucket.objects()[&name].generation;
        place.bucket.delete(&name, generation).await.unwrap();
    }
    put(&place.bucket, &manifest_name("V3"), "{\"id\":\"V3\",\"n\":77}\n");
    put(&place.bucket, &manifest_name("new"), "{\"id\":\"new\",\"n\":78}\n");
    let delta = place.compact(Mode::Delta).await;
    assert_eq!((delta.read, delta.written), (0, 0));
    let full = place.compact(Mode::Full(None)).await;
    assert_eq!((full.read, full.written), (2, 2));
    assert_eq!(place.lines(), place.manifests());
}

#[tokio::test]
async fn what_is_no_shard_of_ours_is_made_anew_by_a_full_run() {
    let place = filled(20).await;
    place.compact(Mode::Full(None)).await;
    let name = "env/dev/manifests/ventures/_index_shard=c1.ndjson";
    for garbage in ["no JSON\n", "{\"id\":\"V1\"}", "{\"n\":1}\n"] {
        put(&place.bucket, name, garbage);
        let tools = place.tools();
        let planted = domain::Planted::NONE;
        let stop = super::compact(tools, Mode::Delta, planted).await.unwrap_err().to_string();
        let advice = "`manifest-compactor --full --segment ventures` writes it anew";
        assert!(stop.starts_with(name) && stop.ends_with(advice), "{stop}");
        place.compact(Mode::Full(None)).await;
        assert_eq!(place.lines(), place.manifests());
    }
    put(&place.bucket, "env/dev/manifests/ventures/_index.json", "{}");
    let compacted = place.compact(Mode::Delta).await;
    assert!(compacted.full && compacted.swapped);
    assert_eq!(place.listed().unwrap(), place.manifests());
}

/// Compacts twice what has a manifest that cannot be read, in a shard that changes.
async fn with_one_that_cannot_be_read(shortcut: Option<Shortcut>) -> [Compacted; 2] {
    let place = filled(5).await;
    // In the shard of V2.
    place.write("V153", Some(1)).await;
    place.compact(Mode::Full(None)).await;
    put(&place.bucket, &manifest_name("V2"), "{\"id\":\"V3\"}");
    let compact = async || match shortcut {
        None => place.compact(Mode::Full(None)).await,
        Some(shortcut) => place.compact_wrongly(Mode::Full(None), shortcut).await,
    };
    place.write("V153", Some(99)).await;
    let first = compact().await;
    assert_eq!(first.written, 1);
    // Its line is as it was.
    assert!(lines(&place.bucket, first.count).unwrap()["V2"].contains("\"n\":2"));
    [first, compact().await]
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_is_told_every_time_and_keeps_its_line() {
    for compacted in with_one_that_cannot_be_read(None).await {
        let told: Vec<_> = compacted.rejected.into_iter().collect();
        let why = "it does not have the id of its name".to_owned();
        assert_eq!(told, [("V2".to_owned(), why)]);
    }
    let shortcut = Shortcut::UnreadableNotedAsSeen;
    let [_, second] = with_one_that_cannot_be_read(Some(shortcut)).await;
    assert!(second.rejected.is_empty(), "it is not seen");
}
