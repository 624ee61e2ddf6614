//! Lists: pages, prefix, delimiter, offsets, and what is live.

use domain::BoxFuture;

use super::{Named, Place, Verdict, same};
use crate::{List, PAGE_ITEMS_MAX, Page, Precondition};

/// Two full pages and a half.
const MANY: usize = 2 * PAGE_ITEMS_MAX + PAGE_ITEMS_MAX / 2;

/// More pages than any list here has.
const PAGES_MAX: usize = 8;

pub(super) const CHECKS: &[Named] = &[
    ("a list of nothing is one empty page", nothing),
    ("a long list comes in full pages, each object once, in order", pages),
    ("a list shows what was written, replaced and deleted at once", consistent),
    ("a delimiter rolls names up, across pages too", delimiter),
    ("offsets bound a list, the first inclusive, the last exclusive", offsets),
];

impl Place<'_> {
    async fn list(&self, list: &List) -> Result<Page, String> {
        self.store.list(list).await.map_err(|err| format!("list {list:?}: {err}"))
    }

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

    /// The names of a list, without the prefix of the check.
    async fn names(&self, list: List) -> Result<Vec<String>, String> {
        let (page, _) = self.list_all(list).await?;
        let short = |name: &str| name.strip_prefix(&self.prefix).unwrap_or(name).to_owned();
        Ok(page.items.iter().map(|item| short(&item.name)).collect())
    }

    fn all(&self) -> List {
        List { prefix: self.prefix.clone(), ..List::default() }
    }
}

fn nothing<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move { same("page", at.list(&at.all()).await?, Page::default()) })
}

fn pages<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        // Written out of order; five digits keep the order of numbers and names the same.
        for n in 0..MANY {
            at.create(&format!("{:05}", (n * 7919) % MANY), "1").await?;
        }
        let (page, pages) = at.list_all(at.all()).await?;
        let seen: Vec<_> = page.items.into_iter().map(|item| item.name).collect();
        let expected: Vec<_> = (0..MANY).map(|n| at.name(&format!("{n:05}"))).collect();
        same("pages", pages, MANY.div_ceil(PAGE_ITEMS_MAX))?;
        same("equal names", seen == expected, true)?;
        let folders = List { delimiter: Some("0".to_owned()), ..at.all() };
        let (page, _) = at.list_all(folders).await?;
        let mut once = page.prefixes.clone();
        once.dedup();
        same("each prefix once", page.prefixes, once)
    })
}

fn consistent<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("a", "1").await?;
        let second = at.put("a", "4444", Precondition::At(first)).await?;
        let gone = at.create("b", "1").await?;
        at.store.delete(&at.name("b"), gone).await.map_err(|err| err.to_string())?;
        let page = at.list(&at.all()).await?;
        let seen: Vec<_> =
            page.items.iter().map(|i| (i.generation, i.size_bytes, i.live)).collect();
        same("items", seen, vec![(second, 4, true)])
    })
}

fn delimiter<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for name in ["a", "a/1", "a/2", "a/b/3", "b", "c/1", "c/2", "d//e"] {
            at.create(name, "1").await?;
        }
        let list = List { delimiter: Some("/".to_owned()), ..at.all() };
        let (page, _) = at.list_all(list.clone()).await?;
        same("prefixes", page.prefixes, ["a/", "c/", "d/"].map(|name| at.name(name)).to_vec())?;
        same("items", at.names(list.clone()).await?, vec!["a".to_owned(), "b".to_owned()])?;
        let below = List { prefix: at.name("a/"), ..list };
        let (page, _) = at.list_all(below.clone()).await?;
        same("prefixes below", page.prefixes, vec![at.name("a/b/")])?;
        same("items below", at.names(below).await?, vec!["a/1".to_owned(), "a/2".to_owned()])
    })
}

fn offsets<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for name in ["a", "b", "c", "d"] {
            at.create(name, "1").await?;
        }
        let within = |start: Option<&str>, end: Option<&str>| List {
            start_offset: start.map(|name| at.name(name)),
            end_offset: end.map(|name| at.name(name)),
            ..at.all()
        };
        let expect = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        same("from b", at.names(within(Some("b"), None)).await?, expect(&["b", "c", "d"]))?;
        same("up to c", at.names(within(None, Some("c"))).await?, expect(&["a", "b"]))?;
        let between = at.names(within(Some("aa"), Some("cc"))).await?;
        same("between names", between, expect(&["b", "c"]))?;
        same("nothing between", at.names(within(Some("c"), Some("c"))).await?, expect(&[]))
    })
}
