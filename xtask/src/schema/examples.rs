//! Documents of each kind: some valid, some wrong in one way.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use domain::{Definitions, EntityDefinition};
use projection::upgrade;
use schema::Validators;
use serde_json::Value;

use super::sorted;

/// The folder of the examples.
const EXAMPLES: &str = "fixtures/entities";

/// How many of each a kind has at least.
const VALID_MIN: usize = 2;
const INVALID_MIN: usize = 5;

/// One document.
pub(crate) struct Example {
    pub(crate) kind: String,
    /// `{kind}/{file}`.
    pub(crate) path: String,
    pub(crate) is_valid: bool,
    /// The document, or why it is none.
    pub(crate) document: Result<Value, String>,
}

impl Example {
    /// The schema version that it declares, without a leading `v`; empty where it declares none.
    fn version(&self) -> &str {
        let document = self.document.as_ref().ok();
        let version = document.and_then(|it| it.get("schema_version")).and_then(Value::as_str);
        version.map_or("", |version| version.strip_prefix('v').unwrap_or(version))
    }
}

/// How many there are.
pub(crate) struct Counts {
    pub(crate) valid: usize,
    pub(crate) invalid: usize,
}

impl Counts {
    pub(crate) fn of(examples: &[Example]) -> Self {
        let valid = examples.iter().filter(|example| example.is_valid).count();
        Self { valid, invalid: examples.len() - valid }
    }
}

/// The examples of every kind, in the order of their paths.
pub(crate) fn read(root: &Path, definitions: &Definitions) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    for kind in definitions.names() {
        let folder = root.join(EXAMPLES).join(kind);
        if !folder.is_dir() {
            continue;
        }
        for path in sorted(&folder)? {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read(&path).with_context(|| path.display().to_string())?;
            let document = domain::json::parse(&text).map_err(|err| err.to_string());
            examples.push(Example {
                path: format!("{kind}/{file}"),
                kind: kind.to_owned(),
                is_valid: file.starts_with("valid-"),
                document,
            });
        }
    }
    Ok(examples)
}

/// What is wrong with them.
pub(crate) fn check(examples: &[Example], definitions: &Arc<Definitions>) -> Vec<String> {
    let validators = Validators::new(definitions.clone());
    let mut problems: Vec<String> =
        examples.iter().filter_map(|example| problem(example, &validators)).collect();
    for definition in definitions.entities() {
        let kind = &definition.entity;
        let own = || examples.iter().filter(|example| example.kind == *kind);
        for version in &definition.schema_versions {
            if !own().any(|it| it.is_valid && it.version() == version) {
                problems.push(format!("{EXAMPLES}/{kind}: no valid example of version {version}"));
            }
        }
        let valid_examples = own().filter(|example| example.is_valid);
        problems
            .extend(valid_examples.filter_map(|it| upgrade_problem(it, definition, &validators)));
        let valid = own().filter(|example| example.is_valid).count();
        let invalid = own().count() - valid;
        if valid < VALID_MIN || invalid < INVALID_MIN {
            problems.push(format!(
                "{EXAMPLES}/{kind}: {valid} valid and {invalid} invalid examples; a kind has at \
                 least {VALID_MIN} and {INVALID_MIN}"
            ));
        }
    }
    problems
}

/// What is wrong with the example once it is of the newest schema version.
fn upgrade_problem(
    example: &Example,
    definition: &EntityDefinition,
    validators: &Validators,
) -> Option<String> {
    let Ok(Value::Object(document)) = &example.document else { return None };
    let newest = definition.newest_version();
    let upgraded = match upgrade::full(document.clone(), definition) {
        Ok(upgraded) if upgraded == *document => return None,
        Ok(upgraded) => Value::Object(upgraded),
        // Its own version is not known: that is said of the example itself.
        Err(_) => return None,
    };
    let first = validators.validate(&example.kind, newest, &upgraded).err()?.into_iter().next()?;
    Some(format!("{EXAMPLES}/{}: upgraded to {newest}: {first}", example.path))
}

fn problem(example: &Example, validators: &Validators) -> Option<String> {
    let say = |what: String| Some(format!("{EXAMPLES}/{}: {what}", example.path));
    let document = match &example.document {
        Ok(document) => document,
        Err(reason) => return say(reason.clone()),
    };
    let found =
        validators.validate(&example.kind, example.version(), document).err().unwrap_or_default();
    match (example.is_valid, found.as_slice()) {
        (true, []) | (false, [_]) => None,
        (true, [first, ..]) => say(format!("{first}")),
        (false, []) => say("is valid, and its name says that it is not".to_owned()),
        (false, more) => {
            let all: Vec<String> = more.iter().map(ToString::to_string).collect();
            say(format!("is to be wrong in one way, not in {}: {}", more.len(), all.join("; ")))
        }
    }
}
