//! The files that show what is live: how they are written, and how they are read when a person
//! may have changed them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;

use super::disk::{is_missing, named};
use super::paths::{self, Key, Shown, ancestors};
use super::{Folder, NEW, OWN, State, Unfinished};
use crate::checksum;
use crate::memory::{Change, Look};

/// How deep folders may lie in each other: object names have at most 1024 bytes.
const DEPTH_MAX: usize = 1024;

/// Length and time of a file: while they stay, so does its content.
pub(super) type Stamp = (u64, SystemTime);

/// What a change does to a file.
pub(super) enum Step {
    /// The content belongs there, from where it was written aside unless it is there already.
    Show { name: String, shown: Shown, aside: Option<PathBuf>, stamp: Option<Stamp> },
    /// Nothing belongs there.
    Hide { name: String },
}

impl Step {
    /// The file that shows a new version.
    pub(super) fn shown_at(&self) -> Option<&str> {
        match self {
            Self::Show { shown, .. } => Some(&shown.path),
            Self::Hide { .. } => None,
        }
    }
}

impl Folder {
    /// Does all of `change` that can fail and be taken back.
    pub(super) fn prepare(
        &self,
        state: &mut State,
        bucket: &str,
        change: &Change,
    ) -> io::Result<Option<Step>> {
        match change {
            Change::Insert(stored) => {
                let dropped = state.dropped.remove(&(bucket.to_owned(), stored.name.clone()));
                let chosen = || state.paths.choose(bucket, &stored.name);
                let mut path = dropped.unwrap_or_else(chosen);
                if self.root.join(&path).is_dir() {
                    path.push_str(paths::AS_FILE);
                }
                // Before the content is looked at: what comes after that is another change.
                let mut stamp = stamp(&self.root.join(&path))?;
                let aside = if self.content(&path)?.as_ref() == Some(&stored.body) {
                    None
                } else {
                    self.make_folders(&path)?;
                    let aside = self.write_aside(state, &stored.body)?;
                    stamp = self::stamp(&aside)?;
                    Some(aside)
                };
                let (name, shown) = (stored.name.clone(), Shown::of(stored, path));
                Ok(Some(Step::Show { name, shown, aside, stamp }))
            }
            Change::Remove { name, .. } => Ok(Some(Step::Hide { name: name.clone() })),
            Change::Erase { name, generation } => {
                let shown = state.paths.shown(bucket, name);
                let live = shown.is_some_and(|shown| shown.generation == *generation);
                Ok(live.then(|| Step::Hide { name: name.clone() }))
            }
            Change::Edit(_) | Change::Keep(_) => Ok(None),
        }
    }

    /// Does the rest.
    pub(super) fn finish(&self, state: &mut State, bucket: &str, step: Step) -> io::Result<()> {
        let State { paths, known, .. } = state;
        match step {
            Step::Show { name, shown, aside, stamp } => {
                let whole = self.root.join(&shown.path);
                if let Some(aside) = aside {
                    self.disk.rename(&aside, &whole)?;
                }
                if let Some(before) = paths.remove(bucket, &name).filter(|it| it.path != shown.path)
                {
                    self.hide(&before.path)?;
                }
                if let Some(stamp) = stamp {
                    known.insert(shown.path.clone(), stamp);
                }
                paths.add(bucket, &name, shown);
            }
            Step::Hide { name } => {
                if let Some(before) = paths.remove(bucket, &name) {
                    known.remove(&before.path);
                    self.hide(&before.path)?;
                }
            }
        }
        Ok(())
    }

    /// The object that the file at `path` holds or would hold.
    pub(crate) fn key(&self, path: &str) -> Option<Key> {
        let state = self.lock();
        state.paths.key(path).cloned().or_else(|| paths::dropped(path))
    }

    /// Looks at the file at `path` for the object that it is taken for.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn look(&self, path: &str, key: &Key) -> io::Result<Look> {
        let mut state = self.lock();
        let State { paths, known, dropped, .. } = &mut *state;
        let shown = paths.shown(&key.0, &key.1);
        let shows = shown.is_some_and(|shown| shown.path == path);
        let Some(stamp) = stamp(&self.root.join(path))? else {
            // A file that is gone matters where it was the one that shows the object.
            return Ok(if shows { Look::Nothing } else { Look::Same });
        };
        if shows && known.get(path) == Some(&stamp) {
            return Ok(Look::Same);
        }
        let Some(content) = self.content(path)? else { return Ok(Look::Same) };
        if shown.is_none() {
            dropped.insert(key.clone(), path.to_owned());
        }
        Ok(Look::Content(content))
    }

    /// Removes the file at `path` if its object is shown in another one.
    pub(crate) fn tidy(&self, path: &str, key: &Key) -> io::Result<()> {
        let state = self.lock();
        let shown = state.paths.shown(&key.0, &key.1);
        match shown.is_some_and(|shown| shown.path != path) {
            true => self.hide(path),
            false => Ok(()),
        }
    }

    /// Brings a file to what the journal says, unless a person has put something else there.
    /// `body` is that of the live version.
    pub(crate) fn settle(&self, unfinished: &Unfinished, body: Option<Bytes>) -> io::Result<()> {
        let mut state = self.lock();
        let Unfinished { path, was, .. } = unfinished;
        let is = self.content(path)?;
        let is_as_before = is.as_deref().map(checksum::crc32c) == *was;
        match body {
            _ if is.is_some() && !is_as_before => Ok(()),
            Some(body) => {
                self.make_folders(path)?;
                let aside = self.write_aside(&mut state, &body)?;
                self.disk.rename(&aside, &self.root.join(path))
            }
            None => self.hide(path),
        }
    }

    /// Every file below the folder, relative to it, and every file that should be there.
    pub(crate) fn files(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for entry in fs::read_dir(self.root.join(&folder))? {
                let entry = entry?;
                // What is not Unicode can be no object.
                let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
                if folder.is_empty() && name == OWN {
                    continue;
                }
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let kind = entry.file_type()?;
                if kind.is_dir() && depth < DEPTH_MAX {
                    folders.push((path, depth + 1));
                } else if kind.is_file() {
                    found.push(path);
                }
            }
        }
        found.extend(self.lock().paths.iter().map(|(path, _)| path.to_owned()));
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// What the file at `path` holds; `None` when there is no plain file.
    fn content(&self, path: &str) -> io::Result<Option<Bytes>> {
        let whole = self.root.join(path);
        if stamp(&whole)?.is_none() {
            return Ok(None);
        }
        match fs::read(&whole) {
            Ok(content) => Ok(Some(content.into())),
            Err(err) if is_missing(&err) => Ok(None),
            Err(err) => Err(named(&whole, &err)),
        }
    }

    fn make_folders(&self, path: &str) -> io::Result<()> {
        let whole = self.root.join(path);
        let folder = whole.parent().unwrap_or(&self.root);
        self.disk.make_folder(folder)
    }

    fn write_aside(&self, state: &mut State, body: &[u8]) -> io::Result<PathBuf> {
        state.number += 1;
        let aside = self.root.join(OWN).join(NEW).join(state.number.to_string());
        self.disk.write(&aside, body)?;
        Ok(aside)
    }

    /// Removes a file, and the folders above it that are empty then, down to that of the bucket.
    fn hide(&self, path: &str) -> io::Result<()> {
        self.disk.remove(&self.root.join(path))?;
        for folder in ancestors(path).filter(|folder| folder.contains('/')) {
            // It fails for one that is not empty, and then so would those above.
            if fs::remove_dir(self.root.join(folder)).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// Length and time of a plain file; `None` when there is none.
fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_file() => Ok(Some((about.len(), about.modified()?))),
        Ok(_) => Ok(None),
        Err(err) if is_missing(&err) => Ok(None),
        Err(err) => Err(named(path, &err)),
    }
}
