//! The ids of a segment by shard, in as few bytes as they have: a listing of a million entities
//! takes some 30 MB.

use domain::{EntityRef, Generation};
use projection::shard::{ShardCount, fingerprint};

use crate::end::Stop;

/// The most entities of one segment.
pub(crate) const ENTITIES_MAX: usize = 20_000_000;

/// Bytes of a fingerprint.
const FINGERPRINT_BYTES: usize = 6;

/// Ids, and for each that was listed which version.
pub(crate) struct Ids {
    count: ShardCount,
    /// By shard: for each id its length, itself, and the fingerprint of the version.
    shards: Vec<Vec<u8>>,
    len: usize,
}

/// The ids of one shard, in order, with the fingerprints of their versions.
pub(crate) type OfShard = Vec<(String, u64)>;

impl Ids {
    /// None so far.
    pub(crate) fn new(count: ShardCount) -> Self {
        Self { count, shards: vec![Vec::new(); count.number()], len: 0 }
    }

    /// Takes an entity up, whose source is of this version. One may come twice.
    pub(crate) fn push(&mut self, entity: &EntityRef, version: Generation) -> Result<(), Stop> {
        let id = entity.id.as_str();
        if self.len == ENTITIES_MAX {
            let segment = &entity.segment;
            return Err(Stop::problem(format!(
                "{segment}: more than {ENTITIES_MAX} entities do not fit into the memory of a run"
            )));
        }
        self.len += 1;
        let shard = &mut self.shards[self.count.shard_of(id)];
        // An id has at most 128 bytes.
        shard.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        shard.extend(id.bytes());
        shard.extend(&fingerprint(id, version).to_be_bytes()[8 - FINGERPRINT_BYTES..]);
        Ok(())
    }

    /// How many were taken up.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether none of these is in the shard of this number.
    pub(crate) fn is_empty_in(&self, shard: usize) -> bool {
        self.shards[shard].is_empty()
    }

    /// Those in the shard of this number, each once.
    pub(crate) fn in_shard(&self, shard: usize) -> OfShard {
        let mut found = Vec::new();
        let mut rest = self.shards[shard].as_slice();
        while let Some((length, after)) = rest.split_first() {
            let (id, after) = after.split_at(usize::from(*length));
            let (version, after) = after.split_at(FINGERPRINT_BYTES);
            let version = version.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
            found.push((String::from_utf8_lossy(id).into_owned(), version));
            rest = after;
        }
        found.sort_unstable();
        found.dedup_by(|next, kept| next.0 == kept.0);
        found
    }
}
