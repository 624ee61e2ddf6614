//! Snapshots of an older schema version: their index objects are those of the upgraded document.

use std::sync::{Arc, LazyLock};

use domain::{Definitions, Delivery, Disposition, Handler, Planted};
use emulator::{Memory, tools};
use store::Tools;

use super::{bucket, indices, write_snapshot_with};
use crate::{IndexWriter, Shortcut};

/// The release before.
const OLDER: &str = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0"],"manifest":{},
  "indices":[{"name":"by-owner","version":1,"keys":[{"from":["/owner"],"transform":"slug"}],"show":{"note":["/note"]}}]}"#;

/// The release after: `owner` is called `ownerId`, and there is always a status.
const NEWER: &str = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0","1.1.0"],"manifest":{},
  "upgrades":[{"from":"1.0.0","to":"1.1.0","steps":[{"move":"/owner","to":"/ownerId"},{"default":"/status","value":"Draft"}]}],
  "indices":[
    {"name":"by-owner","version":1,"keys":[{"from":["/ownerId"],"transform":"slug"}],"show":{"note":["/note"]}},
    {"name":"by-status","version":1,"keys":[{"from":["/status"],"transform":"slug"}]}]}"#;

fn definitions(entity: &str) -> Arc<Definitions> {
    let files = [
        ("venture/entity.json", entity),
        ("venture/v1.0.0.schema.json", "{}"),
        ("venture/v1.1.0.schema.json", "{}"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Arc::new(Definitions::from_files(files).unwrap())
}

static BEFORE: LazyLock<Arc<Definitions>> = LazyLock::new(|| definitions(OLDER));
static AFTER: LazyLock<Arc<Definitions>> = LazyLock::new(|| definitions(NEWER));

async fn deliver(
    definitions: &Arc<Definitions>,
    bucket: &Arc<Memory>,
    delivery: &Delivery,
) -> Disposition {
    deliver_with(definitions, bucket, delivery, Planted::NONE).await
}

async fn deliver_with(
    definitions: &Arc<Definitions>,
    bucket: &Arc<Memory>,
    delivery: &Delivery,
    planted: Planted<Shortcut>,
) -> Disposition {
    let tools = Tools { definitions: Arc::clone(definitions), ..tools(bucket.clone()) };
    let writer = IndexWriter { tools, planted };
    writer.handle(std::slice::from_ref(delivery)).await.remove(0).unwrap()
}

/// A snapshot as a snapshot-builder writes it whose projection run is new.
fn write(bucket: &Memory, second: usize, document: &str) -> Delivery {
    let run = format!("run of {second}");
    write_snapshot_with(bucket, "V1", second, document, &[("run", &run)])
}

fn names(bucket: &Memory) -> Vec<String> {
    indices(bucket).into_keys().collect()
}

#[tokio::test(flavor = "current_thread")]
async fn a_pointer_whose_key_field_was_renamed_leaves_no_orphan() {
    for release_between in [true, false] {
        let bucket = bucket();
        let older = write(&bucket, 1, r#"{"schema_version":"1.0.0","owner":"Bob"}"#);
        deliver(&BEFORE, &bucket, &older).await;
        assert_eq!(names(&bucket), ["by-owner/bob/V1.json"]);
        if release_between {
            // The event of the older snapshot comes once more, to the release after.
            deliver(&AFTER, &bucket, &older).await;
            assert_eq!(names(&bucket), ["by-owner/bob/V1.json", "by-status/draft/V1.json"]);
        }
        // The first record after the release: the history is folded again, and the owner changes.
        let newer = r#"{"schema_version":"1.1.0","ownerId":"Ann","status":"Draft"}"#;
        let newer = write(&bucket, 2, newer);
        assert_eq!(deliver(&AFTER, &bucket, &newer).await, Disposition::Done);
        assert_eq!(names(&bucket), ["by-owner/ann/V1.json", "by-status/draft/V1.json"]);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_place_that_only_a_default_gave_goes_with_the_snapshot_that_has_none() {
    let bucket = bucket();
    let older = write(&bucket, 1, r#"{"schema_version":"1.0.0","owner":"Bob"}"#);
    deliver(&AFTER, &bucket, &older).await;
    assert_eq!(names(&bucket), ["by-owner/bob/V1.json", "by-status/draft/V1.json"]);
    // A merge had removed the status, which the older snapshot does not tell.
    let newer = write(&bucket, 2, r#"{"schema_version":"1.1.0","ownerId":"Bob"}"#);
    deliver(&AFTER, &bucket, &newer).await;
    assert_eq!(names(&bucket), ["by-owner/bob/V1.json"]);
}

#[tokio::test(flavor = "current_thread")]
async fn an_overwritten_version_that_is_not_upgraded_is_seen() {
    let bucket = bucket();
    let older = write(&bucket, 1, r#"{"schema_version":"1.0.0","owner":"Bob"}"#);
    deliver(&BEFORE, &bucket, &older).await;
    let newer = write(&bucket, 2, r#"{"schema_version":"1.1.0","ownerId":"Ann"}"#);
    let planted = Planted::bug(Shortcut::OldVersionsNotUpgraded);
    deliver_with(&AFTER, &bucket, &newer, planted).await;
    assert_eq!(names(&bucket), ["by-owner/ann/V1.json", "by-owner/bob/V1.json"], "an orphan");
}
