//! Decompression with a bound.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

/// Why there is no decompressed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GzipError {
    /// It would be larger than the bound.
    Large,
    /// Not a gzip stream, or not a whole one. (RFC 1952, checksum and length included.)
    Damaged,
}

/// Decompresses all members of `bytes` into at most `bytes_max` bytes.
pub(crate) fn decompress(bytes: &[u8], bytes_max: usize) -> Result<Bytes, GzipError> {
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut content = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(bound).read_to_end(&mut content);
    read.map_err(|_| GzipError::Damaged)?;
    if content.len() > bytes_max { Err(GzipError::Large) } else { Ok(content.into()) }
}
