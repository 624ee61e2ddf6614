//! What is captured, and what keeps it from others.

use std::fs;
use std::path::{Path, PathBuf};

use emulator::Upload;
use serde_json::Value;
use tempfile::TempDir;

use super::subscribed::{Subscribed, push};
use super::{bucket, record, release, run};

const FULL: &str =
    r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T10:01:00Z","status":"Pilot"}"#;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("captured");
    (folder, to)
}

fn read(to: &Path, file: &str) -> Value {
    serde_json::from_slice(&fs::read(to.join(file)).unwrap()).unwrap()
}

/// The names of the objects that are stored, below the environment.
fn stored(to: &Path) -> Vec<String> {
    let text = fs::read_to_string(to.join("stored.ndjson")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|it| it["name"].as_str().unwrap().replacen("env/dev/", "", 1)).collect()
}

fn records(to: &Path) -> Vec<String> {
    let scenario = read(to, "scenario.json");
    let when = scenario["when"].as_array().unwrap().iter();
    when.filter_map(|it| it["name"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_segment_is_kept_as_it_is_stored_and_marked() {
    let bucket = bucket();
    let tools = release(bucket.clone(), &super::strict());
    record(&bucket, &tools, "V1", "a_1", FULL).await;
    record(&bucket, &tools, "V1", "a_2", "no JSON").await;
    record(&bucket, &tools, "東京", "a_1", FULL).await;
    let put = |name: &str| bucket.insert(name, "{}\n".into(), Upload::default()).unwrap();
    put("env/dev/indices/ventures/by-status/pilot/V1.json");
    put("env/dev/indices/ventures/by-status/pilot/V9.json");
    put("env/dev/snapshots/ideas/I1.json");
    let before = bucket.objects();
    let (_folder, to) = place();
    let line = format!("capture --segment ventures --to {}", to.display());
    let (ended, said) = run(&tools, &line).await;
    assert_eq!(ended, Ok(true), "{said}");
    assert!(said.starts_with("2 entities: 3 records, 3 derived objects in "), "{said}");
    assert!(said.contains("(confidential)\n"), "{said}");
    assert_eq!(bucket.objects(), before, "nothing is written");

    assert_eq!(fs::read_to_string(to.join(".gitignore")).unwrap(), "*\n");
    assert!(fs::read_to_string(to.join("CONFIDENTIAL")).unwrap().starts_with("CONFIDENTIAL"));
    let names = records(&to);
    assert_eq!(names.len(), 3);
    assert!(names.contains(&"ventures/東京/history/2025/11/06/a_1.json".to_owned()), "{names:?}");
    let scenario = read(&to, "scenario.json");
    for it in scenario["when"].as_array().unwrap() {
        let body = fs::read(to.join(it["record"].as_str().unwrap())).unwrap();
        let name = format!("env/dev/{}", it["name"].as_str().unwrap());
        assert_eq!(body, before[&name].body, "{name} as it is stored");
    }
    assert_eq!(
        stored(&to),
        [
            "snapshots/ventures/V1.json",
            "snapshots/ventures/東京.json",
            "indices/ventures/by-status/pilot/V1.json"
        ]
    );
    let capture = read(&to, "capture.json");
    assert_eq!(capture["whole"], serde_json::json!(["ventures"]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn entities_are_chosen_by_id_by_time_and_by_number_and_stay_whole() {
    let bucket = bucket();
    let tools = release(bucket.clone(), &super::strict());
    for id in ["V1", "V2", "V3"] {
        record(&bucket, &tools, id, "a_1", FULL).await;
        record(&bucket, &tools, id, "a_2", FULL).await;
    }
    let entities = async |more: &str| {
        let (_folder, to) = place();
        let line = format!("capture --segment ventures --to {} {more}", to.display());
        let (ended, said) = run(&tools, &line).await;
        assert_eq!(ended, Ok(true), "{said}");
        let capture = read(&to, "capture.json");
        assert_eq!(capture["whole"], serde_json::json!([]), "registers need everything");
        let of = capture["entities"]["ventures"].as_array().cloned().unwrap_or_default();
        assert_eq!(records(&to).len(), of.len() * 2);
        assert_eq!(stored(&to).len(), of.len());
        of.iter().map(|it| it.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(entities("--id V2").await, ["V2"]);
    assert_eq!(entities("--id V3 --id V1 --id V1").await, ["V1", "V3"]);
    assert_eq!(entities("--limit 5").await, ["V1", "V2"]);
    assert_eq!(entities("--since 2025-11-06T12:00:00.001Z").await, [""; 0]);
    let line = "capture --segment ventures --id V1 --since tomorrow --to x";
    let words = ["operator"].into_iter().chain(line.split_whitespace());
    assert!(<crate::Cli as clap::Parser>::try_parse_from(words).is_err());
}

#[tokio::test]
async fn nothing_that_is_there_is_replaced_but_an_earlier_capture_by_force() {
    let bucket = bucket();
    let tools = release(bucket.clone(), &super::strict());
    record(&bucket, &tools, "V1", "a_1", FULL).await;
    let (_folder, to) = place();
    let line = format!("capture --segment ventures --to {}", to.display());
    run(&tools, &line).await.0.unwrap();
    let (ended, _) = run(&tools, &line).await;
    assert!(ended.unwrap_err().to_string().ends_with("is there already: --force replaces it"));
    record(&bucket, &tools, "V2", "a_1", FULL).await;
    assert_eq!(run(&tools, &format!("{line} --force")).await.0, Ok(true));
    assert_eq!(records(&to).len(), 2);

    fs::remove_file(to.join("capture.json")).unwrap();
    let (ended, _) = run(&tools, &format!("{line} --force")).await;
    assert!(ended.unwrap_err().to_string().ends_with("is there already, and no capture"));
    assert_eq!(records(&to).len(), 2);
}

#[tokio::test]
async fn deliveries_are_read_and_left_where_they_are() {
    let place_ = Subscribed::start().await;
    let name = "env/dev/ventures/V1/history/2025/11/06/a_1.json";
    place_.bucket.insert(name, FULL.into(), Upload::default()).unwrap();
    let other = "env/dev/ventures/V2/history/2025/11/06/a_1.json";
    place_.bucket.insert(other, FULL.into(), Upload::default()).unwrap();
    let subscription = "dev-snapshot-builder-history";
    place_.emulator.announce("test", name, None).unwrap();
    let before = place_.waiting(subscription).await;
    assert_eq!(before.len(), 3);
    let (_folder, to) = place();
    let line = format!("capture --subscription {subscription} --to {}", to.display());
    let (ended, said) = place_.run(&line).await;
    assert_eq!(ended, Ok(true), "{said}");
    assert!(said.contains("2 entities: 2 records, 0 derived objects, 3 deliveries"), "{said}");
    assert_eq!(place_.waiting(subscription).await, before);
    let scenario = read(&to, "scenario.json");
    let when = scenario["when"].as_array().unwrap();
    assert_eq!(when.len(), 5);
    assert!(when[4]["deliver"].as_str().unwrap().starts_with("ventures/V"), "{when:?}");
    assert_eq!(fs::read_to_string(to.join("deliveries.ndjson")).unwrap().lines().count(), 3);
}

#[tokio::test]
async fn a_subscription_that_is_pushed_to_is_refused() {
    let place_ = Subscribed::with(|name| Some(push(name))).await;
    let (folder, to) = place();
    let line = format!("capture --subscription dev-rules-engine-snapshot --to {}", to.display());
    let (ended, _) = place_.run(&line).await;
    assert!(
        ended.unwrap_err().to_string().contains("`pause` it, or name that of its dead letters")
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}
