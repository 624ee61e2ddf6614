//! Whether the bucket was left as the history says.

mod alerts;

use std::collections::{BTreeMap, BTreeSet};

use domain::{Class, EntityRef, ObjectName, json, volatile};
use emulator::Memory;
use store::Object;

use crate::oracle::{self, Expected};
use crate::plan::Plan;
use crate::seen::Seen;

/// After everything is calm, no message is pushed more often than this.
const TRIES_SINCE_CALM_MAX: u32 = 8;

/// No push makes more operations than this, whatever goes wrong.
const OPERATIONS_MAX: u64 = 150;

/// A run after its end.
pub(crate) struct Aftermath<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) bucket: &'a Memory,
    /// What is live in it, by name.
    pub(crate) objects: &'a BTreeMap<String, Object>,
    pub(crate) seen: &'a Seen,
    /// The names of the alerts that were sent.
    pub(crate) sent: &'a [String],
    pub(crate) tries_since_calm_max: u32,
    pub(crate) operations_max: u64,
}

/// The first thing that is wrong.
pub(crate) fn judge(aftermath: &Aftermath<'_>) -> Result<(), String> {
    let Aftermath { plan, objects, .. } = *aftermath;
    let parsed = objects.iter().map(|(name, object)| match ObjectName::parse(name) {
        Ok(parsed) => Ok((parsed, object)),
        Err(_) => Err(format!("no class of object is called {name}")),
    });
    let parsed: Vec<_> = parsed.collect::<Result<_, _>>()?;
    let entities = oracle::fold(plan);

    let repaired: Vec<_> = parsed.iter().filter_map(|(name, _)| repaired(name)).collect();
    if plan.mix.expired == 0 && !repaired.is_empty() {
        return Err(format!("a repair is wanted of {repaired:?}, and nothing has expired"));
    }
    let mut expected: Expected = entities.iter().flat_map(oracle::Entity::objects).collect();
    expected.extend(oracle::registers(&entities));
    let mut found: BTreeMap<String, String> = parsed
        .iter()
        .filter(|(name, _)| !matches!(name.class(), Class::Alert | Class::Quarantine))
        .filter(|(name, _)| !matches!(name.class(), Class::AlertState))
        .filter_map(|(name, object)| Some((name, volatile::comparable(name, &object.body)?)))
        .map(|(name, text)| (name.to_string(), text))
        .collect();
    if !repaired.is_empty() {
        // Nobody knows which index objects it concerns; reconciliation will.
        found.retain(|name, _| !name.contains("/indices/"));
        expected.retain(|name, _| !name.contains("/indices/"));
    }
    same(&found, &expected)?;
    quarantine(aftermath)?;
    journal(aftermath)?;
    // Which rules are in force says their bundle, an index object.
    if !repaired.iter().any(|entity| entity.segment == "rules") {
        alerts::judge(aftermath, &entities)?;
    }
    if aftermath.tries_since_calm_max > TRIES_SINCE_CALM_MAX {
        let tries = aftermath.tries_since_calm_max;
        return Err(format!("a message is pushed {tries} times after everything is calm"));
    }
    if aftermath.operations_max > OPERATIONS_MAX {
        return Err(format!("one push makes {} operations", aftermath.operations_max));
    }
    Ok(())
}

fn repaired(name: &ObjectName) -> Option<&EntityRef> {
    match name {
        ObjectName::RepairWanted(entity) => Some(entity),
        _ => None,
    }
}

fn same(found: &Expected, expected: &Expected) -> Result<(), String> {
    let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    for name in names {
        let text =
            |of: &Expected| of.get(name).map_or("nothing", |text| text.trim_end()).to_owned();
        let (found, expected) = (text(found), text(expected));
        if found != expected {
            return Err(format!("{name} is {found} instead of {expected}"));
        }
    }
    Ok(())
}

/// Nothing valid is quarantined, and everything that does not count once.
fn quarantine(aftermath: &Aftermath<'_>) -> Result<(), String> {
    let Aftermath { plan, bucket, objects, .. } = *aftermath;
    let mut left: BTreeSet<&str> =
        plan.all().filter(|record| record.says.is_none()).map(|it| it.name.as_str()).collect();
    for (name, object) in objects {
        if !name.starts_with("env/dev/reports/quarantine/") {
            continue;
        }
        let note = json::parse(&object.body).unwrap_or_default();
        let record = note["object"].as_str().unwrap_or_default();
        if !left.remove(record) {
            return Err(format!("{record} is quarantined: {}", note["reasons"]));
        }
        if bucket.versions_of(name).len() != 1 {
            return Err(format!("{name} was written more than once"));
        }
    }
    left.first().map_or(Ok(()), |record| Err(format!("{record} is not quarantined")))
}

/// The journal has noted every manifest in the hour in which it was written.
fn journal(aftermath: &Aftermath<'_>) -> Result<(), String> {
    let Aftermath { bucket, objects, .. } = *aftermath;
    for name in objects.keys() {
        let Ok(ObjectName::Manifest(entity)) = ObjectName::parse(name) else { continue };
        for version in bucket.versions_of(name) {
            let hour = version.metadata.get("journal-hour").cloned().unwrap_or_default();
            let entry = ObjectName::Journal { entity: entity.clone(), hour }.to_string();
            let noted_at = bucket.versions_of(&entry).first().map(|entry| entry.created_at);
            if noted_at.is_none_or(|noted_at| noted_at > version.created_at) {
                return Err(format!("{name} was written before {entry}"));
            }
        }
    }
    Ok(())
}
