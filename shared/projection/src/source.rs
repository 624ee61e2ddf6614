//! A snapshot as those see it that derive from it.

use domain::{EntityDefinition, EntityRef, Generation, ObjectName, OrderKey, Version, ascii};
use serde_json::Value;

use crate::fold::State;
use crate::{Metadata, snapshot, upgrade};

/// Metadata keys of derived objects.
pub mod key {
    /// The name of the source object, percent-encoded ASCII.
    pub const NAME: &str = "source-name";
    /// The generation of the source; [`ABSENT`] when it was missing.
    pub const GENERATION: &str = "source-generation";
    /// The projection run of the source.
    pub const RUN: &str = super::snapshot::RUN;
    /// What [`GENERATION`] says of a missing source.
    pub const ABSENT: &str = "absent";
}

/// One version of the snapshot of an entity, or that there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Whose.
    pub entity: EntityRef,
    /// The version; `None` when there is no snapshot.
    pub generation: Option<Generation>,
    /// The document at the newest schema version, when the entity is live.
    pub document: Option<Value>,
    /// The projection run.
    pub run: String,
    /// The digest of the definitions by which the run was kept or replaced.
    pub definitions: String,
    /// The key of the newest record folded.
    pub newest: Option<OrderKey>,
}

impl Source {
    /// That `entity` has no snapshot.
    pub fn absent(entity: &EntityRef) -> Self {
        Self {
            entity: entity.clone(),
            generation: None,
            document: None,
            run: String::new(),
            definitions: String::new(),
            newest: None,
        }
    }

    /// Reads a version of the snapshot of `entity`, or that there is none. A document of an older
    /// schema version is upgraded, so that a field is found under the name that the definition
    /// has for it; one of an unknown version is left as it is.
    ///
    /// # Errors
    ///
    /// Why it is no snapshot.
    pub fn read(
        entity: &EntityRef,
        definition: &EntityDefinition,
        object: Option<(Generation, &[u8], &Metadata)>,
    ) -> Result<Self, String> {
        let Some((generation, body, metadata)) = object else { return Ok(Self::absent(entity)) };
        let state = snapshot::read_state(body, metadata)
            .ok_or("the snapshot has no state or is no JSON object: it was not written by us")?;
        let document = match state {
            State::Live(document) => Some(Value::Object(upgrade::stored(document, definition))),
            State::Deleted | State::Pending => None,
        };
        Ok(Self {
            entity: entity.clone(),
            generation: Some(generation),
            document,
            run: metadata.get(snapshot::RUN).cloned().unwrap_or_default(),
            definitions: metadata.get(Version::DEFINITIONS).cloned().unwrap_or_default(),
            newest: snapshot::read_newest(metadata),
        })
    }

    /// The generation as metadata has it.
    pub fn generation_text(&self) -> String {
        self.generation.map_or_else(|| key::ABSENT.to_owned(), |generation| generation.to_string())
    }

    /// The metadata of an object derived from this source.
    pub fn derived_metadata(&self, version: &Version) -> Metadata {
        let name = ObjectName::Snapshot(self.entity.clone()).to_string();
        let mut metadata = version.metadata();
        metadata.insert(key::NAME.to_owned(), ascii::encode(&name));
        metadata.insert(key::GENERATION.to_owned(), self.generation_text());
        metadata.insert(key::RUN.to_owned(), self.run.clone());
        metadata
    }

    /// Whether an object with this `metadata` was derived from this very version. Never true of a
    /// missing source: one absence is like another.
    pub fn wrote(&self, metadata: &Metadata) -> bool {
        let found = metadata.get(key::GENERATION);
        self.generation.is_some() && found == Some(&self.generation_text())
    }

    /// Whether an object with this `metadata` was derived within the projection run of this
    /// version. Only a run that was kept by these very definitions says that nothing has changed
    /// which they show: while a release is rolled out, a snapshot-builder of another one may keep
    /// a run over a change that only an index of this one sees.
    pub fn shares_run(&self, metadata: &Metadata, version: &Version) -> bool {
        let kept_by_us = self.definitions == version.definitions;
        kept_by_us && !self.run.is_empty() && metadata.get(key::RUN) == Some(&self.run)
    }

    /// `updated_at` as the document has it.
    pub(crate) fn updated_at(&self) -> Option<&Value> {
        self.document.as_ref()?.get("updated_at")
    }
}
