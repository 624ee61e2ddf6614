//! The segment of each kind, as `schemas/{entity}/entity.json` declares it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// Kinds and their segments.
#[derive(Debug)]
pub(crate) struct Segments(BTreeMap<String, String>);

/// The part of a definition that matters here.
#[derive(Deserialize)]
struct Definition {
    entity: String,
    segment: String,
}

impl Segments {
    /// Reads every definition in the folder `schemas`.
    pub(crate) fn read(schemas: &Path) -> Result<Self> {
        let mut segments = BTreeMap::new();
        for entry in fs::read_dir(schemas).with_context(|| schemas.display().to_string())? {
            let file = entry?.path().join("entity.json");
            if file.is_file() {
                let Definition { entity, segment } = serde_json::from_slice(&fs::read(&file)?)
                    .with_context(|| file.display().to_string())?;
                segments.insert(entity, segment);
            }
        }
        Ok(Self(segments))
    }

    /// The segment of `entity`.
    pub(crate) fn of(&self, entity: &str) -> Result<&str> {
        let segment = self.0.get(entity).map(String::as_str);
        segment.with_context(|| format!("no entity {entity:?} is defined in schemas/"))
    }
}
