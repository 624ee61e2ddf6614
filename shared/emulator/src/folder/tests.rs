//! A folder whose process ends between any two steps.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use serde_json::Map;

use super::*;
use crate::buckets::{Buckets, Settings};
use crate::chance::Chance;
use crate::hub::Hub;
use crate::memory::{Conditions, Memory, Upload};
use crate::pubsub::Broker;
use crate::restore;

/// What a bucket holds, as far as it does not depend on chance.
type Contents = Vec<(String, String, bool, u64)>;

/// One operation on the bucket.
type Operation = fn(&Memory) -> Result<(), store::Error>;

const OPERATIONS: [Operation; 11] = [
    |bucket| put(bucket, "a", "1"),
    |bucket| put(bucket, "a", "2"),
    |bucket| put(bucket, "a/b", "x"),
    |bucket| bucket.remove("a", &Conditions::default()).map(drop),
    |bucket| put(bucket, "a", "3"),
    |bucket| bucket.edit("a", None, &Conditions::default(), |it| it.body.clear()).map(drop),
    |bucket| put(bucket, "c/d/e", ""),
    |bucket| {
        bucket.rename(("c/d/e", &Conditions::default()), ("e", &Conditions::default())).map(drop)
    },
    |bucket| {
        let oldest = bucket.versions_of("a")[0].generation;
        bucket.erase("a", oldest, &Conditions::default()).map(drop)
    },
    |bucket| {
        let live = bucket.find("a/b", None).unwrap().generation;
        bucket.erase("a/b", live, &Conditions::default()).map(drop)
    },
    |bucket| put(bucket, "a", "3"),
];

fn put(bucket: &Memory, name: &str, body: &'static str) -> Result<(), store::Error> {
    bucket.insert(name, Bytes::from(body), Upload::default()).map(drop)
}

fn contents(bucket: &Memory) -> Contents {
    let versions = bucket.everything().into_iter();
    let described = versions.map(|it| {
        let body = String::from_utf8(it.body.to_vec()).unwrap();
        (it.name, body, it.live, it.metageneration)
    });
    described.collect()
}

/// An emulator on `root`, as far as a folder concerns it.
struct Place {
    folder: Arc<Folder>,
    buckets: Buckets,
}

fn open(root: &Path, disk: Disk) -> io::Result<Place> {
    let (folder, opened) = Folder::open_on(Arc::new(disk), root)?;
    let folder = Arc::new(folder);
    let hub = Arc::new(Hub {
        broker: Broker::new(0, None, Arc::new(crate::SystemClock)),
        chance: Chance::new(0),
        repeat: 1,
        folder: Some(folder.clone()),
    });
    let buckets = Buckets::new(hub.clone(), 0, None);
    let place = Place { folder, buckets };
    restore::restore(&place.folder, opened, &place.buckets, &hub.broker)?;
    restore::adopt_all(&place.folder, &place.buckets)?;
    Ok(place)
}

impl Drop for Place {
    fn drop(&mut self) {
        self.folder.close();
    }
}

impl Place {
    fn bucket(&self, versioning: bool) -> io::Result<Arc<Memory>> {
        let mut properties = Map::new();
        properties.insert("versioning".to_owned(), serde_json::json!({"enabled": versioning}));
        let bucket = self.buckets.get_or_create("b", || Settings::new("p", properties));
        Ok(bucket.map_err(io::Error::other)?.memory)
    }

    /// The files hold what is live, and nothing else is there.
    fn check_files(&self) {
        let live = self.buckets.all().into_iter().flat_map(|(bucket, it)| {
            let live = it.memory.everything().into_iter().filter(|stored| stored.live);
            let file = move |name: &str| {
                self.folder.lock().paths.shown(&bucket, name).unwrap().path.clone()
            };
            live.map(move |stored| (file(&stored.name), stored.body)).collect::<Vec<_>>()
        });
        let expected: BTreeMap<String, Bytes> = live.collect();
        let files = self.folder.files().unwrap().into_iter();
        let read = |path: String| {
            let content = fs::read(self.folder.root.join(&path)).unwrap();
            (path, Bytes::from(content))
        };
        assert_eq!(files.map(read).collect::<BTreeMap<_, _>>(), expected);
    }
}

/// What there is after each number of operations, without a folder.
fn reference(versioning: bool) -> Vec<Contents> {
    let bucket = Memory::new("b", Arc::new(crate::SystemClock), 0);
    bucket.set_versioning(versioning);
    let mut all = vec![Vec::new()];
    for operation in OPERATIONS {
        operation(&bucket).unwrap();
        all.push(contents(&bucket));
    }
    all
}

/// Runs the operations until one fails; `None` when all succeed.
fn run(root: &Path, versioning: bool, disk: Disk) -> Option<usize> {
    let Ok(place) = open(root, disk) else { return Some(0) };
    let Ok(bucket) = place.bucket(versioning) else { return Some(0) };
    OPERATIONS.iter().position(|operation| operation(&bucket).is_err())
}

#[tokio::test]
async fn a_process_that_ends_at_any_step_loses_nothing_and_leaves_nothing_half_done() {
    for versioning in [true, false] {
        let reference = reference(versioning);
        let mut deaths = 0;
        for steps in 0.. {
            let root = tempfile::tempdir().unwrap();
            let failed = run(root.path(), versioning, Disk::with_lifetime(steps));
            let Some(failed) = failed else { break };
            deaths += 1;
            let place = open(root.path(), Disk::default()).unwrap();
            let bucket = place.bucket(versioning).unwrap();
            let found = contents(&bucket);
            let expected = &reference[failed..=failed + 1];
            assert!(expected.contains(&found), "after {steps} steps: {found:?}, not {expected:?}");
            place.check_files();
            put(&bucket, "a", "later").unwrap();
            place.check_files();
        }
        assert!(deaths > 2 * OPERATIONS.len(), "{deaths}");
    }
}

#[tokio::test]
async fn nor_does_one_that_ends_again_while_it_puts_things_right() {
    let reference = reference(true);
    for steps in 0.. {
        let root = tempfile::tempdir().unwrap();
        let Some(failed) = run(root.path(), true, Disk::with_lifetime(steps)) else { break };
        for again in 0..4 {
            drop(open(root.path(), Disk::with_lifetime(again)));
        }
        let place = open(root.path(), Disk::default()).unwrap();
        let found = contents(&place.bucket(true).unwrap());
        let expected = &reference[failed..=failed + 1];
        assert!(expected.contains(&found), "after {steps} steps: {found:?}, not {expected:?}");
        place.check_files();
    }
}

#[tokio::test]
async fn a_compacted_journal_says_the_same() {
    for versioning in [true, false] {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(run(root.path(), versioning, Disk::default()), None);
        let before = open(root.path(), Disk::default()).unwrap();
        let everything = before.bucket(versioning).unwrap().everything();
        let records = before.buckets.all().into_iter().flat_map(restore::records);
        before.folder.compact(records).unwrap();
        drop(before);
        let after = open(root.path(), Disk::default()).unwrap();
        assert_eq!(after.bucket(versioning).unwrap().everything(), everything);
        after.check_files();
        put(&after.bucket(versioning).unwrap(), "a", "later").unwrap();
        after.check_files();
    }
}

#[tokio::test]
async fn what_a_person_did_while_nothing_ran_counts() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(run(root.path(), true, Disk::default()), None);
    let file = |path: &str| root.path().join(path);
    fs::write(file("b/e"), "edited").unwrap();
    fs::remove_file(file("b/a")).or_else(|_| fs::remove_file(file("b/a~file"))).unwrap();
    fs::create_dir_all(file("b/new")).unwrap();
    fs::write(file("b/new/my file.json"), "{}").unwrap();
    fs::write(file("b/new/.hidden"), "").unwrap();
    fs::write(file("b/new/draft~"), "").unwrap();
    let place = open(root.path(), Disk::default()).unwrap();
    let bucket = place.bucket(true).unwrap();
    let live = |name: &str| bucket.find(name, None).map(|stored| stored.body);
    assert_eq!(live("e"), Some("edited".into()));
    assert_eq!(live("a"), None);
    assert_eq!(bucket.versions_of("a").last().unwrap().body, "3");
    let dropped = bucket.find("new/my file.json", None).unwrap();
    assert_eq!((dropped.body.as_ref(), &*dropped.content_type), (&b"{}"[..], "application/json"));
    assert_eq!(live("new/.hidden"), None);
    let versions = bucket.everything();
    drop((bucket, place));
    let again = open(root.path(), Disk::default()).unwrap();
    assert_eq!(again.bucket(true).unwrap().everything(), versions, "it counts once");
    assert!(file("b/new/my file.json").is_file(), "it keeps its place");
}

#[tokio::test]
async fn two_on_one_folder_refuse_each_other() {
    let root = tempfile::tempdir().unwrap();
    let first = open(root.path(), Disk::default()).unwrap();
    let second = open(root.path(), Disk::default()).err().unwrap();
    assert_eq!(second.kind(), io::ErrorKind::ResourceBusy);
    assert!(second.to_string().ends_with("another emulator runs on this folder"), "{second}");
    drop(first);
    assert!(open(root.path(), Disk::default()).is_ok());
}

#[tokio::test]
async fn a_journal_that_is_damaged_or_foreign_is_refused_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(run(root.path(), true, Disk::default()), None);
    let path = root.path().join(OWN).join("journal");
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let foreign = b"{\"some\": \"other file\"}\n".repeat(9);
    let newer = frame::encode("{\"strata_emulator\":2}", &[]);
    for (bytes, reason) in
        [(damaged, "damaged at byte"), (foreign, "damaged at byte 0"), (newer, "of format 2")]
    {
        fs::write(&path, &bytes).unwrap();
        let refused = open(root.path(), Disk::default()).err().unwrap().to_string();
        assert!(refused.contains(reason), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{reason}");
    }
}
