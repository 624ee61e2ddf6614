//! What one version of an object has to do with an entity.

use domain::json::{self, Object as Json};
use domain::limits::ATTEMPTS_MAX;
use domain::{ObjectName, volatile};
use projection::fold::State;
use projection::register;
use projection::snapshot::{self, Stored};
use projection::source::Source;
use serde_json::Value;
use store::{ErrorKind, Listed, Object, Precondition};

use super::erase::{End, erase};
use super::shards;
use super::sweep::Sweep;
use crate::Problem;

/// How it is told what a version has to do with the entity.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// By its name: it has content.
    Content,
    /// By its name: it has the id and no more.
    Bare,
    History,
    Snapshot,
    /// Manifest or alert state: a live one can be without content.
    Derived,
    /// Whatever lies in the indices of the segment.
    Index,
    Shard,
    Alert,
    /// A note about an alert, whose name does not say the kind of its entity.
    OfAlert,
}

/// What a version has to do with the entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    /// Nothing, or it is what stays.
    Nothing,
    /// It was written without the entity.
    Mended,
    /// It is the entity's, without content.
    Bare,
    /// It has content.
    Content,
    /// It is live where a tombstone should be: another is needed.
    Again,
}

impl Sweep<'_> {
    /// What `item` has to do with the entity. A register that it is a member of is written without
    /// it.
    pub(super) async fn judge(&self, rule: Rule, item: &Listed) -> Result<Is, Problem> {
        let entity = &self.purge.entity;
        Ok(match rule {
            Rule::Content => Is::Content,
            Rule::Bare => Is::Bare,
            Rule::History => {
                let stays = self.spared.is_some_and(|spared| spared.object() == item.name);
                if stays && item.live { Is::Nothing } else { Is::Content }
            }
            Rule::Snapshot if !item.live => Is::Content,
            Rule::Snapshot => self.snapshot(item).await?,
            Rule::Derived if !item.live => Is::Content,
            Rule::Derived => match self.read(item).await? {
                Some(object) if is_bare(&object.body) => Is::Bare,
                _ => Is::Content,
            },
            Rule::Index => match ObjectName::parse(&item.name) {
                Ok(ObjectName::Pointer(name)) if name.entity == *entity => Is::Content,
                Ok(ObjectName::Claim { entity: of, .. }) if of == *entity => Is::Content,
                Ok(name @ (ObjectName::Register { .. } | ObjectName::Bundle { .. })) => {
                    self.register(&name, item).await?
                }
                _ => Is::Nothing,
            },
            // A live one was written without the line before it was listed.
            Rule::Shard if item.live && !self.look => Is::Nothing,
            Rule::Shard => match self.read(item).await? {
                Some(object) if shards::holds(&object.body, &entity.id) => Is::Content,
                _ => Is::Nothing,
            },
            Rule::Alert => match self.kind_of_alert(item).await? {
                Some(kind) if kind == self.purge.definition.entity => Is::Content,
                _ => Is::Nothing,
            },
            Rule::OfAlert => self.of_alert(item).await?,
        })
    }

    async fn read(&self, item: &Listed) -> Result<Option<Object>, Problem> {
        let store = &self.purge.operator.tools.store;
        match store.get(&item.name, Some(item.generation)).await {
            // Nobody knows what it holds.
            Err(err) if err.kind == ErrorKind::Unusable => Ok(None),
            read => Ok(read?),
        }
    }

    async fn snapshot(&self, item: &Listed) -> Result<Is, Problem> {
        let object = self.read(item).await?;
        let read = object.as_ref().map(Object::content);
        let stays = match (snapshot::read(read, self.purge.definition), self.spared) {
            (Stored::Snapshot(folded) | Stored::Outdated(folded), Some(spared)) => {
                folded.state == State::Deleted && folded.base.as_ref() == Some(&spared.key)
            }
            _ => false,
        };
        Ok(if stays { Is::Nothing } else { Is::Again })
    }

    /// Writes a live register without the entity, as the index-writer does; an old version of one
    /// goes wholly.
    async fn register(&self, name: &ObjectName, item: &Listed) -> Result<Is, Problem> {
        let entity = &self.purge.entity;
        if !item.live || self.look || self.spared.is_none() {
            let held = match self.read(item).await? {
                Some(object) => member(&object.body, &entity.id),
                None => false,
            };
            return Ok(match (held, item.live) {
                (false, _) => Is::Nothing,
                (true, true) => Is::Mended,
                (true, false) => Is::Content,
            });
        }
        let tools = &self.purge.operator.tools;
        for _ in 0..ATTEMPTS_MAX {
            let Some(object) = tools.store.get(&item.name, None).await? else {
                return Ok(Is::Nothing);
            };
            if !member(&object.body, &entity.id) {
                return Ok(Is::Nothing);
            }
            let snapshot = tools.snapshot(entity).await?;
            let definition = self.purge.definition;
            let source = Source::read(entity, definition, snapshot.as_ref().map(Object::parts));
            let source = source.map_err(Problem::new)?;
            if source.document.is_some() {
                return Ok(Is::Again);
            }
            let (body, version) = (Some(&object.body[..]), &tools.version);
            let write = register::decide(name, body, None, &source, definition, version);
            let Some(write) = write.map_err(|why| Problem::new(format!("{name} {why}")))? else {
                return Ok(Is::Nothing);
            };
            let at = Precondition::At(object.generation);
            match tools.store.put(&item.name, write.body.into(), &write.metadata, at).await {
                Ok(_) => {
                    // What was live a moment ago has the member.
                    return Ok(match erase(self.purge, item).await? {
                        End::Held(_) => Is::Again,
                        End::Erased | End::Gone => Is::Mended,
                    });
                }
                Err(err) if err.kind == ErrorKind::Conflict => tools.pause_after_conflict().await,
                Err(err) if err.kind == ErrorKind::Throttled => {
                    tools.pause_after_throttling().await;
                }
                Err(err) => return Err(err.into()),
            }
        }
        Ok(Is::Again)
    }

    /// The kind of the entity that an alert is about.
    async fn kind_of_alert(&self, item: &Listed) -> Result<Option<String>, Problem> {
        let object = self.read(item).await?;
        let alert = object.and_then(|object| json::parse(&object.body).ok());
        Ok(alert.as_ref().and_then(|it| it.get("entity")?.as_str()).map(str::to_owned))
    }

    /// A note about an alert is the entity's unless the alert is of another kind, whose entity has
    /// the same id. One whose alert is gone is of no use to anybody.
    async fn of_alert(&self, item: &Listed) -> Result<Is, Problem> {
        let alert = match ObjectName::parse(&item.name) {
            Ok(ObjectName::AlertMark { env, rest, .. }) => {
                let parts: Vec<&str> = rest.splitn(4, '/').collect();
                let [rule_id, entity_id, alert_id, ..] = parts[..] else { return Ok(Is::Nothing) };
                let [rule_id, entity_id, alert_id] =
                    [rule_id, entity_id, alert_id].map(str::to_owned);
                ObjectName::Alert { env, rule_id, entity_id, alert_id }.to_string()
            }
            _ => {
                let note = self.read(item).await?;
                let note = note.and_then(|note| json::parse(&note.body).ok());
                let object = note.as_ref().and_then(|it| it.get("object")?.as_str());
                object.unwrap_or_default().to_owned()
            }
        };
        if !matches!(ObjectName::parse(&alert), Ok(ObjectName::Alert { .. })) {
            return Ok(Is::Nothing);
        }
        for version in self.purge.operator.tools.store.versions(&alert).await? {
            match self.kind_of_alert(&version).await? {
                Some(kind) if kind != self.purge.definition.entity => return Ok(Is::Nothing),
                _ => (),
            }
        }
        Ok(Is::Content)
    }
}

/// Whether a manifest or an alert state says nothing but whose it is.
fn is_bare(body: &[u8]) -> bool {
    let Ok(Value::Object(object)) = json::parse(body) else { return false };
    let none_open = || {
        let open = object.get("open").and_then(Value::as_array);
        open.is_some_and(Vec::is_empty)
    };
    volatile::is_tombstone(&object) || none_open()
}

/// Whether a register has the entity as a member that is no tombstone; also where it cannot be read
/// and has its id.
fn member(body: &[u8], id: &str) -> bool {
    let is_ours = |member: &Json| member.get("id").and_then(Value::as_str) == Some(id);
    match register::members(body) {
        Some(members) => members.iter().any(is_ours),
        None => String::from_utf8_lossy(body).contains(&Value::from(id).to_string()),
    }
}
