//! What belongs to no entity: garbage, alerts, notes in quarantine, alerts that were not sent.

use domain::{Class, EntityDefinition, EntityRef, Generation, Mark, ObjectName};
use projection::register;
use rules::condition::Wrong;
use rules::set::NoRule;
use rules::state::Alert;
use rules_engine::RULES_SEGMENT;
use store::{ErrorKind, Listed, Precondition};

use super::Reconciler;
use super::finding::{Fate, Finding, Kind};
use super::part::number;
use super::segment::is_old;
use super::view::is_register;
use crate::pages::{Pages, listed};
use crate::quarantine::{note, standing::standing};
use crate::why::{environment, quoted};
use crate::{Problem, Shortcut};

/// How many objects are held that have to be looked at again.
const GARBAGE_MAX: usize = 10_000;

/// An object that may be garbage.
pub(super) struct Garbage {
    name: String,
    generation: Generation,
    what: String,
    /// Whether nobody of another release can need it.
    deletable: bool,
}

impl Reconciler<'_> {
    /// Notes that an object may be garbage.
    pub(super) async fn suspect_garbage(
        &mut self,
        item: Listed,
        what: String,
        deletable: bool,
    ) -> Result<(), Problem> {
        if !self.part.has_object(&item.name, item.created_at) {
            return Ok(());
        }
        let Listed { name, generation, .. } = item;
        self.garbage.push(Garbage { name, generation, what, deletable });
        match self.garbage.len() < GARBAGE_MAX {
            true => Ok(()),
            false => self.settle_garbage().await,
        }
    }

    /// Looks again at what may be garbage.
    pub(super) async fn settle_garbage(&mut self) -> Result<(), Problem> {
        let garbage = std::mem::take(&mut self.garbage);
        if !garbage.is_empty() {
            self.wait(garbage.len()).await;
        }
        let end = environment(self.env());
        for Garbage { name, generation, what, deletable } in garbage {
            let there = listed(&*self.tools.store, &name).await?;
            if there.is_none_or(|item| item.generation != generation) {
                continue;
            }
            let mut fate = Fate::Left;
            if self.delete_garbage && deletable {
                fate = match self.tools.store.delete(&name, generation).await {
                    Ok(_) => Fate::Mended,
                    Err(err) if err.kind == ErrorKind::Throttled => return Err(err.into()),
                    // It may not be permitted where it lies.
                    Err(err) => Fate::Failed(err.to_string()),
                };
            }
            let mend = match deletable {
                true => format!("`operator reconcile --delete-garbage{end}`"),
                false => "use the release that declares it".to_owned(),
            };
            let (kind, segment, id) = (Kind::Garbage, self.segment_of(&name), None);
            let object = name;
            self.found(&Finding { kind, segment, id, object, what, mend, fate })?;
        }
        Ok(())
    }

    /// The segment in a name below our prefixes, if it is one that is declared.
    fn segment_of(&self, name: &str) -> String {
        let mut parts = name.split('/').skip(3);
        let known = |part: &&str| self.tools.definitions.entity_of_segment(part).is_some();
        parts.find(known).unwrap_or_default().to_owned()
    }

    /// Everything below our prefixes that belongs to no segment that is declared.
    pub(super) async fn undeclared(&mut self) -> Result<(), Problem> {
        let env = self.env();
        for top in
            ["snapshots/", "manifests/", "indices/", "reports/alerts/", "reports/quarantine/"]
        {
            let prefix = format!("env/{env}/{top}");
            let mut pages = Pages::folders(prefix.clone());
            while let Some(page) = pages.next(&*self.tools.store).await? {
                for item in page.items {
                    self.suspect_garbage(item, "lies in no folder of ours".to_owned(), true)
                        .await?;
                }
                for folder in page.prefixes {
                    let name = folder.strip_prefix(&prefix).unwrap_or_default();
                    let name = name.trim_end_matches('/');
                    let known = self.tools.definitions.entity_of_segment(name).is_some();
                    let own = top.starts_with("reports/")
                        || (top == "manifests/" && name == "_jobs")
                        || (top == "indices/" && (name == "alerts" || name == "_repair"));
                    if !known && !own {
                        self.foreign_folder(folder).await?;
                    }
                }
            }
        }
        for folder in ["manifests/_jobs/", "indices/_repair/", "indices/alerts/"] {
            self.names_alone(format!("env/{env}/{folder}")).await?;
        }
        Ok(())
    }

    async fn foreign_folder(&mut self, folder: String) -> Result<(), Problem> {
        let mut pages = Pages::of(folder);
        while let Some(page) = pages.next(&*self.tools.store).await? {
            for item in page.items {
                let (what, deletable) = match ObjectName::parse(&item.name) {
                    // A newer release may know it.
                    Ok(_) => ("is of a kind that is not declared".to_owned(), false),
                    Err(err) => (err.to_string(), true),
                };
                self.suspect_garbage(item, what, deletable).await?;
            }
        }
        Ok(())
    }

    /// Finds garbage where names say everything, and alerts that were not sent.
    async fn names_alone(&mut self, prefix: String) -> Result<(), Problem> {
        let mut pages = Pages::of(prefix);
        while let Some(page) = pages.next(&*self.tools.store).await? {
            for item in page.items {
                match ObjectName::parse(&item.name) {
                    Ok(ObjectName::AlertMark { mark: Mark::Undelivered, .. }) => {
                        self.undelivered(item)?;
                    }
                    Ok(name) => {
                        let entity = name.entity().filter(|_| name.class() != Class::JobProgress);
                        let declared = |entity: &EntityRef| {
                            self.tools.definitions.entity_of_segment(&entity.segment).is_some()
                        };
                        if entity.is_some_and(|entity| !declared(entity)) {
                            let what = "is of a kind that is not declared".to_owned();
                            self.suspect_garbage(item, what, false).await?;
                        }
                    }
                    // What lies in the folder of a segment is found there.
                    Err(_) if !self.segment_of(&item.name).is_empty() => (),
                    Err(err) => self.suspect_garbage(item, err.to_string(), true).await?,
                }
            }
        }
        Ok(())
    }

    fn undelivered(&mut self, item: Listed) -> Result<(), Problem> {
        if !self.part.has_object(&item.name, item.created_at) {
            return Ok(());
        }
        self.found(&Finding {
            kind: Kind::Undelivered,
            segment: String::new(),
            id: None,
            object: item.name,
            what: "says that an alert could not be sent".to_owned(),
            mend:
                "`alerts show` says why; `alerts redeliver` sends it once its target takes it, and \
                   `alerts ack` ends it"
                    .to_owned(),
            fate: Fate::Left,
        })
    }

    /// Alerts that nobody of ours has written.
    pub(super) async fn alerts(&mut self) -> Result<(), Problem> {
        let env = self.env();
        let mut pages = Pages::of(format!("env/{env}/reports/alerts/"));
        while let Some(page) = pages.next(&*self.tools.store).await? {
            for item in page.items {
                let name = match ObjectName::parse(&item.name) {
                    Ok(ObjectName::Alert { entity_id, .. })
                        if !self.part.could_have(&entity_id) =>
                    {
                        continue;
                    }
                    Ok(name) => name,
                    Err(err) => {
                        self.suspect_garbage(item, err.to_string(), true).await?;
                        continue;
                    }
                };
                if self.part.since.is_some_and(|since| item.created_at < since) {
                    continue;
                }
                let Some(object) = self.tools.look(&item.name).await? else { continue };
                let (what, deletable) = match self.alert(&name, &object.body) {
                    None => continue,
                    Some(wrong) => wrong,
                };
                self.suspect_alert(item, what, deletable).await?;
            }
            self.progress("alerts");
        }
        Ok(())
    }

    async fn suspect_alert(
        &mut self,
        item: Listed,
        what: &str,
        deletable: bool,
    ) -> Result<(), Problem> {
        let Listed { name, generation, .. } = item;
        self.garbage.push(Garbage { name, generation, what: what.to_owned(), deletable });
        match self.garbage.len() < GARBAGE_MAX {
            true => Ok(()),
            false => self.settle_garbage().await,
        }
    }

    /// What is wrong with an alert, and whether nobody of another release can need it.
    fn alert(&self, name: &ObjectName, body: &[u8]) -> Option<(&'static str, bool)> {
        let ObjectName::Alert { entity_id, .. } = name else { return None };
        let not_ours = Some(("is no alert of ours", true));
        let Some(alert) = Alert::read(body) else { return not_ours };
        let Some(definition) = self.tools.definitions.entity(alert.kind()) else {
            return match alert.kind() {
                "" => not_ours,
                _ => Some(("is of a kind that is not declared", false)),
            };
        };
        if !self.chosen(&definition.segment) {
            return None;
        }
        let Ok(entity) = EntityRef::new(self.env(), &definition.segment, entity_id) else {
            return not_ours;
        };
        let genuine = alert.is_genuine(&entity, alert.kind()) && alert.name(&entity) == *name;
        if genuine { None } else { not_ours }
    }

    /// Notes in quarantine that are open.
    pub(super) async fn quarantined(&mut self) -> Result<(), Problem> {
        let env = self.env();
        let mut pages = Pages::of(format!("env/{env}/reports/quarantine/"));
        while let Some(page) = pages.next(&*self.tools.store).await? {
            for item in page.items {
                let (segment, id) = match ObjectName::parse(&item.name) {
                    Ok(ObjectName::Quarantine { segment, id, .. }) => (segment, id),
                    Ok(_) => continue,
                    Err(err) => {
                        self.suspect_garbage(item, err.to_string(), true).await?;
                        continue;
                    }
                };
                let old = self.part.since.is_some_and(|since| item.created_at < since);
                if old || !self.part.could_have(&id) || !self.chosen(&segment) {
                    continue;
                }
                self.note(&item.name, segment, id).await?;
            }
            self.progress("quarantine");
        }
        Ok(())
    }

    async fn note(&mut self, name: &str, segment: String, id: String) -> Result<(), Problem> {
        let Some(object) = self.tools.look(name).await? else { return Ok(()) };
        let Some(note) = note::Note::parse(name, object.generation, &object.body) else {
            return Ok(());
        };
        let standing = standing(&note, &note::evidence(self.operator, &note).await?);
        if !standing.is_open() {
            return Ok(());
        }
        let (short, end) = (&note.id[..8], environment(self.env()));
        let reason = note.reasons.first().cloned().unwrap_or_default();
        self.found(&Finding {
            kind: Kind::Quarantined,
            segment,
            id: Some(id),
            object: name.to_owned(),
            what: format!("says that {} could not go on ({standing}): {reason}", note.function),
            mend: format!(
                "`operator quarantine show {short}{end}` says how to mend it, then `operator \
                 quarantine retry {short}{end}`"
            ),
            fate: Fate::Left,
        })
    }

    /// Rules that are in force as far as their bundle goes, and never hold. Only a person can mend them.
    pub(super) async fn not_understood(&mut self) -> Result<(), Problem> {
        let (env, end) = (self.env(), environment(self.env()));
        for NoRule { id, wrong } in self.read_rules().await? {
            let entity =
                EntityRef::new(env, RULES_SEGMENT, &id).ok().filter(|_| self.part.has(&id));
            let Some(entity) = entity else { continue };
            let wrong: Vec<String> = wrong.iter().map(Wrong::to_string).collect();
            let quoted = quoted(&id);
            self.found(&Finding {
                kind: Kind::NotUnderstood,
                segment: RULES_SEGMENT.to_owned(),
                object: ObjectName::Snapshot(entity).to_string(),
                what: format!("is not understood: {}", wrong.join("; ")),
                mend: format!(
                    "mend its file and `rules apply` it, or `operator write rule {quoted} --set \
                     enabled=false{end}`"
                ),
                id: Some(id),
                fate: Fate::Left,
            })?;
        }
        Ok(())
    }

    /// Takes the tombstones out of a register that nobody has written for a day: each of them is at
    /// least as old.
    pub(super) async fn prune(
        &mut self,
        item: &Listed,
        definition: &EntityDefinition,
    ) -> Result<(), Problem> {
        let Ok(name) = ObjectName::parse(&item.name) else { return Ok(()) };
        let young = !is_old(item.created_at, self.tools.clock.now());
        let young = young && !self.planted().has(Shortcut::TombstoneDeletedYoung);
        let ours = self.part.has_object(&item.name, item.created_at);
        if young || !ours || !is_register(&name, definition) {
            return Ok(());
        }
        let Some(object) = self.tools.look(&item.name).await? else { return Ok(()) };
        let pruned = register::without_tombstones(&name, &object.body, &definition.entity);
        let Some(pruned) = pruned.filter(|_| object.generation == item.generation) else {
            return Ok(());
        };
        if self.repair {
            let at = Precondition::At(object.generation);
            let put = self.tools.store.put(&item.name, pruned.into(), &object.metadata, at).await;
            match put {
                Err(err) if err.kind == ErrorKind::Conflict || err.kind == ErrorKind::Throttled => {
                    return Ok(());
                }
                put => drop(put?),
            }
        }
        self.ledger.tombstones += 1;
        Ok(())
    }

    /// Finds out of which entities of a segment something was written since the instant that was
    /// given.
    pub(super) async fn touch(&mut self, definition: &EntityDefinition) -> Result<(), Problem> {
        self.part.touched.clear();
        self.part.wished.clear();
        let Some(since) = self.part.since else { return Ok(()) };
        let (env, segment) = (self.env(), &definition.segment);
        for prefix in [
            format!("env/{env}/{segment}/"),
            format!("env/{env}/snapshots/{segment}/"),
            format!("env/{env}/manifests/{segment}/by-id/"),
            format!("env/{env}/indices/{segment}/"),
            format!("env/{env}/indices/alerts/_state/{segment}/"),
        ] {
            let mut pages = Pages::of(prefix);
            while let Some(page) = pages.next(&*self.tools.store).await? {
                for item in page.items.into_iter().filter(|item| item.created_at >= since) {
                    let Ok(name) = ObjectName::parse(&item.name) else { continue };
                    if let Some(entity) = name.entity() {
                        self.part.touched.insert(number(&[&entity.id]));
                    } else if is_register(&name, definition) {
                        self.touch_members(&item.name).await?;
                    }
                }
            }
        }
        super::view::bounded(self.part.touched.len())
    }

    async fn touch_members(&mut self, name: &str) -> Result<(), Problem> {
        let Some(object) = self.tools.look(name).await? else { return Ok(()) };
        for member in register::stored_members(&object.body).unwrap_or_default() {
            if let Some(id) = member.get("id").and_then(serde_json::Value::as_str) {
                self.part.touched.insert(number(&[id]));
            }
        }
        Ok(())
    }
}
