//! What stands in the snapshot and in its metadata.

use std::sync::Arc;

use domain::{Delivery, Disposition, EntityRef, Env, HISTORY_FILE_BYTES_MAX, ID_BYTES_MAX};
use domain::{ObjectName, ascii};
use emulator::{Memory, SeededIds, TestClock, Upload};
use expect_test::expect;
use projection::fold::FOLDED_IDS_MAX;
use store::METADATA_BYTES_MAX;

use super::{
    NOW, body, bucket, builder, builder_with, deliver, full, merge, snapshot_of, tombstone, upload,
    upload_as,
};

/// Numbers that do not survive a floating-point or a 64-bit type.
const NUMBERS: &str = r#""n_a":0.60,"n_b":1E400,"n_c":9007199254740993,"n_d":1234567890123456789012345678901234567890"#;

async fn arrive(bucket: &Arc<Memory>, file: &str, text: String) -> Delivery {
    let delivery = upload(bucket, &format!("2025/11/06/{file}.json"), text);
    let outcome = deliver(&builder(bucket.clone()), &delivery).await;
    assert_eq!(outcome, Ok(Disposition::Done), "{file}");
    delivery
}

#[tokio::test(flavor = "current_thread")]
async fn numbers_come_out_as_they_went_in() {
    let bucket = bucket();
    let inner = format!(r#","o":{{{NUMBERS}}},"list":[0.60,-0.0,1e+2]"#);
    arrive(&bucket, "x_1", full(1, &format!(",{NUMBERS}{inner}"))).await;
    let begins = r#"{"id":"V1","entity":"venture","env":"dev","schema_version":"1.0.0","#;
    let after = |second: u32, rest: &str| {
        format!("{begins}\"updated_at\":\"2025-11-06T10:00:0{second}Z\",{NUMBERS}{inner}{rest}}}\n")
    };
    assert_eq!(body(&bucket), after(1, ""));
    arrive(&bucket, "x_3", merge(3, &format!(r#","m":{{{NUMBERS}}}"#))).await;
    assert_eq!(body(&bucket), after(3, &format!(r#","m":{{{NUMBERS}}}"#)));
    // A late one has everything folded again.
    arrive(&bucket, "x_2", merge(2, r#","l":1E400"#)).await;
    assert_eq!(body(&bucket), after(3, &format!(r#","l":1E400,"m":{{{NUMBERS}}}"#)));
}

#[tokio::test(flavor = "current_thread")]
async fn reserved_fields_reach_no_snapshot_and_merges_patch_no_envelope() {
    let bucket = bucket();
    let said = r#","origin":"o","actor":"a","reason":"r""#;
    arrive(&bucket, "x_1", full(1, &format!(r#"{said},"created_at":"2025-01-01T00:00:00Z""#)))
        .await;
    arrive(&bucket, "x_2", merge(2, &format!(r#"{said},"created_at":null,"id":"V1""#))).await;
    expect![[r#"
        {"id":"V1","entity":"venture","env":"dev","schema_version":"1.0.0","updated_at":"2025-11-06T10:00:02Z","created_at":"2025-01-01T00:00:00Z"}
    "#]].assert_eq(&body(&bucket));
}

#[tokio::test(flavor = "current_thread")]
async fn a_snapshot_names_its_record_and_its_writer() {
    let bucket = bucket();
    let delivery = arrive(&bucket, "ö_1", full(1, "")).await;
    let metadata = snapshot_of(&bucket).unwrap().metadata;
    assert_eq!(metadata["source-name"], ascii::encode(&delivery.name.to_string()));
    assert_eq!(metadata["source-generation"], delivery.generation.to_string());
    assert_eq!((&*metadata["definitions"], &*metadata["version"]), ("d", "0"));
    assert_eq!(metadata["state"], "live");
}

/// The projection run after each of these records, in order, each folded by another process;
/// equal runs as equal letters.
async fn runs(records: &[String]) -> String {
    let bucket = bucket();
    let mut runs: Vec<String> = Vec::new();
    let mut letters = String::new();
    for (n, text) in records.iter().enumerate() {
        let delivery = upload(&bucket, &format!("2025/11/06/x_{n}.json"), text.clone());
        let ids = SeededIds::new(n as u64);
        let process = builder_with(bucket.clone(), TestClock::at(NOW), ids);
        assert_eq!(deliver(&process, &delivery).await, Ok(Disposition::Done), "{text}");
        let run = snapshot_of(&bucket).unwrap().metadata["run"].clone();
        let place = runs.iter().position(|known| *known == run).unwrap_or(runs.len());
        if place == runs.len() {
            runs.push(run);
        }
        letters.push(char::from(b'a' + u8::try_from(place).unwrap()));
    }
    letters
}

#[tokio::test(flavor = "current_thread")]
async fn a_run_lasts_while_no_key_and_no_shown_field_changes() {
    let shown = r#","status":"A","title":"t""#;
    let edited = format!(r#"{shown},"description":"d""#);
    // A description, by a full record, by a merge, and by a late merge.
    let records = [full(1, shown), full(2, &edited), merge(5, r#","x":1"#), merge(4, r#","x":2"#)];
    assert_eq!(runs(&records).await, "aaaa");
    // Another key, another shown field.
    let records = [
        full(1, shown),
        merge(2, r#","status":"B""#),
        merge(3, r#","title":"u""#),
        merge(4, r#","title":null"#),
    ];
    assert_eq!(runs(&records).await, "abcd");
}

#[tokio::test(flavor = "current_thread")]
async fn a_value_that_comes_back_begins_another_run() {
    let status = |second, status: &str| full(second, &format!(r#","status":"{status}""#));
    assert_eq!(runs(&[status(1, "A"), status(2, "B"), status(3, "A")]).await, "abc");
    assert_eq!(runs(&[status(1, "A"), tombstone(2), status(3, "A")]).await, "abc");
}

#[tokio::test(flavor = "current_thread")]
async fn a_run_ends_with_the_definitions_that_kept_it() {
    let bucket = bucket();
    let run = || snapshot_of(&bucket).unwrap().metadata["run"].clone();
    arrive(&bucket, "x_1", full(1, "")).await;
    let before = run();
    let mut process = builder_with(bucket.clone(), TestClock::at(NOW), SeededIds::new(2));
    process.tools.version.definitions = "others".to_owned();
    let delivery = upload(&bucket, "2025/11/06/x_2.json", full(2, ""));
    assert_eq!(deliver(&process, &delivery).await, Ok(Disposition::Done));
    assert_ne!(run(), before);
}

#[tokio::test(flavor = "current_thread")]
async fn a_merge_that_makes_the_entity_invalid_is_folded_and_reported() {
    let bucket = bucket();
    arrive(&bucket, "x_1", full(1, "")).await;
    assert!(!snapshot_of(&bucket).unwrap().metadata.contains_key("errors"));
    arrive(&bucket, "x_2", merge(2, r#","status":1,"n_a":"é""#)).await;
    assert!(body(&bucket).contains(r#""status":1,"n_a":"é""#), "{}", body(&bucket));
    expect!["/status: expected a text, not a number; /n_a: expected a number, not a text"]
        .assert_eq(&snapshot_of(&bucket).unwrap().metadata["errors"]);
    arrive(&bucket, "x_3", merge(3, r#","status":null,"n_a":null"#)).await;
    assert!(!snapshot_of(&bucket).unwrap().metadata.contains_key("errors"));
}

#[tokio::test(flavor = "current_thread")]
async fn the_largest_metadata_fits_and_is_ascii() {
    let bucket = bucket();
    let entity = EntityRef::new(Env::Prod, "ventures", &"é".repeat(ID_BYTES_MAX / 2)).unwrap();
    let fields = |n: usize| -> String {
        (0..n).map(|n| format!(r#","n_{}{n}":"text""#, "日".repeat(60))).collect()
    };
    let builder = builder(bucket.clone());
    for n in 0..=FOLDED_IDS_MAX {
        let file = format!("{}{n:04}.json", "日".repeat((HISTORY_FILE_BYTES_MAX - 9) / 3));
        assert!(file.len() > HISTORY_FILE_BYTES_MAX - 3);
        let second = u32::try_from(n).unwrap();
        let text = if n == 0 { full(0, "") } else { merge(second, &fields(n.min(20))) };
        let relative = format!("2025/11/06/{file}");
        let delivery = upload_as(&bucket, &entity, &relative, text, Upload::default());
        assert_eq!(deliver(&builder, &delivery).await, Ok(Disposition::Done));
    }
    let metadata = bucket.objects()[&ObjectName::Snapshot(entity).to_string()].metadata.clone();
    assert_eq!(metadata["folded"].split(',').count(), FOLDED_IDS_MAX);
    assert_eq!(metadata["errors"].len(), 1024);
    assert!(metadata.iter().all(|(key, value)| key.is_ascii() && value.is_ascii()));
    let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(bytes <= METADATA_BYTES_MAX, "{bytes}");
    println!("{bytes} bytes of metadata");
}
