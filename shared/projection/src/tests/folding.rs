//! The fold: any order, any repetition, any prefix.

use domain::{Change, Record};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::Value;

use super::{document, entity, object, record};
use crate::fold::{Coverage, FOLDED_IDS_MAX, Folded, State, merge};

fn check(records: &[(&str, &str)], expect: Expect) {
    let records: Vec<Record> = records.iter().map(|(name, body)| record(name, body)).collect();
    let shown = |folded: &Folded| match &folded.state {
        State::Live(document) => Value::Object(document.clone()).to_string(),
        State::Deleted => "deleted".to_owned(),
        State::Pending => "pending".to_owned(),
    };
    let mut any_order: Vec<_> = vec![records.clone()];
    any_order.push(records.iter().rev().cloned().collect());
    any_order.push(records.iter().rev().chain(&records).cloned().collect());
    for records in any_order {
        expect.assert_eq(&shown(&Folded::of(records).unwrap()));
    }
}

fn at(second: u32, rest: &str) -> String {
    format!(r#"{{"updated_at":"2025-11-06T10:00:{second:02}Z"{rest}}}"#)
}

#[test]
fn the_last_full_record_wins_and_later_merges_are_applied() {
    check(
        &[
            ("2025/11/06/x_1.json", &at(1, r#","a":1"#)),
            (
                "2025/11/06/x_2.json",
                &at(2, r#","b":{"c":0.60,"d":1},"id":"V1","entity":"venture","env":"dev""#),
            ),
            ("2025/11/06/x_3.json", &at(3, r#","op":"merge","b":{"d":null,"e":1E400},"f":[1]"#)),
        ],
        expect![[
            r#"{"updated_at":"2025-11-06T10:00:03Z","b":{"c":0.60,"e":1E400},"id":"V1","entity":"venture","env":"dev","f":[1]}"#
        ]],
    );
}

#[test]
fn equal_times_are_ordered_by_record_id_then_by_name() {
    check(
        &[
            ("2025/11/06/z_1.json", &at(1, r#","winner":"id 1""#)),
            ("2025/11/06/a_2.json", &at(1, r#","winner":"id 2""#)),
        ],
        expect![[
            r#"{"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:01Z","winner":"id 2"}"#
        ]],
    );
    check(
        &[
            ("2025/11/07/a_1.json", &at(1, r#","winner":"later name""#)),
            ("2025/11/06/z_1.json", &at(1, r#","winner":"earlier name""#)),
        ],
        expect![[
            r#"{"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:01Z","winner":"later name"}"#
        ]],
    );
}

#[test]
fn a_tombstone_is_absent_until_a_later_full_record() {
    let deleted = at(2, r#","op":"delete""#);
    let merge = at(3, r#","op":"merge","a":2"#);
    let full = at(1, r#","a":1"#);
    check(
        &[
            ("2025/11/06/1.json", &full),
            ("2025/11/06/2.json", &deleted),
            ("2025/11/06/3.json", &merge),
        ],
        expect!["deleted"],
    );
    check(&[("2025/11/06/3.json", &merge)], expect!["pending"]);
    check(
        &[
            ("2025/11/06/2.json", &deleted),
            ("2025/11/06/3.json", &merge),
            ("2025/11/06/4.json", &at(4, r#","a":4"#)),
        ],
        expect![[
            r#"{"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:04Z","a":4}"#
        ]],
    );
}

#[test]
fn a_merge_patch_is_that_of_rfc_7396() {
    // RFC 7396, appendix A, for targets and patches that are objects.
    for (target, patch, expect) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
    ] {
        let mut merged = object(target);
        merge(&mut merged, object(patch));
        assert_eq!(Value::Object(merged), document(expect), "{target} with {patch}");
    }
}

#[test]
fn a_name_that_repeats_under_another_day_is_another_record() {
    let base = record("2025/11/05/base.json", &at(1, ""));
    let first = record("2025/11/06/same.json", &at(2, r#","op":"merge","a":1"#));
    let second = record("2025/11/07/same.json", &at(3, r#","op":"merge","b":1"#));
    let folded = Folded::of(vec![base, first]).unwrap();
    assert_eq!(folded.coverage(&second.key), Coverage::InOrder);
    let folded = folded.with(second.clone());
    assert_eq!(folded.coverage(&second.key), Coverage::Covered);
}

#[test]
fn only_the_newest_ids_are_remembered() {
    let merges = (1..=FOLDED_IDS_MAX + 1).map(|n| {
        let time = format!(r#"{{"updated_at":"2025-11-06T10:00:00.{n:03}Z","op":"merge"}}"#);
        record(&format!("2025/11/06/{n:03}.json"), &time)
    });
    let merges: Vec<Record> = merges.collect();
    let folded = Folded::of(merges.clone()).unwrap();
    assert_eq!(folded.folded.len(), FOLDED_IDS_MAX);
    assert_eq!(folded.coverage(&merges[0].key), Coverage::Late);
    assert_eq!(folded.coverage(&merges[1].key), Coverage::Covered);
    assert_eq!(Folded::of(merges).unwrap(), folded);
}

/// Records with many ties of time and of record id.
fn any_record() -> impl Strategy<Value = Record> {
    (0u32..3, 1u32..4, 0u32..3, 0u8..4).prop_map(|(second, day, id, what)| {
        let rest = match what {
            0 => format!(r#","a":{second},"b":{day}"#),
            1 => r#","op":"delete""#.to_owned(),
            2 => format!(r#","op":"merge","a":null,"c":{{"x{id}":{day}}}"#),
            _ => format!(r#","op":"merge","a":{day}"#),
        };
        record(&format!("2025/11/{day:02}/n{what}_{id}.json"), &at(second, &rest))
    })
}

/// A history has one record for each name.
fn history(mut records: Vec<Record>) -> Vec<Record> {
    let mut names = std::collections::BTreeSet::new();
    records.retain(|record| names.insert(record.key.relative()));
    records
}

/// The fold as the design states it, without a thought for cost.
fn naive(mut records: Vec<Record>) -> State {
    records.sort_by(|left, right| left.key.cmp(&right.key));
    let base = records.iter().rposition(|record| !matches!(record.change, Change::Merge(_)));
    let Some(base) = base else { return State::Pending };
    let merges = records.split_off(base + 1);
    match records.pop().unwrap().change {
        Change::Full(mut document) => {
            for record in merges {
                let Change::Merge(patch) = record.change else { unreachable!() };
                merge(&mut document, patch);
            }
            State::Live(document)
        }
        _ => State::Deleted,
    }
}

proptest! {
    #[test]
    fn any_order_and_repetition_fold_to_one_state(
        records in proptest::collection::vec(any_record(), 1..9),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let records = history(records);
        let expected = Folded::of(records.clone()).unwrap();
        prop_assert_eq!(&expected.state, &naive(records.clone()));
        let repeated = order.iter().map(|index| index.get(&records).clone());
        let again: Vec<Record> = repeated.chain(records.iter().rev().cloned()).collect();
        prop_assert_eq!(Folded::of(again).unwrap(), expected);
    }

    #[test]
    fn any_prefix_is_a_checkpoint(records in proptest::collection::vec(any_record(), 2..9), cut in any::<prop::sample::Index>()) {
        let mut records = history(records);
        prop_assume!(records.len() > 1);
        records.sort_by(|left, right| left.key.cmp(&right.key));
        let cut = 1 + cut.index(records.len() - 1);
        let checkpoint = Folded::of(records[..cut].to_vec()).unwrap();
        let resumed = records[cut..].iter().cloned().fold(checkpoint, Folded::with);
        prop_assert_eq!(resumed, Folded::of(records).unwrap());
    }
}

#[test]
fn records_after_the_fold_of_nothing_make_what_they_make_alone() {
    let records = [
        record(
            "2025/11/06/a_1.json",
            r#"{"op":"merge","updated_at":"2025-11-06T10:00:00Z","n":1}"#,
        ),
        record(
            "2025/11/07/b_2.json",
            r#"{"op":"merge","updated_at":"2025-11-07T10:00:00Z","n":2}"#,
        ),
        record(
            "2025/11/08/c_3.json",
            r#"{"schema_version":"1.0.0","updated_at":"2025-11-08T10:00:00Z"}"#,
        ),
    ];
    for records in [&records[..1], &records[..2], &records[..], &records[2..]] {
        let nothing = Folded::nothing(&entity("V1"));
        assert!(nothing.is_nothing());
        let folded = records.iter().cloned().fold(nothing, |folded, record| {
            assert_eq!(folded.coverage(&record.key), Coverage::InOrder);
            folded.with(record)
        });
        assert_eq!(Some(&folded), Folded::of(records.to_vec()).as_ref());
        assert!(!folded.is_nothing());
    }
}
