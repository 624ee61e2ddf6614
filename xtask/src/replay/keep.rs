//! A bucket as files that a person can look into.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use emulator::Stored;
use emulator::file_name::file_names;
use serde_json::{Map, Value, json};

/// The file that says which object is in which file, and what is known about it.
const INDEX: &str = "_objects.json";

/// Writes the live version of every object to `folder`, which is made anew.
pub(crate) fn keep(folder: &Path, versions: &BTreeMap<String, Vec<Stored>>) -> Result<()> {
    if folder.is_dir() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut index = Map::new();
    for (name, file) in file_names(versions.keys().map(String::as_str)) {
        let Some(stored) = versions[name].iter().find(|version| version.live) else { continue };
        let path = folder.join(&file);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, &stored.body).with_context(|| path.display().to_string())?;
        let about = json!({
            "file": file,
            "generation": stored.generation.to_string(),
            "versions": versions[name].len(),
            "metadata": stored.metadata,
        });
        index.insert(name.to_owned(), about);
    }
    let text = serde_json::to_string_pretty(&Value::Object(index))? + "\n";
    fs::write(folder.join(INDEX), text).with_context(|| folder.display().to_string())
}
