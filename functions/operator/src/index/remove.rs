//! `index drop`: the objects of one index folder, deleted under their generations.

use domain::ObjectName;
use futures_util::{StreamExt as _, stream};
use store::{ErrorKind, List, Listed};

use super::BUNDLE;
use crate::older::Older;
use crate::{Operator, Problem, subject};

/// How many objects are deleted at the same time.
const AT_ONCE: usize = 16;

/// What became of the objects.
#[derive(Default)]
struct Dropped {
    objects: u64,
    changed: u64,
    pages: u64,
}

/// Deletes what lies under `indices/{segment}/{index}/`. Interrupted, the next run finds what is
/// left.
///
/// What a request to a release that declares the index wrote after the list would stay for ever,
/// so with `wait` nothing is listed before such a request has ended.
pub(crate) async fn run(
    operator: &Operator<'_>,
    (segment, index): (&str, &str),
    dry: bool,
    wait: bool,
) -> Result<bool, Problem> {
    let is_folder = !index.contains('/') && index.starts_with(|c: char| c.is_ascii_lowercase());
    let prefix = match index {
        BUNDLE => ObjectName::Bundle { env: operator.env, segment: segment.to_owned() }.to_string(),
        _ if is_folder => format!("env/{}/indices/{segment}/{index}/", operator.env),
        _ => {
            let problem = format!("{index:?} is no folder of an index, such as by-status");
            return Err(Problem::new(problem));
        }
    };
    let older = Older::new(operator, wait && !dry);
    older.ended(operator, format_args!("index drop {segment} {index}")).await;
    let mut list = List { prefix, ..List::default() };
    let mut dropped = Dropped::default();
    loop {
        let page = operator.tools.store.list(&list).await?;
        dropped.pages += 1;
        if dry {
            dropped.objects += page.items.len() as u64;
        } else {
            delete(operator, page.items, &mut dropped).await?;
        }
        operator.screen.progress(operator.tools.clock.now(), || {
            format!("index drop {segment} {index}: {} objects", dropped.objects)
        });
        match page.next_page_token {
            Some(token) => list.page_token = Some(token),
            None => break,
        }
    }
    let Dropped { objects, changed, pages } = dropped;
    // What a kind that is gone has left can be dropped; what was never there is a slip of the pen.
    if objects + changed == 0 {
        subject::segment(operator, segment)?;
    }
    let would = if dry { "would delete" } else { "deleted" };
    let dollars = store::dollars(pages, 0);
    operator.screen.say(&format!(
        "index drop {segment} {index}: {would} {objects} objects; {pages} A + {objects} deletes, \
         which are free, ${dollars:.4}"
    ))?;
    if changed > 0 {
        operator.screen.say(&format!(
            "  {changed} objects were written meanwhile and are left: a release that declares the \
             index is still running; run it again when it is not"
        ))?;
    }
    Ok(changed == 0)
}

async fn delete(
    operator: &Operator<'_>,
    items: Vec<Listed>,
    dropped: &mut Dropped,
) -> Result<(), Problem> {
    let store = &operator.tools.store;
    let deletes = stream::iter(items)
        .map(|item| async move { store.delete(&item.name, item.generation).await });
    let mut deletes = deletes.buffered(AT_ONCE);
    while let Some(deleted) = deletes.next().await {
        match deleted {
            Ok(deleted) => dropped.objects += u64::from(deleted),
            Err(err) if err.kind == ErrorKind::Conflict => dropped.changed += 1,
            Err(err) => return Err(err.into()),
        }
    }
    Ok(())
}
