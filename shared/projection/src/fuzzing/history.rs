//! What holds of any history: of its fold, and of the snapshot as it is stored.

use std::sync::LazyLock;

use domain::fuzzing::{kind, records};
use domain::{Change, EntityRef, Env, Record, json};
use serde_json::Value;

use crate::Metadata;
use crate::fold::{Coverage, Folded, State};
use crate::snapshot::{self, Decision, Stored, decide, decide_refolded};

/// The most custom metadata that an object has, in bytes of keys and values. (Cloud Storage
/// documentation, "Quotas and limits".)
const METADATA_BYTES_MAX: usize = 8 * 1024;

/// An error of characters that take six bytes of metadata each: more than there is room for.
static ERROR: LazyLock<[String; 1]> = LazyLock::new(|| ["é".repeat(METADATA_BYTES_MAX / 5)]);

/// Asserts what holds of records and of the history that they are: one fold in any order and any
/// repetition, one by one or all at once, and a snapshot that is read as it was written.
pub fn record(bytes: &[u8]) {
    let records = records(bytes);
    let Some(folded) = Folded::of(records.clone()) else {
        return assert!(records.is_empty(), "a history has a fold");
    };
    bounds(&folded, &records);
    fits(&snapshot::metadata(&folded, "run", &*ERROR));
    let repeated: Vec<Record> = records.iter().rev().chain(&records).cloned().collect();
    assert_eq!(Folded::of(repeated).as_ref(), Some(&folded), "in any order, any number of times");
    for record in &records {
        assert_eq!(folded.coverage(&record.key), Coverage::Covered, "what is folded is covered");
    }
    assert_eq!(decide(&read(&folded), records.clone()), Decision::Skip);
    assert_eq!(one_by_one(&records), Stored::Snapshot(Box::new(folded)), "one by one");
}

/// A fold says how far it reaches: from the last record that needs none before it.
fn bounds(folded: &Folded, records: &[Record]) {
    let keys = |wanted: fn(&Change) -> bool| {
        records.iter().filter(move |record| wanted(&record.change)).map(|record| &record.key)
    };
    let base = keys(|change| !matches!(change, Change::Merge(_))).max();
    assert_eq!((folded.base.as_ref(), Some(&folded.newest)), (base, keys(|_| true).max()));
    let needed = keys(|_| true).filter(|key| base.is_none_or(|base| *key >= base));
    assert_eq!(Some(folded.since), needed.map(|key| key.day).min());
}

/// Metadata is printable and within what an object can have.
fn fits(metadata: &Metadata) {
    let bytes = metadata.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    assert!(bytes <= METADATA_BYTES_MAX, "{bytes} bytes of metadata");
    let plain = |text: &String| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    assert!(metadata.values().all(plain), "{metadata:?}");
}

/// The snapshot after each of `records` has been delivered, every time on its own.
fn one_by_one(records: &[Record]) -> Stored {
    let mut stored = Stored::Missing;
    for (at, record) in records.iter().enumerate() {
        let mut decision = decide(&stored, vec![record.clone()]);
        while let Decision::Refold(since) = decision {
            let listed = |record: &&Record| since.is_none_or(|since| record.key.day >= since);
            let history = records[..=at].iter().filter(listed).cloned().collect();
            decision = decide_refolded(&stored, since, history);
            let further = matches!(decision, Decision::Refold(_));
            assert!(!further, "every base is at hand from the day on");
        }
        match decision {
            Decision::Put(folded) => stored = read(&folded),
            Decision::Skip => (),
            Decision::Refold(_) | Decision::Retry => panic!("{decision:?}"),
        }
    }
    stored
}

/// A fold, written and read.
fn read(folded: &Folded) -> Stored {
    let entity = EntityRef::new(Env::Dev, "things", "V1").expect("V1 is an entity");
    let body = snapshot::body(folded, &entity, &kind().entity);
    let metadata = snapshot::metadata(folded, "run", &[]);
    fits(&metadata);
    let value = json::parse(&body).expect("a snapshot is a document");
    assert!(body.ends_with(b"\n") && body.iter().filter(|byte| **byte == b'\n').count() == 1);
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    assert_eq!((text("id"), text("entity"), text("env")), (Some("V1"), Some("thing"), Some("dev")));
    assert_eq!(text("op").is_none(), matches!(folded.state, State::Live(_)));
    let stored = snapshot::read(Some((&body, &metadata)), kind());
    assert_eq!(stored, Stored::Snapshot(Box::new(folded.clone())), "read as it was written");
    stored
}
