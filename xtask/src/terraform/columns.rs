//! The columns of a kind in BigQuery, from its definition and its schemas.
//!
//! Scalars are columns of their type, times and dates are text that the view casts, since one
//! value that does not fit would refuse the whole query; what is nested is one column of JSON.
//! Columns of all schema versions stand side by side. (BigQuery documentation, "Data types".)

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use domain::{Definitions, EntityDefinition, volatile};
use serde::Serialize;
use serde_json::Value;

/// What the tables of a kind look like.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// The kind, in the singular.
    pub(crate) kind: String,
    /// Of the listing: what manifests show.
    pub(crate) listing: Vec<Column>,
    /// Of whole documents.
    pub(crate) document: Vec<Column>,
}

/// One column. The names of the fields are those of BigQuery's schema files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) sort: &'static str,
    pub(crate) mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// What the view casts it to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cast: Option<&'static str>,
}

/// The tables of each kind, by segment.
pub(crate) fn tables(definitions: &Definitions) -> Result<Vec<(&str, Table)>> {
    let kinds = definitions.entities();
    kinds.map(|kind| Ok((kind.segment.as_str(), table(kind, definitions)?))).collect()
}

fn table(kind: &EntityDefinition, definitions: &Definitions) -> Result<Table> {
    let mut document: BTreeMap<String, Column> = BTreeMap::new();
    for version in &kind.schema_versions {
        let text = definitions.schema_text(&kind.entity, version);
        let text = text.with_context(|| format!("{} has no schema {version}", kind.entity))?;
        let schema: Value = serde_json::from_str(text)?;
        let properties = schema["properties"].as_object().into_iter().flatten();
        for (name, property) in properties.filter(|(name, _)| is_name(name)) {
            let column = column(name, property);
            let united = document.entry(name.clone()).or_insert_with(|| column.clone());
            if united.sort != column.sort {
                // Two versions of a schema disagree.
                (united.sort, united.cast) = ("JSON", None);
            }
        }
    }
    let (op, _) = volatile::TOMBSTONE;
    let text = |name: &str| column(name, &serde_json::json!({ "type": "string" }));
    for name in ["id", "entity", op] {
        document.entry(name.to_owned()).or_insert_with(|| text(name));
    }
    let mut listing = vec![text("id"), text("entity"), text(op)];
    for (name, from) in &kind.manifest.0 {
        let found =
            from.0.iter().filter_map(|pointer| document.get(pointer.trim_start_matches('/')));
        let sorts: Vec<&Column> = found.collect();
        let mut shown = match sorts.as_slice() {
            [first, rest @ ..] if rest.iter().all(|it| it.sort == first.sort) => (*first).clone(),
            _ => Column { sort: "JSON", ..text(name) },
        };
        shown.name.clone_from(name);
        listing.push(shown);
    }
    Ok(Table { kind: kind.entity.clone(), listing, document: document.into_values().collect() })
}

/// Whether BigQuery takes it as the name of a column. (BigQuery documentation, "Column names".)
fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(letter) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn column(name: &str, property: &Value) -> Column {
    let (sort, cast) = sort(property);
    let description = property["description"].as_str().map(str::to_owned);
    Column { name: name.to_owned(), sort, mode: "NULLABLE", description, cast }
}

fn sort(property: &Value) -> (&'static str, Option<&'static str>) {
    let values = property["enum"].as_array().cloned().unwrap_or_default();
    let values = if values.is_empty() { vec![property["const"].clone()] } else { values };
    match (property["type"].as_str(), property["format"].as_str()) {
        (Some("string"), Some("date-time")) => ("STRING", Some("TIMESTAMP")),
        (Some("string"), Some("date")) => ("STRING", Some("DATE")),
        (Some("string"), _) => ("STRING", None),
        (Some("integer"), _) => ("INTEGER", None),
        (Some("number"), _) => ("FLOAT", None),
        (Some("boolean"), _) => ("BOOLEAN", None),
        (None, _) if values.iter().all(Value::is_string) => ("STRING", None),
        _ => ("JSON", None),
    }
}
