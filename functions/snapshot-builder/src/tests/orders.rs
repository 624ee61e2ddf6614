//! Any order and any repetition of deliveries, ties included, end in one snapshot.

use std::sync::Arc;

use domain::{Delivery, Disposition, Handler as _, Planted};
use emulator::Memory;
use projection::snapshot;

use super::{
    Dice, body, bucket, builder, covers, deliver, entity, fold, folded, full, merge, tombstone,
    upload,
};
use crate::{Shortcut, SnapshotBuilder};

/// Records, and those that do not count.
#[derive(Default)]
struct History {
    counting: Vec<Delivery>,
    others: Vec<Delivery>,
}

/// Draws a history with many ties of time and of record id, in folders that need not be those
/// of their days.
fn history(dice: &Dice, bucket: &Memory) -> History {
    let mut history = History::default();
    for n in 0..=dice.below(9) {
        let (day, id) = (1 + dice.below(6), dice.below(3));
        let second = u32::try_from(dice.below(4)).unwrap();
        let relative = format!("2025/11/{day:02}/n{n}_{id}.json");
        let (counts, text) = match dice.below(9) {
            0 => (false, "garbage".to_owned()),
            1 => (false, full(second, r#","n_a":"text""#)),
            2 => (true, tombstone(second)),
            3 | 4 => (true, full(second, &format!(r#","status":"s{day}","n_a":{n}"#))),
            5 => (true, merge(second, r#","status":null,"o":{"a":1}"#)),
            6 => (true, merge(second, &format!(r#","o":{{"a":null,"x{id}":{n}}}"#))),
            _ => (true, merge(second, &format!(r#","status":"s{n}""#))),
        };
        let delivery = upload(bucket, &relative, text);
        let of = if counts { &mut history.counting } else { &mut history.others };
        of.push(delivery);
    }
    history
}

/// Every delivery at least once and some again, in an order of the dice, in batches.
fn batches(dice: &Dice, history: &History) -> Vec<Vec<Delivery>> {
    let once: Vec<&Delivery> = history.counting.iter().chain(&history.others).collect();
    let again = (0..dice.below(8)).map(|_| once[dice.below(once.len())]);
    let mut arrivals: Vec<&Delivery> = again.chain(once.iter().copied()).collect();
    dice.shuffle(&mut arrivals);
    let mut batches = Vec::new();
    while !arrivals.is_empty() {
        let size = 1 + dice.below(arrivals.len().min(4));
        batches.push(arrivals.drain(..size).cloned().collect());
    }
    batches
}

/// Checks that the bucket has the snapshot of these records, and nothing else has changed it.
fn check(bucket: &Memory, counting: &[Delivery], what: &str) {
    if counting.is_empty() {
        assert_eq!(folded(bucket), None, "{what}");
        return;
    }
    let expected = fold(bucket, counting);
    let text = String::from_utf8(snapshot::body(&expected, &entity(), "venture")).unwrap();
    assert_eq!(body(bucket), text, "{what}");
    assert_eq!(folded(bucket), Some(expected), "{what}");
}

#[tokio::test(flavor = "current_thread")]
async fn any_order_any_repetition_any_batches_one_snapshot() {
    for seed in 0..400 {
        let (dice, bucket) = (Dice::new(seed), bucket());
        let history = history(&dice, &bucket);
        // Another process for each batch: nothing is kept in memory.
        for batch in batches(&dice, &history) {
            let outcomes = builder(bucket.clone()).handle(&batch).await;
            assert_eq!(outcomes.len(), batch.len(), "seed {seed}");
            for (delivery, outcome) in batch.iter().zip(outcomes) {
                let rejected = matches!(outcome, Ok(Disposition::Rejected(_)));
                assert!(outcome.is_ok(), "seed {seed}: {outcome:?}");
                assert_eq!(rejected, history.others.contains(delivery), "seed {seed}");
                assert!(rejected || covers(&bucket, delivery), "seed {seed}");
            }
        }
        check(&bucket, &history.counting, &format!("seed {seed}"));
    }
}

/// Delivers records in every order of three, each written just before its delivery or all of
/// them before the first.
async fn check_all_orders(records: [(&str, String); 3]) {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for at_once in [true, false] {
            let bucket = bucket();
            let write = |n: usize| upload(&bucket, records[n].0, records[n].1.clone());
            let mut written: Vec<Delivery> = Vec::new();
            if at_once {
                written.extend(order.map(write));
            }
            for (place, n) in order.into_iter().enumerate() {
                if !at_once {
                    written.push(write(n));
                }
                let builder = builder(bucket.clone());
                let outcome = deliver(&builder, &written[place]).await;
                assert!(outcome.is_ok(), "{order:?}: {outcome:?}");
                assert!(covers(&bucket, &written[place]), "{order:?}");
            }
            check(&bucket, &written, &format!("{order:?}, at once: {at_once}"));
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_base_and_two_merges_in_all_six_orders() {
    check_all_orders([
        ("2025/11/06/x_1.json", full(1, r#","o":{"a":0,"b":0}"#)),
        ("2025/11/06/x_2.json", merge(2, r#","o":{"a":1,"b":null}"#)),
        ("2025/11/06/x_3.json", merge(3, r#","o":{"a":2,"c":1}"#)),
    ])
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn records_of_one_instant_in_all_six_orders() {
    check_all_orders([
        ("2025/11/06/x_1.json", full(1, r#","status":"a""#)),
        ("2025/11/07/y_1.json", merge(1, r#","status":"b""#)),
        ("2025/11/06/z_2.json", merge(1, r#","status":"c""#)),
    ])
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_merge_after_a_tombstone_in_all_six_orders() {
    let merged = ("2025/11/06/x_3.json", merge(3, r#","status":"b""#));
    check_all_orders([
        ("2025/11/06/x_1.json", full(1, r#","status":"a""#)),
        ("2025/11/06/x_2.json", tombstone(2)),
        merged.clone(),
    ])
    .await;
    check_all_orders([
        ("2025/11/06/x_2.json", tombstone(2)),
        merged,
        ("2025/11/06/x_4.json", full(4, r#","title":"again""#)),
    ])
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn merges_in_folders_before_and_after_their_bases_day_in_all_six_orders() {
    check_all_orders([
        ("2025/11/06/x_1.json", full(1, r#","o":{"a":0}"#)),
        ("2025/11/06/x_2.json", merge(2, r#","o":{"a":1}"#)),
        ("2024/01/01/x_3.json", merge(3, r#","o":{"a":2,"b":1}"#)),
    ])
    .await;
    check_all_orders([
        ("2025/11/06/x_1.json", full(1, r#","o":{"a":0}"#)),
        ("2024/01/01/x_2.json", merge(2, r#","o":{"a":1}"#)),
        ("2026/12/31/x_3.json", merge(3, r#","o":{"a":2,"b":1}"#)),
    ])
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn merges_without_a_base_are_remembered() {
    let bucket = bucket();
    let mut written = vec![upload(&bucket, "2025/11/06/x_2.json", merge(2, r#","a":1"#))];
    deliver(&builder(bucket.clone()), &written[0]).await.unwrap();
    assert!(body(&bucket).contains(r#""op":"merge""#), "{}", body(&bucket));
    written.push(upload(&bucket, "2025/11/06/x_1.json", full(1, "")));
    deliver(&builder(bucket.clone()), &written[1]).await.unwrap();
    assert!(body(&bucket).ends_with(",\"a\":1}\n"), "{}", body(&bucket));
    check(&bucket, &written, "base after its merge");
}

#[tokio::test(flavor = "current_thread")]
async fn what_somebody_else_wrote_in_place_of_the_snapshot_is_folded_over() {
    for foreign in ["", "[]", "garbage", r#"{"op":"delete"}"#] {
        let bucket = bucket();
        let older = upload(&bucket, "2025/01/01/x_1.json", full(1, r#","a":1"#));
        let newer = upload(&bucket, "2025/11/06/x_2.json", merge(2, r#","b":1"#));
        bucket.insert(&super::snapshot_name(), foreign.into(), Default::default()).unwrap();
        deliver(&builder(Arc::clone(&bucket) as _), &newer).await.unwrap();
        check(&bucket, &[older, newer], foreign);
    }
}

/// The bodies of the snapshots that two records of one instant end in, by who comes first.
async fn bodies_of_a_tie(planted: Planted<Shortcut>) -> [String; 2] {
    let mut bodies = [String::new(), String::new()];
    for (first, ends) in bodies.iter_mut().enumerate() {
        let bucket = bucket();
        let write = |n: usize| {
            let record = full(1, &format!(r#","status":"s{n}""#));
            upload(&bucket, &format!("2025/11/06/x_{n}.json"), record)
        };
        let written = [0, 1].map(write);
        for n in [first, 1 - first] {
            let builder = SnapshotBuilder { planted, ..builder(bucket.clone()) };
            deliver(&builder, &written[n]).await.unwrap();
        }
        *ends = body(&bucket);
    }
    bodies
}

#[tokio::test(flavor = "current_thread")]
async fn records_that_are_ordered_by_their_time_alone_are_seen() {
    let [one, other] = bodies_of_a_tie(Planted::NONE).await;
    assert_eq!(one, other);
    let [one, other] = bodies_of_a_tie(Planted::bug(Shortcut::OrderedByTimeAlone)).await;
    assert_ne!(one, other, "the first to come wins");
}
