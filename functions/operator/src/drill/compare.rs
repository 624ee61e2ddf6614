//! What was derived there, held against what is here.

use std::collections::BTreeSet;
use std::time::Duration;

use ::job::in_turn;
use domain::{BoxFuture, EntityDefinition, EntityRef, ObjectName, json, volatile};
use projection::plan::places;
use serde_json::Value;
use store::{List, Tools};

use super::{AT_ONCE, Drill, RULES};
use crate::Problem;

/// After this the functions have handled what was written before.
const GRACE: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) entities: u64,
    pub(super) records: u64,
    /// Records that do not count.
    pub(super) refused: u64,
    /// Deliveries of snapshots that a function rejects.
    pub(super) rejected: u64,
    /// Entities that there was no time for, as far as they were listed.
    pub(super) not_reached: u64,
    /// Objects that were compared.
    pub(super) objects: u64,
    /// Entities that were written after the instant: what is here is newer.
    pub(super) written_later: u64,
    /// Objects that differ.
    pub(super) different: BTreeSet<String>,
    /// Registers, which are compared when all of their members are derived.
    registers: BTreeSet<String>,
}

impl Compared {
    pub(super) fn add(&mut self, of: Self) {
        self.entities += of.entities;
        self.records += of.records;
        self.refused += of.refused;
        self.rejected += of.rejected;
        self.not_reached += of.not_reached;
        self.objects += of.objects;
        self.written_later += of.written_later;
        self.different.extend(of.different);
        self.registers.extend(of.registers);
    }
}

impl Drill<'_> {
    /// Compares everything that follows from one snapshot.
    pub(super) async fn compare(
        &self,
        definition: &EntityDefinition,
        entity: &EntityRef,
        compared: &mut Compared,
    ) -> Result<(), Problem> {
        let snapshot = self.there.snapshot(entity).await?;
        let document = snapshot.and_then(|it| json::parse(&it.body).ok());
        let live = document.filter(|it| it.as_object().is_some_and(|it| !it.contains_key("op")));
        let places = places(definition, entity, live.as_ref()).unwrap_or_default();
        let mut names = vec![
            ObjectName::Snapshot(entity.clone()),
            ObjectName::Manifest(entity.clone()),
            ObjectName::AlertState(entity.clone()),
        ];
        for name in places.into_keys() {
            match name {
                ObjectName::Pointer(_) => names.push(name),
                _ => drop(compared.registers.insert(name.to_string())),
            }
        }
        for name in names {
            compared.objects += 1;
            if self.judge(&name, false).await? != Judged::Same {
                compared.different.insert(name.to_string());
            }
        }
        Ok(())
    }

    /// Looks a second time at what differs, and then at the registers. What was written here since
    /// is no difference.
    pub(super) async fn again(&self, compared: &mut Compared) -> Result<(), Problem> {
        // Of a part, a register there lacks the other members.
        if self.sample == 1 && compared.not_reached == 0 {
            let registers = std::mem::take(&mut compared.registers);
            compared.objects += registers.len() as u64;
            for (register, judged) in self.judged(registers, false).await? {
                if judged != Judged::Same {
                    compared.different.insert(register);
                }
            }
        }
        if compared.different.is_empty() {
            return Ok(());
        }
        self.operator.tools.clock.sleep(GRACE).await;
        for (text, judged) in self.judged(compared.different.clone(), true).await? {
            if judged != Judged::Differs {
                compared.different.remove(&text);
            }
            compared.written_later += u64::from(judged == Judged::WrittenLater);
        }
        Ok(())
    }

    /// Compares these, some at a time; what differs is explained where asked.
    async fn judged(
        &self,
        names: BTreeSet<String>,
        explain: bool,
    ) -> Result<Vec<(String, Judged)>, Problem> {
        let mut work: Vec<BoxFuture<'_, Result<_, Problem>>> = Vec::new();
        for text in names {
            work.push(Box::pin(async move {
                let name = ObjectName::parse(&text)
                    .map_err(|err| Problem::new(format!("{text}: {err}")))?;
                let judged = self.judge(&name, explain).await?;
                Ok((text, judged))
            }));
        }
        in_turn(work, AT_ONCE).await
    }

    /// Compares. Whoever was written later explains its own objects, and its member of a
    /// register; a rule explains what is open for anybody.
    async fn judge(&self, name: &ObjectName, explain: bool) -> Result<Judged, Problem> {
        let here = comparable(&self.here, name).await?;
        let there = comparable(&self.there, name).await?;
        match here == there {
            true => return Ok(Judged::Same),
            false if !explain => return Ok(Judged::Differs),
            false => (),
        }
        let explained = match name {
            ObjectName::Register { env, segment, .. } | ObjectName::Bundle { env, segment, .. } => {
                let ids = members_that_differ(here, there);
                let mut explained = !ids.is_empty();
                for id in ids {
                    let entity = EntityRef::new(*env, segment, &id);
                    explained &= match entity {
                        Ok(entity) => self.is_written_later(&entity).await?,
                        Err(_) => false,
                    };
                }
                explained
            }
            name => match name.entity() {
                Some(entity) if self.is_written_later(entity).await? => true,
                Some(entity) if matches!(name, ObjectName::AlertState(_)) => {
                    self.is_later_below(format!("env/{}/{RULES}/", entity.env)).await?
                }
                _ => false,
            },
        };
        Ok(if explained { Judged::WrittenLater } else { Judged::Differs })
    }

    async fn is_written_later(&self, entity: &EntityRef) -> Result<bool, Problem> {
        self.is_later_below(ObjectName::history_prefix(entity)).await
    }

    /// Whether something below this prefix was stored after the instant.
    async fn is_later_below(&self, prefix: String) -> Result<bool, Problem> {
        let mut list = List { prefix, ..List::default() };
        loop {
            let page = self.here.store.list(&list).await?;
            if page.items.iter().any(|item| item.created_at > self.known_at) {
                return Ok(true);
            }
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => return Ok(false),
            }
        }
    }
}

/// What a second look says of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judged {
    Same,
    /// Somebody whom it speaks of was written after the instant.
    WrittenLater,
    Differs,
}

/// The ids of the members that only one of two registers has, or that say something else; none
/// where one is no register.
fn members_that_differ(here: Option<String>, there: Option<String>) -> BTreeSet<String> {
    let (Some(here), Some(there)) = (members(here), members(there)) else {
        return BTreeSet::new();
    };
    here.symmetric_difference(&there).map(|(id, _)| id.clone()).collect()
}

/// The members by id; none of a register that is not there.
fn members(register: Option<String>) -> Option<BTreeSet<(String, String)>> {
    let Some(register) = register else { return Some(BTreeSet::new()) };
    let register = json::parse(register.as_bytes()).ok()?;
    let member = |it: &Value| Some((it.get("id")?.as_str()?.to_owned(), it.to_string()));
    register.get("members")?.as_array()?.iter().map(member).collect()
}

/// What is compared of an object; nothing where there is none.
async fn comparable(tools: &Tools, name: &ObjectName) -> Result<Option<String>, Problem> {
    let object = tools.store.get(&name.to_string(), None).await?;
    Ok(object.and_then(|object| volatile::comparable(name, &object.body)))
}
