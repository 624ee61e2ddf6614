//! Registers and shards of a segment, read before the entities are looked at: of what they say of
//! each entity a number is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::definitions::IndexKind;
use domain::json::Object as Json;
use domain::{EntityDefinition, EntityRef, Env, Generation, Instant, ObjectName, volatile};
use projection::register;
use projection::shard::{Lines, ShardCount};
use projection::shard_index::ShardIndex;
use serde_json::Value;
use store::{List, Tools};

use super::part::{Part, number, number_of};
use crate::Problem;
use crate::pages::Pages;

/// The most numbers that are kept at the same time: some hundred MiB.
pub(super) const NUMBERS_MAX: usize = 8_000_000;

/// What a register says of one entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    /// A number for what is compared; `None` when it counts as absent.
    pub(super) says: Option<u64>,
    /// A number for the member as it is stored, with its signature; 0 when it is not there.
    pub(super) version: u64,
}

impl Member {
    /// The member of `id` in a register, of which the body is read.
    pub(super) fn of(members: &[Json], id: &str) -> Self {
        let found = members.iter().find(|member| id_of(member) == id);
        found.map(Self::read).unwrap_or_default()
    }

    fn read(member: &Json) -> Self {
        let version = number(&[&Value::Object(member.clone()).to_string()]);
        Self { says: says(member), version }
    }
}

/// A number for what is compared of a member.
pub(super) fn says(member: &Json) -> Option<u64> {
    if volatile::is_tombstone(member) {
        return None;
    }
    let mut member = member.clone();
    volatile::FIELDS.iter().for_each(|field| drop(member.shift_remove(*field)));
    Some(number(&[&Value::Object(member).to_string()]))
}

fn id_of(member: &Json) -> &str {
    member.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// The registers of a segment.
#[derive(Debug, Default)]
pub(super) struct Registers {
    /// By register and id, of the entities that are looked at.
    members: HashMap<(u64, u64), Member>,
    there: HashSet<u64>,
    /// Those that are not what their own members make.
    pub(super) broken: BTreeMap<ObjectName, Generation>,
    /// The same, where somebody else looks at them.
    broken_elsewhere: BTreeSet<ObjectName>,
}

impl Registers {
    /// Reads all registers of a segment. A list for each index that has some, 1 B for each.
    pub(super) async fn read(
        tools: &Tools,
        env: Env,
        definition: &EntityDefinition,
        part: &Part,
    ) -> Result<Self, Problem> {
        let mut registers = Self::default();
        for prefix in prefixes(env, definition) {
            let mut pages = Pages::of(prefix);
            while let Some(page) = pages.next(&*tools.store).await? {
                for item in page.items {
                    let Ok(name) = ObjectName::parse(&item.name) else { continue };
                    if !is_register(&name, definition) {
                        continue;
                    }
                    let Some(object) = tools.look(&item.name).await? else { continue };
                    registers.there.insert(number_of(&name));
                    registers.add(&name, &object.body, part)?;
                    let whole = register::is_whole(&name, &object.body, &definition.entity);
                    match (whole, part.has_object(&item.name, item.created_at)) {
                        (true, _) => (),
                        (_, true) => drop(registers.broken.insert(name, object.generation)),
                        (_, false) => drop(registers.broken_elsewhere.insert(name)),
                    }
                }
            }
        }
        Ok(registers)
    }

    fn add(&mut self, name: &ObjectName, body: &[u8], part: &Part) -> Result<(), Problem> {
        let register = number_of(name);
        for member in register::stored_members(body).unwrap_or_default() {
            if part.has(id_of(&member)) {
                let key = (register, number(&[id_of(&member)]));
                self.members.insert(key, Member::read(&member));
            }
        }
        bounded(self.members.len())
    }

    /// What the register of this number says of the entity with this id.
    pub(super) fn member(&self, register: u64, id: &str) -> Member {
        self.members.get(&(register, number(&[id]))).copied().unwrap_or_default()
    }

    /// Whether there is such a register, as far as it was looked at.
    pub(super) fn is_there(&self, register: &ObjectName) -> bool {
        self.there.contains(&number_of(register)) && !self.broken_elsewhere.contains(register)
    }

    /// Forgets what was looked at: what an entity has a place in.
    pub(super) fn looked_at(&mut self, register: u64, id: &str) {
        self.members.remove(&(register, number(&[id])));
    }

    /// The members that nobody has looked at, with their registers: they are read again, since only
    /// numbers are known of them.
    pub(super) async fn left(
        &self,
        tools: &Tools,
        env: Env,
        definition: &EntityDefinition,
    ) -> Result<Vec<(ObjectName, String)>, Problem> {
        let left = self.members.iter().filter(|(_, member)| member.says.is_some());
        let left: HashSet<(u64, u64)> = left.map(|(key, _)| *key).collect();
        let registers: HashSet<u64> = left.iter().map(|(register, _)| *register).collect();
        let mut found = Vec::new();
        if left.is_empty() {
            return Ok(found);
        }
        for prefix in prefixes(env, definition) {
            let mut pages = Pages::of(prefix);
            while let Some(page) = pages.next(&*tools.store).await? {
                for item in page.items {
                    let Ok(name) = ObjectName::parse(&item.name) else { continue };
                    let register = number_of(&name);
                    if !registers.contains(&register) {
                        continue;
                    }
                    let Some(object) = tools.look(&item.name).await? else { continue };
                    let members = register::stored_members(&object.body).unwrap_or_default();
                    let of_left =
                        |member: &&Json| left.contains(&(register, number(&[id_of(member)])));
                    let ids = members.iter().filter(of_left).map(|it| id_of(it).to_owned());
                    found.extend(ids.map(|id| (name.clone(), id)));
                }
            }
        }
        Ok(found)
    }
}

/// Where the registers of a segment lie.
pub(super) fn prefixes(env: Env, definition: &EntityDefinition) -> Vec<String> {
    let segment = &definition.segment;
    let prefix = |index: &domain::definitions::Index| match index.kind() {
        IndexKind::Pointers => None,
        IndexKind::LatestBy => Some(format!("env/{env}/indices/{segment}/{}/", index.folder())),
        IndexKind::Bundle => Some(format!("env/{env}/indices/{segment}/_bundle.json")),
    };
    let prefixes: BTreeSet<String> = definition.indices.iter().filter_map(prefix).collect();
    prefixes.into_iter().collect()
}

/// Whether an index of the kind has registers of such a name.
pub(super) fn is_register(name: &ObjectName, definition: &EntityDefinition) -> bool {
    definition.indices.iter().any(|declared| match name {
        ObjectName::Register { index, .. } => {
            declared.kind() == IndexKind::LatestBy && declared.folder() == *index
        }
        ObjectName::Bundle { .. } => declared.kind() == IndexKind::Bundle,
        _ => false,
    })
}

/// The lines of the shards of a segment.
#[derive(Debug, Default)]
pub(super) struct Shards {
    /// By id, of the entities that are looked at.
    lines: HashMap<u64, u64>,
    /// Entities of which the journal says that their manifest has changed since the watermark.
    journal: HashSet<u64>,
    /// How many shards there are, if there are any.
    count: Option<ShardCount>,
    watermark: Option<Instant>,
    /// Those that can be read.
    there: HashSet<usize>,
    /// Those that cannot be read, and why; the index too.
    pub(super) broken: BTreeMap<String, String>,
}

/// What a shard says of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// What it must, or a compaction is going to.
    Fine,
    /// Something else.
    Differs,
    /// There is no such shard.
    NoShard(String),
}

impl Shards {
    /// Reads them: 1 B without a shard index, else a list of the shards and of the journal, and 1 B
    /// for each shard, more.
    pub(super) async fn read(
        tools: &Tools,
        env: Env,
        segment: &str,
        part: &Part,
        mut each: impl FnMut(&str),
    ) -> Result<Self, Problem> {
        let mut shards = Self::default();
        let index = ObjectName::ShardIndex { env, segment: segment.to_owned() }.to_string();
        let Some(object) = tools.look(&index).await? else { return Ok(shards) };
        let Some(index) = ShardIndex::read(&object.body) else {
            shards.broken.insert(index, "is no shard index".to_owned());
            return Ok(shards);
        };
        shards.count = Some(index.count);
        let mut pages = Pages::of(format!("env/{env}/manifests/{segment}/_index_shard="));
        while let Some(page) = pages.next(&*tools.store).await? {
            for item in page.items {
                let Ok(ObjectName::Shard(name)) = ObjectName::parse(&item.name) else { continue };
                let shard = usize::from_str_radix(&name.hex, 16).unwrap_or(usize::MAX);
                if ShardCount::of_hex(&name.hex) != Some(index.count) {
                    continue;
                }
                let Some(object) = tools.look(&item.name).await? else { continue };
                match Lines::read(&object.body, &object.metadata) {
                    Ok(lines) => {
                        shards.there.insert(shard);
                        for (id, line) in lines.each().filter(|(id, _)| part.has(id)) {
                            each(id);
                            shards.lines.insert(number(&[id]), number(&[line]));
                        }
                        bounded(shards.lines.len())?;
                    }
                    Err(why) => {
                        shards.broken.insert(item.name, format!("is no shard of ours: {why}"));
                    }
                }
            }
        }
        shards.watermark = Some(index.watermark);
        shards.read_journal(tools, env, segment).await?;
        Ok(shards)
    }

    /// Takes up what the journal says since the hour of the watermark.
    pub(super) async fn read_journal(
        &mut self,
        tools: &Tools,
        env: Env,
        segment: &str,
    ) -> Result<(), Problem> {
        let Some(watermark) = self.watermark else { return Ok(()) };
        let prefix = format!("env/{env}/manifests/{segment}/changes/");
        let start_offset = Some(format!("{prefix}{}/", watermark.hour_text()));
        let mut pages = Pages::from(List { prefix, start_offset, ..List::default() });
        while let Some(page) = pages.next(&*tools.store).await? {
            for item in page.items {
                if let Ok(ObjectName::Journal { entity, .. }) = ObjectName::parse(&item.name) {
                    self.journal.insert(number(&[&entity.id]));
                }
            }
        }
        Ok(())
    }

    /// The name of the shard of an entity; nothing where there are none.
    pub(super) fn name_of(&self, entity: &EntityRef) -> String {
        let shard = self.count.map(|count| {
            let shard = count.shard_of(&entity.id);
            ObjectName::Shard(count.name(entity.env, &entity.segment, shard)).to_string()
        });
        shard.unwrap_or_default()
    }

    /// Whether there is a shard of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        let number = match ObjectName::parse(name) {
            Ok(ObjectName::Shard(name)) if self.count == ShardCount::of_hex(&name.hex) => {
                usize::from_str_radix(&name.hex, 16).ok()
            }
            // Of a count that is not in force.
            _ => return true,
        };
        number.is_some_and(|number| self.there.contains(&number)) || self.broken.contains_key(name)
    }

    /// How what a shard says of `id` stands to what it has to say: a line with this number, or none.
    pub(super) fn line(&self, entity: &EntityRef, line: Option<u64>) -> Line {
        let Some(count) = self.count else { return Line::Fine };
        let (id, shard) = (number(&[&entity.id]), count.shard_of(&entity.id));
        let same = self.lines.get(&id).copied() == line;
        if same || self.journal.contains(&id) {
            return Line::Fine;
        }
        let name = ObjectName::Shard(count.name(entity.env, &entity.segment, shard)).to_string();
        match (self.there.contains(&shard), self.broken.contains_key(&name)) {
            (true, _) => Line::Differs,
            // It is found as a whole.
            (false, true) => Line::Fine,
            (false, false) => Line::NoShard(name),
        }
    }

    /// Forgets what was looked at.
    pub(super) fn looked_at(&mut self, id: &str) {
        self.lines.remove(&number(&[id]));
    }

    /// Numbers of the ids of lines that nobody has looked at.
    pub(super) fn left(&self) -> HashSet<u64> {
        self.lines.keys().copied().filter(|id| !self.journal.contains(id)).collect()
    }
}

/// Refuses what would take too much memory.
pub(super) fn bounded(numbers: usize) -> Result<(), Problem> {
    match numbers > NUMBERS_MAX {
        true => Err(Problem::new(format!(
            "more than {NUMBERS_MAX} objects of one segment: run it in parts, as tasks of a Cloud \
             Run job or with --task 0/4, 1/4, …"
        ))),
        false => Ok(()),
    }
}
