//! Bodies and metadata come back as they went in.

use bytes::Bytes;
use domain::BoxFuture;

use super::{Named, Place, Verdict, same};
use crate::{ErrorKind, METADATA_BYTES_MAX, Metadata, Precondition};

/// A size above every buffer on the way.
const LARGE_BYTES: u32 = 1024 * 1024;

pub(super) const CHECKS: &[Named] = &[
    ("an empty body is an object", empty),
    ("a large body of all bytes comes back whole", large),
    ("metadata belongs to its version", metadata_of_version),
    ("the most metadata is accepted and more is refused", metadata_bound),
];

fn empty<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let generation = at.create("empty.json", "").await?;
        let object = at.get("empty.json", None).await?.ok_or("an empty object is missing")?;
        same("body", object.body.len(), 0)?;
        same("generation", object.generation, generation)
    })
}

fn large<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let bytes = (0..LARGE_BYTES).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]);
        let body: Bytes = bytes.collect::<Vec<u8>>().into();
        let name = at.name("large.bin");
        let put = at.store.put(&name, body.clone(), &Metadata::new(), Precondition::Absent).await;
        put.map_err(|err| err.to_string())?;
        let object = at.get("large.bin", None).await?.ok_or("a large object is missing")?;
        same("length", object.body.len(), body.len())?;
        same("equal bytes", object.body == body, true)
    })
}

fn metadata_of_version<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let pairs =
            [("source-object", "env/dev/a b/%41+&=:\"\\.json"), ("base_key", "~"), ("z", "")];
        let metadata: Metadata = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let name = at.name("metadata.json");
        let first = at.store.put(&name, Bytes::new(), &metadata, Precondition::Absent).await;
        let first = first.map_err(|err| err.to_string())?;
        let read = at.get("metadata.json", None).await?.ok_or("missing")?;
        same("metadata", &read.metadata, &metadata)?;
        at.put("metadata.json", "second", Precondition::At(first)).await?;
        let read = at.get("metadata.json", None).await?.ok_or("missing")?;
        same("metadata of the next version", read.metadata, Metadata::new())?;
        let old = at.get("metadata.json", Some(first)).await?.ok_or("old generation is gone")?;
        same("metadata of the old version", &old.metadata, &metadata)
    })
}

fn metadata_bound<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let of = |bytes: usize| Metadata::from([("k".to_owned(), "v".repeat(bytes - 1))]);
        let name = at.name("bound.json");
        let most = of(METADATA_BYTES_MAX);
        let put = at.store.put(&name, Bytes::new(), &most, Precondition::Absent).await;
        put.map_err(|err| format!("the most metadata: {err}"))?;
        let read = at.get("bound.json", None).await?.ok_or("missing")?;
        same("equal metadata", read.metadata == most, true)?;
        let name = at.name("beyond.json");
        let beyond = of(METADATA_BYTES_MAX + 1);
        let put = at.store.put(&name, Bytes::new(), &beyond, Precondition::Absent).await;
        same("more metadata", put.map_err(|err| err.kind), Err(ErrorKind::Rejected))
    })
}
