//! What was published and so does not change: schemas and indices, by a digest of what they say.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use domain::{Definitions, digest};
use serde_json::Value;

/// Where the digests are, one line each.
const PUBLISHED: &str = "schemas/published.txt";

/// Digits of a digest: enough to tell one text from another by accident.
const DIGITS: usize = 16;

/// Compares what is declared with what was published; notes it with `update`.
pub(crate) fn check(
    root: &Path,
    definitions: &Definitions,
    files: &BTreeMap<String, String>,
    update: bool,
) -> Result<Vec<String>> {
    let path = root.join(PUBLISHED);
    let declared = declared(definitions, files)?;
    if update {
        let lines = declared.iter().map(|(name, digest)| format!("{digest} {name}\n"));
        fs::write(&path, lines.collect::<String>()).with_context(|| PUBLISHED.to_owned())?;
        return Ok(Vec::new());
    }
    let text = match fs::read_to_string(&path) {
        Err(err) if err.kind() == ErrorKind::NotFound => String::new(),
        text => text.with_context(|| path.display().to_string())?,
    };
    Ok(compare(&text, &declared))
}

/// What differs between the text of [`PUBLISHED`] and what is declared.
pub(crate) fn compare(text: &str, declared: &BTreeMap<String, String>) -> Vec<String> {
    let published: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once(' ')).map(|(it, name)| (name, it)).collect();
    let names = declared.keys().map(String::as_str).chain(published.keys().copied());
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    let problem = |name: &str| {
        let what = match (published.get(name), declared.get(name)) {
            (Some(before), Some(now)) if before == now => return None,
            (Some(_), Some(_)) => "has changed since it was published: give it a new version",
            (Some(_), None) => "was published and is gone: `cargo xtask index drop`, then --update",
            (None, _) => "is new: `cargo xtask schema check --update` notes it",
        };
        Some(format!("{name} {what}"))
    };
    names.into_iter().filter_map(problem).collect()
}

/// A digest of each schema and each index, whatever the spaces in the files.
fn declared(
    definitions: &Definitions,
    files: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut declared = BTreeMap::new();
    let digest = |value: &Value| digest::hex_of(&value.to_string(), DIGITS);
    for (path, text) in files {
        let value: Value = serde_json::from_str(text).with_context(|| path.clone())?;
        if path.ends_with(".schema.json") {
            declared.insert(format!("schema {path}"), digest(&value));
        } else if path.ends_with("/entity.json") {
            let kind = path.split('/').next().unwrap_or_default();
            let Some(definition) = definitions.entity(kind) else { continue };
            let texts = value["indices"].as_array().into_iter().flatten();
            for (index, text) in definition.indices.iter().zip(texts) {
                let name = format!("index {}/{}", definition.segment, index.folder());
                declared.insert(name, digest(text));
            }
        }
    }
    Ok(declared)
}
