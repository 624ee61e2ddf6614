//! Checksums as Cloud Storage writes them: base64, CRC32C in big-endian byte order.
//! (Cloud Storage documentation, "Data validation and change detection".)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

/// The length of a CRC32C.
pub(crate) const CRC32C_BYTES: usize = 4;
/// The length of an MD5.
pub(crate) const MD5_BYTES: usize = 16;

/// CRC32C of `bytes`, as the service writes it.
pub(crate) fn crc32c(bytes: &[u8]) -> String {
    STANDARD.encode(crc32c::crc32c(bytes).to_be_bytes())
}

/// MD5 of `bytes`, as the service writes it.
pub(crate) fn md5(bytes: &[u8]) -> String {
    STANDARD.encode(Md5::digest(bytes))
}
