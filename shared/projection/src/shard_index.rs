//! The shard index of a segment: how many shards there are, and up to when they hold every change.
//!
//! Whoever lists entities reads it first, then the shards, then the journal of every hour from that
//! of the watermark on and the manifests that it names, and last the index again: when it has
//! changed meanwhile, they begin anew.

use domain::{Instant, json};
use serde_json::{Value, json};

use crate::shard::ShardCount;

/// What the index says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardIndex {
    /// How many shards there are. One that is missing is empty.
    pub count: ShardCount,
    /// Every change of a manifest that the journal notes in an earlier hour than this one's is in
    /// the shards.
    pub watermark: Instant,
    /// The count before this one, while its shards are there.
    pub replaced: Option<Replaced>,
}

/// A count that readers may still go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The count.
    pub count: ShardCount,
    /// Since when it is another.
    pub at: Instant,
}

impl ShardIndex {
    /// Reads what is stored. `None` when it is no shard index.
    pub fn read(body: &[u8]) -> Option<Self> {
        let index = json::parse(body).ok()?;
        let replaced = match index.get("replaced") {
            None | Some(Value::Null) => None,
            Some(it) => Some(Replaced { count: count(it)?, at: instant(it, "at")? }),
        };
        Some(Self { count: count(&index)?, watermark: instant(&index, "watermark")?, replaced })
    }

    /// What is stored, one line.
    pub fn body(&self) -> Vec<u8> {
        let replaced = self
            .replaced
            .map(|it| json!({ "count": it.count.number(), "at": it.at.to_millis_text() }));
        let mut index = json!({
            "count": self.count.number(),
            "watermark": self.watermark.to_millis_text(),
        });
        if let Some(replaced) = replaced {
            index["replaced"] = replaced;
        }
        json::to_line(&index)
    }
}

fn count(of: &Value) -> Option<ShardCount> {
    ShardCount::of(of.get("count")?.as_u64()?)
}

fn instant(of: &Value, key: &str) -> Option<Instant> {
    Instant::parse(of.get(key)?.as_str()?)
}
