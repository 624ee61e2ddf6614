//! The file in which Terraform reads what was pushed.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::file::write;

/// Where it is unless another place is named, from the root.
pub(crate) const FILE: &str = "terraform/images.lock.json";

/// The form of the file.
const VERSION: u32 = 1;

/// What was pushed last, by function.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lock {
    version: u32,
    pub(crate) images: BTreeMap<String, Locked>,
}

/// An image in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Locked {
    /// Its name with its digest, which is what a service is deployed from.
    pub(crate) reference: String,
    pub(crate) digest: String,
    pub(crate) platform: String,
    pub(crate) tags: Vec<String>,
    /// The commit that last changed what it is made of.
    pub(crate) revision: Option<String>,
    /// The digest of its binary, in hexadecimal.
    pub(crate) binary_sha256: String,
    /// What is stored for it.
    pub(crate) bytes: u64,
}

impl Lock {
    /// Reads `path`; nothing is locked where it is missing.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(err) if err.kind() == ErrorKind::NotFound => {
                return Ok(Self { version: VERSION, images: BTreeMap::new() });
            }
            Err(err) => return Err(err).with_context(|| path.display().to_string()),
        };
        let lock: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is no lock of images; remove it", path.display()))?;
        ensure!(lock.version == VERSION, "{} is of another version of xtask", path.display());
        Ok(lock)
    }

    /// Makes the lock at `path` say `images`, beside what it says of others by then: somebody else
    /// may have pushed in the meantime.
    pub(crate) fn add(path: &Path, images: BTreeMap<String, Locked>) -> Result<()> {
        let mut lock = Self::read(path)?;
        lock.images.extend(images);
        lock.write(path)
    }

    /// Writes it as a whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write(path, text.as_bytes())
    }
}
