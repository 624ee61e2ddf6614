//! Decompression with two bounds: one on the bytes that come out, one on how many come out of one.

use std::io::Read as _;

use flate2::Compression;
use flate2::read::{GzEncoder, MultiGzDecoder};

/// How many bytes one compressed byte may become, beyond [`RATIO_FREE_BYTES`].
///
/// Deflate itself ends at 1032. Documents whose keys repeat stay far below this, and so do those
/// whose values repeat as well: only runs of a few bytes come near to the end.
pub const RATIO_MAX: usize = 400;

/// Up to this many bytes the ratio does not count: they harm nobody, and a short document of
/// repetitions may be as dense as it likes.
pub const RATIO_FREE_BYTES: usize = 1024 * 1024;

/// Why there is no decompressed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// It would be larger than the bound.
    #[error("more than {0} bytes when decompressed")]
    Large(usize),
    /// It would be larger than [`RATIO_MAX`] permits for its compressed size.
    #[error("more than {RATIO_MAX} times its size when decompressed")]
    Ratio,
    /// Not a gzip stream, or not a whole one, or one with something after it. (RFC 1952, checksum
    /// and length included.)
    #[error("not gzip, or damaged")]
    Damaged,
}

/// Compresses into one member that says nothing but the content: the same bytes every time. `None`
/// for what [`decompress`] would refuse by its ratio.
pub fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut compressed = Vec::new();
    let read = GzEncoder::new(bytes, Compression::default()).read_to_end(&mut compressed);
    read.expect("to read from memory and write to it cannot fail");
    (bytes.len() <= by_ratio(&compressed)).then_some(compressed)
}

/// Decompresses all members of `bytes` into at most `bytes_max` bytes.
///
/// # Errors
///
/// What is too large is never unpacked further than to the bound that it breaks.
pub fn decompress(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, GzipError> {
    let bound = bytes_max.min(by_ratio(bytes));
    let mut content = Vec::new();
    let take = u64::try_from(bound).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(bytes).take(take).read_to_end(&mut content);
    read.map_err(|_| GzipError::Damaged)?;
    match content.len() <= bound {
        true => Ok(content),
        false if bound == bytes_max => Err(GzipError::Large(bytes_max)),
        false => Err(GzipError::Ratio),
    }
}

/// How many bytes [`RATIO_MAX`] permits.
fn by_ratio(compressed: &[u8]) -> usize {
    compressed.len().saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES)
}
