//! What the arrival of records means for a stored snapshot.

use domain::Record;
use expect_test::expect;
use proptest::prelude::*;

use super::{definitions, entity, record};
use crate::Metadata;
use crate::fold::Folded;
use crate::snapshot::{self, Decision, Stored};

fn at(time: &str, rest: &str) -> String {
    format!(r#"{{"updated_at":"2025-11-06T10:00:{time}Z"{rest}}}"#)
}

/// Stores a fold and reads it back, as another process would.
fn stored(folded: &Folded) -> Stored {
    let body = snapshot::body(folded, &entity("V1"), "venture");
    read(&body, &snapshot::metadata(folded, "run", &[]))
}

fn read(body: &[u8], metadata: &Metadata) -> Stored {
    snapshot::read(Some((body, metadata)), definitions().entity("venture").unwrap())
}

/// Hands records over one by one, in this order, to the handler's decisions; the whole history
/// lies in the bucket, of which `listed` is seen from a day on.
fn arrive(records: &[Record], history: &[Record]) -> Stored {
    let mut snapshot = Stored::Missing;
    for record in records {
        let mut decision = snapshot::decide(&snapshot, vec![record.clone()]);
        while let Decision::Refold(from) = decision {
            let seen = |other: &&Record| from.is_none_or(|from| other.key.day >= from);
            let listed = history.iter().filter(seen).cloned().collect();
            decision = snapshot::decide_refolded(&snapshot, from, listed);
        }
        if let Decision::Put(folded) = decision {
            snapshot = stored(&folded);
        }
    }
    snapshot
}

#[test]
fn a_snapshot_is_read_as_it_was_written() {
    for body in [
        at("01", r#","é":0.60"#),
        at("01.123456789", r#","op":"delete""#),
        at("01", r#","op":"merge""#),
    ] {
        let folded = Folded::of(vec![record("2025/11/06/tö_%1.json", &body)]).unwrap();
        let errors = ["/é: expected x".to_owned()];
        let metadata = snapshot::metadata(&folded, "run", &errors);
        assert!(metadata.values().all(|value| value.is_ascii()));
        assert_eq!(stored(&folded), Stored::Snapshot(Box::new(folded)));
    }
}

#[test]
fn absent_snapshots_say_so_in_a_field_that_no_document_can_have() {
    let body = |rest: &str| {
        let folded = Folded::of(vec![record("2025/11/06/1.json", &at("01", rest))]).unwrap();
        String::from_utf8(snapshot::body(&folded, &entity("V1"), "venture")).unwrap()
    };
    expect![[r#"
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:01Z","op":"delete"}
    "#]]
    .assert_eq(&body(r#","op":"delete""#));
    expect![[r#"
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:01Z","op":"merge"}
    "#]]
    .assert_eq(&body(r#","op":"merge","a":1"#));
}

#[test]
fn what_is_no_snapshot_is_folded_from_the_beginning() {
    let record = record("2025/11/06/1.json", &at("01", ""));
    for stored in [
        read(b"{}", &Metadata::new()),
        read(b"garbage", &Metadata::from([("state".to_owned(), "live".to_owned())])),
    ] {
        assert_eq!(snapshot::decide(&stored, vec![record.clone()]), Decision::Refold(None));
    }
}

#[test]
fn a_merge_in_a_folder_before_its_bases_day_is_not_lost_by_a_late_one() {
    let base = record("2025/11/06/base.json", &at("01", r#","a":0"#));
    let backdated = record("2024/01/01/backdated.json", &at("03", r#","op":"merge","b":1"#));
    let late = record("2025/11/06/late.json", &at("02", r#","op":"merge","c":1"#));
    let history = [base, backdated, late];
    let expected = stored(&Folded::of(history.to_vec()).unwrap());
    assert_eq!(arrive(&history, &history), expected);
}

#[test]
fn a_late_merge_is_folded_in_all_six_orders() {
    let history = [
        record("2025/11/06/1.json", &at("01", r#","a":0"#)),
        record("2025/11/06/2.json", &at("02", r#","op":"merge","a":{"x":1}"#)),
        record("2025/11/06/3.json", &at("03", r#","op":"merge","a":{"y":1}"#)),
    ];
    let expected = stored(&Folded::of(history.to_vec()).unwrap());
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let arrivals = order.map(|place| history[place].clone());
        assert_eq!(arrive(&arrivals, &history), expected, "{order:?}");
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    (0u32..4, 1u32..5, 0u32..3, 0u8..5).prop_map(|(second, day, id, what)| {
        let rest = match what {
            0 => format!(r#","a":{second},"b":{day}"#),
            1 => r#","op":"delete""#.to_owned(),
            2 => format!(r#","op":"merge","a":null,"c":{{"x{id}":{day}}}"#),
            _ => format!(r#","op":"merge","a":{day}"#),
        };
        record(&format!("2025/11/{day:02}/n{what}_{id}.json"), &at(&format!("0{second}"), &rest))
    })
}

proptest! {
    #[test]
    fn any_order_of_arrival_with_repetitions_ends_in_the_fold(
        records in proptest::collection::vec(any_record(), 1..9),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        let mut names = std::collections::BTreeSet::new();
        let mut records = records;
        records.retain(|record| names.insert(record.key.relative()));
        let mut arrivals: Vec<Record> =
            order.iter().map(|index| index.get(&records).clone()).collect();
        arrivals.extend(records.iter().rev().cloned());
        let expected = Folded::of(records.clone()).unwrap();
        let Stored::Snapshot(found) = arrive(&arrivals, &records) else { panic!("no snapshot") };
        prop_assert_eq!(&found.state, &expected.state);
        prop_assert_eq!((&found.base, &found.newest, &found.folded), (&expected.base, &expected.newest, &expected.folded));
    }
}

#[test]
fn errors_that_are_cut_end_in_no_space() {
    let folded = Folded::of(vec![record("2025/11/06/1.json", &at("01", ""))]).unwrap();
    for pad in 0..3 {
        let errors = vec![format!("{}{}", "x".repeat(1022 + pad), " y".repeat(100))];
        let metadata = snapshot::metadata(&folded, "run", &errors);
        let text = &metadata["errors"];
        assert!(text.len() > 1000 && text.trim() == text, "{pad}");
    }
}

#[test]
fn a_late_merge_that_changes_only_the_order_of_keys_is_written() {
    let merge = |n: u32, rest: &str| {
        let body = format!(
            r#"{{"op":"merge","updated_at":"2025-11-06T10:{:02}:{:02}Z"{rest}}}"#,
            n / 60,
            n % 60
        );
        record(&format!("2025/11/06/x_{n:03}.json"), &body)
    };
    let mut history = vec![record("2025/11/06/x_000.json", &at("00", ""))];
    history.extend([merge(2, r#","b":1"#), merge(3, r#","a":1"#)]);
    // More than are remembered.
    history.extend((4..150).map(|n| merge(n, "")));
    let stored = stored(&Folded::of(history.clone()).unwrap());
    history.push(merge(1, r#","a":1"#));
    assert!(matches!(snapshot::decide_refolded(&stored, None, history), Decision::Put(_)));
}
