//! Places in indices that no entity has.

use std::collections::BTreeMap;

use domain::definitions::IndexKind;
use domain::{ObjectName, PointerName};
use store::Listed;

use super::finding::{Fate, Finding, Kind};
use super::part::number_of;
use super::repair::is_tombstone;
use super::segment::{SUSPECTS_MAX, Segment};
use super::view::is_register;
use crate::pages::Pages;
use crate::why::{environment, quoted};
use crate::{Problem, index};

impl Segment<'_, '_> {
    /// Index objects that no entity has a place for.
    pub(super) async fn index_objects(&mut self) -> Result<(), Problem> {
        let (env, segment) = (self.run.env(), self.definition.segment.clone());
        let mut undeclared: BTreeMap<String, u64> = BTreeMap::new();
        let mut pages = Pages::of(format!("env/{env}/indices/{segment}/"));
        while let Some(page) = pages.next(&*self.run.tools.store).await? {
            for item in page.items {
                let name = match ObjectName::parse(&item.name) {
                    Ok(name) => name,
                    Err(err) => {
                        self.run.suspect_garbage(item, err.to_string(), true).await?;
                        continue;
                    }
                };
                let folder = match &name {
                    ObjectName::Pointer(pointer) => &pointer.index,
                    ObjectName::Register { index, .. } => index,
                    ObjectName::Bundle { .. } => index::BUNDLE,
                    _ => continue,
                };
                let declared = self.definition.indices.iter();
                let declared = declared.filter(|it| index::place(it) == *folder).count() > 0;
                match &name {
                    _ if !declared => {
                        if self.run.part.has_object(&item.name, item.created_at) {
                            *undeclared.entry(folder.to_string()).or_default() += 1;
                        }
                    }
                    ObjectName::Pointer(pointer) if self.is_pointer(pointer) => {
                        self.pointer(&name, &pointer.entity.id, &item).await?;
                    }
                    _ if is_register(&name, self.definition) => (),
                    _ => {
                        let what = "is no name that its index gives".to_owned();
                        self.run.suspect_garbage(item, what, true).await?;
                    }
                }
            }
            self.run.progress(&segment);
            if self.suspects.len() >= SUSPECTS_MAX {
                self.settle().await?;
            }
        }
        for (folder, count) in undeclared {
            self.undeclared(&folder, count)?;
        }
        Ok(())
    }

    fn is_pointer(&self, pointer: &PointerName) -> bool {
        self.definition.indices.iter().any(|index| {
            index.kind() == IndexKind::Pointers
                && index.folder() == pointer.index
                && index.keys.len() == pointer.keys.len()
        })
    }

    async fn pointer(&mut self, name: &ObjectName, id: &str, item: &Listed) -> Result<(), Problem> {
        if !self.run.part.has(id) || self.expected.contains(&number_of(name)) {
            return Ok(());
        }
        match self.run.tools.look(&item.name).await? {
            Some(object) if object.generation == item.generation && is_tombstone(&object.body) => {
                self.run.old_tombstone(item).await
            }
            Some(_) => {
                self.suspects.entry(id.to_owned()).or_default().also.insert(name.clone());
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// An index that is declared no more is not mended entity by entity.
    fn undeclared(&mut self, folder: &str, count: u64) -> Result<(), Problem> {
        let (env, segment) = (self.run.env(), &self.definition.segment);
        let end = environment(env);
        let objects = if count == 1 { "object" } else { "objects" };
        self.run.found(&Finding {
            kind: Kind::Orphan,
            segment: segment.clone(),
            id: None,
            object: format!("env/{env}/indices/{segment}/{folder}"),
            what: format!("has {count} {objects} of an index that {segment} does not declare"),
            mend: format!("`operator index drop {segment} {}{end}`", quoted(folder)),
            fate: Fate::Left,
        })
    }
}
