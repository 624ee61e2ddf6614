//! Every bug that can be planted, by name.

use std::fmt;

use cloud_run::CoalescerShortcut;
use domain::Planted;
use simulation::ClientShortcut;

/// A wrong turn, and who takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each shortcut is documented where it is taken")]
pub enum Bug {
    Client(ClientShortcut),
    Coalescer(CoalescerShortcut),
    SnapshotBuilder(snapshot_builder::Shortcut),
    ManifestWriter(manifest_writer::Shortcut),
    IndexWriter(index_writer::Shortcut),
    RulesEngine(rules_engine::Shortcut),
    AlertDispatcher(alert_dispatcher::Shortcut),
    Operator(operator::Shortcut),
    Compactor(manifest_compactor::Shortcut),
}

impl Bug {
    /// Every one of them.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = ClientShortcut::ALL.map(Self::Client).to_vec();
        all.extend(CoalescerShortcut::ALL.map(Self::Coalescer));
        all.extend(snapshot_builder::Shortcut::ALL.map(Self::SnapshotBuilder));
        all.extend(manifest_writer::Shortcut::ALL.map(Self::ManifestWriter));
        all.extend(index_writer::Shortcut::ALL.map(Self::IndexWriter));
        all.extend(rules_engine::Shortcut::ALL.map(Self::RulesEngine));
        all.extend(alert_dispatcher::Shortcut::ALL.map(Self::AlertDispatcher));
        all.extend(operator::Shortcut::ALL.map(Self::Operator));
        all.extend(manifest_compactor::Shortcut::ALL.map(Self::Compactor));
        all
    }

    /// The bug of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|bug| bug.to_string() == name)
    }

    fn parts(self) -> (&'static str, String) {
        match self {
            Self::Client(it) => ("client", format!("{it:?}")),
            Self::Coalescer(it) => ("coalescer", format!("{it:?}")),
            Self::SnapshotBuilder(it) => ("snapshot-builder", format!("{it:?}")),
            Self::ManifestWriter(it) => ("manifest-writer", format!("{it:?}")),
            Self::IndexWriter(it) => ("index-writer", format!("{it:?}")),
            Self::RulesEngine(it) => ("rules-engine", format!("{it:?}")),
            Self::AlertDispatcher(it) => ("alert-dispatcher", format!("{it:?}")),
            Self::Operator(it) => ("operator", format!("{it:?}")),
            Self::Compactor(it) => ("manifest-compactor", format!("{it:?}")),
        }
    }
}

/// `index-writer/no-tombstone-where-missing`.
impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (taker, words) = self.parts();
        f.write_str(taker)?;
        for (at, letter) in words.char_indices() {
            match (at, letter.is_uppercase()) {
                (0, _) => write!(f, "/{}", letter.to_ascii_lowercase())?,
                (_, true) => write!(f, "-{}", letter.to_ascii_lowercase())?,
                (_, false) => write!(f, "{letter}")?,
            }
        }
        Ok(())
    }
}

/// What a function gets of the bug that is planted, if it is one of its own.
pub(crate) fn planted<B: PartialEq>(bug: Option<B>) -> Planted<B> {
    bug.map_or(Planted::NONE, Planted::bug)
}
