//! Mending, by what functions do and under the same preconditions, so that they may run meanwhile.
//!
//! The snapshot is written anew from the fold, under its generation and in a projection run of its
//! own. By that everything derived from it has to be decided again, also what claims to come from
//! the version before; the functions' own handlers do so, here as behind its notification. Where the
//! entity has no place they leave a tombstone: they are told of the places that were found, since
//! no version of the snapshot need know of them.
//!
//! A register that is none is written whole, of the snapshots of all that have a place in it, which
//! are read after it: one write that does for each of them what its own would. Readers never see
//! one that is half there.

use std::collections::{BTreeMap, BTreeSet};

use domain::limits::ATTEMPTS_MAX;
use domain::{
    BoxFuture, Delivery, Disposition, EntityDefinition, EntityRef, Env, Generation, Handler as _,
    ObjectName, Outcome, Overwrote, Planted, json, volatile,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use index_writer::IndexWriter;
use manifest_writer::ManifestWriter;
use projection::plan::places;
use projection::register;
use projection::source::Source;
use rules_engine::{RuleCache, RulesEngine};
use serde_json::Value;
use snapshot_builder::{Renewed, SnapshotBuilder};
use store::{ErrorKind, Metadata, Object, Precondition, Tools};

use crate::pages::Pages;
use crate::{Problem, Shortcut, uncounted};

/// How many snapshots are read at the same time.
const READS_AT_ONCE: usize = 16;

/// What mends.
pub(crate) struct Repairer<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) builder: &'a SnapshotBuilder,
    pub(crate) definition: &'a EntityDefinition,
    pub(crate) env: Env,
    pub(crate) planted: Planted<Shortcut>,
}

/// How the repair of an entity went.
#[derive(Debug)]
pub(super) struct Repaired {
    /// The snapshot, if it was written anew.
    pub(super) renewed: Option<Renewed>,
    /// Why something could not be done.
    pub(super) reasons: Vec<String>,
}

/// A register on its way to being whole.
struct Whole {
    object: Option<Object>,
    body: Option<Vec<u8>>,
    metadata: Metadata,
    refusal: Option<String>,
}

impl Repairer<'_> {
    /// Writes the snapshot of `entity` anew, and has its derived objects follow, `also` these.
    pub(super) async fn entity(
        &self,
        entity: &EntityRef,
        also: &BTreeSet<ObjectName>,
    ) -> Result<Repaired, Problem> {
        let own = [ObjectName::Manifest(entity.clone()), ObjectName::AlertState(entity.clone())];
        for name in own.iter().chain(also) {
            self.make_readable(name).await?;
        }
        let mut renewed = None;
        if !self.planted.has(Shortcut::SnapshotNotRenewed) {
            match self.renew(entity).await? {
                Ok(done) => renewed = Some(done),
                Err(reason) => return Ok(Repaired { renewed, reasons: vec![reason] }),
            }
        }
        let also: Vec<ObjectName> = also.iter().filter(|name| is_of_index(name)).cloned().collect();
        let mut reasons = self.manifest(entity).await;
        reasons.extend(self.indices(entity, &also).await);
        reasons.extend(self.alerts(entity).await);
        Ok(Repaired { renewed, reasons })
    }

    /// Writes the snapshot anew; or why it cannot be.
    pub(crate) async fn renew(
        &self,
        entity: &EntityRef,
    ) -> Result<Result<Renewed, String>, Problem> {
        let renewed = match self.builder.renew(entity).await {
            Err(err) if matches!(err.kind, ErrorKind::Unusable | ErrorKind::Conflict) => {
                return Ok(Err(err.to_string()));
            }
            renewed => renewed?,
        };
        for record in &renewed.uncounted {
            uncounted::note(self.tools, record).await?;
        }
        Ok(Ok(renewed))
    }

    pub(crate) async fn manifest(&self, entity: &EntityRef) -> Vec<String> {
        let writer = ManifestWriter { tools: self.tools.clone(), planted: Planted::NONE };
        let delivery = Delivery {
            name: ObjectName::Snapshot(entity.clone()),
            generation: Generation(0),
            overwrote: Overwrote::Unknown,
            created_at: None,
        };
        let attempt = || -> BoxFuture<'_, Outcome> {
            Box::pin(async {
                let outcomes = writer.handle(std::slice::from_ref(&delivery)).await;
                outcomes.into_iter().next().unwrap_or(Ok(Disposition::Done))
            })
        };
        self.tried(attempt).await
    }

    pub(crate) async fn indices(&self, entity: &EntityRef, also: &[ObjectName]) -> Vec<String> {
        let writer = IndexWriter { tools: self.tools.clone(), planted: Planted::NONE };
        self.tried(|| Box::pin(writer.mend(entity, also))).await
    }

    async fn alerts(&self, entity: &EntityRef) -> Vec<String> {
        let engine = RulesEngine {
            tools: self.tools.clone(),
            rules_age_max: std::time::Duration::ZERO,
            cache: RuleCache::default(),
            planted: Planted::NONE,
        };
        self.tried(|| Box::pin(engine.mend(entity))).await
    }

    /// Has a handler try until it ends; why it could not, if so.
    async fn tried<'f>(&self, attempt: impl Fn() -> BoxFuture<'f, Outcome>) -> Vec<String> {
        let mut problem = String::new();
        for _ in 0..ATTEMPTS_MAX {
            match attempt().await {
                Ok(Disposition::Rejected(reasons)) => return reasons,
                Ok(Disposition::Done | Disposition::Skipped(_)) => return Vec::new(),
                Err(failure) => problem = failure.to_string(),
            }
            self.tools.pause_after_throttling().await;
        }
        vec![problem]
    }

    /// Writes a tombstone in the place of what cannot be read, so that a handler can read it.
    async fn make_readable(&self, name: &ObjectName) -> Result<(), Problem> {
        let name = name.to_string();
        match self.tools.store.get(&name, None).await {
            Err(err) if err.kind == ErrorKind::Unusable => (),
            read => return Ok(read.map(drop)?),
        }
        let Some(object) = self.tools.look(&name).await? else { return Ok(()) };
        let (op, delete) = volatile::TOMBSTONE;
        let line = json::to_line(&serde_json::json!({ op: delete }));
        let metadata = self.tools.version.metadata();
        let at = Precondition::At(object.generation);
        match self.tools.store.put(&name, line.into(), &metadata, at).await {
            // Somebody has written it meanwhile, which is as good.
            Err(err) if err.kind == ErrorKind::Conflict => Ok(()),
            put => Ok(put.map(drop)?),
        }
    }

    /// Writes those of `registers` whole that are missing or are no registers. Answers which ones,
    /// and why one could not be.
    pub(super) async fn registers(
        &self,
        registers: BTreeSet<ObjectName>,
    ) -> Result<BTreeMap<ObjectName, Vec<String>>, Problem> {
        let kind = &self.definition.entity;
        let mut wholes = BTreeMap::new();
        for name in registers {
            let object = self.tools.look(&name.to_string()).await?;
            let whole = object.as_ref().is_some_and(|it| register::is_whole(&name, &it.body, kind));
            if !whole {
                let metadata = self.tools.version.metadata();
                wholes.insert(name, Whole { object, body: None, metadata, refusal: None });
            }
        }
        if wholes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let prefix = format!("env/{}/snapshots/{}/", self.env, self.definition.segment);
        let mut pages = Pages::of(prefix);
        while let Some(page) = pages.next(&*self.tools.store).await? {
            let reads = page.items.into_iter().map(|item| self.source(item.name));
            let mut reads = stream::iter(reads).buffered(READS_AT_ONCE);
            while let Some(source) = reads.try_next().await? {
                if let Some(source) = source {
                    self.take_in(&mut wholes, &source);
                }
            }
        }
        let mut ended = BTreeMap::new();
        for (name, Whole { object, body, metadata, refusal }) in wholes {
            let body = body.unwrap_or_else(|| register::empty(kind));
            let precondition = Precondition::unchanged(object.as_ref());
            let text = name.to_string();
            let put = self.tools.store.put(&text, body.into(), &metadata, precondition).await;
            let mut reasons: Vec<String> = refusal.into_iter().collect();
            match put {
                Err(err) if err.kind == ErrorKind::Conflict || err.kind == ErrorKind::Throttled => {
                    reasons.push("somebody else is writing it".to_owned());
                }
                put => drop(put?),
            }
            ended.insert(name, reasons);
        }
        Ok(ended)
    }

    async fn source(&self, name: String) -> Result<Option<Source>, Problem> {
        let Ok(ObjectName::Snapshot(entity)) = ObjectName::parse(&name) else { return Ok(None) };
        let object = self.tools.look(&name).await?;
        Ok(Source::read(&entity, self.definition, object.as_ref().map(Object::parts)).ok())
    }

    /// Gives `source` its place in each register that it has one in.
    fn take_in(&self, wholes: &mut BTreeMap<ObjectName, Whole>, source: &Source) {
        let places = places(self.definition, &source.entity, source.document.as_ref());
        for (name, place) in places.unwrap_or_default() {
            let Some(whole) = wholes.get_mut(&name) else { continue };
            let (stored, version) = (whole.body.as_deref(), &self.tools.version);
            let write =
                register::decide(&name, stored, Some(&place), source, self.definition, version);
            match write {
                Ok(Some(write)) => {
                    (whole.body, whole.metadata) = (Some(write.body), write.metadata)
                }
                Ok(None) => (),
                Err(refusal) => whole.refusal = Some(refusal.to_string()),
            }
        }
    }
}

fn is_of_index(name: &ObjectName) -> bool {
    matches!(name, ObjectName::Pointer(_) | ObjectName::Register { .. } | ObjectName::Bundle { .. })
}

/// Deletes this version of an object; `false` when it is not that any more.
pub(super) async fn delete(
    tools: &Tools,
    name: &str,
    generation: Generation,
) -> Result<bool, Problem> {
    match tools.store.delete(name, generation).await {
        Err(err) if err.kind == ErrorKind::Conflict => Ok(false),
        deleted => Ok(deleted?),
    }
}

/// Whether the body is that of a tombstone.
pub(super) fn is_tombstone(body: &[u8]) -> bool {
    matches!(json::parse(body), Ok(Value::Object(object)) if volatile::is_tombstone(&object))
}
