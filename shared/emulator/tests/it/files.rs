//! Files that people put into the folder of an emulator that runs.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use emulator::{Emulator, Memory, Notification, Options};

use crate::subscriber::{PATIENCE, Subscriber};

fn options(folder: &Path, held: bool) -> Options {
    Options { folder: Some(folder.to_owned()), held, ..Options::default() }
}

fn write(folder: &Path, file: &str, content: &str) {
    let file = folder.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

/// Waits until the live version of `name` holds `content`; of nothing where that is empty.
async fn holds(memory: &Arc<Memory>, name: &str, content: &str) {
    let waiting = async {
        loop {
            let found = memory.objects().remove(name).map(|object| object.body);
            if found.as_deref().unwrap_or_default() == content.as_bytes() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect(name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_changes_or_goes_is_an_upload_or_a_removal() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(options(folder.path(), false)).await.unwrap();
    let memory = emulator.create_bucket("bbb").unwrap();
    write(folder.path(), "bbb/a/b", "1");
    holds(&memory, "a/b", "1").await;
    write(folder.path(), "bbb/a/b", "2");
    holds(&memory, "a/b", "2").await;
    fs::remove_file(folder.path().join("bbb/a/b")).unwrap();
    holds(&memory, "a/b", "").await;
    assert_eq!(memory.versions_of("a/b").len(), 2);
    assert_eq!(emulator.problems(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_there_before_their_bucket_count_once_it_is_made() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "bbb/a", "1");
    let emulator = Emulator::start(options(folder.path(), false)).await.unwrap();
    let told = "bbb/: there is no such bucket; create it, and its files count";
    assert_eq!(emulator.problems(), [told]);
    holds(&emulator.create_bucket("bbb").unwrap(), "a", "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_emulator_takes_no_file_up_before_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "bbb/a", "1");
    let subscriber = Subscriber::start([]).await;
    let emulator = Emulator::start(options(folder.path(), true)).await.unwrap();
    let memory = emulator.create_bucket("bbb").unwrap();
    // Longer than a file has to be quiet.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(memory.objects().len(), 0);
    let topic = subscriber.subscription().topic;
    emulator.notify("bbb", Notification::finalized(&topic, "")).unwrap();
    emulator.subscribe(subscriber.subscription()).unwrap();
    emulator.release();
    holds(&memory, "a", "1").await;
    emulator.settled(PATIENCE).await.unwrap();
    assert_eq!(subscriber.objects(), ["a"]);
}
