//! Content encodings.

use std::io::{Cursor, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

/// The most bytes that a stored object may decompress to.
const DECODED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How gzip with its one compression method begins. (RFC 1952, section 2.3.1.)
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Decodes `body` as `content_encoding` says; `None` when it is not what it says, or when it
/// would become larger than [`DECODED_BYTES_MAX`].
pub(crate) fn decode(body: &Bytes, content_encoding: Option<&str>) -> Option<Bytes> {
    if content_encoding != Some("gzip") {
        return Some(body.clone());
    }
    let mut decoded = Vec::new();
    reader(body).take(DECODED_BYTES_MAX + 1).read_to_end(&mut decoded).ok()?;
    (decoded.len() as u64 <= DECODED_BYTES_MAX).then(|| decoded.into())
}

/// Reads what `body` decompresses to.
pub(crate) fn reader(body: &Bytes) -> impl Read + Send + use<> {
    MultiGzDecoder::new(Cursor::new(body.clone()))
}

/// Whether `body` begins like gzip.
pub(crate) fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(&MAGIC)
}
