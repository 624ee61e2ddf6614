//! Whether a note is still open: decided by what is stored now.

use std::fmt;

use bytes::Bytes;
use domain::{
    AHEAD_MAX, Generation, HistoryName, Instant, ObjectName, OrderKey, RECORD_BOUNDS, json,
};
use projection::fold::{Coverage, FOLDED_IDS_MAX};
use projection::snapshot::Stored;

use crate::quarantine::note::Note;

/// What is stored now that a note speaks about.
#[derive(Clone, Debug)]
pub(crate) enum Evidence {
    /// The note names no object.
    Unnamed,
    /// The object is not there any more.
    Gone,
    /// The object is there and its content cannot be read.
    Unreadable,
    /// A history record of a kind that is not declared.
    Undeclared,
    /// A history record, and the snapshot of its entity.
    Record {
        /// The content of the record.
        body: Bytes,
        /// The snapshot.
        stored: Stored,
    },
    /// Another object, which has this version.
    Version(Generation),
}

/// Whether a note is open, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Somebody has to look at it.
    Open(&'static str),
    /// What it says does not matter any more.
    Resolved(&'static str),
}

impl Standing {
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// The state and why.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Open(why) => ("open", why),
            Self::Resolved(why) => ("resolved", why),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, why) = self.words();
        f.pad(&format!("{state}: {why}"))
    }
}

/// Decides.
pub(crate) fn standing(note: &Note, evidence: &Evidence) -> Standing {
    match evidence {
        Evidence::Unnamed => Standing::Open("the note names no object"),
        Evidence::Gone => Standing::Resolved("the object is gone"),
        Evidence::Unreadable => Standing::Open("the object cannot be read"),
        Evidence::Version(now) if note.object_generation == now.to_string() => {
            Standing::Open("the object is still this version")
        }
        Evidence::Version(_) => Standing::Resolved("the object has another version"),
        Evidence::Undeclared => Standing::Open("its kind is not declared"),
        Evidence::Record { body, stored } => match ObjectName::parse(&note.object) {
            Ok(ObjectName::History(name)) => record(&name, note, body, stored),
            _ => Standing::Open("the object has no name of ours"),
        },
    }
}

fn record(name: &HistoryName, note: &Note, body: &[u8], stored: &Stored) -> Standing {
    let folded = match stored {
        Stored::Missing => return Standing::Open("there is no snapshot"),
        Stored::Unreadable => return Standing::Open("the snapshot cannot be read"),
        Stored::Unknown => return Standing::Open("a newer release has written the snapshot"),
        Stored::Snapshot(folded) | Stored::Outdated(folded) => folded,
    };
    let base = folded.base.as_ref().map(OrderKey::relative);
    if base == Some(name.relative()) {
        return Standing::Resolved("the snapshot has folded it");
    }
    let Some(made_at) = made_at(name, note, body) else {
        return Standing::Open("nobody knows when the record was made");
    };
    let key = OrderKey::new(made_at, name);
    match folded.coverage(&key) {
        Coverage::Covered if folded.base.as_ref().is_some_and(|base| key <= *base) => {
            Standing::Resolved("the snapshot begins with a later record")
        }
        Coverage::Covered => Standing::Resolved("the snapshot has folded it"),
        Coverage::Late if folded.folded.len() >= FOLDED_IDS_MAX => {
            Standing::Open("the snapshot does not remember that far back: a retry tells")
        }
        Coverage::InOrder | Coverage::Late => Standing::Open("no snapshot covers it"),
    }
}

/// When the record was made: by itself, by its name, or at the latest when it was quarantined.
/// One that is dated ahead of what can count comes before whatever is written about it.
fn made_at(name: &HistoryName, note: &Note, body: &[u8]) -> Option<Instant> {
    let quarantined_at = Instant::parse(&note.quarantined_at);
    let document = json::parse_within(body, RECORD_BOUNDS).unwrap_or_default();
    let says = document.get("updated_at").and_then(|text| Instant::parse(text.as_str()?));
    let says = says.or_else(|| Instant::parse(name.timestamp()?));
    let counts =
        |says: &Instant| quarantined_at.is_none_or(|latest| *says <= latest.after(AHEAD_MAX));
    says.filter(counts).or(quarantined_at)
}
