//! What was written in a run: what the plan says, and what operators have appended meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{Instant, ObjectName, json};
use serde_json::Value;

use crate::plan::{Plan, Planned, Said, Says};
use crate::timeline::instant;

/// What a record says of itself, and does not say of its entity.
const OF_THE_RECORD: [&str; 4] = ["op", "origin", "actor", "reason"];

/// What a merge does not change.
const UNPATCHED: [&str; 6] = ["id", "entity", "env", "created_at", "updated_at", "schema_version"];

/// A record that an operator has appended.
pub(crate) struct Appended {
    /// The record.
    pub(crate) record: Planned,
    /// Who.
    pub(crate) actor: String,
    /// By what.
    pub(crate) origin: String,
}

/// The records among `objects` that are not of `plan`.
pub(crate) fn appended<'a>(
    plan: &Plan,
    objects: impl Iterator<Item = (&'a String, &'a [u8])>,
) -> Vec<Appended> {
    let planned: BTreeSet<&str> = plan.all().map(|record| record.name.as_str()).collect();
    let others = objects.filter(|(name, _)| !planned.contains(name.as_str()));
    others.filter_map(|(name, body)| read(name, body)).collect()
}

fn read(name: &str, body: &[u8]) -> Option<Appended> {
    let Ok(ObjectName::History(parsed)) = ObjectName::parse(name) else { return None };
    let Ok(Value::Object(mut record)) = json::parse(body) else { return None };
    let text = |field: &str| record.get(field).and_then(Value::as_str).map(str::to_owned);
    let (op, at) = (text("op"), text("updated_at")?);
    let (actor, origin) = (text("actor").unwrap_or_default(), text("origin").unwrap_or_default());
    OF_THE_RECORD.iter().for_each(|field| drop(record.shift_remove(*field)));
    let change = match op.as_deref() {
        None => Said::Full(record),
        Some("delete") => Said::Delete,
        _ => {
            UNPATCHED.iter().for_each(|field| drop(record.shift_remove(*field)));
            Said::Merge(record)
        }
    };
    let segment = if parsed.entity.segment == "rules" { "rules" } else { "ventures" };
    let says = Says {
        entity: (segment, parsed.entity.id.clone()),
        at_ms: Instant::parse(&at)?.unix_millis() - instant(0).unix_millis(),
        at,
        record_id: parsed.record_id().to_owned(),
        change,
    };
    let (name, body) = (name.to_owned(), bytes::Bytes::copy_from_slice(body));
    let record = Planned { at: Duration::ZERO, name, body, says: Some(says) };
    Some(Appended { record, actor, origin })
}
