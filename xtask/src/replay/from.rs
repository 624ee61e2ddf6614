//! What `capture` has kept, replayed: how what this code derives differs from what was stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use domain::{Env, Generation, ObjectName};
use serde::Deserialize;
use store::{Metadata, Object};

use super::contents::Contents;
use super::difference;
use crate::scenario::{Scenario, Segments};

/// By which a folder is known as a capture.
const CAPTURE: &str = "capture.json";

/// Derived objects as they were stored, one on each line.
const STORED: &str = "stored.ndjson";

/// A capture, without its records.
pub(crate) struct Capture {
    folder: PathBuf,
    scope: Scope,
}

/// What of a bucket was captured.
#[derive(Deserialize)]
struct Scope {
    env: String,
    /// Ids by segment.
    entities: BTreeMap<String, BTreeSet<String>>,
    /// Segments of which nothing is missing.
    whole: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Stored {
    name: String,
    body: String,
}

impl Capture {
    /// Reads what `folder` says of itself.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(CAPTURE);
        let text = fs::read(&file).with_context(|| {
            format!("{}: no capture; `cargo xtask capture` makes one", folder.display())
        })?;
        let scope = serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
        Ok(Self { folder: folder.to_owned(), scope })
    }

    /// The records, as a scenario.
    pub(crate) fn scenario(&self, segments: &Segments) -> Result<Scenario> {
        // Relative to here, a folder may have no parent and no name.
        let folder = self.folder.canonicalize()?;
        let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
            bail!("{} is no folder of a capture", folder.display());
        };
        Scenario::read(parent, &name.to_string_lossy(), segments)
    }

    /// Where what was derived into `found` differs from what was stored; empty where nowhere. Left
    /// out is what is volatile, and what depends on anything that was not captured: alerts on rules,
    /// registers on all their members.
    pub(crate) fn differences(&self, found: &BTreeMap<String, Object>) -> Result<String> {
        let env: Env = self.scope.env.parse()?;
        let found = found.iter().filter(|(name, _)| self.scope.has(name));
        let found = found.map(|(name, object)| (name.clone(), object.clone())).collect();
        let stored = Contents::found(&self.stored()?, env)?;
        Ok(difference::differences(&stored, &Contents::found(&found, env)?))
    }

    fn stored(&self) -> Result<BTreeMap<String, Object>> {
        let file = self.folder.join(STORED);
        let lines = BufReader::new(File::open(&file).with_context(|| file.display().to_string())?);
        let mut stored = BTreeMap::new();
        for (at, line) in lines.lines().enumerate() {
            let place = || format!("{}, line {}", file.display(), at + 1);
            let Stored { name, body } = serde_json::from_str(&line?).with_context(place)?;
            if self.scope.has(&name) {
                let (generation, metadata) = (Generation(0), Metadata::new());
                stored.insert(name, Object { body: body.into(), generation, metadata });
            }
        }
        Ok(stored)
    }
}

impl Scope {
    /// Whether the derived object `name` follows from what was captured.
    fn has(&self, name: &str) -> bool {
        let of = |segment: &str, id: &str| {
            self.entities.get(segment).is_some_and(|ids| ids.contains(id))
        };
        match ObjectName::parse(name) {
            Ok(ObjectName::Snapshot(entity) | ObjectName::Manifest(entity)) => {
                of(&entity.segment, &entity.id)
            }
            Ok(ObjectName::Pointer(it)) => of(&it.entity.segment, &it.entity.id),
            Ok(ObjectName::Register { segment, .. } | ObjectName::Bundle { segment, .. }) => {
                self.whole.contains(&segment)
            }
            _ => false,
        }
    }
}
