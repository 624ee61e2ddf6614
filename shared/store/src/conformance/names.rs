//! Names stand verbatim: no character has a meaning of its own.

use bytes::Bytes;
use domain::BoxFuture;

use super::{Named, Place, Verdict, fails, same};
use crate::{ErrorKind, List, Metadata, Precondition};

/// The longest name in bytes of UTF-8. (Cloud Storage documentation, "Object names".)
const NAME_BYTES_MAX: usize = 1024;

/// Each with what an encoding error, a URL parser or a file system would turn into another or make
/// unreadable.
pub(super) const HOSTILE: [&str; 46] = [
    "a",
    "a/",
    "a/b",
    "a/b/c.json",
    "a//b.json",
    "a/./b.json",
    "a/../b.json",
    "a/..",
    ".",
    "..",
    "/lead.json",
    "//",
    ".hidden",
    "dots...",
    "a.json.",
    "space here.json",
    " around ",
    "%41.json",
    "A.json",
    "a.json",
    "%2F.json",
    "%252F.json",
    "100%.json",
    "a+b.json",
    "a b.json",
    "2025-11-06T10:18:22.000Z_01HFB9.json",
    "a&b=c.json",
    "key=value.ndjson",
    "question?.json",
    "hash#1.json",
    "hash#1700000000000000",
    "semi;comma,at@dollar$.json",
    "quotes\"'.json",
    "back\\slash^`{|}<>.json",
    "star*!().json",
    "[a-z]?*.json",
    "tab\there.json",
    "con",
    "aux.json",
    "東京.json",
    "é.json",
    "e\u{301}.json",
    "🦀/Ω.json",
    // Before the crab as UTF-8, after it as UTF-16.
    "～wide.json",
    "\u{202e}nosj.json",
    "~tilde-dash_dot.json",
];

/// What the service refuses. (Cloud Storage documentation, "Object names".)
const REFUSED: [&str; 8] =
    ["", ".", "..", "a\nb", "a\rb", "\n", "end\r\n", ".well-known/acme-challenge/a"];

pub(super) const CHECKS: &[Named] = &[
    ("every name is an object of its own", verbatim),
    ("a list gives names verbatim, in the order of UTF-8", listed),
    ("a prefix is taken verbatim", prefix),
    ("names that differ only in normalization or case are different", normalization),
    ("the longest names work, and longer ones are refused", longest),
    ("names that the service refuses are refused", refused),
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
            let generation = at.live(name).await?.generation;
            same(name, at.delete(name, generation).await?, true)?;
            same(name, at.body(name, None).await?, None)?;
            same(name, at.body(name, Some(generation)).await?, Some(name.to_owned()))?;
        }
        Ok(())
    })
}

fn listed<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for name in HOSTILE {
            at.create(name, "1").await?;
        }
        let page = at.list(&at.all()).await?;
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
        let mut sorted = HOSTILE;
        sorted.sort_unstable();
        for name in HOSTILE {
            let list = List { prefix: at.name(name), ..List::default() };
            let page = at.list(&list).await?;
            let seen: Vec<_> = page.items.iter().map(|item| at.short(&item.name)).collect();
            let expected: Vec<_> =
                sorted.into_iter().filter(|it| it.starts_with(name)).map(str::to_owned).collect();
            same(&format!("names that begin with {name:?}"), seen, expected)?;
            same(name, at.versions(name).await?.len(), 1)?;
        }
        Ok(())
    })
}

fn normalization<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let names =
            ["\u{e9}.json", "e\u{301}.json", "\u{c9}.json", "E\u{301}.json", "K", "k", "\u{212a}"];
        for name in names {
            at.create(name, name).await?;
        }
        for name in names {
            same(name, at.body(name, None).await?, Some(name.to_owned()))?;
        }
        same("objects", at.list(&at.all()).await?.items.len(), names.len())
    })
}

fn longest<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        // One segment, many segments, characters of three bytes, each of them escaped in a URL.
        for filling in ["x", "a/", "東", "%"] {
            let room = NAME_BYTES_MAX - at.prefix.len();
            let mut name = filling.repeat(room / filling.len());
            name.push_str(&"y".repeat(room - name.len()));
            at.create(&name, filling).await?;
            same(filling, at.body(&name, None).await?, Some(filling.to_owned()))?;
            same(filling, at.versions(&name).await?.len(), 1)?;
            let beyond = at.try_put(&format!("{name}z"), "1", Precondition::Absent).await;
            fails("a longer name", ErrorKind::Rejected, beyond)?;
        }
        same("objects", at.list(&at.all()).await?.items.len(), 4)
    })
}

fn refused<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for name in REFUSED {
            let metadata = Metadata::new();
            let put = at.store.put(name, Bytes::new(), &metadata, Precondition::Absent).await;
            fails(&format!("put {name:?}"), ErrorKind::Rejected, put)?;
        }
        Ok(())
    })
}
