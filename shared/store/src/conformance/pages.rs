//! Lists of more than one page.

use std::collections::BTreeSet;

use domain::{BoxFuture, Generation};

use super::join::join_all;
use super::{Named, Place, Verdict, same};
use crate::{List, PAGE_ITEMS_MAX, Page};

/// Two full pages and a half.
const MANY: usize = 2 * PAGE_ITEMS_MAX + PAGE_ITEMS_MAX / 2;

/// More pages than any list here has.
const PAGES_MAX: usize = 40;

/// Objects that are created at once.
const AT_ONCE: usize = 20;

pub(super) const CHECKS: &[Named] = &[
    ("a long list comes in pages, each object once, in order", pages),
    ("a page token survives the end of the object that it was given after", token_survives),
    ("a delimiter rolls names up once, across pages too", folders),
];

impl Place<'_> {
    /// All pages in one, and how many there were.
    async fn list_all(&self, mut list: List) -> Result<(Page, usize), String> {
        let mut all = Page::default();
        for pages in 1..=PAGES_MAX {
            let page = self.list(&list).await?;
            let entries = page.items.len() + page.prefixes.len();
            same("a page within its bound", entries <= PAGE_ITEMS_MAX, true)?;
            all.items.extend(page.items);
            all.prefixes.extend(page.prefixes);
            list.page_token = page.next_page_token;
            if list.page_token.is_none() {
                return Ok((all, pages));
            }
        }
        Err(format!("list {:?} does not end", list.prefix))
    }

    /// Creates these objects, several at once.
    async fn create_many(&self, names: &[String]) -> Result<(), String> {
        for names in names.chunks(AT_ONCE) {
            let creations = names.iter().map(|name| {
                Box::pin(self.create(name, "1")) as BoxFuture<'_, Result<Generation, String>>
            });
            for created in join_all(creations.collect()).await {
                created?;
            }
        }
        Ok(())
    }
}

/// Names by number, which have the same order, out of order.
fn numbered() -> Vec<String> {
    (0..MANY).map(|n| format!("{:05}", (n * 7919) % MANY)).collect()
}

fn pages<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        at.create_many(&numbered()).await?;
        let (page, pages) = at.list_all(at.all()).await?;
        let seen: Vec<_> = page.items.iter().map(|item| at.short(&item.name)).collect();
        let expected: Vec<_> = (0..MANY).map(|n| format!("{n:05}")).collect();
        same("at least as many pages as it takes", pages >= MANY.div_ceil(PAGE_ITEMS_MAX), true)?;
        same("equal names", seen == expected, true)?;
        let bounded = List {
            start_offset: Some(at.name("00300")),
            end_offset: Some(at.name("02300")),
            ..at.all()
        };
        let (page, _) = at.list_all(bounded).await?;
        let seen: Vec<_> = page.items.iter().map(|item| at.short(&item.name)).collect();
        same("equal names within offsets", seen == expected[300..2300], true)
    })
}

fn token_survives<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        at.create_many(&numbered()).await?;
        let first = at.list(&at.all()).await?;
        let shown = first.items.len();
        same("more to come", first.next_page_token.is_some() && shown < MANY, true)?;
        // The last one shown, the first one not shown, and one that comes between them.
        for gone in [shown - 1, shown] {
            let name = format!("{gone:05}");
            let generation = at.live(&name).await?.generation;
            at.delete(&name, generation).await?;
        }
        at.create(&format!("{:05}x", shown - 1), "1").await?;
        let rest = List { page_token: first.next_page_token, ..at.all() };
        let (rest, _) = at.list_all(rest).await?;
        let seen: Vec<_> = rest.items.iter().map(|item| at.short(&item.name)).collect();
        let between = format!("{:05}x", shown - 1);
        let seen: Vec<_> = seen.into_iter().filter(|name| *name != between).collect();
        let expected: Vec<_> = (shown + 1..MANY).map(|n| format!("{n:05}")).collect();
        same("the rest, each once", seen == expected, true)
    })
}

fn folders<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        // Folders of one, two or three objects, and objects between them.
        let name = |n: usize| match n % 4 {
            0 => format!("{n:05}"),
            _ => format!("{:05}/{}", n / 6, n % 6),
        };
        let names: Vec<_> = (0..MANY).map(name).collect();
        at.create_many(&names).await?;
        let list = List { delimiter: Some("/".to_owned()), ..at.all() };
        let (page, _) = at.list_all(list).await?;
        let seen: Vec<_> = page.prefixes.iter().map(|prefix| at.short(prefix)).collect();
        let rolled_up = |name: &String| Some(format!("{}/", name.split_once('/')?.0));
        let expected: BTreeSet<_> = names.iter().filter_map(rolled_up).collect();
        same("each prefix once, in order", seen == Vec::from_iter(expected), true)?;
        let seen: Vec<_> = page.items.iter().map(|item| at.short(&item.name)).collect();
        let mut expected: Vec<_> = names.into_iter().filter(|name| !name.contains('/')).collect();
        expected.sort_unstable();
        same("each object once, in order", seen == expected, true)
    })
}
