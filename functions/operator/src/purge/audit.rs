//! That an entity was purged: who, when, why and how much, and nothing of what it was.

use domain::{ObjectName, json};
use serde_json::json;

use super::sweep::Swept;
use super::{Purge, Tombstone};
use crate::Problem;

/// The audit record of the purge that has appended this tombstone. There is one.
pub(super) fn name(purge: &Purge<'_>, tombstone: &Tombstone) -> String {
    let (entity, key) = (&purge.entity, &tombstone.key);
    let rest = format!("purge/{}/{}/{}.json", entity.segment, entity.id, key.record_id());
    ObjectName::Audit { env: entity.env, day: key.updated_at.day(), rest }.to_string()
}

/// Whether that purge has come to its end.
pub(super) async fn is_written(purge: &Purge<'_>, tombstone: &Tombstone) -> Result<bool, Problem> {
    let name = name(purge, tombstone);
    Ok(purge.operator.tools.store.get(&name, None).await?.is_some())
}

/// Writes it, once.
pub(super) async fn write(
    purge: &Purge<'_>,
    tombstone: &Tombstone,
    all: &Swept,
) -> Result<String, Problem> {
    let Purge { operator, entity, definition, actor, reason, .. } = purge;
    let text = name(purge, tombstone);
    let body = json::to_line(&json!({
        "action": "purge",
        "entity": definition.entity,
        "id": entity.id,
        "env": entity.env.as_str(),
        "actor": actor,
        "reason": reason,
        "at": operator.tools.clock.now().to_millis_text(),
        "tombstone": tombstone.object(),
        // Of the run that has come to the end: one that was stopped before has erased some too.
        "versions_erased": all.erased,
        "objects_rewritten": all.mended,
    }));
    let name = ObjectName::parse(&text).map_err(|err| Problem::new(format!("{text}: {err}")))?;
    operator.tools.create(&name, body, &operator.tools.version.metadata()).await?;
    Ok(text)
}
