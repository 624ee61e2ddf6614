//! What merges make of a snapshot is bounded, and so is what one fold of them holds.

use domain::{Disposition, Handler as _, RECORD_BYTES_MAX};
use expect_test::{Expect, expect};

use super::{body, bucket, builder, deliver, full, merge, snapshot_of, upload};
use crate::size::SNAPSHOT_BYTES_MAX;

/// A merge near the largest size, of a field of its own.
fn large(second: u32) -> String {
    let text = "x".repeat(RECORD_BYTES_MAX - 200);
    merge(second, &format!(r#","m{second}":"{text}""#))
}

/// A merge of 99,000 values in 200 KB.
fn dense(second: u32) -> String {
    merge(second, &format!(r#","m{second}":[{}0]"#, "0,".repeat(99_000)))
}

fn reason(outcome: &domain::Outcome) -> &str {
    match outcome {
        Ok(Disposition::Rejected(reasons)) => &reasons[0],
        other => panic!("{other:?}"),
    }
}

/// Merges of one kind in their order: `fit` of them are folded, what comes after is rejected, and
/// a full record makes room again.
async fn check(one: fn(u32) -> String, fit: u32, expect: Expect) {
    let bucket = bucket();
    let builder = builder(bucket.clone());
    let first = upload(&bucket, "2025/11/06/x_000.json", full(0, ""));
    assert_eq!(deliver(&builder, &first).await, Ok(Disposition::Done));
    for second in 1..=fit {
        let delivery = upload(&bucket, &format!("2025/11/06/x_{second:03}.json"), one(second));
        assert_eq!(deliver(&builder, &delivery).await, Ok(Disposition::Done), "{second}");
    }
    let before = snapshot_of(&bucket);
    assert!(before.as_ref().unwrap().body.len() <= SNAPSHOT_BYTES_MAX);
    let next = upload(&bucket, "2025/11/06/x_100.json", one(100));
    let rejected = deliver(&builder, &next).await;
    expect.assert_eq(reason(&rejected));
    assert_eq!(deliver(&builder, &next).await, rejected);
    assert_eq!(snapshot_of(&bucket), before);
    let again = upload(&bucket, "2025/11/06/x_200.json", full(200, r#","title":"t""#));
    assert_eq!(deliver(&builder, &again).await, Ok(Disposition::Done));
    assert!(body(&bucket).len() < 200);
    assert!(matches!(deliver(&builder, &next).await, Ok(Disposition::Skipped(_))));
}

#[tokio::test(flavor = "current_thread")]
async fn merges_grow_a_snapshot_to_its_largest_size_and_no_further() {
    check(large, 3, expect!["snapshot of dev/ventures/V1: merges since the last full record make more than 25165824 bytes or 300000 values of it: write a full one"]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn merges_grow_a_snapshot_to_its_most_values_and_no_further() {
    check(dense, 3, expect!["snapshot of dev/ventures/V1: merges since the last full record make more than 25165824 bytes or 300000 values of it: write a full one"]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_merge_that_is_too_much_spoils_nothing_for_those_it_comes_with() {
    let bucket = bucket();
    let builder = builder(bucket.clone());
    let batch = [
        upload(&bucket, "2025/11/06/x_5.json", large(5)),
        upload(&bucket, "2025/11/06/x_1.json", full(1, "")),
        upload(&bucket, "2025/11/06/x_4.json", large(4)),
        upload(&bucket, "2025/11/06/x_2.json", large(2)),
        upload(&bucket, "2025/11/06/x_3.json", large(3)),
    ];
    let outcomes = builder.handle(&batch).await;
    assert!(reason(&outcomes[0]).contains("write a full one"));
    assert_eq!(outcomes[1..], vec![Ok(Disposition::Done); 4]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_late_record_among_merges_that_one_fold_cannot_hold_is_rejected() {
    let bucket = bucket();
    let first = builder(bucket.clone());
    let base = upload(&bucket, "2025/11/06/x_000.json", full(0, ""));
    assert_eq!(deliver(&first, &base).await, Ok(Disposition::Done));
    // Each replaces the field of the one before: the snapshot stays small.
    for second in 2..12 {
        let text = "x".repeat(RECORD_BYTES_MAX - 200);
        let record = merge(second, &format!(r#","title":"{text}""#));
        let delivery = upload(&bucket, &format!("2025/11/06/x_{second:03}.json"), record);
        assert_eq!(deliver(&first, &delivery).await, Ok(Disposition::Done), "{second}");
    }
    let before = snapshot_of(&bucket);
    let late = upload(&bucket, "2025/11/06/x_001.json", merge(1, r#","status":"A""#));
    expect!["list history of dev/ventures/V1: merges since the last full record take more than 67108864 bytes: write a full one"].assert_eq(reason(&deliver(&first, &late).await));
    assert_eq!(snapshot_of(&bucket), before);
    let again = upload(&bucket, "2025/11/06/x_200.json", full(200, ""));
    assert_eq!(deliver(&first, &again).await, Ok(Disposition::Done));
}
