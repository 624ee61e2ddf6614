//! The line of an entity in shards and parts of exports.

use domain::json;
use domain::limits::ATTEMPTS_MAX;
use domain::{EntityRef, ObjectName};
use projection::shard::{Lines, ShardCount};
use serde_json::Value;
use store::{ErrorKind, Precondition};

use super::Purge;
use crate::{Problem, Shortcut};

/// Every object that can have a line of `entity`, whatever the count of shards.
pub(crate) fn names(entity: &EntityRef) -> Vec<String> {
    let of = |count: &ShardCount| {
        let name = count.name(entity.env, &entity.segment, count.shard_of(&entity.id));
        [ObjectName::Shard(name.clone()), ObjectName::Export(name)]
    };
    ShardCount::ALL.iter().flat_map(of).map(|name| name.to_string()).collect()
}

/// Whether a shard with this content has a line of the entity, or what could be one.
pub(super) fn holds(body: &[u8], id: &str) -> bool {
    let text = Value::from(id).to_string();
    let is_ours = |line: &str| match json::parse(line.as_bytes()) {
        Ok(line) => line.get("id").and_then(Value::as_str) == Some(id),
        Err(_) => line.contains(&text),
    };
    String::from_utf8_lossy(body).lines().any(is_ours)
}

/// Takes the line out of every shard. `touch` writes also those that have none: a compaction that
/// has read the shard and the manifest before, and would write the line now, fails at that.
/// How many were written.
pub(super) async fn strip(purge: &Purge<'_>, touch: bool) -> Result<(), Problem> {
    for name in names(&purge.entity) {
        one(purge, &name, touch && !purge.operator.planted.has(Shortcut::ShardNotTouched)).await?;
    }
    Ok(())
}

/// The same of one shard; whether it had the line.
pub(super) async fn one(purge: &Purge<'_>, name: &str, touch: bool) -> Result<bool, Problem> {
    let tools = &purge.operator.tools;
    for _ in 0..ATTEMPTS_MAX {
        let Some(object) = tools.store.get(name, None).await? else { return Ok(false) };
        let held = holds(&object.body, &purge.entity.id);
        if !held && !touch {
            return Ok(false);
        }
        let mut lines = Lines::read(&object.body, &object.metadata).map_err(|why| {
            Problem::new(format!(
                "{name} cannot be read: {why}: write it anew with `manifest-compactor --full \
                 --export --segment {}`, then run the same command again",
                purge.entity.segment
            ))
        })?;
        lines.set(&purge.entity.id, None);
        let (body, at) = (lines.body().into(), Precondition::At(object.generation));
        match tools.store.put(name, body, &object.metadata, at).await {
            Ok(_) => return Ok(held),
            Err(err) if err.kind == ErrorKind::Conflict => tools.pause_after_conflict().await,
            Err(err) if err.kind == ErrorKind::Throttled => tools.pause_after_throttling().await,
            Err(err) => return Err(err.into()),
        }
    }
    Err(Problem::new(format!("put {name}: written at every attempt: run the same command again")))
}
