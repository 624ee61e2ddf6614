//! What is in a binary, by crate, from its symbols.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionKind};

/// Crates that everything is built on: a function of theirs over a type of another crate is that
/// crate's.
const STANDARD: [&str; 3] = ["alloc", "core", "std"];

/// What has no mangled name and does not say whose it is: the C library, and the compiler's own.
const C: &str = "(C)";

/// Bytes by crate; in brackets what belongs to none.
pub(crate) type Parts = BTreeMap<String, u64>;

/// Divides the ELF file `content`, which must not be stripped.
///
/// Bytes of a section that no symbol covers are listed under the name of the section: constants
/// mostly, tables for unwinding, and padding.
pub(crate) fn parts(content: &[u8]) -> Result<Parts> {
    let file = ElfFile64::<object::Endianness>::parse(content).context("not a 64-bit ELF file")?;
    let mut parts = Parts::new();
    for section in file.sections() {
        // What is not loaded has no address, and is not in a stripped file.
        if section.address() == 0 || section.kind() == SectionKind::UninitializedData {
            continue;
        }
        let symbols = file.symbols().filter(|it| it.section_index() == Some(section.index()));
        let mut symbols: Vec<_> =
            symbols.map(|it| (it.address(), it.size(), it.name().unwrap_or_default())).collect();
        // Of several names for one place the longest piece counts, and each byte once.
        symbols.sort_by_key(|(address, size, _)| (*address, u64::MAX - size));
        let (begin, end) = (section.address(), section.address() + section.size());
        let mut covered = begin;
        let mut named = 0;
        for (address, size, name) in symbols {
            let until = (address + size).min(end);
            let bytes = until.saturating_sub(address.max(covered));
            covered = covered.max(until);
            named += bytes;
            if bytes > 0 {
                *parts.entry(owner(name)).or_default() += bytes;
            }
        }
        if section.size() > named {
            let name = format!("({})", section.name().unwrap_or_default().trim_matches('.'));
            *parts.entry(name).or_default() += section.size() - named;
        }
    }
    Ok(parts)
}

/// The crate that the symbol `name` is there for.
pub(crate) fn owner(name: &str) -> String {
    if name.starts_with("ring_core_") {
        return "ring".to_owned();
    }
    // A constant of merged compilation units says nothing else.
    if name.starts_with("anon.") || name.starts_with(".L") {
        return "(rodata)".to_owned();
    }
    let Ok(demangled) = rustc_demangle::try_demangle(name) else { return C.to_owned() };
    let path = format!("{demangled:#}");
    let roots = roots(&path);
    let own = roots.iter().find(|it| !STANDARD.contains(it)).or(roots.first());
    own.map_or(C.to_owned(), |it| if STANDARD.contains(it) { "std" } else { it }.to_owned())
}

/// The first names of all paths in a demangled name, in order.
fn roots(path: &str) -> Vec<&str> {
    let mut roots = Vec::new();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    while let Some(begin) = path[at..].find(word).map(|it| it + at) {
        let end = path[begin..].find(|c| !word(c)).map_or(path.len(), |it| it + begin);
        if path[end..].starts_with("::") && !path[..begin].ends_with("::") {
            roots.push(&path[begin..end]);
        }
        at = end;
    }
    roots
}
