//! Whether the bucket was left as the history says.

mod alerts;
mod commands;
mod rising;
mod targets;

use std::collections::{BTreeMap, BTreeSet};

use domain::limits::ATTEMPTS_MAX;
use domain::{ObjectName, json, volatile};
use emulator::Memory;
use store::Object;

use crate::fleet::Post;
use crate::oracle::{self, Entity, Expected};
use crate::plan::{Plan, Planned};
use crate::report::{Check, Wrong};
use crate::seen::Seen;
use crate::world::Said;
use crate::written::Appended;

/// After everything is calm, no message is pushed more often than this.
const TRIES_SINCE_CALM_MAX: u32 = 8;

/// No push makes more operations than this, whatever goes wrong: a function that tries again reads
/// again, at most `domain::limits::ATTEMPTS_MAX` times, and a snapshot-builder lists a history of
/// some records besides.
const OPERATIONS_MAX: [(&str, u64); 5] = [
    ("snapshot-builder", 120),
    ("manifest-writer", 24),
    ("index-writer", 100),
    ("rules-engine", 90),
    // A line of the log, and a target: whoever finds a claim looks at it some times.
    ("alert-dispatcher", 44),
];

/// Where the index lies that a newer release knows at another version.
const DROPPED: &str = "env/dev/indices/ventures/by-owner-due/";

/// Histories of so many records are what [`OPERATIONS_MAX`] speaks of.
const SHORT: usize = 14;

/// A run after its end.
pub(crate) struct Aftermath<'a> {
    pub(crate) plan: &'a Plan,
    /// Every record that is to be folded.
    pub(crate) records: Vec<Planned>,
    /// Those that operators have appended.
    pub(crate) appended: &'a [Appended],
    /// Where the history of each entity was that was purged.
    pub(crate) purged: BTreeSet<String>,
    pub(crate) bucket: &'a Memory,
    /// What is live in it, by name.
    pub(crate) objects: &'a BTreeMap<String, Object>,
    pub(crate) seen: &'a Seen,
    /// The names of the alerts that were sent.
    pub(crate) sent: &'a [String],
    /// Requests to the targets of alerts, and whether they have arrived.
    pub(crate) posts: &'a [(Post, bool)],
    /// What commands have printed.
    pub(crate) said: &'a [Said],
    pub(crate) tries_since_calm_max: u32,
    /// The most operations of a push to each function.
    pub(crate) operations_max: Vec<(&'static str, u64)>,
}

impl Aftermath<'_> {
    /// Whether this is, or was, a record of an entity that was purged.
    fn is_purged(&self, record: &str) -> bool {
        self.purged.iter().any(|prefix| record.starts_with(prefix))
    }
}

/// Where the history of each entity was that was purged, by those who have said so.
pub(crate) fn purged(said: &[Said]) -> BTreeSet<String> {
    let purges = said.iter().filter(|said| said.well && said.words[0] == "purge");
    purges.map(|said| format!("env/dev/ventures/{}/history/", said.words[2])).collect()
}

/// The first thing that is wrong.
pub(crate) fn judge(aftermath: &Aftermath<'_>) -> Result<(), Wrong> {
    let entities = oracle::fold(&aftermath.records);
    let wrong = |check| move |what| Wrong { check, what };
    bucket(aftermath, &entities).map_err(wrong(Check::Bucket))?;
    quarantine(aftermath).map_err(wrong(Check::Quarantine))?;
    journal(aftermath).map_err(wrong(Check::Journal))?;
    alerts::open_rules(aftermath, &entities).map_err(wrong(Check::OpenRules))?;
    alerts::objects(aftermath).map_err(wrong(Check::Alerts))?;
    targets::reached(aftermath).map_err(wrong(Check::Alerts))?;
    if aftermath.tries_since_calm_max > TRIES_SINCE_CALM_MAX {
        let tries = aftermath.tries_since_calm_max;
        let what = format!("a message is pushed {tries} times after everything is calm");
        return Err(Wrong { check: Check::Ends, what });
    }
    commands::printed(aftermath).map_err(wrong(Check::Commands))?;
    operations(aftermath).map_err(wrong(Check::Operations))
}

/// Compares everything but alerts and quarantine.
fn bucket(aftermath: &Aftermath<'_>, entities: &[Entity<'_>]) -> Result<(), String> {
    let mut found = Expected::new();
    for (name, object) in aftermath.objects {
        let Ok(parsed) = ObjectName::parse(name) else {
            return Err(format!("no class of object is called {name}"));
        };
        if name.starts_with(DROPPED) {
            return Err(format!("{name} is left of an index that was dropped"));
        }
        match parsed {
            ObjectName::RepairWanted(entity) => {
                return Err(format!("a repair of {entity} is wanted, and nobody mends it"));
            }
            ObjectName::Alert { .. } | ObjectName::AlertState(_) => (),
            ObjectName::Quarantine { .. } => (),
            _ => found.extend(
                volatile::comparable(&parsed, &object.body).map(|text| (name.clone(), text)),
            ),
        }
    }
    let mut expected: Expected = entities.iter().flat_map(Entity::objects).collect();
    expected.extend(oracle::registers(entities));
    same(&found, &expected)
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
    let invalid = plan.all().filter(|record| record.says.is_none()).map(|it| it.name.as_str());
    let mut left: BTreeSet<&str> = invalid.filter(|name| !aftermath.is_purged(name)).collect();
    for (name, object) in objects {
        if !name.starts_with("env/dev/reports/quarantine/") {
            continue;
        }
        let note = json::parse(&object.body).unwrap_or_default();
        let record = note["object"].as_str().unwrap_or_default();
        if aftermath.is_purged(record) {
            continue;
        }
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

fn operations(aftermath: &Aftermath<'_>) -> Result<(), String> {
    for (function, most) in &aftermath.operations_max {
        let bound = OPERATIONS_MAX.iter().find(|(name, _)| name == function);
        // Whoever folds a history again reads it, and who does not know what was overwritten reads
        // every version; a command makes one more.
        let Aftermath { plan, appended, .. } = aftermath;
        let written = plan.records.len() + appended.len() + plan.commands.len();
        let read = match *function {
            "snapshot-builder" | "index-writer" => ATTEMPTS_MAX * written.saturating_sub(SHORT),
            _ => 0,
        };
        if bound.is_some_and(|(_, bound)| *most > bound + read as u64) {
            return Err(format!("a push to {function} makes {most} operations"));
        }
    }
    Ok(())
}
