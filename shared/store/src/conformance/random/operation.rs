//! One operation, in terms of what was written before instead of generations.

use std::fmt;

use bytes::Bytes;

use crate::{List, Metadata};

/// A version of the object at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The live one; the last one when it is deleted.
    Live,
    /// The one so many before the last, around again from there.
    Old(usize),
    /// The last of another object.
    Foreign(usize),
    /// None that exists.
    Unknown,
}

/// What a write asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum If {
    /// What is true: absent, or at the live version.
    Unchanged,
    Absent,
    At(Which),
}

/// One operation; objects by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Get {
        object: usize,
        which: Option<Which>,
    },
    Put {
        object: usize,
        body: Bytes,
        metadata: Metadata,
        under: If,
    },
    /// With a name or metadata that are refused.
    PutRefused {
        name: String,
        metadata: Metadata,
    },
    Delete {
        object: usize,
        which: Which,
    },
    Erase {
        object: usize,
        which: Which,
    },
    /// All pages. Names are without the prefix of the round.
    List(List),
    Versions {
        object: usize,
    },
}

impl Operation {
    /// In words, with the names of objects and of versions.
    pub(super) fn describe(
        &self,
        name: &dyn Fn(usize) -> String,
        version: &dyn Fn(usize, If) -> String,
    ) -> String {
        match self {
            Self::Get { object, which: None } => format!("get {}", name(*object)),
            Self::Get { object, which: Some(which) } => {
                format!("get {} {}", name(*object), version(*object, If::At(*which)))
            }
            Self::Put { object, body, metadata, under } => {
                let (name, under) = (name(*object), version(*object, *under));
                format!("put {name} if {under}: {} {}", Text(body), Pairs(metadata))
            }
            Self::PutRefused { name, metadata } => {
                format!("put {} if absent: {}", Text(name.as_bytes()), Pairs(metadata))
            }
            Self::Delete { object, which } => {
                format!("delete {} if {}", name(*object), version(*object, If::At(*which)))
            }
            Self::Erase { object, which } => {
                format!("erase {} {}", name(*object), version(*object, If::At(*which)))
            }
            Self::List(list) => describe_list(list),
            Self::Versions { object } => format!("versions {}", name(*object)),
        }
    }
}

fn describe_list(list: &List) -> String {
    let mut text = format!("list {:?}", list.prefix);
    let parts = [
        ("delimiter", &list.delimiter),
        ("from", &list.start_offset),
        ("to", &list.end_offset),
        ("token", &list.page_token),
    ];
    for (what, value) in parts {
        if let Some(value) = value {
            text.push_str(&format!(" {what} {value:?}"));
        }
    }
    if list.versions {
        text.push_str(" with versions");
    }
    text
}

/// A body or a name, all of it when it is short.
pub(super) struct Text<'a>(pub(super) &'a [u8]);

/// The most bytes that are shown of a text.
const SHOWN_BYTES: usize = 32;

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN_BYTES)];
        match std::str::from_utf8(shown) {
            Ok(text) => write!(f, "{text:?}")?,
            Err(_) => write!(f, "b\"{}\"", shown.escape_ascii())?,
        }
        if shown.len() == self.0.len() {
            return Ok(());
        }
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        let digest = self.0.iter().fold(FNV_BASIS, mix);
        write!(f, "... of {} bytes, {digest:016x}", self.0.len())
    }
}

/// FNV-1a, 64 bits. (Fowler, Noll, Vo: "The FNV Non-Cryptographic Hash Algorithm".)
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// Metadata in braces.
pub(super) struct Pairs<'a>(pub(super) &'a Metadata);

impl fmt::Display for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<_> = self.0.iter().map(|(key, value)| format!("{key}: {value:?}")).collect();
        write!(f, "{{{}}}", pairs.join(", "))
    }
}
