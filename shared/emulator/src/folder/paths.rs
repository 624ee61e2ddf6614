//! Which file holds which object.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::{Generation, digest};

use crate::file_name::{self, object_name};
use crate::memory::Stored;

/// Ends the name of a folder where a file has the plain name.
const AS_FOLDER: &str = "~dir";

/// Ends the name of a file where a folder has the plain name.
pub(super) const AS_FILE: &str = "~file";

/// Digits of the hash that tells names apart which differ in case only.
const HASH_DIGITS: usize = 12;

/// An object: bucket and name.
pub(crate) type Key = (String, String);

/// The file of one live object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) path: String,
    /// The version that it shows.
    pub(super) generation: Generation,
    /// The CRC32C of its content.
    pub(super) crc32c: String,
}

impl Shown {
    pub(super) fn of(stored: &Stored, path: String) -> Self {
        Self { path, generation: stored.generation, crc32c: stored.crc32c.clone() }
    }
}

/// The files of live objects. A path is relative to the folder, its parts separated by `/`.
#[derive(Debug, Default)]
pub(super) struct Paths {
    files: HashMap<Key, Shown>,
    keys: BTreeMap<String, Key>,
    /// Every file in lower case: some systems do not tell cases apart.
    folded: HashSet<String>,
    /// Every folder in lower case, and how many files are below it.
    folders: HashMap<String, usize>,
}

impl Paths {
    /// The file of an object that has one.
    pub(super) fn shown(&self, bucket: &str, name: &str) -> Option<&Shown> {
        self.files.get(&(bucket.to_owned(), name.to_owned()))
    }

    /// The object of a file that is known.
    pub(super) fn key(&self, path: &str) -> Option<&Key> {
        self.keys.get(path)
    }

    /// Every file with its object.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Key)> {
        self.keys.iter().map(|(path, key)| (path.as_str(), key))
    }

    /// The file that the object has, or would get.
    pub(super) fn choose(&self, bucket: &str, name: &str) -> String {
        if let Some(shown) = self.shown(bucket, name) {
            return shown.path.clone();
        }
        let mut path = bucket.to_owned();
        let mut parts = name.split('/').peekable();
        while let Some(part) = parts.next() {
            let plain = format!("{path}/{}", file_name::part(part));
            let folded = plain.to_lowercase();
            path = if parts.peek().is_some() {
                if self.folded.contains(&folded) { plain + AS_FOLDER } else { plain }
            } else if self.folders.contains_key(&folded) {
                plain + AS_FILE
            } else if self.folded.contains(&folded) {
                format!("{plain}~{}", digest::hex_of(name, HASH_DIGITS))
            } else {
                plain
            };
        }
        path
    }

    /// From here on the object is in this file.
    pub(super) fn add(&mut self, bucket: &str, name: &str, shown: Shown) {
        self.remove(bucket, name);
        let key = (bucket.to_owned(), name.to_owned());
        let folded = shown.path.to_lowercase();
        for folder in ancestors(&folded) {
            *self.folders.entry(folder.to_owned()).or_default() += 1;
        }
        self.keys.insert(shown.path.clone(), key.clone());
        self.folded.insert(folded);
        self.files.insert(key, shown);
    }

    /// From here on the object has no file; returns the one that it had.
    pub(super) fn remove(&mut self, bucket: &str, name: &str) -> Option<Shown> {
        let shown = self.files.remove(&(bucket.to_owned(), name.to_owned()))?;
        self.keys.remove(&shown.path);
        let folded = shown.path.to_lowercase();
        for folder in ancestors(&folded) {
            if let Some(files) = self.folders.get_mut(folder) {
                *files -= 1;
                if *files == 0 {
                    self.folders.remove(folder);
                }
            }
        }
        self.folded.remove(&folded);
        Some(shown)
    }
}

/// The object that a file is taken for that is none's; `None` for one that is nobody's business:
/// hidden files, and what editors leave beside the files that they work on.
pub(super) fn dropped(path: &str) -> Option<Key> {
    let (bucket, rest) = path.split_once('/')?;
    let parts = rest.split('/').collect::<Vec<_>>();
    let last = parts.last()?;
    let hidden = path.split('/').any(|part| part.starts_with('.') || part.is_empty());
    if hidden || (last.ends_with('~') && *last != "~") {
        return None;
    }
    let mut names = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let ending = if number + 1 == parts.len() { AS_FILE } else { AS_FOLDER };
        names.push(object_name(part.strip_suffix(ending).unwrap_or(part)));
    }
    Some((bucket.to_owned(), names.join("/")))
}

/// Every folder above `path`, the nearest first.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(above(path), |folder| above(folder))
}

fn above(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(paths: &mut Paths, name: &str) -> String {
        let path = paths.choose("b", name);
        let crc32c = String::new();
        paths.add("b", name, Shown { path: path.clone(), generation: Generation(1), crc32c });
        path
    }

    #[test]
    fn objects_beside_and_below_each_other_have_files_of_their_own() {
        let mut paths = Paths::default();
        for (name, path) in [
            ("a/b", "b/a/b"),
            ("a", "b/a~file"),
            ("c", "b/c"),
            ("c/d", "b/c~dir/d"),
            ("c/d/e", "b/c~dir/d~dir/e"),
            ("a/", "b/a/~"),
        ] {
            assert_eq!(add(&mut paths, name), path, "{name}");
            assert_eq!(dropped(path), Some(("b".to_owned(), name.to_owned())), "{path}");
        }
        assert_ne!(add(&mut paths, "Case").to_lowercase(), add(&mut paths, "case").to_lowercase());
    }

    #[test]
    fn a_name_that_is_free_again_is_given_again() {
        let mut paths = Paths::default();
        add(&mut paths, "a/b");
        paths.remove("b", "a/b");
        assert_eq!(add(&mut paths, "a"), "b/a");
        assert_eq!(paths.choose("b", "a"), "b/a");
        assert_eq!(paths.key("b/a"), Some(&("b".to_owned(), "a".to_owned())));
        paths.remove("b", "a");
        assert_eq!(add(&mut paths, "a/b"), "b/a/b");
    }

    #[test]
    fn hidden_files_and_files_of_editors_are_no_objects() {
        for path in ["b/.DS_Store", "b/.git/x", "b/x~", "b/a/.x.swp", "top", ".strata/journal"] {
            assert_eq!(dropped(path), None, "{path}");
        }
    }
}
