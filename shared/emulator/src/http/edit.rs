//! `Objects: patch` and `Objects: update`: other metadata for a version that stays what it is.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value};
use store::Metadata;

use super::body::Resource;
use super::caller::{Caller, UPDATE};
use super::description;
use super::params::Params;
use super::path::Path;
use super::read::origin;
use super::refusal::Refusal;
use super::{Shared, json, resource_of};
use crate::Stored;

/// What is set and what is removed. `None` leaves it alone.
#[derive(Default)]
struct Edit {
    content_type: Option<Option<String>>,
    content_encoding: Option<Option<String>>,
    metadata: Option<MetadataEdit>,
    properties: Vec<(&'static str, Option<Value>)>,
}

enum MetadataEdit {
    Replace(Metadata),
    Change(Vec<(String, Option<String>)>),
}

/// Changes the fields that the body names; `null` removes one.
pub(super) async fn patch(
    state: Shared,
    caller: Caller,
    path: Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
    Resource(resource): Resource,
) -> Result<Response, Refusal> {
    let edit = Edit::patch(&resource)?;
    run((state, caller), path, &params, &headers, edit)
}

/// Sets every field that can be set; what the body does not name is removed.
pub(super) async fn update(
    state: Shared,
    caller: Caller,
    path: Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
    Resource(resource): Resource,
) -> Result<Response, Refusal> {
    let edit = Edit::update(&resource)?;
    run((state, caller), path, &params, &headers, edit)
}

fn run(
    (State(service), caller): (Shared, Caller),
    Path((bucket, object)): Path<(String, String)>,
    params: &Params,
    headers: &HeaderMap,
    edit: Edit,
) -> Result<Response, Refusal> {
    let memory = service.bucket(&bucket)?;
    caller.needs_object(UPDATE, &bucket, &object)?;
    let conditions = params.conditions()?;
    let edited =
        memory.edit(&object, params.generation()?, &conditions, |stored| edit.apply(stored));
    let edited = edited.map_err(|err| Refusal::of(&err, &bucket, &object))?;
    let edited = edited.ok_or_else(|| caller.missing(&bucket, &object))?;
    json(params, resource_of(&bucket, &edited, &origin(headers)))
}

impl Edit {
    fn patch(resource: &Map<String, Value>) -> Result<Self, Refusal> {
        let text = |key: &str| match resource.contains_key(key) {
            true => description::text(resource, key).map(Some),
            false => Ok(None),
        };
        let metadata = match resource.get("metadata") {
            None => None,
            Some(Value::Null) => Some(MetadataEdit::Replace(Metadata::new())),
            Some(pairs) => Some(MetadataEdit::Change(changes(pairs)?)),
        };
        let named = description::KEPT_KEYS.iter().filter(|key| resource.contains_key(**key));
        let kept = description::properties(resource)?;
        Ok(Self {
            content_type: text("contentType")?,
            content_encoding: text("contentEncoding")?,
            metadata,
            properties: named.map(|key| (*key, kept.get(*key).cloned())).collect(),
        })
    }

    fn update(resource: &Map<String, Value>) -> Result<Self, Refusal> {
        let kept = description::properties(resource)?;
        // What is not named is removed, but for the class, which every object has.
        let stays = |key: &str| key == "storageClass" && !kept.contains_key(key);
        let keys = description::KEPT_KEYS.iter().filter(|key| !stays(key));
        Ok(Self {
            content_type: Some(description::text(resource, "contentType")?),
            content_encoding: Some(description::text(resource, "contentEncoding")?),
            metadata: Some(MetadataEdit::Replace(description::metadata(resource)?)),
            properties: keys.map(|key| (*key, kept.get(*key).cloned())).collect(),
        })
    }

    fn apply(self, stored: &mut Stored) {
        if let Some(content_type) = self.content_type {
            stored.content_type = content_type.unwrap_or("application/octet-stream".to_owned());
        }
        if let Some(content_encoding) = self.content_encoding {
            stored.content_encoding = content_encoding.filter(|coding| !coding.is_empty());
        }
        match self.metadata {
            None => (),
            Some(MetadataEdit::Replace(metadata)) => stored.metadata = metadata,
            Some(MetadataEdit::Change(changes)) => {
                for (key, value) in changes {
                    match value {
                        Some(value) => stored.metadata.insert(key, value),
                        None => stored.metadata.remove(&key),
                    };
                }
            }
        }
        for (key, value) in self.properties {
            match value {
                Some(value) => stored.properties.insert(key.to_owned(), value),
                None => stored.properties.remove(key),
            };
        }
    }
}

fn changes(pairs: &Value) -> Result<Vec<(String, Option<String>)>, Refusal> {
    let invalid = || Refusal::invalid("Invalid value for: metadata");
    let pairs = pairs.as_object().ok_or_else(invalid)?.iter();
    let pairs = pairs.map(|(key, value)| match value {
        Value::Null => Ok((key.clone(), None)),
        Value::String(text) => Ok((key.clone(), Some(text.clone()))),
        _ => Err(invalid()),
    });
    pairs.collect()
}
