//! Topics.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::json::Fields;
use super::names::Kind;
use super::problem::Problem;

/// Fields that are kept and shown, and of which nothing follows here.
pub(crate) const STORED: [&str; 6] = [
    "messageStoragePolicy",
    "kmsKeyName",
    "schemaSettings",
    "messageRetentionDuration",
    "ingestionDataSourceSettings",
    "messageTransforms",
];

/// The other fields of the resource, those included that only the service fills.
const FIELDS: [&str; 5] = ["name", "labels", "state", "satisfiesPzs", "tags"];

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    /// The full name.
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// Those of [`STORED`] that were given.
    pub(crate) stored: Map<String, Value>,
}

impl Topic {
    /// The topic `name`, in whatever way that is spelled.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: Kind::Topic.full(name), labels: BTreeMap::new(), stored: Map::new() }
    }

    /// The resource.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("name".to_owned(), self.name.clone().into());
        if !self.labels.is_empty() {
            json.insert("labels".to_owned(), serde_json::json!(self.labels));
        }
        json.extend(self.stored.clone());
        Value::Object(json)
    }

    /// Reads a resource.
    pub(crate) fn from_json(json: &Value) -> Result<Self, Problem> {
        let fields = Fields::of(json, "topic")?;
        let stored = STORED.iter().filter_map(|key| Some((*key, fields.get(key)?)));
        Ok(Self {
            stored: stored.map(|(key, value)| (key.to_owned(), value.clone())).collect(),
            labels: fields.map("labels")?,
            ..Self::new(fields.text("name")?)
        })
    }

    /// Refuses fields that the resource does not have.
    pub(crate) fn check_fields(json: &Value) -> Result<(), Problem> {
        Fields::of(json, "topic")?.only(&[&FIELDS[..], &STORED].concat())
    }
}
