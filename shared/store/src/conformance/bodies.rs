//! Bodies come back as they went in.

use bytes::Bytes;
use domain::BoxFuture;

use super::{Named, Place, Verdict, fails, same};
use crate::{CONTENT_BYTES_MAX, ErrorKind, Metadata, Precondition};

/// Sizes above every buffer on the way.
const LARGE_BYTES: [u32; 3] = [64 * 1024 + 1, 1024 * 1024, 5 * 1024 * 1024];

/// What a reader of lines, of headers or of parts would stumble over.
const ODD: [&[u8]; 9] = [
    b"\n",
    b"\r\n\r\n",
    b"\0",
    b"\xff\xfe\x80",
    b"\xef\xbb\xbf{}",
    b" \t{} \r\n",
    b"--\r\n",
    b"\r\n--boundary--\r\n--strata-0--\r\nContent-Type: text/plain\r\n\r\n",
    b"0\r\n\r\n",
];

pub(super) const CHECKS: &[Named] = &[
    ("an empty body is an object", empty),
    ("a large body of all bytes comes back whole", large),
    ("no body has a meaning of its own", odd),
    ("what is compressed and not said to be comes back compressed", compressed),
    ("content beyond the bound is refused", beyond),
];

fn empty<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let generation = at.create("empty.json", "").await?;
        let object = at.live("empty.json").await?;
        same("body", object.body.len(), 0)?;
        same("generation", object.generation, generation)?;
        let second = at.put("empty.json", "full", Precondition::At(generation)).await?;
        at.put("empty.json", "", Precondition::At(second)).await?;
        same("empty again", at.body("empty.json", None).await?, Some(String::new()))?;
        let sizes: Vec<_> = at.versions("empty.json").await?.iter().map(|v| v.size_bytes).collect();
        same("sizes", sizes, vec![0, 4, 0])
    })
}

fn large<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for size in LARGE_BYTES {
            let bytes = (0..size).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]);
            let body: Bytes = bytes.collect::<Vec<u8>>().into();
            let name = format!("large-{size}.bin");
            at.create_with(&name, body.clone(), &Metadata::new()).await?;
            let object = at.live(&name).await?;
            same("length", object.body.len(), body.len())?;
            same("equal bytes", object.body == body, true)?;
            let listed = at.versions(&name).await?;
            same("size", listed.first().map(|v| v.size_bytes), Some(u64::from(size)))?;
        }
        Ok(())
    })
}

fn odd<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for (number, body) in ODD.into_iter().enumerate() {
            for name in [format!("{number}.json"), format!("{number}.bin"), format!("{number}")] {
                at.create_with(&name, Bytes::from_static(body), &Metadata::new()).await?;
                same("body", at.live(&name).await?.body.as_ref(), body)?;
            }
        }
        Ok(())
    })
}

fn compressed<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let body = Bytes::from_static(super::encoded::GZIP);
        for name in ["a.json.gz", "a.json", "a"] {
            at.create_with(name, body.clone(), &Metadata::new()).await?;
            same(name, at.live(name).await?.body, body.clone())?;
        }
        Ok(())
    })
}

fn beyond<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let body = Bytes::from(vec![0; CONTENT_BYTES_MAX + 1]);
        let name = at.name("beyond.bin");
        let put = at.store.put(&name, body, &Metadata::new(), Precondition::Absent).await;
        fails("more content", ErrorKind::Unusable, put)?;
        same("what is there", at.get("beyond.bin", None).await?, None)
    })
}
