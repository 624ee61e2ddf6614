//! The second look: what differed before and does so still, in the same versions, is a finding.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EntityRef, Generation, ObjectName, json};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use projection::{register, shard};
use snapshot_builder::Renewed;

use super::finding::{Fate, Finding, Kind, command};
use super::ledger::Unjudged;
use super::look::Difference;
use super::part::number;
use super::repair::{Repaired, Repairer, delete};
use super::segment::{Segment, Suspect};
use super::view::{Line, Shards};
use super::{AT_ONCE, LOOKS_MAX};
use crate::pages::listed;
use crate::why::environment;
use crate::{Problem, Shortcut};

/// An entity about which something was found.
struct Confirmed {
    entity: EntityRef,
    differences: Vec<Difference>,
    /// The index objects that have to be looked at when it is mended.
    also: BTreeSet<ObjectName>,
    suspect: Suspect,
    /// The version of the snapshot at the last look.
    generation: Option<Generation>,
}

impl Segment<'_, '_> {
    /// Looks again at everything that differed, tells what does so still, and mends it.
    pub(super) async fn settle(&mut self) -> Result<(), Problem> {
        let suspects = std::mem::take(&mut self.suspects);
        let broken = std::mem::take(&mut self.registers.broken);
        if suspects.is_empty() && broken.is_empty() {
            return Ok(());
        }
        let confirmed = self.confirmed(suspects).await?;
        let mut registers = BTreeSet::new();
        for (name, generation) in broken {
            let object = self.run.tools.look(&name.to_string()).await?;
            let kind = &self.definition.entity;
            let still = object.filter(|it| it.generation == generation);
            if still.is_some_and(|it| !register::is_whole(&name, &it.body, kind)) {
                registers.insert(name);
            }
        }
        let whole = self.settle_registers(registers, &confirmed).await?;
        let mut confirmed = confirmed.into_iter();
        loop {
            let some: Vec<Confirmed> = confirmed.by_ref().take(AT_ONCE).collect();
            if some.is_empty() {
                return Ok(());
            }
            let mended = some.iter().map(|it| self.mend(it, &whole));
            let mended: Vec<Vec<Finding>> =
                stream::iter(mended).buffered(AT_ONCE).try_collect().await?;
            for finding in mended.into_iter().flatten() {
                self.run.found(&finding)?;
            }
            self.run.progress(&self.definition.segment);
        }
    }

    /// Which of these entities differ still, and in what.
    async fn confirmed(
        &mut self,
        suspects: BTreeMap<String, Suspect>,
    ) -> Result<Vec<Confirmed>, Problem> {
        let mut found: Vec<Confirmed> = Vec::new();
        let mut left: Vec<Confirmed> = Vec::new();
        for (id, suspect) in suspects {
            let (env, segment) = (self.run.env(), &self.definition.segment);
            let Ok(entity) = EntityRef::new(env, segment, &id) else { continue };
            let also = suspect.also.clone();
            let (differences, generation) = (Vec::new(), suspect.generation);
            left.push(Confirmed { entity, differences, also, suspect, generation });
        }
        if self.run.planted().has(Shortcut::CountedAtFirstLook) {
            for mut it in left {
                it.differences = std::mem::take(&mut it.suspect.first);
                found.push(it);
            }
            return Ok(found);
        }
        for _ in 0..LOOKS_MAX {
            if left.is_empty() {
                break;
            }
            self.run.wait(left.len()).await;
            self.run.read_rules().await?;
            let looker = self.looker(false);
            let looks = left.iter().map(|it| looker.look(&it.entity, &it.also));
            let looks: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
            let mut again = Vec::new();
            for (mut it, look) in left.into_iter().zip(looks) {
                let seen = |difference: &Difference| {
                    it.suspect.first.iter().any(|before| {
                        before.object == difference.object && before.evidence == difference.evidence
                    })
                };
                let (still, new): (Vec<_>, Vec<_>) =
                    look.differences.iter().cloned().partition(seen);
                it.also.extend(look.seen);
                let known: BTreeSet<ObjectName> =
                    it.differences.iter().map(|it| it.object.clone()).collect();
                it.differences.extend(still.into_iter().filter(|it| !known.contains(&it.object)));
                it.suspect.first = look.differences;
                it.generation = look.generation;
                if !new.is_empty() {
                    again.push(it);
                } else {
                    found.push(it);
                }
            }
            left = again;
        }
        for it in left {
            self.run.ledger.unjudged(&it.entity, Unjudged::Busy);
            found.push(it);
        }
        found.retain(|it| !it.differences.is_empty() || it.suspect.wish.is_some());
        found.sort_by(|left, right| left.entity.id.cmp(&right.entity.id));
        Ok(found)
    }

    /// Tells of registers that are none, and writes them, and those that are missing, whole.
    /// Answers which ones are.
    async fn settle_registers(
        &mut self,
        broken: BTreeSet<ObjectName>,
        confirmed: &[Confirmed],
    ) -> Result<BTreeSet<ObjectName>, Problem> {
        let is_register = |name: &&ObjectName| !matches!(name, ObjectName::Pointer(_));
        let missing = confirmed.iter().flat_map(|it| &it.differences).map(|it| &it.object);
        let missing = missing.filter(is_register).filter(|name| {
            matches!(name, ObjectName::Register { .. } | ObjectName::Bundle { .. })
                && !self.registers.is_there(name)
        });
        let mut ended = BTreeMap::new();
        if self.run.repair {
            let all = missing.cloned().chain(broken.iter().cloned()).collect();
            ended = self.repairer().registers(all).await?;
        }
        for name in broken {
            let (env, segment) = (self.run.env(), self.definition.segment.clone());
            let fate = match ended.get(&name) {
                None => Fate::Left,
                Some(reasons) if reasons.is_empty() => Fate::Mended,
                Some(reasons) => Fate::Failed(reasons.join("; ")),
            };
            let mend = command(env, &segment, None);
            let what = "is no register, or not what its members make".to_owned();
            let (kind, object) = (Kind::Stale, name.to_string());
            let finding = Finding { kind, segment, id: None, object, what, mend, fate };
            self.run.found(&finding)?;
        }
        ended.retain(|_, reasons| reasons.is_empty());
        Ok(ended.into_keys().collect())
    }

    fn repairer(&self) -> Repairer<'_> {
        self.run.repairer(self.definition)
    }

    /// Mends one entity, if that is wanted, and says what was found.
    async fn mend(
        &self,
        confirmed: &Confirmed,
        whole: &BTreeSet<ObjectName>,
    ) -> Result<Vec<Finding>, Problem> {
        let Confirmed { entity, differences, also, suspect, .. } = confirmed;
        let mut fate = Fate::Left;
        let mut wished = false;
        if let Some(generation) = suspect.wish {
            let name = ObjectName::RepairWanted(entity.clone()).to_string();
            let there = listed(&*self.run.tools.store, &name).await?;
            wished = there.is_some_and(|it| it.generation == generation);
        }
        if self.run.repair {
            let mended_already = !differences.is_empty()
                && differences.iter().any(|it| whole.contains(&it.object))
                && self.looker(false).look(entity, also).await?.differences.is_empty();
            let mendable = differences.iter().any(|it| it.mendable) && !mended_already;
            let objects = differences.iter().map(|it| it.object.clone());
            let also: BTreeSet<ObjectName> = also.iter().cloned().chain(objects).collect();
            let repaired = match mendable {
                true => self.repairer().entity(entity, &also).await?,
                false => Repaired { renewed: None, reasons: Vec::new() },
            };
            let mut reasons = repaired.reasons;
            if wished && reasons.is_empty() {
                reasons.extend(self.fulfil(confirmed, repaired.renewed.as_ref()).await?);
            }
            fate = match reasons.is_empty() {
                true => Fate::Mended,
                false => Fate::Failed(reasons.join("; ")),
            };
        }
        let mut findings: Vec<Finding> =
            differences.iter().map(|it| self.finding(entity, it, &fate)).collect();
        if wished {
            findings.push(Finding {
                kind: Kind::RepairWanted,
                segment: entity.segment.clone(),
                id: Some(entity.id.clone()),
                object: ObjectName::RepairWanted(entity.clone()).to_string(),
                what: "asks for it: a version of the snapshot had expired".to_owned(),
                mend: command(self.run.env(), &entity.segment, Some(&entity.id)),
                fate,
            });
        }
        Ok(findings)
    }

    /// Removes the note that a repair is wanted; why it cannot be, if so.
    ///
    /// While it is there, an event that finds a version of the snapshot expired leaves no other one,
    /// and is acknowledged without having written anything. So it goes only when there was no
    /// version of the snapshot since the first look but the one that this repair has written; and
    /// when there is another one after it has gone, it is written again.
    async fn fulfil(
        &self,
        confirmed: &Confirmed,
        renewed: Option<&Renewed>,
    ) -> Result<Option<String>, Problem> {
        let Confirmed { entity, suspect, generation, .. } = confirmed;
        let (before, now) = match renewed {
            Some(renewed) => (renewed.overwrote, renewed.generation),
            None => (*generation, *generation),
        };
        let forgotten = self.run.planted().has(Shortcut::WishForgotten);
        let moved = || Some("its snapshot was written meanwhile: run it again".to_owned());
        if before != suspect.generation && !forgotten {
            return Ok(moved());
        }
        let name = ObjectName::RepairWanted(entity.clone());
        if let Some(generation) = suspect.wish {
            delete(&self.run.tools, &name.to_string(), generation).await?;
        }
        let snapshot = ObjectName::Snapshot(entity.clone()).to_string();
        let there = self.run.tools.look(&snapshot).await?.map(|it| it.generation);
        if there == now || forgotten {
            return Ok(None);
        }
        let body = json::to_line(&serde_json::json!({ "id": entity.id }));
        self.run.tools.create(&name, body, &self.run.tools.version.metadata()).await?;
        Ok(moved())
    }

    fn finding(&self, entity: &EntityRef, difference: &Difference, fate: &Fate) -> Finding {
        let mend = match difference.mendable {
            true => command(self.run.env(), &entity.segment, Some(&entity.id)),
            false => "use the newer release".to_owned(),
        };
        Finding {
            kind: difference.kind,
            segment: entity.segment.clone(),
            id: Some(entity.id.clone()),
            object: difference.object.to_string(),
            what: difference.what.clone(),
            mend,
            fate: if difference.mendable { fate.clone() } else { Fate::Left },
        }
    }

    /// Looks again at lines of shards that differ. Shards are read, then manifests, then the
    /// journal: what changes meanwhile is in that.
    pub(super) async fn settle_lines(&mut self) -> Result<(), Problem> {
        let (env, segment) = (self.run.env(), self.definition.segment.clone());
        let ids = std::mem::take(&mut self.lines);
        let no_shards = std::mem::take(&mut self.no_shards);
        let broken = std::mem::take(&mut self.shards.broken);
        let suspected = ids.len() + no_shards.len() + broken.len();
        if suspected == 0 {
            return Ok(());
        }
        self.run.wait(suspected).await;
        let mut shards =
            Shards::read(&self.run.tools, env, &segment, &self.run.part, |_| ()).await?;
        let entities = ids.iter().filter_map(|id| EntityRef::new(env, &segment, id).ok());
        let lines = entities.map(|entity| self.line_of(entity));
        // Numbers, since after a release with other manifests they are of all entities.
        let mut lines = stream::iter(lines).buffered(AT_ONCE);
        let mut read = Vec::new();
        while let Some(line) = lines.next().await {
            read.extend(line?);
        }
        drop(lines);
        shards.read_journal(&self.run.tools, env, &segment).await?;
        let end = environment(env);
        let compact = format!("`manifest-compactor --full --segment {segment}{end}`");
        let broken = broken.into_iter().filter(|(name, _)| shards.broken.contains_key(name));
        let missing = no_shards.into_iter().filter(|name| !shards.has(name));
        let whole = broken.chain(missing.map(|name| (name, "is missing".to_owned())));
        for (object, what) in whole {
            let kind = if what == "is missing" { Kind::Missing } else { Kind::Stale };
            let (segment, mend) = (segment.clone(), compact.clone());
            let fate = Fate::Left;
            self.run.found(&Finding { kind, segment, id: None, object, what, mend, fate })?;
        }
        for (entity, line) in read {
            if shards.line(&entity, line) != Line::Differs {
                continue;
            }
            let (id, fate) = (entity.id.clone(), self.mend_line(&entity).await?);
            self.run.found(&Finding {
                kind: if line.is_some() { Kind::Stale } else { Kind::Orphan },
                segment: segment.clone(),
                id: Some(id.clone()),
                object: shards.name_of(&entity),
                what: format!("has another line of {id} than its manifest makes"),
                mend: format!("{}, then {compact}", command(env, &segment, Some(&id))),
                fate,
            })?;
        }
        Ok(())
    }

    /// An entity, and the number of the line that its manifest makes; nothing if that is none, which is
    /// found as such.
    async fn line_of(
        &self,
        entity: EntityRef,
    ) -> Result<Option<(EntityRef, Option<u64>)>, Problem> {
        let name = ObjectName::Manifest(entity.clone()).to_string();
        let manifest = self.run.tools.look(&name).await?;
        let line = manifest.map(|it| shard::of_manifest(&entity.id, &it.body)).transpose();
        let numbered = |line: Option<String>| line.map(|line| number(&[&line]));
        Ok(line.ok().map(|line| (entity, numbered(line.flatten()))))
    }

    /// A compaction reads only versions of manifests that it has not seen: the manifest is derived
    /// anew, which the journal notes, and the next compaction takes it up.
    async fn mend_line(&self, entity: &EntityRef) -> Result<Fate, Problem> {
        if !self.run.repair {
            return Ok(Fate::Left);
        }
        let reasons = self.repairer().entity(entity, &BTreeSet::new()).await?.reasons;
        Ok(match reasons.is_empty() {
            true => Fate::Mended,
            false => Fate::Failed(reasons.join("; ")),
        })
    }
}
