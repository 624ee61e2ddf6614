//! Records and snapshots of older and newer schema versions, while a release is rolled out.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use domain::{Definitions, Delivery, Disposition, Failure, Outcome, Planted, Record};
use emulator::{Memory, tools};
use expect_test::{Expect, expect};
use projection::fold::Folded;
use projection::{snapshot, upgrade};
use store::{Counted, Store, Tools};

use super::{Dice, body, bucket, deliver, entity, record, snapshot_of, upload};
use crate::{Shortcut, SnapshotBuilder};

/// The release before: one schema version.
const OLDER: &str = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0"],"manifest":{},"indices":[{"name":"by-owner","version":1,"keys":[{"from":["/owner"],"transform":"slug"}]}]}"#;

/// The release after: `owner` is called `ownerId`, and there is always a status.
const NEWER: &str = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0","1.1.0"],
  "upgrades":[{"from":"1.0.0","to":"1.1.0","steps":[{"move":"/owner","to":"/ownerId"},{"default":"/status","value":"Draft"}]}],
  "manifest":{},"indices":[{"name":"by-owner","version":1,"keys":[{"from":["/ownerId"],"transform":"slug"}]}]}"#;

const FIRST_SCHEMA: &str = r#"{"properties":{"owner":{"type":"string"}}}"#;

const SECOND_SCHEMA: &str = r#"{"properties":{"ownerId":{"maxLength":3}}}"#;

fn definitions(entity: &str) -> Arc<Definitions> {
    let files = [
        ("venture/entity.json", entity),
        ("venture/v1.0.0.schema.json", FIRST_SCHEMA),
        ("venture/v1.1.0.schema.json", SECOND_SCHEMA),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    Arc::new(Definitions::from_files(files).unwrap())
}

static BEFORE: LazyLock<Arc<Definitions>> = LazyLock::new(|| definitions(OLDER));
static AFTER: LazyLock<Arc<Definitions>> = LazyLock::new(|| definitions(NEWER));

/// A process of the release with these definitions.
fn release(definitions: &Arc<Definitions>, store: Arc<dyn Store>) -> SnapshotBuilder {
    SnapshotBuilder::new(Tools { definitions: Arc::clone(definitions), ..tools(store) })
}

fn at(second: usize, rest: &str) -> String {
    format!(r#"{{"updated_at":"2025-11-06T10:00:{second:02}Z"{rest}}}"#)
}

fn full(second: usize, version: &str, rest: &str) -> String {
    at(second, &format!(r#","schema_version":"{version}"{rest}"#))
}

fn merge(second: usize, rest: &str) -> String {
    at(second, &format!(r#","op":"merge"{rest}"#))
}

fn write(bucket: &Memory, file: usize, text: String) -> Delivery {
    upload(bucket, &format!("2025/11/06/x_{file:02}.json"), text)
}

/// What the release after says of records, each alone.
async fn check(records: &[&str], expect: Expect) {
    let mut said = String::new();
    for text in records {
        let bucket = bucket();
        let delivery = write(&bucket, 1, (*text).to_owned());
        let outcome = deliver(&release(&AFTER, bucket.clone()), &delivery).await;
        writeln!(said, "{text}").unwrap();
        match outcome {
            Ok(Disposition::Rejected(reasons)) => {
                reasons.iter().for_each(|reason| writeln!(said, "  {reason}").unwrap());
            }
            Ok(Disposition::Done) => write!(said, "  {}", body(&bucket)).unwrap(),
            other => writeln!(said, "  {other:?}").unwrap(),
        }
    }
    expect.assert_eq(&said);
}

#[tokio::test(flavor = "current_thread")]
async fn a_full_record_is_valid_under_its_own_version_and_the_newest() {
    check(
        &[
            &full(1, "1.0.0", r#","owner":"Bob""#),
            &full(1, "v1.0.0", r#","status":"A""#),
            &full(1, "1.1.0", r#","owner":"Bob""#),
            &full(1, "1.0.0", r#","owner":7"#),
            &full(1, "1.0.0", r#","owner":"Alice""#),
            &full(1, "1.2.0", ""),
            &full(1, "", ""),
            &at(1, ""),
            &at(1, r#","schema_version":1"#),
            &merge(1, r#","schema_version":"1.2.0""#),
            &merge(1, r#","schema_version":7"#),
            &merge(1, r#","schema_version":"v1.0.0""#),
            &at(1, r#","op":"delete","schema_version":"1.2.0""#),
        ],
        expect![[r#"
            {"updated_at":"2025-11-06T10:00:01Z","schema_version":"1.0.0","owner":"Bob"}
              {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:01Z","schema_version":"1.1.0","ownerId":"Bob","status":"Draft"}
            {"updated_at":"2025-11-06T10:00:01Z","schema_version":"v1.0.0","status":"A"}
              {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:01Z","schema_version":"v1.1.0","status":"A"}
            {"updated_at":"2025-11-06T10:00:01Z","schema_version":"1.1.0","owner":"Bob"}
              {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:01Z","schema_version":"1.1.0","owner":"Bob"}
            {"updated_at":"2025-11-06T10:00:01Z","schema_version":"1.0.0","owner":7}
              /owner: expected a text, not a number
            {"updated_at":"2025-11-06T10:00:01Z","schema_version":"1.0.0","owner":"Alice"}
              upgrade from 1.0.0 to 1.1.0: /ownerId: expected at most 3 characters
            {"updated_at":"2025-11-06T10:00:01Z","schema_version":"1.2.0"}
              /schema_version: expected one of 1.0.0, 1.1.0: deploy a release that knows this one, and retry
            {"updated_at":"2025-11-06T10:00:01Z","schema_version":""}
              /schema_version: expected one of 1.0.0, 1.1.0: deploy a release that knows this one, and retry
            {"updated_at":"2025-11-06T10:00:01Z"}
              /schema_version: expected a text
            {"updated_at":"2025-11-06T10:00:01Z","schema_version":1}
              /schema_version: expected a text
            {"updated_at":"2025-11-06T10:00:01Z","op":"merge","schema_version":"1.2.0"}
              /schema_version: expected one of 1.0.0, 1.1.0: deploy a release that knows this one, and retry
            {"updated_at":"2025-11-06T10:00:01Z","op":"merge","schema_version":7}
              /schema_version: expected a text
            {"updated_at":"2025-11-06T10:00:01Z","op":"merge","schema_version":"v1.0.0"}
              {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:01Z","op":"merge"}
            {"updated_at":"2025-11-06T10:00:01Z","op":"delete","schema_version":"1.2.0"}
              {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:01Z","op":"delete"}
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_merge_of_any_version_is_folded_at_the_newest() {
    let bucket = bucket();
    let after = release(&AFTER, bucket.clone());
    let mut said = String::new();
    for (second, text) in [
        full(1, "1.0.0", r#","owner":"a""#),
        merge(2, r#","owner":"b""#),
        merge(3, r#","ownerId":"c""#),
        merge(4, r#","schema_version":"1.1.0","owner":"d""#),
        merge(5, r#","schema_version":"v1.0.0","owner":null,"status":null"#),
        merge(6, r#","owner":"Alice""#),
    ]
    .into_iter()
    .enumerate()
    {
        let delivery = write(&bucket, second, text);
        deliver(&after, &delivery).await.unwrap();
        said += &body(&bucket);
    }
    expect![[r#"
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:01Z","schema_version":"1.1.0","ownerId":"a","status":"Draft"}
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:02Z","schema_version":"1.1.0","ownerId":"b","status":"Draft"}
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:03Z","schema_version":"1.1.0","ownerId":"c","status":"Draft"}
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:04Z","schema_version":"1.1.0","ownerId":"c","status":"Draft","owner":"d"}
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:05Z","schema_version":"v1.1.0","owner":"d"}
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:06Z","schema_version":"v1.1.0","owner":"d","ownerId":"Alice"}
    "#]].assert_eq(&said);
    let errors = snapshot_of(&bucket).unwrap().metadata["errors"].clone();
    assert_eq!(errors, "/ownerId: expected at most 3 characters");
}

/// A bucket in which the release before has folded a record, a merge that removes the status, and
/// a merge that is not delivered yet.
async fn rolled_out() -> (Arc<Memory>, [Delivery; 3]) {
    let bucket = bucket();
    let written = [
        full(1, "1.0.0", r#","owner":"a","status":"A""#),
        merge(2, r#","status":null"#),
        merge(3, r#","x":1"#),
    ];
    let mut file = 0;
    let written = written.map(|text| {
        file += 1;
        write(&bucket, file, text)
    });
    for delivery in &written[..2] {
        deliver(&release(&BEFORE, bucket.clone()), delivery).await.unwrap();
    }
    (bucket, written)
}

/// Delivers a record to a release and says what that costs.
async fn cost(definitions: &Arc<Definitions>, bucket: &Arc<Memory>, delivery: &Delivery) -> String {
    let store = Arc::new(Counted::new(bucket.clone()));
    let outcome = deliver(&release(definitions, store.clone()), delivery).await;
    let outcome = match outcome {
        Ok(disposition) => format!("{disposition:?}"),
        Err(failure) => format!("{failure:?}"),
    };
    format!("{}: {outcome}\n", store.operations())
}

#[tokio::test(flavor = "current_thread")]
async fn an_older_snapshot_is_folded_again_instead_of_patched() {
    let (bucket, [_, _, merged]) = rolled_out().await;
    let mut table = cost(&AFTER, &bucket, &merged).await;
    table += &cost(&AFTER, &bucket, &merged).await;
    table += &body(&bucket);
    // No status: a merge has removed it, and the default is only for records without one.
    expect![[r#"
        4 B + 2 A: Done
        2 B + 0 A: Skipped("snapshot covers the record")
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:03Z","schema_version":"1.1.0","ownerId":"a","x":1}
    "#]].assert_eq(&table);
}

#[tokio::test(flavor = "current_thread")]
async fn an_older_snapshot_is_folded_again_when_what_it_covers_comes_again() {
    let (bucket, [base, _, _]) = rolled_out().await;
    let mut table = cost(&AFTER, &bucket, &base).await;
    table += &cost(&AFTER, &bucket, &base).await;
    table += &body(&bucket);
    expect![[r#"
        4 B + 2 A: Done
        2 B + 0 A: Skipped("snapshot covers the record")
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:03Z","schema_version":"1.1.0","ownerId":"a","x":1}
    "#]].assert_eq(&table);
}

#[tokio::test(flavor = "current_thread")]
async fn a_base_whose_upgrade_is_invalid_gives_way_to_an_earlier_one() {
    let bucket = bucket();
    let early = full(1, "1.0.0", r#","owner":"a""#).replace("11-06", "01-06");
    let early = upload(&bucket, "2025/01/06/x_1.json", early);
    let base = write(&bucket, 2, full(2, "1.0.0", r#","owner":"Alice""#));
    for delivery in [&early, &base] {
        deliver(&release(&BEFORE, bucket.clone()), delivery).await.unwrap();
    }
    let merged = write(&bucket, 3, merge(3, r#","x":1"#));
    let mut table = cost(&AFTER, &bucket, &merged).await;
    table += &body(&bucket);
    expect![[r#"
        5 B + 3 A: Done
        {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:00:03Z","schema_version":"1.1.0","ownerId":"a","status":"Draft","x":1}
    "#]].assert_eq(&table);
}

#[tokio::test(flavor = "current_thread")]
async fn a_newer_snapshot_is_not_overwritten_by_an_older_release() {
    for newer in [full(2, "1.1.0", ""), merge(2, ""), at(2, r#","op":"delete""#)] {
        let bucket = bucket();
        let written = write(&bucket, 2, newer);
        deliver(&release(&AFTER, bucket.clone()), &written).await.unwrap();
        let before = snapshot_of(&bucket);
        let later = write(&bucket, 3, full(3, "1.0.0", ""));
        expect![[r#"
            2 B + 0 A: Retry("snapshot of dev/ventures/V1 was written at a schema version that this revision does not know")
        "#]].assert_eq(&cost(&BEFORE, &bucket, &later).await);
        let early = write(&bucket, 1, full(1, "1.0.0", ""));
        let outcome = deliver(&release(&BEFORE, bucket.clone()), &early).await;
        assert!(matches!(outcome, Err(Failure::Retry(_))), "{outcome:?}");
        assert_eq!(snapshot_of(&bucket), before);
        assert_eq!(deliver(&release(&AFTER, bucket.clone()), &later).await, Ok(Disposition::Done));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn an_older_snapshot_that_is_patched_is_seen() {
    let (bucket, [_, _, merged]) = rolled_out().await;
    let planted = Planted::bug(Shortcut::OlderSnapshotPatched);
    let wrong = SnapshotBuilder { planted, ..release(&AFTER, bucket.clone()) };
    deliver(&wrong, &merged).await.unwrap();
    assert!(body(&bucket).contains(r#""owner":"a""#), "what moved is left behind");
}

/// Records of both versions, some of which count only before or only after.
fn history(dice: &Dice, bucket: &Memory) -> Vec<Delivery> {
    let text = |file: usize| {
        let (second, n) = (dice.below(5), dice.below(9));
        match dice.below(9) {
            0 => full(second, "1.0.0", r#","owner":"Alice""#),
            1 => full(second, "1.1.0", &format!(r#","ownerId":"o{n}""#)),
            2 | 3 => full(second, "v1.0.0", &format!(r#","owner":"o{n}","n":{file}"#)),
            4 => at(second, r#","op":"delete""#),
            5 => merge(second, r#","schema_version":"1.1.0","status":null"#),
            6 => merge(second, r#","schema_version":"1.0.0","owner":null"#),
            7 => merge(second, &format!(r#","ownerId":"m{n}""#)),
            _ => merge(second, &format!(r#","owner":"m{n}","status":"s{file}""#)),
        }
    };
    (0..=dice.below(8)).map(|file| write(bucket, file, text(file))).collect()
}

/// Whether a record counts for the release after.
fn counts(bucket: &Memory, delivery: &Delivery) -> Option<Record> {
    let definition = AFTER.entity("venture").unwrap();
    let record = upgrade::record(record(bucket, delivery), definition).unwrap();
    let domain::Change::Full(document) = &record.change else { return Some(record) };
    let valid = document.get("ownerId").and_then(|id| id.as_str()).is_none_or(|id| id.len() <= 3);
    valid.then_some(record)
}

async fn deliver_to(
    definitions: &Arc<Definitions>,
    bucket: &Arc<Memory>,
    it: &Delivery,
) -> Outcome {
    deliver(&release(definitions, bucket.clone()), it).await
}

#[tokio::test(flavor = "current_thread")]
async fn a_release_at_any_moment_ends_in_the_fold_of_upgraded_records() {
    for seed in 0..300 {
        let (dice, bucket) = (Dice::new(seed), bucket());
        let history = history(&dice, &bucket);
        // Whatever was not acknowledged by the release before, or quarantined, comes again.
        let mut pending: Vec<&Delivery> = history.iter().chain(&history[..1]).collect();
        dice.shuffle(&mut pending);
        let early = dice.below(pending.len() + 1);
        let mut again: Vec<&Delivery> = pending.split_off(early);
        for delivery in pending {
            let outcome = deliver_to(&BEFORE, &bucket, delivery).await;
            if !matches!(outcome, Ok(Disposition::Done | Disposition::Skipped(_))) {
                again.push(delivery);
            }
        }
        // A migration delivers what lies in the bucket.
        again.extend(&history);
        for delivery in again {
            if dice.below(3) == 0 {
                let draining = deliver_to(&BEFORE, &bucket, delivery).await;
                assert!(draining.is_ok() || matches!(draining, Err(Failure::Retry(_))));
            }
            deliver_to(&AFTER, &bucket, delivery).await.unwrap();
        }
        let counting: Vec<Record> = history.iter().filter_map(|it| counts(&bucket, it)).collect();
        let Some(expected) = Folded::of(counting) else { continue };
        let text = snapshot::body(&expected, &entity(), "venture");
        assert_eq!(body(&bucket), String::from_utf8(text).unwrap(), "seed {seed}");
    }
}
