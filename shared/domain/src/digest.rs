//! Digests for names and ids: SHA-256 in lower-case hexadecimal.

use sha2::{Digest as _, Sha256};

/// SHA-256 over `parts`, each preceded by its length so that no two lists of parts collide.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The first `digits` hexadecimal digits of SHA-256 of `text` alone, at most 64.
pub fn hex_of(text: &str, digits: usize) -> String {
    hex(&Sha256::digest(text.as_bytes()), digits)
}

/// The first `digits` hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8], digits: usize) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.take(digits).filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}
