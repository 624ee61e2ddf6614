//! Files of rules: a document each.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use domain::json::Object;
use serde_json::Value;

use crate::Problem;
use crate::seed::{read_document, shown};

/// The most rules of a folder.
const FILES_MAX: usize = 1000;

/// A file that should hold a rule.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// Its path, as a person can look at it.
    pub(super) path: String,
    /// What the rule is called: what it says itself, or the name of the file.
    pub(super) id: String,
    /// What it holds, or why that is no document.
    pub(super) document: Result<Object, String>,
}

/// Every rule of a folder, in the order of their names; or the one of a file.
///
/// # Errors
///
/// There is nothing, it cannot be read, or two files are of one rule.
pub(super) fn read_all(path: &Path) -> Result<Vec<File>, Problem> {
    let unreadable = |err| Problem::new(format!("{}: {err}", shown(path)));
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![read(path)]);
    }
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if is_rule(&path) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(Problem::new(format!(
            "{} has no rules: files that end in .json are looked for",
            shown(path)
        )));
    }
    if paths.len() > FILES_MAX {
        let (count, path) = (paths.len(), shown(path));
        return Err(Problem::new(format!("{path} has {count} rules, and {FILES_MAX} is the most")));
    }
    paths.sort();
    let files: Vec<File> = paths.iter().map(|path| read(path)).collect();
    for (at, file) in files.iter().enumerate() {
        if let Some(other) = files[..at].iter().find(|other| other.id == file.id) {
            let (one, two, id) = (&other.path, &file.path, &file.id);
            return Err(Problem::new(format!("{one} and {two} are both the rule {id:?}")));
        }
    }
    Ok(files)
}

/// The rule of one file.
pub(super) fn read(path: &Path) -> File {
    let document = read_document(path).map(|(document, _)| document);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let said = document.as_ref().ok().and_then(|it| it.get("id")).and_then(Value::as_str);
    File { path: shown(path), id: said.map_or(stem, str::to_owned), document }
}

/// Whether a file of this name is taken for a rule: what tools leave behind is not.
fn is_rule(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|it| it.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension() == Some(OsStr::new("json"))
}
