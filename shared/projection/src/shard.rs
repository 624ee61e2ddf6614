//! Shards: the lines of many entities in one object, in the order of their ids.
//!
//! Which shard an id is in follows from the id and from how many shards there are. A shard holds
//! what counts and nothing else, so that the same entities always make the same bytes. Which
//! versions it was made of is in its metadata: a compaction reads only what it has not seen.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use domain::json::{self, Object};
use domain::{Env, Generation, ShardName, digest, volatile};
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use crate::Metadata;
use crate::fold::State;
use crate::snapshot;

/// The metadata key of what a shard has seen.
pub const SEEN: &str = "seen";

/// How many versions a shard remembers to have seen. Custom metadata is bounded, and has other
/// keys. (Cloud Storage documentation, "Quotas and limits": 8 KiB.)
pub const SEEN_MAX: usize = 900;

/// The letters of a fingerprint, six bits each.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The letters of one fingerprint.
const FINGERPRINT_LETTERS: usize = 8;

/// How many shards there are: a power of 16, so that the digits of a shard's name are the first of
/// the digest of its ids, and names of different counts differ in length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardCount {
    digits: u8,
}

impl Default for ShardCount {
    /// The count of the original layout: right for up to some 200,000 entities.
    fn default() -> Self {
        Self { digits: 2 }
    }
}

impl ShardCount {
    /// Every one of them.
    pub const ALL: [Self; 4] =
        [Self { digits: 1 }, Self { digits: 2 }, Self { digits: 3 }, Self { digits: 4 }];

    /// The count of that number: 16, 256, 4096 or 65536.
    pub fn of(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|count| count.number() as u64 == number)
    }

    /// The count in which names have these digits.
    pub fn of_hex(hex: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|count| usize::from(count.digits) == hex.len())
    }

    /// The number.
    pub fn number(self) -> usize {
        16_usize.pow(self.digits.into())
    }

    /// The next larger one.
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|count| count.digits > self.digits)
    }

    /// The shard of `id`: the first digits of its SHA-1. (Original layout, `_index_shard=<hex>`.)
    pub fn shard_of(self, id: &str) -> usize {
        let [first, second, ..]: [u8; 20] = Sha1::digest(id.as_bytes()).into();
        let bits = u32::from(self.digits) * 4;
        usize::from(u16::from_be_bytes([first, second]) >> (16 - bits))
    }

    /// The name of a shard of this number.
    pub fn name(self, env: Env, segment: &str, shard: usize) -> ShardName {
        let hex = format!("{shard:0width$x}", width = usize::from(self.digits));
        ShardName { env, segment: segment.to_owned(), hex }
    }
}

/// As a person says it.
impl FromStr for ShardCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = text.parse().ok().and_then(Self::of);
        found.ok_or_else(|| "there can be 16, 256, 4096 or 65536 shards".to_owned())
    }
}

/// What tells one version of an entity's object from all others: 48 bits. That one of 900 is taken
/// for a new version happens once in 300 billion.
pub fn fingerprint(id: &str, generation: Generation) -> u64 {
    let digest = digest::sha256(&[id.as_bytes(), generation.to_string().as_bytes()]);
    digest[..6].iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

/// The lines of a shard or of a part of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    lines: BTreeMap<String, String>,
    /// Fingerprints of the versions that the lines are of, and of those that have none, oldest
    /// first. Some may be missing, some of versions that are gone.
    seen: Vec<u64>,
}

impl Lines {
    /// Reads a shard.
    ///
    /// # Errors
    ///
    /// Why it is none, or none of ours: what it says is not to be built upon.
    pub fn read(body: &[u8], metadata: &Metadata) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("its last line is cut short".to_owned());
        }
        let mut lines = BTreeMap::new();
        for (at, line) in text.split_terminator('\n').enumerate() {
            let wrong = |what: &str| format!("line {}: {what}", at + 1);
            let document = json::parse(line.as_bytes()).map_err(|err| wrong(&err.to_string()))?;
            let id = document.get("id").and_then(Value::as_str);
            let id = id.ok_or_else(|| wrong("it has no id"))?;
            if lines.last_key_value().is_some_and(|(before, _): (&String, _)| **before >= *id) {
                return Err(wrong("it is not in the order of ids"));
            }
            lines.insert(id.to_owned(), line.to_owned() + "\n");
        }
        let seen = metadata.get(SEEN).map_or(Some(Vec::new()), |text| decode(text));
        Ok(Self { lines, seen: seen.ok_or("its metadata does not say what it has seen")? })
    }

    /// How many entities have a line.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Ids and their lines, in the order of ids.
    pub fn each(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(id, line)| (id.as_str(), line.as_str()))
    }

    /// Gives `id` this line, or none.
    pub fn set(&mut self, id: &str, line: Option<String>) {
        match line {
            Some(line) => drop(self.lines.insert(id.to_owned(), line)),
            None => drop(self.lines.remove(id)),
        }
    }

    /// Takes the lines of all others away. `ids` are in order.
    pub fn retain(&mut self, ids: &[&str]) {
        self.lines.retain(|id, _| ids.binary_search(&id.as_str()).is_ok());
    }

    /// The versions that were seen.
    pub fn seen(&self) -> HashSet<u64> {
        self.seen.iter().copied().collect()
    }

    /// Remembers these as seen, and of the others as many as fit, the newest first.
    pub fn see(&mut self, versions: impl IntoIterator<Item = u64>) {
        let known = self.seen();
        self.seen.extend(versions.into_iter().filter(|it| !known.contains(it)));
        self.seen.drain(..self.seen.len().saturating_sub(SEEN_MAX));
    }

    /// Forgets what was seen.
    pub fn forget(&mut self) {
        self.seen.clear();
    }

    /// The bytes.
    pub fn body(&self) -> Vec<u8> {
        self.lines.values().flat_map(|line| line.bytes()).collect()
    }

    /// What the metadata says of it.
    pub fn seen_text(&self) -> String {
        self.seen.iter().flat_map(|bits| letters(*bits)).collect()
    }
}

/// The line of the manifest of `id`; none of a tombstone.
///
/// # Errors
///
/// Why it is no manifest of this entity.
pub fn of_manifest(id: &str, body: &[u8]) -> Result<Option<String>, String> {
    match json::parse(body).map_err(|err| err.to_string())? {
        Value::Object(manifest) if volatile::is_tombstone(&manifest) => Ok(None),
        Value::Object(manifest) => line(id, manifest).map(Some),
        _ => Err("it is no JSON object".to_owned()),
    }
}

/// The line of the snapshot of `id`: the whole document; none of an entity that is not live.
///
/// # Errors
///
/// Why it is no snapshot of this entity.
pub fn of_snapshot(id: &str, body: &[u8], metadata: &Metadata) -> Result<Option<String>, String> {
    match snapshot::read_state(body, metadata) {
        Some(State::Live(document)) => line(id, document).map(Some),
        Some(State::Deleted | State::Pending) => Ok(None),
        None => Err("it has no state or is no JSON object: it was not written by us".to_owned()),
    }
}

fn line(id: &str, object: Object) -> Result<String, String> {
    match object.get("id").and_then(Value::as_str) {
        Some(says) if says == id => Ok(Value::Object(object).to_string() + "\n"),
        _ => Err("it does not have the id of its name".to_owned()),
    }
}

fn letters(bits: u64) -> impl Iterator<Item = char> {
    let letter = move |at: usize| char::from(LETTERS[(bits >> (6 * at)) as usize & 63]);
    (0..FINGERPRINT_LETTERS).rev().map(letter)
}

fn decode(text: &str) -> Option<Vec<u64>> {
    let value = |letter: &u8| LETTERS.iter().position(|it| it == letter);
    let whole = text.len().is_multiple_of(FINGERPRINT_LETTERS);
    let each = text.as_bytes().chunks(FINGERPRINT_LETTERS);
    let bits = each.map(|some| {
        some.iter().try_fold(0, |bits, letter| Some(bits << 6 | value(letter)? as u64))
    });
    if whole { bits.collect() } else { None }
}
