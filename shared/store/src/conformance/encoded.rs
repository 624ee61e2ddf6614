//! What others do to a bucket: content that is stored with gzip.

use bytes::Bytes;
use domain::BoxFuture;

use super::{Named, Place, Verdict, fails, same};
use crate::{ErrorKind, Precondition};

/// [`PLAIN`], compressed. (RFC 1952.)
pub(super) const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xab, 0x56, 0xca, 0x4c, 0x51, 0xb2,
    0x32, 0xac, 0xe5, 0x02, 0x00, 0x54, 0x6d, 0x9d, 0xd9, 0x09, 0x00, 0x00, 0x00,
];

const PLAIN: &str = "{\"id\":1}\n";

pub(super) const CHECKS: &[Named] = &[
    ("what is stored with gzip is read decompressed", decoded),
    ("what is said to be gzip and is not is unusable, and can be replaced", damaged),
];

fn decoded<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        let name = at.name("encoded.json");
        let uploaded = at.others()?.upload_gzip(&name, Bytes::from_static(GZIP)).await;
        let first = uploaded.map_err(|err| err.to_string())?;
        let live = at.live("encoded.json").await?;
        same("body", live.body.as_ref(), PLAIN.as_bytes())?;
        same("generation", live.generation, first)?;
        let stored = at.versions("encoded.json").await?;
        let sizes: Vec<_> = stored.iter().map(|version| version.size_bytes).collect();
        same("bytes as stored", sizes, vec![GZIP.len() as u64])?;
        at.put("encoded.json", "plain", Precondition::At(first)).await?;
        same("the next", at.body("encoded.json", None).await?, Some("plain".to_owned()))?;
        let old = at.body("encoded.json", Some(first)).await?;
        same("the old one", old, Some(PLAIN.to_owned()))
    })
}

fn damaged<'a>(at: &'a Place<'a>) -> BoxFuture<'a, Verdict> {
    Box::pin(async move {
        for (rest, body) in [("cut.json", &GZIP[..GZIP.len() - 4]), ("not.json", b"{}")] {
            let name = at.name(rest);
            let uploaded = at.others()?.upload_gzip(&name, Bytes::from_static(body)).await;
            let generation = uploaded.map_err(|err| err.to_string())?;
            fails(rest, ErrorKind::Unusable, at.store.get(&name, None).await)?;
            at.put(rest, "mended", Precondition::At(generation)).await?;
            same("mended", at.body(rest, None).await?, Some("mended".to_owned()))?;
        }
        Ok(())
    })
}
