//! One segment: every entity looked at, then every derived object that no entity has a place for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use domain::{EntityDefinition, EntityRef, Generation, Instant, ObjectName};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use store::Listed;

use super::look::{Difference, Look, Looker};
use super::part::{number, number_of};
use super::repair::delete;
use super::view::{Line, Registers, Shards, bounded};
use super::{AT_ONCE, Reconciler};
use crate::pages::{Pages, folder_names};
use crate::{Problem, Shortcut};

/// How many entities are looked at before their findings are gone through.
const CHUNK: usize = 100;

/// How many entities are held that have to be looked at again.
pub(super) const SUSPECTS_MAX: usize = 10_000;

/// How old a tombstone is that nobody's attempt can need any more.
pub(super) const TOMBSTONE_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// An entity that has to be looked at again.
#[derive(Debug, Default)]
pub(super) struct Suspect {
    /// What differed.
    pub(super) first: Vec<Difference>,
    /// Index objects that speak of it.
    pub(super) also: BTreeSet<ObjectName>,
    /// The version of the note that a repair is wanted.
    pub(super) wish: Option<Generation>,
    /// The version of the snapshot at the first look.
    pub(super) generation: Option<Generation>,
}

/// A segment on its way to having been looked at.
pub(super) struct Segment<'r, 'a> {
    pub(super) run: &'r mut Reconciler<'a>,
    pub(super) definition: &'a EntityDefinition,
    pub(super) registers: Registers,
    pub(super) shards: Shards,
    /// Pointers that entities have a place in.
    pub(super) expected: HashSet<u64>,
    walked: HashSet<u64>,
    /// Versions of manifests that are tombstones, by id.
    tombstones: HashMap<u64, Generation>,
    pub(super) suspects: BTreeMap<String, Suspect>,
    /// Entities of which a repair is wanted, by id.
    wishes: BTreeMap<String, Suspect>,
    /// Entities whose line in a shard differs.
    pub(super) lines: BTreeSet<String>,
    /// Shards that are not there, although an entity has a line in them.
    pub(super) no_shards: BTreeSet<String>,
}

impl<'r, 'a> Segment<'r, 'a> {
    /// Reads what is read before the entities are.
    pub(super) async fn begin(
        run: &'r mut Reconciler<'a>,
        definition: &'a EntityDefinition,
    ) -> Result<Self, Problem> {
        let (env, segment) = (run.env(), &definition.segment);
        run.read_rules().await?;
        run.touch(definition).await?;
        let registers = Registers::read(&run.tools, env, definition, &run.part).await?;
        let shards = Shards::read(&run.tools, env, segment, &run.part, |_| ()).await?;
        Ok(Self {
            run,
            definition,
            registers,
            shards,
            expected: HashSet::new(),
            walked: HashSet::new(),
            tombstones: HashMap::new(),
            suspects: BTreeMap::new(),
            wishes: BTreeMap::new(),
            lines: BTreeSet::new(),
            no_shards: BTreeSet::new(),
        })
    }

    /// Goes through everything.
    pub(super) async fn reconcile(mut self) -> Result<(), Problem> {
        // Before the entities: an event that finds a note there leaves none of its own.
        self.wishes().await?;
        self.walk().await?;
        for listing in self.listings() {
            self.list(listing).await?;
        }
        self.index_objects().await?;
        for (register, id) in
            self.registers.left(&self.run.tools, self.run.env(), self.definition).await?
        {
            self.suspects.entry(id).or_default().also.insert(register);
        }
        self.leftover_lines().await?;
        self.take_up_wishes();
        self.settle().await?;
        self.settle_lines().await?;
        self.prune().await
    }

    pub(super) fn looker<'s>(&'s self, at_first: bool) -> Looker<'s> {
        Looker {
            tools: &self.run.tools,
            builder: &self.run.builder,
            definition: self.definition,
            in_force: &self.run.in_force,
            registers: at_first.then_some(&self.registers),
            shards: at_first.then_some(&self.shards),
        }
    }

    fn entity(&self, id: &str) -> Option<EntityRef> {
        EntityRef::new(self.run.env(), &self.definition.segment, id).ok()
    }

    /// Every entity that has a history.
    async fn walk(&mut self) -> Result<(), Problem> {
        if let Some(entity) = self.run.part.id.clone().and_then(|id| self.entity(&id)) {
            let looked_at = self.run.part.has(&entity.id);
            return self.look_at(looked_at.then_some(entity).into_iter().collect()).await;
        }
        let prefix = format!("env/{}/{}/", self.run.env(), self.definition.segment);
        let mut pages = Pages::folders(prefix.clone());
        while let Some(page) = pages.next(&*self.run.tools.store).await? {
            let ids = folder_names(&page, &prefix).filter(|id| self.run.part.has(id));
            let entities: Vec<EntityRef> = ids.filter_map(|id| self.entity(id)).collect();
            self.look_at(entities).await?;
        }
        Ok(())
    }

    /// Looks at entities once.
    async fn look_at(&mut self, entities: Vec<EntityRef>) -> Result<(), Problem> {
        for some in entities.chunks(CHUNK) {
            let none = BTreeSet::new();
            let looker = self.looker(true);
            let looks = some.iter().map(|entity| looker.look(entity, &none));
            let looks: Vec<Look> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
            for (entity, look) in some.iter().zip(looks) {
                self.looked_at(entity, look);
            }
            bounded(self.expected.len() + self.walked.len())?;
            self.run.progress(&self.definition.segment);
            if self.suspects.len() >= SUSPECTS_MAX {
                self.settle().await?;
            }
        }
        Ok(())
    }

    fn looked_at(&mut self, entity: &EntityRef, look: Look) {
        let id = number(&[&entity.id]);
        self.walked.insert(id);
        self.run.ledger.entities += 1;
        for name in &look.wanted {
            match name {
                ObjectName::Pointer(_) => drop(self.expected.insert(number_of(name))),
                _ => self.registers.looked_at(number_of(name), &entity.id),
            }
        }
        if let Some(generation) = look.tombstone {
            self.tombstones.insert(id, generation);
        }
        self.shards.looked_at(&entity.id);
        match look.line {
            Some(Line::Differs) => drop(self.lines.insert(entity.id.clone())),
            Some(Line::NoShard(name)) => drop(self.no_shards.insert(name)),
            Some(Line::Fine) | None => (),
        }
        if let Some(why) = look.unjudged {
            self.run.ledger.unjudged(entity, why);
        }
        if let Some(wish) = self.wishes.get_mut(&entity.id) {
            wish.also.extend(look.seen);
            wish.first.extend(look.differences);
            wish.generation = look.generation;
        } else if !look.differences.is_empty() {
            let suspect = self.suspects.entry(entity.id.clone()).or_default();
            suspect.first.extend(look.differences);
        }
    }

    /// Where objects of entities lie under their ids.
    fn listings(&self) -> Vec<String> {
        let (env, segment) = (self.run.env(), &self.definition.segment);
        let own = |entity: EntityRef| {
            let names = [
                ObjectName::Snapshot(entity.clone()),
                ObjectName::Manifest(entity.clone()),
                ObjectName::AlertState(entity),
            ];
            names.map(|name| name.to_string()).to_vec()
        };
        match self.run.part.id.as_ref().and_then(|id| self.entity(id)) {
            Some(entity) => own(entity),
            None => vec![
                format!("env/{env}/snapshots/{segment}/"),
                format!("env/{env}/manifests/{segment}/"),
                format!("env/{env}/indices/alerts/_state/{segment}/"),
            ],
        }
    }

    /// Looks at entities that have one of these objects and no history, and notes what is garbage.
    async fn list(&mut self, prefix: String) -> Result<(), Problem> {
        let mut pages = Pages::of(prefix);
        while let Some(page) = pages.next(&*self.run.tools.store).await? {
            let mut without_history = Vec::new();
            let mut manifests = Vec::new();
            for item in page.items {
                match ObjectName::parse(&item.name) {
                    Ok(
                        ObjectName::Snapshot(entity)
                        | ObjectName::Manifest(entity)
                        | ObjectName::AlertState(entity),
                    ) => {
                        let is_new = !self.walked.contains(&number(&[&entity.id]));
                        if self.run.part.has(&entity.id) && is_new {
                            without_history.push(entity);
                        }
                        manifests.push(item);
                    }
                    Ok(_) => (),
                    Err(err) => self.run.suspect_garbage(item, err.to_string(), true).await?,
                }
            }
            self.look_at(without_history).await?;
            for item in manifests {
                self.old_manifest(&item).await?;
            }
        }
        Ok(())
    }

    /// Deletes the manifest if it is the tombstone that was seen, and a day old.
    async fn old_manifest(&mut self, item: &Listed) -> Result<(), Problem> {
        let Ok(ObjectName::Manifest(entity)) = ObjectName::parse(&item.name) else { return Ok(()) };
        let seen = self.tombstones.get(&number(&[&entity.id]));
        match seen == Some(&item.generation) {
            true => self.run.old_tombstone(item).await,
            false => Ok(()),
        }
    }

    /// Lines of shards that are of no entity: they are read again, since only numbers are known.
    async fn leftover_lines(&mut self) -> Result<(), Problem> {
        let left = self.shards.left();
        if left.is_empty() {
            return Ok(());
        }
        let (env, segment, part) = (self.run.env(), &self.definition.segment, &self.run.part);
        let lines = &mut self.lines;
        let keep = |id: &str| {
            if left.contains(&number(&[id])) {
                lines.insert(id.to_owned());
            }
        };
        Shards::read(&self.run.tools, env, segment, part, keep).await.map(drop)
    }

    /// Repairs that are wanted.
    async fn wishes(&mut self) -> Result<(), Problem> {
        let (env, segment) = (self.run.env(), &self.definition.segment);
        let mut pages = Pages::of(format!("env/{env}/indices/_repair/{segment}/"));
        while let Some(page) = pages.next(&*self.run.tools.store).await? {
            for item in page.items {
                match ObjectName::parse(&item.name) {
                    Ok(ObjectName::RepairWanted(entity)) if self.run.part.wish(&entity.id) => {
                        let wish = Some(item.generation);
                        self.wishes.insert(entity.id, Suspect { wish, ..Suspect::default() });
                    }
                    Ok(_) => (),
                    Err(err) => self.run.suspect_garbage(item, err.to_string(), true).await?,
                }
            }
            bounded(self.wishes.len())?;
        }
        Ok(())
    }

    /// Has those looked at again of which a repair is wanted, with all that is known of them.
    fn take_up_wishes(&mut self) {
        for (id, wish) in std::mem::take(&mut self.wishes) {
            let suspect = self.suspects.entry(id).or_default();
            suspect.also.extend(wish.also);
            suspect.first.extend(wish.first);
            (suspect.wish, suspect.generation) = (wish.wish, wish.generation);
        }
    }

    /// Takes tombstones that are a day old out of registers.
    async fn prune(&mut self) -> Result<(), Problem> {
        let (env, definition) = (self.run.env(), self.definition);
        for prefix in super::view::prefixes(env, definition) {
            let mut pages = Pages::of(prefix);
            while let Some(page) = pages.next(&*self.run.tools.store).await? {
                for item in page.items {
                    self.run.prune(&item, definition).await?;
                }
            }
        }
        Ok(())
    }
}

/// Whether something that was written at that time is so old at `now` that no attempt is alive that
/// has read what was there before.
pub(super) fn is_old(created_at: Instant, now: Instant) -> bool {
    created_at.after(TOMBSTONE_KEPT) < now
}

impl Reconciler<'_> {
    /// Counts a tombstone that was read in the version that was listed, and deletes it if it is a
    /// day old.
    pub(super) async fn old_tombstone(&mut self, item: &Listed) -> Result<(), Problem> {
        let young = !is_old(item.created_at, self.tools.clock.now());
        if young && !self.planted().has(Shortcut::TombstoneDeletedYoung) {
            return Ok(());
        }
        let gone = !self.repair || delete(&self.tools, &item.name, item.generation).await?;
        self.ledger.tombstones += u64::from(gone);
        Ok(())
    }
}
