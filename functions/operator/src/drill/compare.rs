//! What was derived there, held against what is here.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{EntityDefinition, EntityRef, ObjectName, json, volatile};
use projection::plan::places;
use store::{List, Tools};

use super::Drill;
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
    /// Objects that were compared.
    pub(super) objects: u64,
    /// Entities that were written after the instant: what is here is newer.
    pub(super) written_later: u64,
    /// Objects that differ.
    pub(super) different: BTreeSet<String>,
    /// Registers, which are compared when all of their members are derived.
    registers: BTreeSet<String>,
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
            if !self.same(&name).await? {
                compared.different.insert(name.to_string());
            }
        }
        Ok(())
    }

    /// Looks a second time at what differs, and then at the registers. What was written here since
    /// is no difference.
    pub(super) async fn again(&self, compared: &mut Compared) -> Result<(), Problem> {
        // Of a sample, a register there lacks the other members.
        if self.sample == 1 {
            for register in std::mem::take(&mut compared.registers) {
                compared.objects += 1;
                let name = ObjectName::parse(&register)
                    .map_err(|err| Problem::new(format!("{register}: {err}")))?;
                if !self.same(&name).await? {
                    compared.different.insert(register);
                }
            }
        }
        if compared.different.is_empty() {
            return Ok(());
        }
        self.operator.tools.clock.sleep(GRACE).await;
        let mut left = BTreeSet::new();
        for text in std::mem::take(&mut compared.different) {
            let name =
                ObjectName::parse(&text).map_err(|err| Problem::new(format!("{text}: {err}")))?;
            if self.same(&name).await? {
                continue;
            }
            match name.entity() {
                Some(entity) if self.is_written_later(entity).await? => compared.written_later += 1,
                _ => drop(left.insert(text)),
            }
        }
        compared.different = left;
        Ok(())
    }

    async fn same(&self, name: &ObjectName) -> Result<bool, Problem> {
        Ok(comparable(&self.here, name).await? == comparable(&self.there, name).await?)
    }

    async fn is_written_later(&self, entity: &EntityRef) -> Result<bool, Problem> {
        let mut list = List { prefix: ObjectName::history_prefix(entity), ..List::default() };
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

/// What is compared of an object; nothing where there is none.
async fn comparable(tools: &Tools, name: &ObjectName) -> Result<Option<String>, Problem> {
    let object = tools.store.get(&name.to_string(), None).await?;
    Ok(object.and_then(|object| volatile::comparable(name, &object.body)))
}
