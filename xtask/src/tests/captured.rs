//! A capture and what other code derives of it: equal, or different in exactly one place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use domain::Env;
use emulator::file_name::object_name;
use emulator::{Emulator, Memory, SystemClock, Upload};
use operator::{Cli, Google, Operator, Screen, perform};
use tokio::task::LocalSet;

use super::smoke::{ALL, BUCKET, deployed};
use super::{files, workspace};
use crate::replay::from::Capture;
use crate::scenario::{self, Segments, Step};

/// A bucket in which a scenario has happened: its uploads, and what it says must be there then.
fn happened(name: &str) -> Arc<Memory> {
    let memory = Memory::new("test", Arc::new(SystemClock), 1);
    let root = workspace().root;
    let [scenario] = scenario::select(&root, &[name.to_owned()]).unwrap().try_into().unwrap();
    for step in scenario.given.iter().chain(&scenario.when) {
        if let Step::Upload(upload) = step {
            memory.insert(&upload.name, upload.body.clone(), Upload::default()).unwrap();
        }
    }
    for (file, path) in files(&scenario.then(), "") {
        if ["alerts.json", "quarantine.json"].contains(&file.as_str()) {
            continue;
        }
        let body = domain::json::parse(&fs::read(path).unwrap()).unwrap();
        let name = format!("env/dev/{}", object_name(&file));
        memory.insert(&name, domain::json::to_line(&body).into(), Upload::default()).unwrap();
    }
    memory
}

async fn capture(memory: &Arc<Memory>, to: &Path, more: &str) {
    let line = format!("operator capture --segment ventures --to {} {more}", to.display());
    let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
    let screen = Screen::on(std::io::sink(), std::io::sink());
    let (tools, google) = (emulator::tools(memory.clone()), &Google::default());
    let (user, planted) = (None, domain::Planted::NONE);
    let operator = Operator { tools, env: Env::Dev, user, google, screen: &screen, planted };
    assert_eq!(perform(&cli.command, operator).await, Ok(true));
}

#[tokio::test]
async fn what_is_derived_alike_is_equal_and_one_change_is_shown_and_nothing_else() {
    let memory = happened("venture-life");
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("captured");
    capture(&memory, &to, "").await;
    let capture = Capture::read(&to).unwrap();
    let derived: BTreeMap<_, _> = memory.objects();
    assert_eq!(capture.differences(&derived).unwrap(), "");

    // What is volatile and what does not belong to it makes no difference.
    let mut other = derived.clone();
    let mut change = |name: &str, from: &str, to: &str| {
        let object = other.get_mut(name).unwrap_or_else(|| panic!("no {name}"));
        let text = String::from_utf8(object.body.to_vec()).unwrap();
        assert!(text.contains(from), "{text}");
        object.body = text.replacen(from, to, 1).into();
    };
    let snapshot = derived.keys().find(|it| it.starts_with("env/dev/snapshots/ventures/")).unwrap();
    change(snapshot, r#""status":""#, r#""status":"Not "#);
    let differences = capture.differences(&other).unwrap();
    let lines = differences.lines().filter(|it| it.starts_with(['-', '+']));
    let lines: Vec<&str> =
        lines.filter(|it| !it.starts_with("---") && !it.starts_with("+++")).collect();
    assert_eq!(lines.len(), 2, "{differences}");
    assert!(lines[0].starts_with(r#"-  "status": ""#), "{differences}");
    assert!(lines[1].starts_with(r#"+  "status": "Not "#), "{differences}");

    let pointer = derived.keys().find(|it| it.starts_with("env/dev/indices/ventures/")).unwrap();
    let mut other = derived.clone();
    other.remove(pointer);
    let differences = capture.differences(&other).unwrap();
    assert!(differences.starts_with("missing: indices/ventures/"), "{differences}");
    assert_eq!(differences.matches("missing: ").count(), 1);
}

#[tokio::test]
async fn it_is_a_scenario_with_every_record_under_its_own_name() {
    let memory = happened("venture-life");
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("captured");
    capture(&memory, &to, "").await;
    let segments = Segments::read(&workspace().root.join("schemas")).unwrap();
    let scenario = Capture::read(&to).unwrap().scenario(&segments).unwrap();
    let names: Vec<&String> = scenario
        .when
        .iter()
        .map(|step| match step {
            Step::Upload(upload) => {
                assert_eq!(upload.body, memory.objects()[&upload.name].body);
                &upload.name
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let objects = memory.objects();
    let history = objects.keys().filter(|it| it.starts_with("env/dev/ventures/"));
    assert_eq!(names.len(), history.count());
    let err = Capture::read(folder.path()).err().unwrap();
    assert!(format!("{err:#}").contains("no capture; `cargo xtask capture` makes one"), "{err:#}");
}

/// The functions, to which the uploads of `steps` have happened one after the other.
async fn played(steps: &[Step]) -> (Emulator, Arc<Memory>) {
    const PATIENCE: Duration = Duration::from_secs(60);
    let emulator = deployed(&ALL).await;
    let memory = emulator.create_bucket(BUCKET).unwrap();
    for step in steps {
        if let Step::Upload(upload) = step {
            memory.insert(&upload.name, upload.body.clone(), Upload::default()).unwrap();
            emulator.settled(PATIENCE).await.unwrap();
        }
    }
    (emulator, memory)
}

#[tokio::test]
async fn the_functions_derive_of_a_capture_what_they_have_stored() {
    let replayed = async {
        let root = workspace().root;
        let [life] =
            scenario::select(&root, &["venture-life".to_owned()]).unwrap().try_into().unwrap();
        let steps: Vec<Step> = life.given.into_iter().chain(life.when).collect();
        let (_emulator, stored) = played(&steps).await;
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("captured");
        capture(&stored, &to, "").await;

        let segments = Segments::read(&root.join("schemas")).unwrap();
        let of = Capture::read(&to).unwrap();
        let (_other, derived) = played(&of.scenario(&segments).unwrap().when).await;
        assert_eq!(of.differences(&derived.objects()).unwrap(), "");
        let names = derived.objects();
        assert!(names.keys().any(|it| it.starts_with("env/dev/indices/ventures/by-status/")));

        // Somebody has written a pointer by hand.
        let objects = stored.objects();
        let is_live = |(name, object): &(&String, &store::Object)| {
            let text = String::from_utf8_lossy(&object.body);
            name.starts_with("env/dev/indices/ventures/by-status/") && !text.contains("\"op\"")
        };
        let (name, object) = objects.iter().find(is_live).unwrap();
        let text = String::from_utf8(object.body.to_vec()).unwrap();
        let other = text.replacen("{", "{\"by\":\"hand\",", 1);
        stored.insert(name, other.into(), Upload::default()).unwrap();
        capture(&stored, &to, "--force").await;
        let differences = Capture::read(&to).unwrap().differences(&derived.objects()).unwrap();
        let changed = |sign: char| {
            let lines = differences.lines().filter(move |it| it.starts_with(sign));
            lines.filter(|it| !it.starts_with("---") && !it.starts_with("+++")).collect::<Vec<_>>()
        };
        assert_eq!(changed('-'), [r#"-  "by": "hand","#], "{differences}");
        assert_eq!(changed('+'), [""; 0], "{differences}");
        assert_eq!(differences.matches("--- expected").count(), 1, "{differences}");
    };
    LocalSet::new().run_until(replayed).await;
}
