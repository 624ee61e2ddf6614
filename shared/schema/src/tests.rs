//! Tests.

mod checks;
mod definitions;
mod examples;
mod limits;
mod messages;
mod numbers;

use std::sync::Arc;

use domain::{Definitions, json};
use serde_json::Value;

use crate::{Validators, Violation};

const IDEA: &str = include_str!("../../../fixtures/specification/idea-001.json");
const VENTURE: &str = include_str!("../../../fixtures/specification/venture-v001.json");
const CAP_TABLE: &str = include_str!("../../../fixtures/specification/cap-table-ct-v001.json");
const ROUND: &str = include_str!("../../../fixtures/specification/round-r001.json");
const RULE: &str = include_str!("../../../fixtures/specification/rule-low-mrr-in-pilot.json");

fn embedded() -> Validators {
    Validators::new(Arc::new(Definitions::embedded()))
}

fn document(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

/// Validators for the one kind `thing` with this schema.
fn things(schema: &str) -> Validators {
    let entity =
        r#"{"entity":"thing","segment":"things","schema_versions":["1.0.0"],"manifest":{}}"#;
    let files = [("thing/entity.json", entity), ("thing/v1.0.0.schema.json", schema)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Validators::new(Arc::new(Definitions::from_files(files).unwrap()))
}

/// Checks a document against the schema version that it declares.
fn validate(validators: &Validators, document: &Value) -> Result<(), Vec<Violation>> {
    let field = |name: &str| document[name].as_str().unwrap_or_default();
    validators.validate(field("entity"), field("schema_version"), document)
}

/// One violation on each line, or `valid`.
fn report(outcome: Result<(), Vec<Violation>>) -> String {
    match outcome {
        Ok(()) => "valid\n".to_owned(),
        Err(violations) => violations.iter().map(|found| format!("{found}\n")).collect(),
    }
}
