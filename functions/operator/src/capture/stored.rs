//! Derived objects, as they are stored now.

use domain::ObjectName;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use store::{ErrorKind, List};

use super::Captured;
use super::folder::Folder;
use crate::{Operator, Problem};

/// How many objects are read at the same time.
const READS_AT_ONCE: usize = 16;

/// Snapshots, manifests and pointers of the entities that were captured, and the registers of
/// segments that were captured wholly: others have members of which the history is not here.
pub(super) async fn all(
    operator: &Operator<'_>,
    folder: &Folder,
    captured: &mut Captured,
) -> Result<(), Problem> {
    let segments: Vec<String> = captured.entities.keys().cloned().collect();
    for segment in &segments {
        for below in ["snapshots/{}/", "manifests/{}/by-id/", "indices/{}/"] {
            let below = below.replace("{}", segment);
            let prefix = format!("env/{}/{below}", operator.env);
            let mut list = List { prefix, ..List::default() };
            loop {
                let page = operator.tools.store.list(&list).await?;
                let names = page.items.into_iter().map(|item| item.name);
                let names: Vec<String> = names.filter(|name| captured.concerns(name)).collect();
                read(operator, names, folder, captured).await?;
                match page.next_page_token {
                    Some(token) => list.page_token = Some(token),
                    None => break,
                }
            }
        }
    }
    Ok(())
}

impl Captured {
    fn concerns(&self, name: &str) -> bool {
        let has = |segment: &str, id: &str| {
            self.entities.get(segment).is_some_and(|ids| ids.contains(id))
        };
        match ObjectName::parse(name) {
            Ok(ObjectName::Snapshot(entity) | ObjectName::Manifest(entity)) => {
                has(&entity.segment, &entity.id)
            }
            Ok(ObjectName::Pointer(pointer)) => has(&pointer.entity.segment, &pointer.entity.id),
            Ok(ObjectName::Register { segment, .. } | ObjectName::Bundle { segment, .. }) => {
                self.whole.contains(&segment)
            }
            _ => false,
        }
    }
}

async fn read(
    operator: &Operator<'_>,
    names: Vec<String>,
    folder: &Folder,
    captured: &mut Captured,
) -> Result<(), Problem> {
    let reads = names.into_iter().map(|name| async move {
        match operator.tools.store.get(&name, None).await {
            Ok(object) => Ok((name, object)),
            Err(err) if err.kind == ErrorKind::Unusable => Ok((name, None)),
            Err(err) => Err(Problem::from(err)),
        }
    });
    let mut reads = stream::iter(reads).buffered(READS_AT_ONCE);
    while let Some((name, object)) = reads.try_next().await? {
        let Some(object) = object else {
            captured.left_out.push(format!("{name}: it cannot be read"));
            continue;
        };
        folder.stored(&name, &object.generation.to_string(), &object.body)?;
        captured.stored += 1;
        let (records, stored) = (captured.records.len(), captured.stored);
        operator.screen.progress(operator.tools.clock.now(), || {
            format!("{records} records, {stored} derived objects")
        });
    }
    Ok(())
}
