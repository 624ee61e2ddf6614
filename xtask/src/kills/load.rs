//! Writers that keep an emulator busy, each with objects of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use emulator::Chance;

use super::client::Client;
use super::model::{Change, Object, Version};

/// The ends of the names that each writer has: below each other, in each other's way, different
/// in case only, and with what no file system takes.
const NAMES: [&str; 8] =
    ["a", "a/b", "a/b/c", "Case", "case", "con/ü: \"?*<>|\\", "deep/er/and/deeper.json", ".hidden"];

/// Changes that a writer asks for between two kills, at most.
const CHANGES_MAX: usize = 10_000;

/// An object has at most so many noncurrent versions: everything is looked at after each kill.
const NONCURRENT_MAX: usize = 3;

/// Lengths of most contents, and of one in [`LARGE_ONE_IN`].
const SMALL_BYTES: u64 = 600;
const LARGE_BYTES: u64 = 200_000;
const LARGE_ONE_IN: u64 = 20;

/// One writer and what it knows.
pub(crate) struct Writer {
    /// Its objects.
    pub(crate) objects: Vec<Object>,
    /// Versions that were acknowledged since this was emptied last.
    pub(crate) versions: Vec<Version>,
    /// Changes that were acknowledged.
    pub(crate) acknowledged: u64,
    chance: Chance,
    number: u64,
}

impl Writer {
    /// The writer number `number`, with nothing there.
    pub(crate) fn new(number: usize, seed: u64) -> Self {
        let names = NAMES.iter().map(|end| format!("w{number}/{end}"));
        let objects = names.map(Object::absent).collect();
        let (versions, chance) = (Vec::new(), Chance::new(seed));
        Self { objects, versions, acknowledged: 0, chance, number: 0 }
    }

    /// Asks for one change after the other until an answer fails to come, which it may when
    /// `killed` says so.
    pub(crate) async fn work(&mut self, client: &Client, killed: &Arc<AtomicBool>) -> Result<()> {
        for _ in 0..CHANGES_MAX {
            let at = self.below(self.objects.len());
            let change = self.choose(at);
            let object = &mut self.objects[at];
            object.asked = Some(change.clone());
            let answer = match client.ask(object, &change).await {
                Ok(answer) => answer?,
                Err(_) if killed.load(Ordering::SeqCst) => return Ok(()),
                Err(err) => return Err(err).context("no answer from an emulator that lives"),
            };
            object.acknowledged(answer);
            self.acknowledged += 1;
            self.versions.extend(answer.map(|generation| (object.name.clone(), generation)));
        }
        Ok(())
    }

    fn choose(&mut self, at: usize) -> Change {
        let kind = self.below(10);
        let object = &self.objects[at];
        let oldest = object.noncurrent.keys().min_by_key(|generation| generation.0).copied();
        if let Some(oldest) = oldest
            && (object.noncurrent.len() >= NONCURRENT_MAX || kind == 0)
        {
            return Change::Erase(oldest);
        }
        match (&object.live, kind) {
            (Some((generation, _)), 1) => Change::Erase(*generation),
            (Some(_), 2 | 3) => Change::Delete,
            _ => Change::Put(self.content(at)),
        }
    }

    /// Content that no other version has.
    fn content(&mut self, at: usize) -> Bytes {
        self.number += 1;
        let large = self.chance.below(LARGE_ONE_IN) == 0;
        let bytes = self.chance.below(if large { LARGE_BYTES } else { SMALL_BYTES });
        let padding = "x".repeat(usize::try_from(bytes).unwrap_or_default());
        let name = &self.objects[at].name;
        format!("{name} {} {padding}\n", self.number).into()
    }

    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.chance.below(bound as u64)).unwrap_or_default()
    }
}
