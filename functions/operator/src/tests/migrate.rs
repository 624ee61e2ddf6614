//! Snapshots follow the definitions, and history is never touched.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Definitions;
use emulator::faulty::{Fault, Faulty, When};
use emulator::{Memory, TestClock};
use store::{ErrorKind, Object, Tools};

use super::{
    BY_STATUS, SCHEMA, body_of, bucket, definitions, definitions_of, record, release, run,
};

const SNAPSHOTS: &str = "env/dev/snapshots/ventures/";

/// The definitions before, and those that know a schema version more.
fn releases() -> [Arc<Definitions>; 2] {
    let versions: [&[&str]; 2] = [&["1.0.0"], &["1.0.0", "2.0.0"]];
    versions.map(|versions| definitions(versions, BY_STATUS))
}

fn of(version: &str, minute: usize, rest: &str) -> String {
    let time = format!("2025-11-06T10:{minute:02}:00Z");
    format!(r#"{{"schema_version":"{version}","updated_at":"{time}"{rest}}}"#)
}

/// V0 and V1 have a record that the release before does not know; V2 has none.
async fn before(bucket: &Arc<Memory>, old: &Tools) {
    for id in ["V0", "V1", "V2"] {
        record(bucket, old, id, "a_1", &of("1.0.0", 1, r#","status":"Draft""#)).await;
    }
    for id in ["V0", "V1"] {
        let body = of("2.0.0", 2, r#","status":"Pilot","n":1"#);
        record(bucket, old, id, "a_2", &body).await;
    }
}

/// Ten minutes later, so that nothing has changed since the first pass began.
fn later(tools: Tools) -> Tools {
    Tools { clock: TestClock::at("2025-11-06T12:10:00Z"), ..tools }
}

fn objects(bucket: &Memory, part: &str) -> BTreeMap<String, Object> {
    bucket.objects().into_iter().filter(|(name, _)| name.contains(part)).collect()
}

fn statuses(bucket: &Memory) -> Vec<String> {
    let names = objects(bucket, SNAPSHOTS).into_keys();
    names.map(|name| body_of(bucket, &name).unwrap()["status"].as_str().unwrap().into()).collect()
}

#[tokio::test]
async fn what_a_release_reads_in_another_way_is_shown_and_then_written() {
    let [old, new] = releases();
    let bucket = bucket();
    before(&bucket, &release(bucket.clone(), &old)).await;
    let new = later(release(bucket.clone(), &new));
    let (all, history) = (bucket.objects(), objects(&bucket, "/history/"));

    let (ended, dry) = run(&new, "migrate --dry-run ventures").await;
    assert_eq!(ended, Ok(true));
    assert_eq!(bucket.objects(), all);
    expect_test::expect![[r#"
        migrate ventures: 3 snapshots, then 0 a second time; would write 3 objects; 12 B + 12 A and 10 notifications, $0.0001
          3 are of other definitions or another schema version; 3 would change; what functions then derive takes about 24 B + 9 A, $0.0001
          dev/ventures/V0
            - /schema_version: "1.0.0"
            + /schema_version: "2.0.0"
            - /updated_at: "2025-11-06T10:01:00Z"
            + /updated_at: "2025-11-06T10:02:00Z"
            - /status: "Draft"
            + /status: "Pilot"
            + /n: 1
          dev/ventures/V1
            - /schema_version: "1.0.0"
            + /schema_version: "2.0.0"
            - /updated_at: "2025-11-06T10:01:00Z"
            + /updated_at: "2025-11-06T10:02:00Z"
            - /status: "Draft"
            + /status: "Pilot"
            + /n: 1
          dev/ventures/V2
            - /schema_version: "1.0.0"
            + /schema_version: "2.0.0"
    "#]].assert_eq(&dry);

    let (ended, real) = run(&new, "migrate --run ventures --no-wait").await;
    assert_eq!(ended, Ok(true));
    assert_eq!(statuses(&bucket), ["Pilot", "Pilot", "Draft"]);
    assert_eq!(objects(&bucket, "/history/"), history);
    assert_eq!(dry.replace("would write", "wrote").replace("would change", "changed"), real);

    let (ended, again) = run(&new, "migrate --run ventures --no-wait").await;
    assert_eq!(ended, Ok(true));
    assert!(again.contains("wrote 0 objects"), "{again}");
}

#[tokio::test]
async fn a_snapshot_of_these_definitions_costs_one_read() {
    let [_, new] = releases();
    let bucket = bucket();
    let new = release(bucket.clone(), &new);
    record(&bucket, &new, "V0", "a_1", &of("2.0.0", 1, "")).await;
    let (_, said) = run(&new, "migrate --dry-run ventures").await;
    // One more for the progress.
    assert!(said.contains("2 B + "), "{said}");
    assert!(!said.contains("are of other definitions"), "{said}");
}

#[tokio::test]
async fn a_snapshot_of_an_older_schema_version_is_built_again() {
    let [old, new] = releases();
    let bucket = bucket();
    record(&bucket, &release(bucket.clone(), &old), "V0", "a_1", &of("v1.0.0", 1, "")).await;
    let new = later(release(bucket.clone(), &new));
    let (_, said) = run(&new, "migrate --run ventures --no-wait").await;
    assert!(
        said.contains("1 are of other definitions or another schema version; 1 changed"),
        "{said}"
    );
    let snapshot = body_of(&bucket, &format!("{SNAPSHOTS}V0.json")).unwrap();
    assert_eq!(snapshot["schema_version"], "v2.0.0", "the record was upgraded");
}

#[tokio::test]
async fn killed_at_any_operation_it_goes_on_to_the_same_end() {
    let [old, new] = releases();
    for when in [When::Before, When::After] {
        for at in 0.. {
            let bucket = bucket();
            before(&bucket, &release(bucket.clone(), &old)).await;
            let history = objects(&bucket, "/history/");
            let fault = Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when };
            let faulty = Faulty::new(bucket.clone(), fault);
            let line = "migrate --run ventures --no-wait";
            let (ended, _) = run(&release(faulty.clone(), &new), line).await;
            if !faulty.happened() {
                assert!(at > 10 && ended == Ok(true));
                break;
            }
            assert!(ended.is_err(), "killed at {at}");
            let (ended, _) = run(&release(bucket.clone(), &new), line).await;
            assert_eq!(ended, Ok(true), "killed at {at}");
            assert_eq!(statuses(&bucket), ["Pilot", "Pilot", "Draft"]);
            assert_eq!(objects(&bucket, "/history/"), history);
        }
    }
}

#[tokio::test]
async fn a_snapshot_whose_history_is_gone_is_named_and_left() {
    let [old, new] = releases();
    let bucket = bucket();
    record(&bucket, &release(bucket.clone(), &old), "V0", "a_1", &of("1.0.0", 1, "")).await;
    for (name, object) in objects(&bucket, "/history/") {
        store::Store::delete(&*bucket, &name, object.generation).await.unwrap();
    }
    let before = objects(&bucket, SNAPSHOTS);
    let (ended, said) =
        run(&release(bucket.clone(), &new), "migrate --run ventures --no-wait").await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("dev/ventures/V0: no record of its history counts"), "{said}");
    assert_eq!(objects(&bucket, SNAPSHOTS), before);
}

#[tokio::test]
async fn what_counts_no_longer_is_shown_and_quarantined() {
    let [old, _] = releases();
    let bucket = bucket();
    before(&bucket, &release(bucket.clone(), &old)).await;
    let stricter = SCHEMA.replacen('{', r#"{"required":["n"],"#, 1);
    let new = definitions_of(&[("1.0.0", SCHEMA), ("2.0.0", &stricter)], BY_STATUS);
    let new = later(release(bucket.clone(), &new));
    let noted = |bucket: &Memory| objects(bucket, "/quarantine/").len();
    assert_eq!(noted(&bucket), 2, "the records that the release before did not know");

    let (ended, said) = run(&new, "migrate --dry-run ventures --differences 1").await;
    assert_eq!((ended, noted(&bucket)), (Ok(false), 2));
    expect_test::expect![[r#"
        migrate ventures: 3 snapshots, then 0 a second time; would write 5 objects; 12 B + 14 A and 11 notifications, $0.0001
          dev/ventures/V2: no record of its history counts: left as it is
          3 are of other definitions or another schema version; 2 would change; what functions then derive takes about 16 B + 6 A, $0.0000
          dev/ventures/V0
            - /schema_version: "1.0.0"
            + /schema_version: "2.0.0"
            - /updated_at: "2025-11-06T10:01:00Z"
            + /updated_at: "2025-11-06T10:02:00Z"
            - /status: "Draft"
            + /status: "Pilot"
            + /n: 1
          … 1 more
          3 records do not count; 3 would be quarantined
          env/dev/ventures/V0/history/2025/11/06/a_1.json
            upgrade from 1.0.0 to 2.0.0: /n: expected a value
    "#]].assert_eq(&said);

    let (ended, _) = run(&new, "migrate --run ventures --no-wait").await;
    assert_eq!((ended, noted(&bucket)), (Ok(false), 5));
    assert_eq!(statuses(&bucket), ["Pilot", "Pilot", "Draft"]);
    let (ended, _) = run(&new, "migrate --run ventures --no-wait").await;
    assert_eq!((ended, noted(&bucket)), (Ok(false), 5), "one of them has nothing else");
    let (_, listed) = run(&new, "quarantine list --all").await;
    assert_eq!(listed.matches("upgrade from 1.0.0 to 2.0.0: /n").count(), 3, "{listed}");
}

#[tokio::test]
async fn every_segment_is_visited_where_none_is_named() {
    let [old, new] = releases();
    let bucket = bucket();
    before(&bucket, &release(bucket.clone(), &old)).await;
    let (ended, said) = run(&release(bucket.clone(), &new), "migrate --run --no-wait").await;
    assert_eq!(ended, Ok(true));
    assert!(said.contains("migrate ventures: 3 snapshots"), "{said}");
    let (ended, _) = run(&release(bucket, &new), "migrate --run things").await;
    expect_test::expect!["no kind is stored under things; there are: ventures"]
        .assert_eq(&ended.unwrap_err().to_string());
}

#[tokio::test]
async fn an_older_release_is_waited_for_once_however_many_segments_there_are() {
    let files = ["venture", "idea"].into_iter().flat_map(|kind| {
        let entity = format!(
            r#"{{"entity":"{kind}","segment":"{kind}s","schema_versions":["1.0.0"],"manifest":{{}}}}"#
        );
        [(format!("{kind}/entity.json"), entity), (format!("{kind}/v1.0.0.schema.json"), "{}".into())]
    });
    let definitions = Arc::new(Definitions::from_files(files).unwrap());
    let (_, said) = run(&release(bucket(), &definitions), "migrate --run").await;
    assert_eq!(said.matches("waiting 75 s until").count(), 1, "{said}");
}
