//! One compiled schema for each kind and version, made when it is first needed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use domain::definitions::Check;
use domain::{Definitions, json};
use jsonschema::{Draft, Registry, RegistryBuilder, ValidationError, ValidationOptions, Validator};
use serde_json::{Value, json};

use crate::Violation;
use crate::violation::{self, short};

/// The draft of every schema, whatever it says.
const DRAFT: Draft = Draft::Draft202012;

/// What a sound schema is called where another refers to it.
const SOUND: &str = "strata:sound";

/// The schemas of all kinds. A process keeps one and pays for those that it uses.
#[derive(Debug)]
pub struct Validators {
    definitions: Arc<Definitions>,
    kinds: BTreeMap<String, OnceLock<Versions>>,
}

/// The schemas of a kind by version, without a leading `v`; empty until its definition is read.
type Versions = BTreeMap<String, OnceLock<Result<Validator, SchemaError>>>;

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema of {entity} {version}: {reason}")]
pub struct SchemaError {
    /// The kind.
    pub entity: String,
    /// The version, without a leading `v`.
    pub version: String,
    /// What is wrong with it, and where.
    pub reason: String,
}

impl Validators {
    /// Validators for every kind and version of `definitions`, none of them compiled yet.
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let kinds = definitions.names().map(|entity| (entity.to_owned(), OnceLock::new()));
        let kinds = kinds.collect();
        Self { definitions, kinds }
    }

    /// Checks `document` against the schema of `entity` at `schema_version`, which may have a
    /// leading `v`. The first use of a schema compiles it. A document of the newest version that is
    /// as its schema says is held against the checks of its kind as well.
    ///
    /// # Errors
    ///
    /// What is wrong, in the order in which the schema is checked: at most [`VIOLATIONS_MAX`]
    /// violations and one more that counts the rest. Of a very large document only the first is
    /// looked for, so that the answer stays small. An unknown kind is a violation at `/entity`,
    /// an unknown version one at `/schema_version`.
    ///
    /// [`VIOLATIONS_MAX`]: crate::VIOLATIONS_MAX
    pub fn validate(
        &self,
        entity: &str,
        schema_version: &str,
        document: &Value,
    ) -> Result<(), Vec<Violation>> {
        let version = schema_version.strip_prefix('v').unwrap_or(schema_version);
        let Some(slot) = self.versions(entity).and_then(|versions| versions.get(version)) else {
            return Err(vec![self.unknown(entity)]);
        };
        // A test has held those that the program was built with against the meta-schema.
        let build = if self.definitions.are_embedded() { build_sound } else { build };
        match slot.get_or_init(|| self.compile(entity, version, build)) {
            Ok(validator) => violation::check(validator, document)
                .and_then(|()| violation::check_further(self.checks(entity, version), document)),
            Err(err) => Err(vec![Violation::new("", &format!("a usable {err}"))]),
        }
    }

    /// Compiles every schema: for tests and tools. [`Validators::validate`] refuses all documents
    /// of a schema that does not compile.
    ///
    /// # Errors
    ///
    /// Every schema that is not valid under the 2020-12 meta-schema, has an unknown `format`, or
    /// refers to something outside itself.
    pub fn compile_all(&self) -> Result<(), Vec<SchemaError>> {
        let mut errors = Vec::new();
        for entity in self.kinds.keys() {
            for (version, slot) in self.versions(entity).into_iter().flatten() {
                let compiled = slot.get_or_init(|| self.compile(entity, version, build));
                errors.extend(compiled.as_ref().err().cloned());
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// How many schemas are compiled.
    #[cfg(test)]
    pub(crate) fn compiled(&self) -> usize {
        let kinds = self.kinds.values().filter_map(OnceLock::get);
        kinds.flat_map(BTreeMap::values).filter(|slot| slot.get().is_some()).count()
    }

    fn versions(&self, entity: &str) -> Option<&Versions> {
        let versions = self.kinds.get(entity)?;
        Some(versions.get_or_init(|| {
            let definition = self.definitions.entity(entity).into_iter();
            let versions = definition.flat_map(|definition| &definition.schema_versions);
            versions.map(|version| (version.clone(), OnceLock::new())).collect()
        }))
    }

    /// What must hold besides the schema: they speak of the fields of the newest version.
    fn checks(&self, entity: &str, version: &str) -> &[Check] {
        let definition = self.definitions.entity(entity);
        let newest = definition.filter(|it| it.newest_version() == version);
        newest.map_or(&[], |definition| &definition.checks)
    }

    fn unknown(&self, entity: &str) -> Violation {
        let one_of = |names: Vec<&str>| format!("one of {}", names.join(", "));
        match self.definitions.entity(entity) {
            Some(definition) => {
                let versions = definition.schema_versions.iter().map(String::as_str).collect();
                Violation::new("/schema_version", &one_of(versions))
            }
            None => Violation::new("/entity", &one_of(self.definitions.names().collect())),
        }
    }

    fn compile(
        &self,
        entity: &str,
        version: &str,
        build: fn(&Value) -> Result<Validator, String>,
    ) -> Result<Validator, SchemaError> {
        let wrong = |reason: String| SchemaError {
            entity: entity.to_owned(),
            version: version.to_owned(),
            reason: short(&reason),
        };
        let text = self.definitions.schema_text(entity, version);
        let text = text.ok_or_else(|| wrong("there is no such file".to_owned()))?;
        let schema = json::parse(text.as_bytes()).map_err(|err| wrong(err.to_string()))?;
        build(&schema).map_err(wrong)
    }
}

/// A schema that no kind has: that of something beside the documents.
#[derive(Debug)]
pub struct Form(Validator);

impl Form {
    /// Compiles `schema`, which refers to nothing outside itself.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn new(schema: &Value) -> Result<Self, String> {
        build(schema).map(Self)
    }

    /// Checks `value`, as [`Validators::validate`] does a document.
    ///
    /// # Errors
    ///
    /// What is wrong, at most so much of it.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Violation>> {
        violation::check(&self.0, value)
    }
}

fn build(schema: &Value) -> Result<Validator, String> {
    options().build(schema).map_err(reason)
}

/// The same for a schema that is known to be valid under the meta-schema, which is compiled once
/// in a process to say so, and takes three times as long as the schema itself.
///
/// The library holds the document that it is given against its meta-schema, and not what that
/// document refers to. The document is one of draft 6, of which the meta-schema is small.
fn build_sound(schema: &Value) -> Result<Validator, String> {
    let registry = Registry::new().draft(DRAFT).add(SOUND, schema);
    let registry = registry.and_then(RegistryBuilder::prepare).map_err(|err| err.to_string())?;
    let options = options().with_draft(Draft::Draft6).with_registry(&registry);
    options.build(&json!({ "$ref": SOUND })).map_err(reason)
}

fn options<'a>() -> ValidationOptions<'a> {
    jsonschema::options()
        .with_draft(DRAFT)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .offline()
}

fn reason(err: ValidationError<'_>) -> String {
    match err.instance_path().as_str() {
        "" => err.to_string(),
        place => format!("{place}: {err}"),
    }
}
