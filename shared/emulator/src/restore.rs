//! Brings an emulator to where the last one on its folder was, and to what a person has done to
//! the files meanwhile.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::buckets::{Bucket, Buckets};
use crate::folder::{Filed, Folder, Opened, Record};
use crate::memory::{Change, Stored};
use crate::pubsub::{self, Broker};

/// A journal is rewritten when it is longer than this, and more than twice as long as what the
/// bodies in it that still exist need.
const JOURNAL_BYTES_MIN: u64 = 1024 * 1024;

/// Makes everything once more that `opened` has found. From here on the folder takes note of
/// what becomes of messages.
pub(crate) fn restore(
    folder: &Arc<Folder>,
    opened: Opened,
    buckets: &Buckets,
    broker: &Broker,
) -> io::Result<()> {
    let mut messages = Vec::new();
    for record in opened.records {
        match record {
            Record::Format(_) => (),
            Record::Bucket { name, settings, notifications } => {
                buckets.restore(&name, settings, notifications)?;
            }
            Record::NoBucket { name } => buckets.forget(&name),
            Record::Objects { bucket, changes, messages: published } => {
                if let Some(memory) = buckets.memory(&bucket) {
                    memory.restore(changes.into_iter().map(|it| it.change).collect());
                }
                messages.extend(published);
            }
            Record::Messages(changed) => messages.extend(changed),
        }
    }
    // The objects that they are about are there.
    let messages = messages.iter().map(pubsub::Change::from_json);
    broker.restore(messages.collect::<Result<_, _>>().map_err(io::Error::other)?);
    broker.record_to(folder.clone());
    for unfinished in &opened.unfinished {
        let (bucket, name) = &unfinished.key;
        let live = buckets.memory(bucket).and_then(|memory| memory.find(name, None));
        folder.settle(unfinished, live.map(|stored| stored.body))?;
    }
    Ok(())
}

/// Makes every file an object that is not the one that the folder shows there. Returns what could
/// not be taken up, which keeps nothing else from it.
pub(crate) fn adopt_all(folder: &Folder, buckets: &Buckets) -> io::Result<Vec<String>> {
    adopt_below(folder, buckets, "")
}

/// The same for the files in the folder `path` or once in it, and the file at `path` itself.
pub(crate) fn adopt_below(
    folder: &Folder,
    buckets: &Buckets,
    path: &str,
) -> io::Result<Vec<String>> {
    let inside = |file: &str| file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    let mut files = folder.files()?;
    files.retain(|file| path.is_empty() || file == path || inside(file));
    let adopted = files.iter().filter_map(|path| adopt(folder, buckets, path).err());
    let mut problems: Vec<String> = adopted.collect();
    // One line for all files of a bucket that is not there.
    problems.dedup();
    Ok(problems)
}

/// Makes the file at `path` an object, or the live object noncurrent whose file it was, if a
/// person has put it there, changed it or removed it.
///
/// # Errors
///
/// Why it could not be taken up, for a person.
pub(crate) fn adopt(folder: &Folder, buckets: &Buckets, path: &str) -> Result<(), String> {
    let Some(key) = folder.key(path) else { return Ok(()) };
    let (bucket, name) = &key;
    let Some(memory) = buckets.memory(bucket) else {
        return Err(format!("{bucket}/: there is no such bucket; create it, and its files count"));
    };
    let failed = |err: &dyn fmt::Display| format!("{path}: {err}");
    memory.adopt(name, || folder.look(path, &key)).map_err(|err| failed(&err))?;
    folder.tidy(path, &key).map_err(|err| failed(&err))
}

/// Rewrites the journal if most of it is about what is gone. Nothing may happen in the buckets
/// meanwhile: locks are taken the other way round.
pub(crate) fn compact(folder: &Folder, buckets: &Buckets, broker: &Broker) -> io::Result<()> {
    let buckets = buckets.all();
    let bodies = buckets.iter().flat_map(|(_, bucket)| bucket.memory.everything());
    let needed: u64 = bodies.map(|stored| stored.body.len() as u64).sum();
    if folder.journal_bytes() < JOURNAL_BYTES_MIN.max(2 * needed) {
        return Ok(());
    }
    broker.dump_to(|changes| {
        let messages = Record::Messages(changes.iter().map(pubsub::Change::to_json).collect());
        folder.compact(buckets.into_iter().flat_map(records).chain([messages]))
    })
}

/// What recreates a bucket.
pub(crate) fn records((name, bucket): (String, Bucket)) -> impl Iterator<Item = Record> {
    let notifications = bucket.notifications();
    let set = Record::Bucket { name: name.clone(), settings: bucket.settings, notifications };
    let versions = bucket.memory.everything().into_iter();
    std::iter::once(set).chain(versions.map(move |stored| kept(&name, stored)))
}

fn kept(bucket: &str, stored: Stored) -> Record {
    let changes = vec![Filed { change: Change::Keep(stored), file: None }];
    Record::Objects { bucket: bucket.to_owned(), changes, messages: Vec::new() }
}
