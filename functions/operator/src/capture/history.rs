//! History records, entity by entity.

use bytes::Bytes;
use domain::{EntityRef, ObjectName};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use store::{ErrorKind, List, Listed};

use super::folder::Folder;
use super::{Captured, Options};
use crate::{Operator, Problem};

/// How many records are read at the same time.
const READS_AT_ONCE: usize = 16;

/// Records of the segment, or of those of its entities that `options` name.
pub(super) async fn segment(
    operator: &Operator<'_>,
    options: &Options,
    segment: &str,
    folder: &Folder,
    captured: &mut Captured,
) -> Result<(), Problem> {
    let limit = usize::try_from(options.limit).unwrap_or(usize::MAX);
    let is_new = |items: &[Listed]| {
        options.since.is_none_or(|since| items.iter().any(|it| it.created_at >= since))
    };
    for id in &options.id {
        let entity = EntityRef::new(operator.env, segment, id)
            .map_err(|err| Problem::new(format!("{id:?} is no id: {err}")))?;
        self::entity(operator, &entity, is_new, folder, captured).await?;
    }
    if !options.id.is_empty() {
        return Ok(());
    }
    let prefix = format!("env/{}/{segment}/", operator.env);
    let mut list = List { prefix, ..List::default() };
    let mut waiting: Option<(EntityRef, Vec<Listed>)> = None;
    loop {
        let page = operator.tools.store.list(&list).await?;
        for item in page.items {
            let Ok(ObjectName::History(name)) = ObjectName::parse(&item.name) else { continue };
            match &mut waiting {
                // Names of one entity follow each other.
                Some((entity, items)) if *entity == name.entity => items.push(item),
                _ => {
                    let before = waiting.replace((name.entity, vec![item]));
                    if !keep(operator, before, is_new, limit, folder, captured).await? {
                        return Ok(());
                    }
                }
            }
        }
        match page.next_page_token {
            Some(token) => list.page_token = Some(token),
            None => break,
        }
    }
    let all = keep(operator, waiting, is_new, limit, folder, captured).await?;
    if all && options.since.is_none() {
        captured.whole.insert(segment.to_owned());
    }
    Ok(())
}

/// Reads the records of an entity, if they are wanted; `false` when they would be too many.
async fn keep(
    operator: &Operator<'_>,
    found: Option<(EntityRef, Vec<Listed>)>,
    is_wanted: impl Fn(&[Listed]) -> bool,
    limit: usize,
    folder: &Folder,
    captured: &mut Captured,
) -> Result<bool, Problem> {
    let Some((entity, items)) = found.filter(|(_, items)| is_wanted(items)) else {
        return Ok(true);
    };
    if captured.records.len() + items.len() > limit {
        return Ok(false);
    }
    read(operator, &entity, items, folder, captured).await?;
    Ok(true)
}

/// All records of `entity`, if they are wanted.
pub(super) async fn entity(
    operator: &Operator<'_>,
    entity: &EntityRef,
    is_wanted: impl Fn(&[Listed]) -> bool,
    folder: &Folder,
    captured: &mut Captured,
) -> Result<(), Problem> {
    if captured.entities.get(&entity.segment).is_some_and(|ids| ids.contains(&entity.id)) {
        return Ok(());
    }
    let mut list = List { prefix: ObjectName::history_prefix(entity), ..List::default() };
    let mut items = Vec::new();
    loop {
        let page = operator.tools.store.list(&list).await?;
        let is_record =
            |it: &Listed| matches!(ObjectName::parse(&it.name), Ok(ObjectName::History(_)));
        items.extend(page.items.into_iter().filter(is_record));
        match page.next_page_token {
            Some(token) => list.page_token = Some(token),
            None => break,
        }
    }
    if is_wanted(&items) {
        read(operator, entity, items, folder, captured).await?;
    }
    Ok(())
}

async fn read(
    operator: &Operator<'_>,
    entity: &EntityRef,
    items: Vec<Listed>,
    folder: &Folder,
    captured: &mut Captured,
) -> Result<(), Problem> {
    let reads = items.into_iter().map(|item| async move {
        match operator.tools.store.get(&item.name, None).await {
            Ok(object) => Ok((item, object.map(|object| object.body))),
            Err(err) if err.kind == ErrorKind::Unusable => Ok((item, None)),
            Err(err) => Err(Problem::from(err)),
        }
    });
    let mut reads = stream::iter(reads).buffered(READS_AT_ONCE);
    while let Some((item, body)) = reads.try_next().await? {
        let body: Option<Bytes> = body;
        let Some(body) = body else {
            captured.left_out.push(format!("{}: it cannot be read", item.name));
            continue;
        };
        let file = folder.record(captured.records.len() + 1, &body)?;
        captured.records.push((item.created_at, file, item.name));
        let records = captured.records.len();
        operator.screen.progress(operator.tools.clock.now(), || format!("{records} records"));
    }
    let ids = captured.entities.entry(entity.segment.clone()).or_default();
    ids.insert(entity.id.clone());
    Ok(())
}
