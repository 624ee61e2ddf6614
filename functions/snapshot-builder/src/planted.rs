//! What some of the wrong turns do that tests plant.

use domain::json::Object;
use domain::{Change, HistoryName, OrderKey, Record};
use projection::fold::{FOLDED_IDS_MAX, Folded, State};
use projection::snapshot::Stored;
use serde_json::Value;

/// The snapshot as if what is gone were an empty document.
pub(crate) fn without_tombstone(stored: Stored) -> Stored {
    match stored {
        Stored::Snapshot(mut folded) if folded.state == State::Deleted => {
            folded.state = State::Live(Object::new());
            Stored::Snapshot(folded)
        }
        stored => stored,
    }
}

/// The fold of the first tombstone among `records`, and of nothing else.
pub(crate) fn tombstone(records: &[Record]) -> Option<Box<Folded>> {
    let tombstone = records.iter().find(|record| matches!(record.change, Change::Delete))?;
    Folded::of(vec![tombstone.clone()]).map(Box::new)
}

/// Whether the snapshot may have forgotten the id of a record that it has folded.
pub(crate) fn has_forgotten_ids(stored: &Stored) -> bool {
    matches!(stored, Stored::Snapshot(folded) if folded.folded.len() == FOLDED_IDS_MAX)
}

/// The merge with a field that says what it is.
pub(crate) fn copied_whole(mut record: Record) -> Record {
    if let Change::Merge(patch) = &mut record.change {
        patch.insert("op".to_owned(), Value::from("merge"));
    }
    record
}

/// The record as if nothing but its time told it from others.
pub(crate) fn named_by_its_time(record: Record, name: &HistoryName) -> Record {
    let updated_at = record.key.updated_at;
    let name = HistoryName { file: format!("{updated_at}.json"), ..name.clone() };
    Record { key: OrderKey::new(updated_at, &name), ..record }
}
