//! A folder whose process ends between any two steps.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use domain::Generation;
use serde_json::Map;

use super::*;
use crate::buckets::{BucketError, Buckets, Settings};
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

fn generations(bucket: &Memory) -> Vec<Generation> {
    bucket.everything().into_iter().map(|it| it.generation).collect()
}

/// An emulator on `root`, as far as a folder concerns it.
struct Place {
    folder: Arc<Folder>,
    buckets: Buckets,
    /// What could not be taken up of the files.
    problems: Vec<String>,
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
    let mut place = Place { folder, buckets, problems: Vec::new() };
    restore::restore(&place.folder, opened, &place.buckets, &hub.broker)?;
    place.problems = restore::adopt_all(&place.folder, &place.buckets)?;
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
    bucket.set_versioning(versioning, || Ok(())).unwrap();
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

#[tokio::test]
async fn what_is_set_on_a_bucket_and_its_objects_are_noted_as_they_were_made() {
    let set = |place: &Place, versioning: bool| {
        let value = serde_json::json!({"enabled": versioning});
        let change = |settings: &mut Settings, _: &mut Vec<_>| {
            settings.properties.insert("versioning".to_owned(), value);
            Ok::<_, BucketError>(())
        };
        place.buckets.change("b", change).unwrap();
    };
    let root = tempfile::tempdir().unwrap();
    let place = open(root.path(), Disk::default()).unwrap();
    let bucket = place.bucket(true).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..3000).for_each(|round| set(&place, round % 2 == 1)));
        scope.spawn(|| (0..3000).for_each(|_| put(&bucket, "a", "x").unwrap()));
    });
    let kept = generations(&bucket);
    drop((bucket, place));
    let again = open(root.path(), Disk::default()).unwrap();
    assert!(generations(&again.bucket(true).unwrap()) == kept, "other versions than before");
}

#[tokio::test]
async fn who_still_holds_a_deleted_bucket_can_no_longer_write_to_it() {
    let root = tempfile::tempdir().unwrap();
    let place = open(root.path(), Disk::default()).unwrap();
    let held = place.bucket(true).unwrap();
    put(&held, "a", "1").unwrap();
    let delete = || place.buckets.delete("b", |_| Ok::<_, BucketError>(()));
    assert!(matches!(delete(), Err(BucketError::NotEmpty)));
    let generation = held.find("a", None).unwrap().generation;
    held.erase("a", generation, &Conditions::default()).unwrap();
    delete().unwrap();
    assert_eq!(put(&held, "a", "2").unwrap_err().kind, store::ErrorKind::Unavailable);
    put(&place.bucket(true).unwrap(), "a", "3").unwrap();
    assert!(put(&held, "b", "4").is_err());
    drop(place);
    let again = open(root.path(), Disk::default()).unwrap();
    let found = contents(&again.bucket(true).unwrap());
    assert_eq!(found, [("a".to_owned(), "3".to_owned(), true, 1)]);
}

#[tokio::test]
async fn a_file_that_can_be_no_object_is_told_of_and_keeps_nothing_from_its_neighbours() {
    let root = tempfile::tempdir().unwrap();
    open(root.path(), Disk::default()).unwrap().bucket(true).unwrap();
    fs::create_dir_all(root.path().join("b")).unwrap();
    fs::write(root.path().join("b/a line\nfeed"), "1").unwrap();
    fs::write(root.path().join("b/z"), "2").unwrap();
    let place = open(root.path(), Disk::default()).unwrap();
    assert_eq!(place.bucket(true).unwrap().find("z", None).unwrap().body, "2");
    assert_eq!(place.problems.len(), 1, "{:?}", place.problems);
    assert!(place.problems[0].starts_with("b/a line\nfeed: "), "{:?}", place.problems);
}

#[tokio::test]
async fn files_wait_for_their_bucket() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("seeds/a")).unwrap();
    for file in ["seeds/a/b.json", "seeds/c"] {
        fs::write(root.path().join(file), "{}").unwrap();
    }
    let place = open(root.path(), Disk::default()).unwrap();
    let told = "seeds/: there is no such bucket; create it, and its files count";
    assert_eq!(place.problems, [told]);
    assert!(place.buckets.all().is_empty());
    let seeds = place.buckets.get_or_create("seeds", Settings::local).unwrap();
    assert_eq!(restore::adopt_below(&place.folder, &place.buckets, "seeds").unwrap(), [""; 0]);
    assert_eq!(seeds.memory.find("a/b.json", None).unwrap().body, "{}");
}

#[tokio::test]
async fn a_bucket_that_is_made_again_has_other_generations() {
    let root = tempfile::tempdir().unwrap();
    let place = open(root.path(), Disk::default()).unwrap();
    let make = || {
        let bucket = place.bucket(true).unwrap();
        put(&bucket, "a", "1").unwrap();
        let generation = bucket.find("a", None).unwrap().generation;
        bucket.erase("a", generation, &Conditions::default()).unwrap();
        place.buckets.delete("b", |_| Ok::<_, BucketError>(())).unwrap();
        generation
    };
    assert_ne!(make(), make());
}

#[tokio::test]
async fn listeners_hear_of_moved_objects_and_of_files_too() {
    let root = tempfile::tempdir().unwrap();
    let place = open(root.path(), Disk::default()).unwrap();
    let bucket = place.bucket(true).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = heard.clone();
    bucket.on_finalize(Box::new(move |stored| ear.lock().unwrap().push(stored.name.clone())));
    put(&bucket, "a", "1").unwrap();
    let always = Conditions::default();
    bucket.rename(("a", &always), ("moved", &always)).unwrap();
    fs::write(root.path().join("b/dropped"), "2").unwrap();
    assert_eq!(restore::adopt_all(&place.folder, &place.buckets).unwrap(), [""; 0]);
    assert_eq!(*heard.lock().unwrap(), ["a", "moved", "dropped"]);
}
