//! Entities as data: what `schemas/{entity}/entity.json` declares, and the schemas beside it.

mod check;
mod index;
mod kind;
mod upgrade;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::id::{is_segment, is_word};
use crate::{digest, json};
use kind::Kind;

pub use check::{Check, Relation, Total, Values};
pub use index::{Condition, Each, Index, IndexKind, Key, KeySource, Test, Transform};
pub use upgrade::{Place, Step, Upgrade};

/// All kinds of entities that a process knows.
#[derive(Clone, Debug)]
pub struct Definitions {
    kinds: Vec<Kind>,
    schemas: Schemas,
    digest: String,
}

/// Schemas by kind and version.
#[derive(Clone, Debug)]
enum Schemas {
    Embedded,
    Given(BTreeMap<(String, String), String>),
}

/// One kind of entity.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityDefinition {
    /// The kind in the singular: `venture`.
    pub entity: String,
    /// The kind in object names: `ventures`.
    pub segment: String,
    /// Schema versions, oldest first: `1.0.0`.
    pub schema_versions: Vec<String>,
    /// How documents of each version but the newest become documents of the next, oldest first.
    #[serde(default)]
    pub upgrades: Vec<Upgrade>,
    /// The fields of its manifest record, after `id` and `entity`.
    pub manifest: Fields,
    /// What must hold of a document beyond its schema.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Its indices.
    #[serde(default)]
    pub indices: Vec<Index>,
}

/// Fields of a derived object and where their values come from, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(pub Vec<(String, Alternatives)>);

/// JSON pointers; the first that finds a value wins. (RFC 6901, JSON Pointer.)
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Alternatives(pub Vec<String>);

impl Alternatives {
    /// The first value found that is not `null`.
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().filter_map(|pointer| document.pointer(pointer)).find(|value| !value.is_null())
    }

    /// The first text, number or boolean found.
    pub fn find_scalar<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        let values = self.0.iter().filter_map(|pointer| document.pointer(pointer));
        values
            .into_iter()
            .find(|value| value.is_string() || value.is_number() || value.is_boolean())
    }
}

impl Fields {
    fn pointers(&self) -> impl Iterator<Item = &String> {
        self.0.iter().flat_map(|(_, alternatives)| &alternatives.0)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = json::Object::deserialize(deserializer)?;
        let field = |(name, value): (String, Value)| match serde_json::from_value(value) {
            Ok(alternatives) => Ok((name, alternatives)),
            Err(err) => Err(serde::de::Error::custom(format!("field {name}: {err}"))),
        };
        object.into_iter().map(field).collect::<Result<_, _>>().map(Self)
    }
}

/// Why files are not definitions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct DefinitionError {
    /// The file, `{entity}/{file}`.
    pub path: String,
    /// What is wrong in it.
    pub reason: String,
}

impl Definitions {
    /// The definitions this program was built with.
    pub fn embedded() -> Self {
        let digest = kind::embedded_digest().to_owned();
        Self { kinds: Kind::embedded().collect(), schemas: Schemas::Embedded, digest }
    }

    /// Definitions from pairs of path and text: `{entity}/entity.json` and
    /// `{entity}/v{semver}.schema.json`. Other files are left aside.
    ///
    /// # Errors
    ///
    /// The first file that is not a definition, and why.
    pub fn from_files(
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, DefinitionError> {
        let files: BTreeMap<String, String> = files.into_iter().collect();
        let parts: Vec<&[u8]> =
            files.iter().flat_map(|(path, text)| [path.as_bytes(), text.as_bytes()]).collect();
        let digest = digest::hex(&digest::sha256(&parts), 16);
        let (mut kinds, mut schemas) = (Vec::new(), BTreeMap::new());
        for (path, text) in files {
            let (kind, file) = path.split_once('/').unwrap_or(("", &path));
            if file == "entity.json" {
                let wrong = |reason| DefinitionError { path: path.clone(), reason };
                let definition = EntityDefinition::parse(kind, &text).map_err(wrong)?;
                kinds.push(Kind::Given(Box::new(definition)));
            } else if let Some(version) = schema_version(file) {
                schemas.insert((kind.to_owned(), version.to_owned()), text);
            }
        }
        let definitions = Self { kinds, schemas: Schemas::Given(schemas), digest };
        definitions.check()?;
        Ok(definitions)
    }

    /// The kind that is stored under `segment`.
    pub fn entity_of_segment(&self, segment: &str) -> Option<&EntityDefinition> {
        self.kinds.iter().find(|kind| kind.segment() == segment).map(Kind::definition)
    }

    /// The kind `entity`.
    pub fn entity(&self, entity: &str) -> Option<&EntityDefinition> {
        self.kinds.iter().find(|kind| kind.entity() == entity).map(Kind::definition)
    }

    /// The names of all kinds, in order. Reads none of them.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.kinds.iter().map(Kind::entity)
    }

    /// Every kind, by name.
    pub fn entities(&self) -> impl ExactSizeIterator<Item = &EntityDefinition> {
        self.kinds.iter().map(Kind::definition)
    }

    /// The JSON Schema of a kind at a version, given with or without a leading `v`.
    pub fn schema_text(&self, entity: &str, version: &str) -> Option<&str> {
        let version = version.strip_prefix('v').unwrap_or(version);
        match &self.schemas {
            Schemas::Embedded => kind::embedded_schema(entity, version),
            Schemas::Given(schemas) => {
                let key = (entity.to_owned(), version.to_owned());
                schemas.get(&key).map(String::as_str)
            }
        }
    }

    /// Whether they are those that the program was built with.
    pub fn are_embedded(&self) -> bool {
        matches!(self.schemas, Schemas::Embedded)
    }

    /// Sixteen hexadecimal digits that change with any file.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn check(&self) -> Result<(), DefinitionError> {
        for definition in self.entities() {
            let wrong = |reason| DefinitionError {
                path: format!("{}/entity.json", definition.entity),
                reason,
            };
            let same = |other: &&EntityDefinition| other.segment == definition.segment;
            if self.entities().filter(same).count() > 1 {
                return Err(wrong(format!("segment {:?} is taken", definition.segment)));
            }
            let known = |version: &&String| self.schema_text(&definition.entity, version).is_some();
            if let Some(version) = definition.schema_versions.iter().find(|v| !known(v)) {
                return Err(wrong(format!("there is no v{version}.schema.json")));
            }
        }
        Ok(())
    }
}

impl EntityDefinition {
    /// The newest schema version, without a leading `v`.
    pub fn newest_version(&self) -> &str {
        self.schema_versions.last().map_or("", String::as_str)
    }

    /// The upgrades that a document of `version` needs, given with or without a leading `v`: none
    /// of the newest. `None` when there is no such version.
    pub fn upgrades_from(&self, version: &str) -> Option<&[Upgrade]> {
        let version = version.strip_prefix('v').unwrap_or(version);
        let at = self.schema_versions.iter().position(|known| known == version)?;
        self.upgrades.get(at..)
    }

    fn parse(kind: &str, text: &str) -> Result<Self, String> {
        let document = json::parse(text.as_bytes()).map_err(|err| err.to_string())?;
        let definition: Self = serde_json::from_value(document).map_err(|err| err.to_string())?;
        if definition.entity != kind || !is_word(kind) {
            return Err(format!("entity is {:?}, the folder is {kind:?}", definition.entity));
        }
        if !is_segment(&definition.segment) {
            return Err(format!("segment {:?} is no word or reserved", definition.segment));
        }
        if definition.schema_versions.is_empty() {
            return Err("schema_versions is empty".to_owned());
        }
        upgrade::check(&definition.schema_versions, &definition.upgrades)?;
        definition.indices.iter().try_for_each(Index::check)?;
        if definition.indices.iter().filter(|index| index.bundle).count() > 1 {
            return Err("more than one bundle".to_owned());
        }
        if let Some((name, _)) = definition.manifest.0.iter().find(|(name, _)| is_taken(name)) {
            return Err(format!("manifest field {name:?} is one that every manifest has"));
        }
        if let Some(pointer) = definition.manifest.pointers().find(|text| !is_pointer(text)) {
            return Err(format!("{pointer:?} is no JSON pointer, which begins with '/'"));
        }
        let mut names: Vec<_> = definition.indices.iter().map(Index::folder).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("index {:?} stands twice", twice[0]));
        }
        Ok(definition)
    }
}

/// Whether every manifest has a field of that name, or says by it that it is a tombstone.
fn is_taken(name: &str) -> bool {
    matches!(name, "id" | "entity" | "op")
}

/// (RFC 6901, section 3.)
fn is_pointer(text: &str) -> bool {
    text.is_empty() || text.starts_with('/')
}

fn schema_version(file: &str) -> Option<&str> {
    file.strip_prefix('v')?.strip_suffix(".schema.json")
}
