//! `status` knows of every job that notes how far it is whether it has ended: the jobs themselves
//! write the notes that it is held against.

use std::fs;
use std::sync::Arc;

use domain::{Env, Planted};
use emulator::faulty::{Fault, Faulty, When};
use emulator::{Memory, TestClock, Upload};
use serde_json::Value;
use store::{ErrorKind, Tools};
use tempfile::TempDir;

use crate::job::{How, Job, Stop, What};
use crate::{Google, Operator, Printed, Problem, Screen};

use super::{bucket, record, release, run, strict};

const RECORD: &str =
    r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T10:01:00Z","status":"Idea"}"#;

/// A day and an hour after everything.
const MUCH_LATER: &str = "2025-11-07T13:00:01Z";

/// A bucket with two ventures.
async fn place() -> (Arc<Memory>, Tools) {
    let bucket = bucket();
    let tools = release(bucket.clone(), &strict());
    for id in ["V1", "V2"] {
        record(&bucket, &tools, id, "a_1", RECORD).await;
    }
    (bucket, tools)
}

/// What `status` says of jobs.
async fn jobs(tools: &Tools) -> Value {
    let (ended, said) = run(tools, "status --json").await;
    ended.unwrap();
    let line = said.lines().find(|line| line.starts_with('{')).unwrap();
    let mut json: Value = serde_json::from_str(line).unwrap();
    json["checks"]["jobs"].take()
}

fn later(tools: &Tools, at: &str) -> Tools {
    Tools { clock: TestClock::at(at), ..tools.clone() }
}

fn notes(bucket: &Memory) -> usize {
    bucket.objects().keys().filter(|name| name.contains("/manifests/_jobs/")).count()
}

/// Kills `line` at every operation: as soon as there is a note of it, it is under way, and a day
/// later silent; run again, it has ended.
async fn check(job: &str, line: &str) {
    let mut under_way = 0;
    for at in 0.. {
        let (bucket, tools) = place().await;
        let fault =
            Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when: When::Before };
        let faulty = Faulty::new(bucket.clone(), fault);
        let (ended, said) = run(&Tools { store: faulty.clone(), ..tools.clone() }, line).await;
        if !faulty.happened() {
            assert!(ended.is_ok(), "{said}");
            assert_eq!(notes(&bucket), 1, "{line}");
            assert_eq!(jobs(&later(&tools, MUCH_LATER)).await["says"], "none under way", "{line}");
            break;
        }
        if notes(&bucket) == 0 {
            assert_eq!(jobs(&tools).await["says"], "none under way", "{line}, killed at {at}");
            continue;
        }
        let check = jobs(&tools).await;
        // A seed says that all is done, and goes without its last note.
        if ended == Ok(true) && job != "seed" {
            assert_eq!(check["says"], "none under way", "{line}, killed at {at}");
            continue;
        }
        under_way += 1;
        assert_eq!(check["says"], "1 under way", "{line}, killed at {at}");
        assert_eq!((&check["detail"][0]["job"], &check["state"]), (&job.into(), &"ok".into()));
        let check = jobs(&later(&tools, MUCH_LATER)).await;
        assert_eq!(check["says"], "1 begun, 1 of them silent for hours", "{line}");
        let (ended, said) = run(&tools, line).await;
        assert!(ended.is_ok(), "{said}");
        assert_eq!(jobs(&tools).await["says"], "none under way", "{line}, killed at {at}");
    }
    assert!(under_way > 1, "{line}: {under_way}");
}

#[tokio::test]
async fn what_goes_through_a_segment_is_under_way_until_it_has_ended() {
    check("index-build", "index build ventures by-status --no-wait").await;
    check("migrate", "migrate --run ventures --no-wait").await;
    check("restore", "restore --known-at 2025-11-06T11:00:00Z --segment ventures").await;
    for what in ["snapshots", "manifests", "indices"] {
        let line = format!("rebuild {what} --segment ventures --no-wait");
        check(&format!("rebuild-{what}"), &line).await;
    }
}

#[tokio::test]
async fn a_seed_is_under_way_until_it_has_ended_and_says_nothing_in_between() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("venture")).unwrap();
    for id in ["V3", "V4"] {
        let path = folder.path().join(format!("venture/{id}.json"));
        fs::write(path, r#"{"status":"Idea"}"#).unwrap();
    }
    check("seed", &format!("seed {}", folder.path().display())).await;
    // After half a day it may still be at work.
    let (bucket, tools) = place().await;
    let fault =
        Fault { at: 4, times: usize::MAX, kind: ErrorKind::Unavailable, when: When::Before };
    let tools_of_it = Tools { store: Faulty::new(bucket.clone(), fault), ..tools.clone() };
    let (ended, _) = run(&tools_of_it, &format!("seed {}", folder.path().display())).await;
    assert_ne!(ended, Ok(true));
    let check = jobs(&later(&tools, "2025-11-07T00:00:00Z")).await;
    assert_eq!((&check["state"], &check["says"]), (&"ok".into(), &"1 under way".into()));
    // One that is refused leaves the run open: mended, it is a part of it.
    fs::write(folder.path().join("venture/V5.json"), r#"{"status":7}"#).unwrap();
    let (bucket, tools) = place().await;
    let (ended, _) = run(&tools, &format!("seed {}", folder.path().display())).await;
    assert_eq!((ended, notes(&bucket)), (Ok(false), 1));
    let (_, said) = run(&later(&tools, MUCH_LATER), "status").await;
    assert!(said.contains("or some documents were refused? mend them and run it again"), "{said}");
}

#[tokio::test]
async fn what_notes_nothing_of_how_far_it_is_is_never_under_way() {
    for line in [
        "purge venture V1 --reason asked --yes",
        "reconcile --segment ventures --repair --grace 0",
        "undelete venture V1",
    ] {
        for at in 0..40 {
            let (bucket, tools) = place().await;
            let fault =
                Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when: When::Before };
            let store = Faulty::new(bucket.clone(), fault);
            drop(run(&Tools { store, ..tools.clone() }, line).await);
            assert_eq!(notes(&bucket), 0, "{line}");
            assert_eq!(jobs(&tools).await["says"], "none under way", "{line}");
        }
    }
}

#[tokio::test]
async fn a_pause_and_a_drill_are_no_jobs_under_way_and_a_note_of_nobody_is_looked_at() {
    let (bucket, tools) = place().await;
    let put = |name: &str, body: &str| {
        let name = format!("env/dev/manifests/_jobs/{name}.json");
        bucket.insert(&name, body.to_owned().into(), Upload::default()).unwrap();
    };
    put("drill/01K9", r#"{"job":"drill","began_at":"2025-01-01T00:00:00Z"}"#);
    put("pause/dev-x", r#"{"job":"pause","state":"paused"}"#);
    assert_eq!(jobs(&tools).await["says"], "none under way");
    // Words of another job are not taken for an end.
    put(
        "seed/a",
        r#"{"pass":"finished","state":"done","finished_at":null,"dated_at":"2025-11-06T11:00:00Z"}"#,
    );
    assert_eq!(jobs(&tools).await["says"], "1 under way");
    for body in ["no JSON", "[]", "{}", r#"{"noted_at":7}"#, r#"{"noted_at":"\u001b[2J"}"#] {
        put("migrate/a", body);
        let check = jobs(&tools).await;
        assert_eq!(check["says"], "2 begun, 1 of them silent for hours", "{body}");
        let (_, said) = run(&tools, "status").await;
        assert!(said.contains("migrate a: its note cannot be read") && !said.contains('\u{1b}'));
    }
}

#[tokio::test]
async fn more_notes_than_are_read_are_not_taken_for_ended() {
    let (bucket, tools) = place().await;
    for at in 0..101 {
        let name = format!("env/dev/manifests/_jobs/migrate/{at}.json");
        let body = r#"{"pass":"finished","noted_at":"2025-11-06T11:00:00Z"}"#;
        bucket.insert(&name, body.into(), Upload::default()).unwrap();
    }
    let check = jobs(&tools).await;
    assert_eq!(
        (&check["state"], &check["says"]),
        (&"unknown".into(), &"none of 100 under way, and more were not read".into(),)
    );
}

/// A walk over all ventures in which nothing can be done about V000, and that dies at `dies`.
async fn walk(tools: &Tools, dies: &str, dry: bool) -> (bool, String, Option<bool>) {
    let printed = Printed::default();
    let screen = Screen::on(printed.clone(), printed.clone());
    let operator = Operator {
        tools: tools.clone(),
        env: Env::Dev,
        user: None,
        google: &Google::default(),
        screen: &screen,
        planted: Planted::NONE,
    };
    let what = What { job: "index-build", segment: "ventures", subject: "x", by: "" };
    let job = Job::new(&operator, what, How::new(&operator, dry, false));
    let visit = |stop: Stop| async move {
        match &*stop.entity.id {
            id if id == dies => Err(Problem::new("died")),
            "V000" => Ok(vec!["no".to_owned()]),
            _ => Ok(Vec::new()),
        }
    };
    let walked = job.walk(visit).await;
    let well = walked.as_ref().ok().map(|walked| job.report(walked).unwrap());
    (walked.is_ok_and(|walked| walked.resumed_at.is_some()), printed.text(), well)
}

#[tokio::test]
async fn what_nothing_could_be_done_about_is_remembered_by_the_run_that_goes_on() {
    let bucket = bucket();
    let tools = release(bucket.clone(), &strict());
    for n in 0..101 {
        let name = format!("env/dev/snapshots/ventures/V{n:03}.json");
        bucket.insert(&name, "{}".into(), Upload::default()).unwrap();
    }
    let tools = later(&tools, MUCH_LATER);
    assert_eq!(walk(&tools, "V100", false).await.2, None);
    let (resumed, said, well) = walk(&tools, "", true).await;
    assert_eq!((resumed, well), (false, Some(false)), "{said}");
    assert!(said.contains("101 snapshots") && said.contains("dev/ventures/V000: no"), "{said}");
    let (resumed, said, well) = walk(&tools, "", false).await;
    assert_eq!((resumed, well), (true, Some(false)), "{said}");
    assert!(said.contains("dev/ventures/V000: "), "{said}");
}
