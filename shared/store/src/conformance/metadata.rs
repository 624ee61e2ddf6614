//! Custom metadata: what survives, and what is refused.

use bytes::Bytes;
use domain::BoxFuture;

use super::{Named, Place, Verdict, fails, same};
use crate::{ErrorKind, METADATA_BYTES_MAX, Metadata, Precondition};

/// Keys and values that cannot come back as they went in.
const REFUSED: [(&str, &str); 9] = [
    ("Upper", "x"),
    ("", "x"),
    ("ke y", "x"),
    ("ké", "x"),
    ("k", "é"),
    ("k", "a\nb"),
    ("k", "a\0b"),
    ("k", " a"),
    ("k", "a "),
];

pub(super) const CHECKS: &[Named] = &[
    ("metadata belongs to its version", of_version),
    ("metadata survives a delete with its version", of_deleted),
    ("metadata of many keys comes back", many),
    ("the most metadata is accepted and more is refused", bound),
    ("metadata that would come back as another is refused", refused),
];

/// Punctuation in values, and every kind of character that a key may have.
fn rich() -> Metadata {
    let pairs = [
        ("source-object", "env/dev/a b/%41+&=:\"\\.json"),
        ("base_key", "~"),
        ("dotted.key", "a,b;c=d"),
        ("0", "{\"json\":[1,2]}"),
        ("z", ""),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn of_version<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let metadata = rich();
        let first = at.create_with("metadata.json", "", &metadata).await?;
        same("metadata", &at.live("metadata.json").await?.metadata, &metadata)?;
        at.put("metadata.json", "second", Precondition::At(first)).await?;
        let read = at.live("metadata.json").await?;
        same("metadata of the next version", read.metadata, Metadata::new())?;
        let old = at.get("metadata.json", Some(first)).await?.ok_or("old generation is gone")?;
        same("metadata of the old version", &old.metadata, &metadata)
    })
}

fn of_deleted<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let metadata = rich();
        let first = at.create_with("gone.json", "1", &metadata).await?;
        at.delete("gone.json", first).await?;
        let old = at.get("gone.json", Some(first)).await?.ok_or("old generation is gone")?;
        same("metadata of the deleted version", &old.metadata, &metadata)?;
        at.create("gone.json", "2").await?;
        let read = at.live("gone.json").await?;
        same("metadata of what is created again", read.metadata, Metadata::new())
    })
}

fn many<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        // Four letters and four digits each.
        let pairs = (0..METADATA_BYTES_MAX / 8).map(|n| (format!("k{n:03x}"), format!("{n:04}")));
        let metadata: Metadata = pairs.collect();
        at.create_with("many.json", "1", &metadata).await?;
        same("equal metadata", at.live("many.json").await?.metadata == metadata, true)
    })
}

fn bound<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let of = |bytes: usize| Metadata::from([("k".to_owned(), "v".repeat(bytes - 1))]);
        let most = of(METADATA_BYTES_MAX);
        at.create_with("bound.json", "", &most).await?;
        same("equal metadata", at.live("bound.json").await?.metadata == most, true)?;
        let (name, beyond) = (at.name("beyond.json"), of(METADATA_BYTES_MAX + 1));
        let put = at.store.put(&name, Bytes::new(), &beyond, Precondition::Absent).await;
        fails("more metadata", ErrorKind::Rejected, put)?;
        same("what is there", at.get("beyond.json", None).await?, None)
    })
}

fn refused<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for (key, value) in REFUSED {
            let metadata = Metadata::from([(key.to_owned(), value.to_owned())]);
            let name = at.name("refused.json");
            let put = at.store.put(&name, Bytes::new(), &metadata, Precondition::Absent).await;
            fails(&format!("metadata {key:?}: {value:?}"), ErrorKind::Rejected, put)?;
        }
        same("what is there", at.get("refused.json", None).await?, None)
    })
}
