//! What the indices of a kind cost, counted on its examples.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::definitions::{Index, IndexKind, KeySource};
use domain::{Definitions, EntityDefinition, EntityRef, Env, ObjectName};
use operator::dollars;
use projection::plan::places;
use serde_json::Value;

use super::examples::Example;

/// So many changes of an entity are priced.
const CHANGES: u64 = 1_000_000;

/// What an update reads besides the index objects: the snapshot twice, and the overwritten one.
const SNAPSHOT_READS: u64 = 3;

/// One line for each index: how many objects an example has in it, and what a change costs.
pub(crate) fn table(definitions: &Definitions, examples: &[Example], kinds: &[String]) -> String {
    let mut text = "| index | one object for | in an example | a shown field changes | a key \
                    changes |\n|---|---|---|---|---|\n"
        .to_owned();
    for kind in definitions.entities() {
        if !kinds.is_empty() && !kinds.contains(&kind.entity) {
            continue;
        }
        let most = most(kind, examples);
        for index in &kind.indices {
            let objects = most.get(&index.folder()).copied().unwrap_or_default();
            line(&mut text, kind, index, objects);
        }
        let all: u64 = most.values().sum();
        let (reads, writes) = (SNAPSHOT_READS + all, all);
        let usd = dollars(writes * CHANGES, reads * CHANGES);
        // Writing to a string does not fail.
        writeln!(
            text,
            "| **{}, all** | | {all} | {reads} B + {writes} A, {usd:.2} USD a million | |",
            kind.segment
        )
        .unwrap_or_default();
    }
    text
}

fn line(text: &mut String, kind: &EntityDefinition, index: &Index, objects: u64) {
    let moved = match index.kind() {
        IndexKind::Bundle => "-".to_owned(),
        // The old ones become tombstones, the new ones are written.
        _ => format!("{} B + {} A", 2 * objects, 2 * objects),
    };
    writeln!(
        text,
        "| {}/{} | {} | {objects} | {objects} B + {objects} A | {moved} |",
        kind.segment,
        index.folder(),
        one_for(index),
    )
    .unwrap_or_default();
}

/// What one object of an index is about.
fn one_for(index: &Index) -> String {
    let arrays = index.keys.iter().filter_map(|key| match &key.source {
        KeySource::Each(each) => Some(each.each.as_str()),
        _ => None,
    });
    let arrays: Vec<&str> = arrays.collect();
    match (index.kind(), arrays.as_slice()) {
        (IndexKind::Bundle, _) => "all entities".to_owned(),
        (IndexKind::LatestBy, _) => "all entities of a key".to_owned(),
        (IndexKind::Pointers, []) => "an entity".to_owned(),
        (IndexKind::Pointers, arrays) => format!("each value of {}", arrays.join(" and ")),
    }
}

/// The most objects that one valid example has in each index.
fn most(kind: &EntityDefinition, examples: &[Example]) -> BTreeMap<String, u64> {
    let mut most: BTreeMap<String, u64> =
        kind.indices.iter().map(|index| (index.folder(), 0)).collect();
    let own = examples.iter().filter(|it| it.is_valid && it.kind == kind.entity);
    for document in own.filter_map(|example| example.document.as_ref().ok()) {
        let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let entity = EntityRef { env: Env::Dev, segment: kind.segment.clone(), id };
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for name in places(kind, &entity, Some(document)).unwrap_or_default().into_keys() {
            *counts.entry(folder_of(&name, kind)).or_default() += 1;
        }
        for (index, count) in counts {
            let before = most.entry(index).or_default();
            *before = count.max(*before);
        }
    }
    most
}

fn folder_of(name: &ObjectName, kind: &EntityDefinition) -> String {
    match name {
        ObjectName::Pointer(pointer) => pointer.index.clone(),
        ObjectName::Register { index, .. } => index.clone(),
        // There is at most one.
        _ => kind.indices.iter().find(|it| it.bundle).map(Index::folder).unwrap_or_default(),
    }
}
