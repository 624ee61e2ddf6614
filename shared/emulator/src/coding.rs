//! Content encodings.

use std::io::{Cursor, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

/// How gzip with its one compression method begins. (RFC 1952, section 2.3.1.)
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Reads what `body` decompresses to.
pub(crate) fn reader(body: &Bytes) -> impl Read + Send + use<> {
    MultiGzDecoder::new(Cursor::new(body.clone()))
}

/// Whether `body` begins like gzip.
pub(crate) fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(&MAGIC)
}
