//! Names stand verbatim: no character has a meaning of its own.

use domain::BoxFuture;

use super::{Named, Place, Verdict, same};
use crate::List;

/// Each with what an encoding error would turn into another or make unreadable.
const HOSTILE: [&str; 22] = [
    "a/b/c.json",
    "a//b.json",
    "space here.json",
    "%41.json",
    "A.json",
    "%2F.json",
    "100%.json",
    "a+b.json",
    "a b.json",
    "2025-11-06T10:18:22.000Z_01HFB9.json",
    "a&b=c.json",
    "key=value.ndjson",
    "question?.json",
    "hash#1.json",
    "semi;comma,at@dollar$.json",
    "quotes\"'.json",
    "back\\slash^`{|}<>.json",
    "star*!().json",
    "東京.json",
    "é.json",
    "🦀/Ω.json",
    "~tilde-dash_dot.json",
];

pub(super) const CHECKS: &[Named] = &[
    ("every name is an object of its own", verbatim),
    ("a list gives names verbatim, in the order of UTF-8", listed),
    ("a prefix is taken verbatim", prefix),
    ("names that differ only in normalization are different", normalization),
];

fn verbatim<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for name in HOSTILE {
            at.create(name, name).await?;
        }
        for name in HOSTILE {
            same(name, at.body(name, None).await?, Some(name.to_owned()))?;
        }
        for name in HOSTILE {
            let object = at.get(name, None).await?.ok_or("missing")?;
            let deleted = at.store.delete(&at.name(name), object.generation).await;
            same(name, deleted.map_err(|err| err.to_string())?, true)?;
        }
        Ok(())
    })
}

fn listed<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for name in HOSTILE {
            at.create(name, "1").await?;
        }
        let list = List { prefix: at.prefix.clone(), ..List::default() };
        let page = at.store.list(&list).await.map_err(|err| err.to_string())?;
        let seen: Vec<_> = page.items.into_iter().map(|item| item.name).collect();
        let mut expected = HOSTILE.map(|name| at.name(name)).to_vec();
        expected.sort_unstable();
        same("names", seen, expected)
    })
}

fn prefix<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for name in HOSTILE {
            at.create(name, "1").await?;
        }
        for name in HOSTILE {
            let list = List { prefix: at.name(name), ..List::default() };
            let page = at.store.list(&list).await.map_err(|err| err.to_string())?;
            let seen: Vec<_> = page.items.into_iter().map(|item| item.name).collect();
            same("names", seen, vec![at.name(name)])?;
            let versions =
                at.store.versions(&at.name(name)).await.map_err(|err| err.to_string())?;
            same(name, versions.len(), 1)?;
        }
        Ok(())
    })
}

fn normalization<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        at.create("\u{e9}.json", "composed").await?;
        at.create("e\u{301}.json", "decomposed").await?;
        let composed = at.body("\u{e9}.json", None).await?;
        same("composed", composed, Some("composed".to_owned()))
    })
}
