//! Records that do not count, and why: what the quarantine object will say.

use std::io::Write as _;
use std::sync::Arc;

use domain::{Delivery, Disposition, EntityRef, Env, RECORD_BYTES_MAX};
use emulator::{Memory, Upload};
use expect_test::{Expect, expect};
use flate2::{Compression, write::GzEncoder};

use super::{
    bucket, builder, deliver, entity, folded, full, merge, snapshot_of, upload, upload_as,
};

/// Delivers a record and compares how that ends. One that does not count leaves nothing.
async fn check(bucket: &Arc<Memory>, delivery: &Delivery, expect: Expect) {
    let before = snapshot_of(bucket);
    let builder = builder(bucket.clone());
    let outcome = deliver(&builder, delivery).await;
    match &outcome {
        Ok(Disposition::Rejected(reasons)) => expect.assert_eq(&reasons.join("\n")),
        outcome => expect.assert_eq(&format!("{outcome:?}")),
    }
    if outcome != Ok(Disposition::Done) {
        assert_eq!(snapshot_of(bucket), before);
    }
}

async fn check_text(text: &str, expect: Expect) {
    let bucket = bucket();
    let delivery = upload(&bucket, "2025/11/06/x_1.json", text.to_owned());
    check(&bucket, &delivery, expect).await;
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_not_a_json_object_is_rejected() {
    check_text("", expect!["not JSON: EOF while parsing a value at line 1 column 0"]).await;
    check_text("garbage", expect!["not JSON: expected value at line 1 column 1"]).await;
    check_text("[]", expect!["a record is a JSON object"]).await;
    check_text("\u{feff}{}", expect!["begins with a byte order mark"]).await;
    check_text(
        r#"{"a":1,"a":2}"#,
        expect!["not JSON: a key stands twice in one object or is reserved at line 1 column 10"],
    )
    .await;
    check_text(
        r#"{"o":{"$serde_json::private::Number":"1"}}"#,
        expect!["not JSON: the key $serde_json::private::Number is reserved at line 1 column 40"],
    )
    .await;
    let bucket = bucket();
    let delivery = upload(&bucket, "2025/11/06/x_1.json", b"{\"a\":\"\xff\"}".to_vec());
    check(&bucket, &delivery, expect!["not UTF-8 at byte 6"]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn every_contradiction_to_the_name_is_listed() {
    let contradictions = r#","env":"prod","entity":"idea","id":"V2","op":"upsert""#;
    check_text(
        &full(1, contradictions),
        expect![[r#"
        /env: expected "dev", as the object name says
        /entity: expected "venture", as the object name says
        /id: expected "V1", as the object name says
        /op: expected "merge", "delete" or no such field"#]],
    )
    .await;
    check_text(
        &full(1, r#","id":null"#),
        expect![[r#"/id: expected "V1", as the object name says"#]],
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_record_from_the_future_is_rejected() {
    check_text(
        r#"{"schema_version":"1.0.0","updated_at":"2099-01-01T00:00:00Z"}"#,
        expect!["/updated_at: 2099-01-01T00:00:00Z is more than 24 h after its object was created"],
    )
    .await;
    check_text(
        r#"{"op":"delete","updated_at":"2025-11-07T12:00:01Z"}"#,
        expect!["/updated_at: 2025-11-07T12:00:01Z is more than 24 h after its object was created"],
    )
    .await;
    check_text(r#"{"op":"delete","updated_at":"2025-11-07T12:00:00Z"}"#, expect!["Ok(Done)"]).await;
    check_text(
        r#"{"op":"delete","updated_at":"yesterday"}"#,
        expect!["/updated_at: expected an RFC 3339 date and time, here or in the object name"],
    )
    .await;
    check_text(
        r#"{"op":"delete"}"#,
        expect!["/updated_at: expected an RFC 3339 date and time, here or in the object name"],
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn every_violation_of_the_schema_is_listed() {
    check_text(
        &full(1, r#","status":1,"n_a":"x","n_b":null"#),
        expect![[r#"
        /status: expected a text, not a number
        /n_a: expected a number, not a text
        /n_b: expected a number, not null"#]],
    )
    .await;
    check_text(
        r#"{"schema_version":"9.0.0","updated_at":"2025-11-06T10:00:00Z"}"#,
        expect!["/schema_version: expected one of 1.0.0: deploy a release that knows this one, and retry"],
    )
    .await;
    check_text(
        r#"{"schema_version":1,"updated_at":"2025-11-06T10:00:00Z"}"#,
        expect!["/schema_version: expected a text"],
    )
    .await;
    check_text(
        r#"{"updated_at":"2025-11-06T10:00:00Z"}"#,
        expect!["/schema_version: expected a text"],
    )
    .await;
    check_text(
        r#"{"schema_version":"v1.0.0","updated_at":"2025-11-06T10:00:00Z"}"#,
        expect!["Ok(Done)"],
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_segment_that_no_definition_has_is_rejected() {
    let bucket = bucket();
    let gadget = EntityRef::new(Env::Dev, "gadgets", "V1").unwrap();
    let delivery =
        upload_as(&bucket, &gadget, "2025/11/06/x_1.json", full(1, ""), Upload::default());
    check(&bucket, &delivery, expect![[r#"no entity definition has the segment "gadgets""#]]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_object_that_is_gone_is_skipped() {
    let bucket = bucket();
    let delivery = upload(&bucket, "2025/11/06/x_1.json", full(1, ""));
    let elsewhere = super::bucket();
    for created_at in [delivery.created_at, None] {
        let expect = expect![[r#"Ok(Skipped("object is gone"))"#]];
        check(&elsewhere, &Delivery { created_at, ..delivery.clone() }, expect).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_record_that_counts_is_folded_whatever_comes_with_it() {
    use domain::Handler as _;
    let bucket = bucket();
    let batch = [
        upload(&bucket, "2025/11/06/x_1.json", "garbage"),
        upload(&bucket, "2025/11/06/x_2.json", full(2, "")),
        upload(&bucket, "2025/11/06/x_3.json", merge(3, r#","id":"V2""#)),
    ];
    let outcomes = builder(bucket.clone()).handle(&batch).await;
    let rejected = outcomes.iter().map(|outcome| matches!(outcome, Ok(Disposition::Rejected(_))));
    assert_eq!(rejected.collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(outcomes[1], Ok(Disposition::Done));
    assert!(folded(&bucket).is_some());
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

async fn check_gzip(body: Vec<u8>, content_encoding: Option<&str>, expect: Expect) {
    let bucket = bucket();
    let content_encoding = content_encoding.map(str::to_owned);
    let upload = Upload { content_encoding, ..Upload::default() };
    let delivery = upload_as(&bucket, &entity(), "2025/11/06/x_1.json.gz", body, upload);
    check(&bucket, &delivery, expect).await;
}

#[tokio::test(flavor = "current_thread")]
async fn compressed_records_are_read_whatever_their_content_encoding_says() {
    let text = full(1, r#","n_a":0.60"#);
    check_gzip(gzip(text.as_bytes()), None, expect!["Ok(Done)"]).await;
    check_gzip(gzip(text.as_bytes()), Some("gzip"), expect!["Ok(Done)"]).await;
    // Not compressed, whatever the name says.
    check_gzip(text.into_bytes(), None, expect!["Ok(Done)"]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn broken_gzip_is_rejected() {
    let mut cut = gzip(full(1, "").as_bytes());
    cut.truncate(cut.len() - 4);
    check_gzip(cut, None, expect!["not gzip: damaged, cut off, or followed by something else"])
        .await;
    check_gzip(
        gzip(&gzip(b"{}")),
        None,
        expect!["not JSON: gzip once more than name and content encoding say"],
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_object_that_the_store_cannot_decode_is_rejected() {
    let expect = expect![
        "get env/dev/ventures/V1/history/2025/11/06/x_1.json.gz: object is stored as gzip and is not gzip"
    ];
    check_gzip(b"damaged".to_vec(), Some("gzip"), expect).await;
}

/// Many small members, each of a mebibyte.
fn bomb() -> Vec<u8> {
    gzip(&vec![b' '; 1024 * 1024]).repeat(1024)
}

#[tokio::test(flavor = "current_thread")]
async fn a_gzip_bomb_is_not_unpacked() {
    assert!(bomb().len() < RECORD_BYTES_MAX);
    check_gzip(bomb(), None, expect!["a record has at most 8388608 bytes"]).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_record_has_a_largest_size() {
    let bucket = bucket();
    let mut largest = full(1, "").into_bytes();
    largest.resize(RECORD_BYTES_MAX + 1, b' ');
    let delivery = upload(&bucket, "2025/11/06/x_1.json", largest);
    let expect = expect![
        "get env/dev/ventures/V1/history/2025/11/06/x_1.json: answer of more than 8388608 bytes"
    ];
    check(&bucket, &delivery, expect).await;
}
