//! Lists: prefix, delimiter, offsets, and what is live.

use domain::BoxFuture;

use super::{Named, Place, Verdict, fails, same};
use crate::{ErrorKind, List, Page, Precondition};

pub(super) const CHECKS: &[Named] = &[
    ("a list of nothing is one empty page", nothing),
    ("a list shows what was written, replaced and deleted at once", consistent),
    ("a prefix is any beginning of a name", prefixes),
    ("a delimiter rolls names up", delimiter),
    ("a delimiter may be any character, and an empty one is none", delimiters),
    ("offsets bound a list, the first inclusive, the last exclusive", offsets),
    ("offsets, prefix and delimiter work together", together),
    ("a page token of somebody else is refused", foreign_token),
];

/// Items and prefixes, without the prefix of the check.
type Entries = (Vec<String>, Vec<String>);

impl Place<'_> {
    /// What a list of one page holds.
    async fn entries(&self, list: List) -> Result<Entries, String> {
        let page = self.list(&list).await?;
        same("token of the only page", page.next_page_token, None)?;
        let items = page.items.iter().map(|item| self.short(&item.name)).collect();
        let prefixes = page.prefixes.iter().map(|prefix| self.short(prefix)).collect();
        Ok((items, prefixes))
    }

    async fn create_all(&self, names: &[&str]) -> Result<(), String> {
        for name in names {
            self.create(name, "1").await?;
        }
        Ok(())
    }

    fn below(&self, prefix: &str) -> List {
        List { prefix: self.name(prefix), ..List::default() }
    }

    fn within(&self, start: Option<&str>, end: Option<&str>) -> List {
        List {
            start_offset: start.map(|name| self.name(name)),
            end_offset: end.map(|name| self.name(name)),
            ..self.all()
        }
    }
}

fn entries(items: &[&str], prefixes: &[&str]) -> Entries {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    (owned(items), owned(prefixes))
}

fn nothing<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        same("page", at.list(&at.all()).await?, Page::default())?;
        let gone = at.create("a", "1").await?;
        at.delete("a", gone).await?;
        same("page of what was deleted", at.list(&at.all()).await?, Page::default())?;
        let rolled_up = List { delimiter: Some("/".to_owned()), ..at.all() };
        same("rolled up", at.list(&rolled_up).await?, Page::default())
    })
}

fn consistent<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let first = at.create("a", "1").await?;
        let second = at.put("a", "4444", Precondition::At(first)).await?;
        let gone = at.create("b", "1").await?;
        at.delete("b", gone).await?;
        let folder = at.create("c/1", "1").await?;
        at.delete("c/1", folder).await?;
        let page = at.list(&at.all()).await?;
        let seen: Vec<_> =
            page.items.iter().map(|i| (i.generation, i.size_bytes, i.live)).collect();
        same("items", seen, vec![(second, 4, true)])?;
        same("named like the prefix", at.entries(at.below("b")).await?, entries(&[], &[]))?;
        let folders = at.entries(List { delimiter: Some("/".to_owned()), ..at.all() }).await?;
        same("with folders", folders, entries(&["a"], &[]))
    })
}

fn prefixes<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        at.create_all(&["a", "a/", "a/b", "ab", "b", "é", "ê"]).await?;
        let all = ["a", "a/", "a/b", "ab", "b", "é", "ê"];
        for (prefix, expected) in [
            ("", &all[..]),
            ("a", &["a", "a/", "a/b", "ab"]),
            ("a/", &["a/", "a/b"]),
            ("a/b", &["a/b"]),
            ("a/b/", &[]),
            ("é", &["é"]),
            ("A", &[]),
            ("c", &[]),
        ] {
            same(prefix, at.entries(at.below(prefix)).await?, entries(expected, &[]))?;
        }
        Ok(())
    })
}

fn delimiter<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        at.create_all(&["a", "a/", "a/1", "a/2", "a/b/3", "b", "c/1", "c/2", "d//e", "/f"]).await?;
        for (prefix, items, prefixes) in [
            ("", &["a", "b"][..], &["/", "a/", "c/", "d/"][..]),
            ("a", &["a"], &["a/"]),
            // What is named like the prefix has nothing after it to roll up.
            ("a/", &["a/", "a/1", "a/2"], &["a/b/"]),
            ("a/b", &[], &["a/b/"]),
            ("d/", &[], &["d//"]),
            ("d//", &["d//e"], &[]),
            ("x", &[], &[]),
        ] {
            let list = List { delimiter: Some("/".to_owned()), ..at.below(prefix) };
            same(prefix, at.entries(list).await?, entries(items, prefixes))?;
        }
        Ok(())
    })
}

fn delimiters<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let names = ["1&2", "1é", "1é2", "a b", "x/y"];
        at.create_all(&names).await?;
        for (delimiter, items, prefixes) in [
            ("", &names[..], &[][..]),
            ("&", &["1é", "1é2", "a b", "x/y"], &["1&"]),
            ("é", &["1&2", "a b", "x/y"], &["1é"]),
            (" ", &["1&2", "1é", "1é2", "x/y"], &["a "]),
            ("#", &names, &[]),
        ] {
            let list = List { delimiter: Some(delimiter.to_owned()), ..at.all() };
            same(delimiter, at.entries(list).await?, entries(items, prefixes))?;
        }
        Ok(())
    })
}

fn offsets<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        at.create_all(&["a", "b", "c", "d", "é"]).await?;
        for (start, end, expected) in [
            (Some("b"), None, &["b", "c", "d", "é"][..]),
            (None, Some("c"), &["a", "b"]),
            (Some("aa"), Some("cc"), &["b", "c"]),
            (Some("c"), Some("c"), &[]),
            (Some("d"), Some("b"), &[]),
            (Some("ü"), None, &[]),
            (Some("e\u{301}"), None, &["é"]),
            (None, Some("é"), &["a", "b", "c", "d"]),
        ] {
            let seen = at.entries(at.within(start, end)).await?;
            same(&format!("from {start:?} to {end:?}"), seen, entries(expected, &[]))?;
        }
        Ok(())
    })
}

fn together<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        at.create_all(&["a/1", "a/2", "b", "c/1", "c/9", "d", "e/1"]).await?;
        let rolled_up = |list: List| List { delimiter: Some("/".to_owned()), ..list };
        // A name is within the offsets, or it is not, before it is rolled up.
        let list = rolled_up(at.within(Some("a/2"), Some("c/5")));
        same("rolled up", at.entries(list).await?, entries(&["b"], &["a/", "c/"]))?;
        let list = rolled_up(at.within(Some("a/3"), Some("c/1")));
        same("nothing left to roll up", at.entries(list).await?, entries(&["b"], &[]))?;
        let list = List { prefix: at.name("c/"), ..at.within(Some("a"), Some("c/9")) };
        same("under a prefix", at.entries(list).await?, entries(&["c/1"], &[]))?;
        let list = List { prefix: at.name("c/"), ..at.within(Some("d"), None) };
        same("past the prefix", at.entries(list).await?, entries(&[], &[]))
    })
}

fn foreign_token<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        at.create("a", "1").await?;
        for token in ["not a token!", "%%%"] {
            let list = List { page_token: Some(token.to_owned()), ..at.all() };
            fails(&format!("token {token:?}"), ErrorKind::Rejected, at.store.list(&list).await)?;
        }
        Ok(())
    })
}
