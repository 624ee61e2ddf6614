//! What is wrong, and the command that mends it.

use domain::Env;
use serde_json::{Value, json};

use crate::legible;
use crate::why::{environment, quoted};

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// It has to be there and is not.
    Missing,
    /// It says something else than the history.
    Stale,
    /// It is of an entity that has no place there.
    Orphan,
    /// It is nothing that anybody of ours would write.
    Garbage,
    /// A function could not handle an object, and nobody has seen to it.
    Quarantined,
    /// An alert could not be sent.
    Undelivered,
    /// The index-writer could not know where an entity had a place.
    RepairWanted,
    /// A rule in force is none that can be understood, and never holds.
    NotUnderstood,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Missing,
        Self::Stale,
        Self::Orphan,
        Self::Garbage,
        Self::Quarantined,
        Self::Undelivered,
        Self::RepairWanted,
        Self::NotUnderstood,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Orphan => "orphan",
            Self::Garbage => "garbage",
            Self::Quarantined => "quarantined",
            Self::Undelivered => "undelivered",
            Self::RepairWanted => "repair-wanted",
            Self::NotUnderstood => "never-holds",
        }
    }
}

/// What became of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing was tried.
    Left,
    /// It is mended.
    Mended,
    /// It could not be, for this reason.
    Failed(String),
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) kind: Kind,
    /// The segment; empty where there is none.
    pub(super) segment: String,
    /// The entity, where it is about one.
    pub(super) id: Option<String>,
    pub(super) object: String,
    pub(super) what: String,
    /// What mends it, in words with a command.
    pub(super) mend: String,
    pub(super) fate: Fate,
}

impl Finding {
    /// For a program, on one line.
    pub(super) fn to_json(&self) -> Value {
        let Self { kind, segment, id, object, what, mend, fate } = self;
        let failed = match fate {
            Fate::Failed(reason) => Some(reason),
            Fate::Left | Fate::Mended => None,
        };
        json!({
            "kind": kind.as_str(), "segment": segment, "id": id, "object": object, "what": what,
            "mend": mend, "mended": *fate == Fate::Mended, "failed": failed,
        })
    }

    /// For people, on one line.
    pub(super) fn line(&self) -> String {
        let Self { kind, object, what, mend, fate, .. } = self;
        let (kind, object, what) = (kind.as_str(), legible::whole(object), legible::line(what));
        let then = match fate {
            Fate::Left => legible::whole(mend),
            Fate::Mended => "mended".to_owned(),
            Fate::Failed(reason) => format!("could not be mended: {}", legible::line(reason)),
        };
        format!("{kind:13} {object} {what}\n{:13} {then}", "")
    }
}

/// The command that mends what is wrong with one entity, or with a segment where none is named.
pub(crate) fn command(env: Env, segment: &str, id: Option<&str>) -> String {
    let id = id.map(|id| format!(" --id {}", quoted(id))).unwrap_or_default();
    format!("`operator reconcile --segment {segment}{id} --repair{}`", environment(env))
}
