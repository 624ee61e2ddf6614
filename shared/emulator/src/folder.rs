//! A folder as storage: every live object is a plain file, and a journal beside them is the truth.
//!
//! ```text
//! {folder}/{bucket}/{object}…        what is live, one file for each object
//! {folder}/.strata/journal           every change, in the order in which they were made
//! {folder}/.strata/lock              held by the emulator that runs on the folder
//! {folder}/.strata/new/…             contents on their way to their place
//! ```
//!
//! A change is made in three steps: new content is written aside, the change is appended to the
//! journal, and the content is renamed into its place. A process that dies before the second step
//! has changed nothing; after it, the next one finishes the third. So only the last record of a
//! journal can have files that do not agree with it, and any other difference is the work of a
//! person. Everything is handed to the operating system before it is answered, which survives
//! the end of the process at any moment; it is not forced to the disk, so that a power cut can
//! take the last moments with it.

mod disk;
mod files;
mod frame;
mod journal;
mod paths;
mod record;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::buckets::Settings;
use crate::memory::Change;
use crate::notification::Notification;
use crate::pubsub;
use disk::Disk;
use files::{Stamp, Step};
use journal::Journal;
pub(crate) use paths::Key;
use paths::{Paths, Shown};
pub(crate) use record::{Filed, Record};

/// What an emulator keeps for itself.
const OWN: &str = ".strata";

/// Where new content is until it is in its place.
const NEW: &str = "new";

/// An open folder.
pub(crate) struct Folder {
    root: PathBuf,
    disk: Arc<Disk>,
    state: Mutex<State>,
    /// Locked as long as it is open, by the operating system: also a killed process lets go.
    file: File,
}

/// What opening a folder has found.
pub(crate) struct Opened {
    /// Everything that was ever made, in order.
    pub(crate) records: Vec<Record>,
    /// What the last record did to files, if it did: perhaps it was not finished.
    pub(crate) unfinished: Vec<Unfinished>,
}

/// A file that is perhaps not yet what the journal says.
pub(crate) struct Unfinished {
    /// The object.
    pub(crate) key: Key,
    /// Where it is, relative to the folder.
    pub(crate) path: String,
    /// The CRC32C of what was there before.
    was: Option<String>,
}

struct State {
    journal: Journal,
    paths: Paths,
    /// Length and time of files that agreed with the journal when they were looked at.
    known: HashMap<String, Stamp>,
    /// Where a person has put what is about to become an object.
    dropped: HashMap<Key, String>,
    /// Names new content.
    number: u64,
}

impl Folder {
    /// Opens `root`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// When another emulator runs on it, or it cannot be read or written, or its journal is
    /// damaged.
    pub(crate) fn open(root: &Path) -> io::Result<(Self, Opened)> {
        Self::open_on(Arc::default(), root)
    }

    fn open_on(disk: Arc<Disk>, root: &Path) -> io::Result<(Self, Opened)> {
        let own = root.join(OWN);
        disk.make_folder(&own)?;
        let file = lock(root, &own.join("lock"))?;
        // What was on its way when the last process ended belongs to changes that were not made.
        let aside = own.join(NEW);
        if aside.is_dir() {
            fs::remove_dir_all(&aside).map_err(|err| disk::named(&aside, &err))?;
        }
        disk.make_folder(&aside)?;
        let (journal, records) = Journal::open(&own.join("journal"), disk.clone())?;
        let mut paths = Paths::default();
        let mut unfinished = Vec::new();
        for record in &records {
            unfinished = restore(&mut paths, record);
        }
        let state =
            State { journal, paths, known: HashMap::new(), dropped: HashMap::new(), number: 0 };
        let folder = Self { root: root.to_owned(), disk, state: Mutex::new(state), file };
        Ok((folder, Opened { records, unfinished }))
    }

    /// Where it is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Takes note of changes of objects and of the messages that follow, and shows them as files.
    ///
    /// # Errors
    ///
    /// When that is not possible; nothing has changed then, unless every further call fails too.
    pub(crate) fn objects(
        &self,
        bucket: &str,
        changes: &[Change],
        messages: Vec<Value>,
    ) -> io::Result<()> {
        let mut state = self.lock();
        let mut steps = Vec::new();
        let mut filed = Vec::new();
        for change in changes {
            let step = self.prepare(&mut state, bucket, change)?;
            let file = step.as_ref().and_then(Step::shown_at).map(str::to_owned);
            filed.push(Filed { change: change.clone(), file });
            steps.extend(step);
        }
        let record = Record::Objects { bucket: bucket.to_owned(), changes: filed, messages };
        state.journal.append(&record)?;
        for step in steps {
            if let Err(err) = self.finish(&mut state, bucket, step) {
                let why = format!("the folder does not show what its journal says: {err}");
                state.journal.refuse(&why);
                return Err(io::Error::other(why));
            }
        }
        Ok(())
    }

    /// Takes note of what is set on a bucket.
    pub(crate) fn bucket(
        &self,
        name: &str,
        settings: &Settings,
        notifications: &[Notification],
    ) -> io::Result<()> {
        let (settings, notifications) = (settings.clone(), notifications.to_vec());
        let record = Record::Bucket { name: name.to_owned(), settings, notifications };
        self.lock().journal.append(&record)
    }

    /// Takes note that a bucket is gone.
    pub(crate) fn no_bucket(&self, name: &str) -> io::Result<()> {
        self.lock().journal.append(&Record::NoBucket { name: name.to_owned() })
    }

    /// Lets others have the folder. Nothing more is noted, and nothing that needs it succeeds.
    pub(crate) fn close(&self) {
        // After this record, whatever files do not agree with the last one is the work of a
        // person. If it cannot be written, it is as if the process had been killed.
        self.messages(Vec::new()).unwrap_or_default();
        self.lock().journal.refuse("the emulator has ended");
        // The end of the process does it otherwise.
        self.file.unlock().unwrap_or_default();
    }

    fn messages(&self, messages: Vec<Value>) -> io::Result<()> {
        self.lock().journal.append(&Record::Messages(messages))
    }

    /// How long the journal is.
    pub(crate) fn journal_bytes(&self) -> u64 {
        self.lock().journal.bytes()
    }

    /// Replaces the journal by the shortest one that says the same. Each version in `records` is
    /// a [`Change::Keep`].
    pub(crate) fn compact(&self, records: impl Iterator<Item = Record>) -> io::Result<()> {
        let mut state = self.lock();
        let State { journal, paths, .. } = &mut *state;
        journal.replace(records.map(|record| with_files(paths, record)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl pubsub::Recorder for Folder {
    fn record(&self, changes: &[pubsub::Change]) -> io::Result<()> {
        self.messages(changes.iter().map(pubsub::Change::to_json).collect())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.close();
    }
}

/// Takes the folder for this process.
fn lock(root: &Path, path: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|err| disk::named(path, &err))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let text = format!("{}: another emulator runs on this folder", root.display());
            Err(io::Error::new(io::ErrorKind::ResourceBusy, text))
        }
        Err(TryLockError::Error(err)) => Err(disk::named(path, &err)),
    }
}

/// Learns which files there are from one record; returns those that it has changed.
fn restore(paths: &mut Paths, record: &Record) -> Vec<Unfinished> {
    let Record::Objects { bucket, changes, .. } = record else { return Vec::new() };
    let mut unfinished = Vec::new();
    for Filed { change, file } in changes {
        let (name, shown) = match change {
            Change::Insert(stored) | Change::Keep(stored) if stored.live => {
                let file = file.clone().unwrap_or_else(|| paths.choose(bucket, &stored.name));
                (&stored.name, Some(Shown::of(stored, file)))
            }
            Change::Remove { name, .. } => (name, None),
            Change::Erase { name, generation } => {
                let shown = paths.shown(bucket, name);
                if shown.is_none_or(|shown| shown.generation != *generation) {
                    continue;
                }
                (name, None)
            }
            Change::Insert(_) | Change::Keep(_) | Change::Edit(_) => continue,
        };
        let before = paths.remove(bucket, name);
        let path = shown.as_ref().or(before.as_ref()).map(|shown| shown.path.clone());
        if let (Some(path), false) = (path, matches!(change, Change::Keep(_))) {
            let was = before.map(|before| before.crc32c);
            unfinished.push(Unfinished { key: (bucket.clone(), name.clone()), path, was });
        }
        if let Some(shown) = shown {
            paths.add(bucket, name, shown);
        }
    }
    unfinished
}

/// The record with the file of each live version that it keeps.
fn with_files(paths: &Paths, record: Record) -> Record {
    let Record::Objects { bucket, changes, messages } = record else { return record };
    let with_file = |filed: Filed| {
        let file = match &filed.change {
            Change::Keep(stored) if stored.live => paths.shown(&bucket, &stored.name),
            _ => None,
        };
        Filed { file: file.map(|shown| shown.path.clone()), ..filed }
    };
    let changes = changes.into_iter().map(with_file).collect();
    Record::Objects { bucket, changes, messages }
}
