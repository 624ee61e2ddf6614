//! Which index objects an entity has a place in.

use std::collections::BTreeMap;

use domain::definitions::{Fields, Index, IndexKind, Transform};
use domain::json::{self, Object};
use domain::{EntityDefinition, EntityRef, ObjectName, PointerName};
use serde_json::Value;

use crate::keys::{components, transformed};

/// The most places one entity can have: what a document can make us write is bounded.
pub const PLACES_MAX: usize = 1000;

/// The index objects of one state of an entity, by name.
pub type Places = BTreeMap<ObjectName, Place>;

/// What an index object says of an entity. Two are equal when their texts are.
#[derive(Clone, Debug)]
pub struct Place {
    /// The fields shown.
    pub shown: Object,
    /// The value that decides who is the latest, in a register with a winner.
    pub sort: Option<Value>,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.sort == other.sort && json::same_text(&self.shown, &other.shown)
    }
}

/// More places than [`PLACES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// The places of `entity` while it is `document`; none when it is not live.
///
/// # Errors
///
/// [`TooMany`] when its arrays have more values than an entity can have places.
pub fn places(
    definition: &EntityDefinition,
    entity: &EntityRef,
    document: Option<&Value>,
) -> Result<Places, TooMany> {
    let mut places = Places::new();
    let Some(document) = document else { return Ok(places) };
    for index in definition.indices.iter().filter(|index| index.admits(document)) {
        let place = Place {
            shown: shown(&index.show, document),
            sort: index.latest_by.as_ref().and_then(|by| by.find_scalar(document).cloned()),
        };
        for name in names(index, entity, document)? {
            places.insert(name, place.clone());
        }
        if places.len() > PLACES_MAX {
            return Err(TooMany);
        }
    }
    Ok(places)
}

/// The part of an object name that a value of a document becomes; `None` for a value that an index
/// with this transform has no place for.
pub fn component(transform: Transform, value: &Value) -> Option<String> {
    transformed(transform, value)
}

/// The fields that have a value, in the order of the declaration.
pub fn shown(fields: &Fields, document: &Value) -> Object {
    let found = fields.0.iter().filter_map(|(name, from)| Some((name, from.find(document)?)));
    found.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn names(index: &Index, entity: &EntityRef, document: &Value) -> Result<Vec<ObjectName>, TooMany> {
    let EntityRef { env, segment, .. } = entity.clone();
    if index.kind() == IndexKind::Bundle {
        return Ok(vec![ObjectName::Bundle { env, segment }]);
    }
    let mut combinations = vec![Vec::new()];
    for key in &index.keys {
        let values = components(key, document);
        if combinations.len() * values.len() > PLACES_MAX {
            return Err(TooMany);
        }
        let extend = |rest: &Vec<String>| {
            let with = |value: &String| [rest.as_slice(), std::slice::from_ref(value)].concat();
            values.iter().map(with).collect::<Vec<_>>()
        };
        combinations = combinations.iter().flat_map(extend).collect();
    }
    let name = |keys: Vec<String>| match index.kind() {
        IndexKind::LatestBy => {
            let key = keys.concat();
            ObjectName::Register { env, segment: segment.clone(), index: index.folder(), key }
        }
        _ => {
            ObjectName::Pointer(PointerName { entity: entity.clone(), index: index.folder(), keys })
        }
    };
    Ok(combinations.into_iter().map(name).collect())
}
