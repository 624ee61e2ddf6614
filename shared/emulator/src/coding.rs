//! Content encodings.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

/// The most bytes that a stored object may decompress to.
const DECODED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Decodes `body` as `content_encoding` says; `None` when it is not what it says, or when it
/// would become larger than [`DECODED_BYTES_MAX`].
pub(crate) fn decode(body: &Bytes, content_encoding: Option<&str>) -> Option<Bytes> {
    if content_encoding != Some("gzip") {
        return Some(body.clone());
    }
    let mut decoded = Vec::new();
    let mut reader = MultiGzDecoder::new(body.as_ref()).take(DECODED_BYTES_MAX + 1);
    reader.read_to_end(&mut decoded).ok()?;
    (decoded.len() as u64 <= DECODED_BYTES_MAX).then(|| decoded.into())
}
