//! Object names as file names that every operating system takes.
//!
//! Folders stay folders. In each part letters, digits and `-_.=@+` stand for themselves and any
//! other byte of UTF-8 becomes `~` and two hexadecimal digits, so that two object names never
//! share a file name; an empty part is `~`; a long part is cut and gets the hash of the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use domain::digest;

/// The longest part of a file name that is written.
pub const PART_BYTES_MAX: usize = 100;

/// Digits of the hash that replaces what does not fit.
const HASH_DIGITS: usize = 12;

/// Names that Windows keeps for devices, whatever the ending. (Windows documentation, "Naming
/// files, paths, and namespaces".)
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// A file name for each of the object names. Where two would differ in case only, both get the
/// hash of the object name.
pub fn file_names<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, String> {
    let mut files: BTreeMap<&str, String> = names.map(|name| (name, file_name(name))).collect();
    let mut seen = BTreeSet::new();
    let folded: Vec<String> = files.values().map(|file| file.to_lowercase()).collect();
    let twice: BTreeSet<String> =
        folded.into_iter().filter(|it| !seen.insert(it.clone())).collect();
    for (name, file) in &mut files {
        if twice.contains(&file.to_lowercase()) {
            let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
            *file = format!("{stem}~{}.{ending}", digest::hex_of(name, HASH_DIGITS));
        }
    }
    files
}

/// The file name of one object name.
pub fn file_name(name: &str) -> String {
    name.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The object name that a file is taken for which a person has put there: [`file_name`] read
/// backwards. What is no escape stands for itself; a part that was cut stays as it is.
pub fn object_name(file: &str) -> String {
    file.split('/').map(plain_part).collect::<Vec<_>>().join("/")
}

fn plain_part(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    if rest == b"~" {
        return String::new();
    }
    while let Some((first, after)) = rest.split_first() {
        let digits = (*first == b'~').then(|| after.get(..2)).flatten();
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| part.to_owned())
}

/// One part of a file name.
pub(crate) fn part(part: &str) -> String {
    if part.is_empty() {
        return "~".to_owned();
    }
    let mut safe = String::with_capacity(part.len());
    let first_is_odd = is_device(part) || part.starts_with('.');
    for (at, byte) in part.bytes().enumerate() {
        let last = at + 1 == part.len();
        let plain = byte.is_ascii_alphanumeric() || b"-_.=@+".contains(&byte);
        if plain && !(at == 0 && first_is_odd) && !(last && byte == b'.') {
            safe.push(byte.into());
        } else {
            write!(safe, "~{byte:02x}").unwrap_or_default();
        }
    }
    if safe.len() > PART_BYTES_MAX {
        safe.truncate(PART_BYTES_MAX - HASH_DIGITS - 1);
        write!(safe, "~{}", digest::hex_of(part, HASH_DIGITS)).unwrap_or_default();
    }
    safe
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().any(|device| {
        stem.strip_prefix(device).is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
    });
    numbered || DEVICES.contains(&stem.as_str())
}
