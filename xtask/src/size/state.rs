//! The recorded state: how large everything was when somebody last said that it may be so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::symbols::Parts;

/// The file, from the root.
pub(crate) const FILE: &str = "xtask/sizes.json";

/// A crate of fewer bytes counts with others of its kind: compilers move that much about.
pub(crate) const SMALL_BYTES: u64 = 4096;

/// The name under which small crates are counted.
const OTHERS: &str = "(others)";

/// How large one function is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Size {
    /// The stripped static binary.
    pub(crate) binary_bytes: u64,
    /// All blobs of the image, compressed.
    pub(crate) image_bytes: u64,
    /// The parts of the binary; empty when nobody looked.
    pub(crate) crates: Parts,
}

/// All functions, by name.
pub(crate) type Sizes = BTreeMap<String, Size>;

/// What is recorded below `root`; nothing when there is no file.
pub(crate) fn read(root: &Path) -> Result<Sizes> {
    match fs::read(root.join(FILE)) {
        Ok(content) => serde_json::from_slice(&content).context(FILE),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(Sizes::new()),
        Err(err) => Err(err).context(FILE),
    }
}

/// Records `sizes`; what is there of other functions stays, and of a function whose parts nobody
/// looked at, the parts.
pub(crate) fn write(root: &Path, sizes: &Sizes) -> Result<()> {
    let mut recorded = read(root)?;
    for (function, size) in sizes {
        let entry = recorded.entry(function.clone()).or_default();
        let crates = if size.crates.is_empty() { &entry.crates } else { &size.crates };
        *entry = Size { crates: gathered(crates), ..size.clone() };
    }
    let text = serde_json::to_string_pretty(&recorded)?;
    fs::write(root.join(FILE), text + "\n").context(FILE)
}

/// `parts`, the small ones together.
pub(crate) fn gathered(parts: &Parts) -> Parts {
    let mut gathered = Parts::new();
    for (name, bytes) in parts {
        let name = if *bytes < SMALL_BYTES { OTHERS } else { name };
        *gathered.entry(name.to_owned()).or_default() += bytes;
    }
    gathered
}

/// What has changed from `before` to `now`, a line for each; nothing when nothing has.
pub(crate) fn changes(before: &Size, now: &Size) -> String {
    let mut text = String::new();
    let mut change = |name: &str, before: u64, now: u64, noise: u64| {
        if before.abs_diff(now) > noise {
            let sign = if now > before { '+' } else { '-' };
            // Writing to a string cannot fail.
            writeln!(text, "  {sign}{} {name}", before.abs_diff(now)).unwrap_or_default();
        }
    };
    change("binary", before.binary_bytes, now.binary_bytes, 0);
    change("image", before.image_bytes, now.image_bytes, 0);
    if !now.crates.is_empty() {
        let (before, now) = (gathered(&before.crates), gathered(&now.crates));
        let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
        names.sort();
        names.dedup();
        let of = |parts: &Parts, name| parts.get(name).copied().unwrap_or_default();
        for name in names {
            change(name, of(&before, name), of(&now, name), SMALL_BYTES / 4);
        }
    }
    text
}
