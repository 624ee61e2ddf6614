//! A folder of documents: `{entity}/{id}.json`.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use domain::json::{self, Object};
use domain::{Definitions, EntityDefinition, RECORD_BOUNDS, RECORD_BYTES_MAX};
use serde_json::Value;

use crate::{Problem, legible};

/// The ending of a document's name.
const ENDING: &str = ".json";

/// A folder whose first level is known: kinds, and what is none.
pub(super) struct Tree<'a> {
    kinds: Vec<(PathBuf, &'a EntityDefinition)>,
    /// What lies beside them and is no folder.
    strays: Vec<Stray>,
}

/// What lies in the tree and is no document.
#[derive(Clone, Debug)]
pub(super) struct Stray {
    pub(super) path: String,
    pub(super) why: String,
}

/// What lies in the folder of a kind.
pub(super) enum Entry<'a> {
    Document { definition: &'a EntityDefinition, id: String, path: PathBuf, bytes: u64 },
    Stray(Stray),
}

impl<'a> Tree<'a> {
    /// Looks at the first level.
    ///
    /// # Errors
    ///
    /// It cannot be read, or has a folder that names no kind, or two of one.
    pub(super) fn open(folder: &Path, definitions: &'a Definitions) -> Result<Self, Problem> {
        let unreadable = |err| Problem::new(format!("{}: {err}", shown(folder)));
        let (mut kinds, mut strays): (Vec<(PathBuf, &EntityDefinition)>, _) = (vec![], vec![]);
        let mut unknown = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if is_hidden(&path) {
                continue;
            }
            let name = path.file_name().and_then(|name| name.to_str());
            match (name, fs::metadata(&path)) {
                (_, Err(err)) => strays.push(Stray::new(&path, err.to_string())),
                (_, Ok(about)) if !about.is_dir() => {
                    strays.push(Stray::new(&path, "not in the folder of a kind"));
                }
                (name, Ok(_)) => match name.and_then(|name| kind(name, definitions)) {
                    None => unknown.push(shown(&path)),
                    Some(definition) => kinds.push((path, definition)),
                },
            }
        }
        if !unknown.is_empty() {
            unknown.sort();
            let known: Vec<&str> = definitions.names().collect();
            return Err(Problem::new(format!(
                "nothing is written: no kind has the name of {}; there are {}",
                unknown.join(", "),
                known.join(", ")
            )));
        }
        kinds.sort_by(|(left, _), (right, _)| left.cmp(right));
        strays.sort_by(|left, right| left.path.cmp(&right.path));
        for (at, (path, definition)) in kinds.iter().enumerate() {
            if let Some((other, _)) =
                kinds[..at].iter().find(|(_, it)| it.entity == definition.entity)
            {
                return Err(Problem::new(format!(
                    "nothing is written: {} and {} are the same kind: put them into one folder",
                    shown(other),
                    shown(path)
                )));
            }
        }
        Ok(Self { kinds, strays })
    }

    /// Everything in it, as it comes: a folder may hold more than fits into memory.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'a>> {
        let strays = self.strays.iter().cloned().map(Entry::Stray);
        strays.chain(self.kinds.iter().flat_map(|(folder, definition)| of_kind(folder, definition)))
    }

    /// How many documents there are, without a look into them.
    pub(super) fn count(&self) -> u64 {
        self.entries().map(|entry| u64::from(matches!(entry, Entry::Document { .. }))).sum()
    }
}

impl Stray {
    fn new(path: &Path, why: impl Into<String>) -> Self {
        Self { path: shown(path), why: why.into() }
    }
}

/// The kind whose folder has this name: its own, or its segment where that is no other kind's name.
fn kind<'a>(name: &str, definitions: &'a Definitions) -> Option<&'a EntityDefinition> {
    definitions.entity(name).or_else(|| definitions.entity_of_segment(name))
}

/// What lies in the folder of one kind.
fn of_kind<'a>(
    folder: &Path,
    definition: &'a EntityDefinition,
) -> Box<dyn Iterator<Item = Entry<'a>> + 'a> {
    let folder = folder.to_owned();
    match fs::read_dir(&folder) {
        Err(err) => Box::new([Entry::Stray(Stray::new(&folder, err.to_string()))].into_iter()),
        Ok(entries) => Box::new(entries.filter_map(move |entry| match entry {
            Ok(entry) if is_hidden(&entry.path()) => None,
            Ok(entry) => Some(of_path(entry.path(), definition)),
            Err(err) => Some(Entry::Stray(Stray::new(&folder, err.to_string()))),
        })),
    }
}

fn of_path(path: PathBuf, definition: &EntityDefinition) -> Entry<'_> {
    let stray = |why: &str| Entry::Stray(Stray::new(&path, why));
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return stray("the name is not UTF-8");
    };
    let about = match fs::metadata(&path) {
        Ok(about) => about,
        Err(err) => return stray(&err.to_string()),
    };
    match (about.is_dir(), about.is_file(), name.strip_suffix(ENDING)) {
        (true, ..) => stray("a folder, where documents are"),
        // What waits for a writer would never end.
        (_, false, _) => stray("not a file"),
        (_, _, None) => stray("the name does not end in .json"),
        (_, _, Some(id)) => {
            let (id, bytes) = (id.to_owned(), about.len());
            Entry::Document { definition, id, path, bytes }
        }
    }
}

/// Reads a document.
///
/// # Errors
///
/// Why it is none.
pub(crate) fn read(path: &Path) -> Result<(Object, Vec<u8>), String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|err| err.to_string())?;
    let read = file.take(RECORD_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|err| err.to_string())?;
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(format!("a record has at most {RECORD_BYTES_MAX} bytes"));
    }
    match json::parse_within(&bytes, RECORD_BOUNDS) {
        Ok(Value::Object(document)) if document.contains_key("op") => {
            Err("/op: a reserved field; a seed has full documents".to_owned())
        }
        Ok(Value::Object(document)) => Ok((document, bytes)),
        Ok(_) => Err("a record is a JSON object".to_owned()),
        Err(err) => Err(err.to_string()),
    }
}

/// What tools leave behind: `.git`, `.DS_Store`.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The path, as a person can look at it.
pub(crate) fn shown(path: &Path) -> String {
    legible::whole(&path.display().to_string())
}
