//! History in another bucket: the same bytes, and everything derived from them again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser as _;
use domain::json::Object as Json;
use domain::{Env, ObjectName, Planted};
use emulator::faulty::{Fault, Faulty, When};
use emulator::intercepted::{Intercepted, Operation};
use emulator::{Memory, TestClock, Upload};
use store::{ErrorKind, List, Store, Tools};

use super::reconcile::world::World;
use super::{NOW, Printed, body_of, bucket, entity, release, strict};
use crate::derive::Deriving;
use crate::{Cli, Command, Operator, Problem, Screen, copy, drill};

async fn written(bucket: &Memory, tools: &Tools, id: &str, minute: u32, status: &str) {
    let file = format!("a_{minute}");
    let name = format!("{}2025/11/06/{file}.json", ObjectName::history_prefix(&entity(id)));
    let body = format!(
        r#"{{"schema_version":"1.0.0","updated_at":"2025-11-06T10:{minute:02}:00Z","status":"{status}"}}"#
    );
    bucket.insert(&name, Bytes::from(body), Upload::default()).unwrap();
    let generation = bucket.objects()[&name].generation;
    let Ok(ObjectName::History(name)) = ObjectName::parse(&name) else { panic!("{name}") };
    let deriving = Deriving::new(tools);
    deriving.record(name, generation).await.unwrap();
    deriving.snapshot(&entity(id)).await.unwrap();
}

async fn place() -> (Arc<Memory>, Tools) {
    let bucket = bucket();
    let tools = release(bucket.clone(), &strict());
    for (id, minute, status) in [("V1", 1, "Idea"), ("V1", 2, "Pilot"), ("V2", 3, "Sold")] {
        written(&bucket, &tools, id, minute, status).await;
    }
    let schema = "env/dev/schemas/venture/entity.json";
    bucket.insert(schema, Bytes::from_static(b"{}"), Upload::default()).unwrap();
    (bucket, tools)
}

fn other() -> Arc<Memory> {
    Memory::new("other", TestClock::at(NOW), 9)
}

/// Two ventures in one register, a rule, and the instant after which another rule comes, and one
/// of the ventures is written again: `meanwhile`.
fn written_to() -> (Arc<World>, String) {
    let world = World::new(3);
    world.write("rules", "R1", RULE);
    world.drain();
    for (id, n) in [("V1", 1), ("V2", 2)] {
        world.write("ventures", id, &format!(r#""status":"Idea","team":"red","n":{n}"#));
    }
    world.drain();
    let known_at = world.tools().clock.now().to_string();
    world.write("rules", "R2", RULE);
    world.write("ventures", "V1", r#""status":"Idea","team":"red","n":3"#);
    world.drain();
    (world, known_at)
}

const RULE: &str = r#""applies_to":"venture","condition":{"all":[{"path":"status","op":"eq","value":"Idea"}]},"name":"is new""#;

async fn run(tools: &Tools, other: Arc<dyn Store>, line: &str) -> (Result<bool, Problem>, String) {
    let cli = Cli::parse_from(["operator"].into_iter().chain(line.split_whitespace()));
    let said = Printed::default();
    let screen = Screen::on(said.clone(), said.clone());
    let (tools, env, planted) = (tools.clone(), Env::Dev, Planted::NONE);
    let operator = Operator {
        tools,
        env,
        user: None,
        google: &crate::Google::default(),
        screen: &screen,
        planted,
    };
    let ended = match &cli.command {
        Command::Copy(options) => copy::into(options, &operator, other).await,
        Command::Drill(options) => drill::into(options, &operator, other).await,
        _ => panic!("{line}"),
    };
    (ended, said.text())
}

const COPY: &str = "copy --to gs://other";

#[tokio::test]
async fn a_copy_keeps_names_and_bytes_and_says_when_the_original_was_stored() {
    let (bucket, tools) = place().await;
    let other = other();
    let (ended, said) = run(&tools, other.clone(), &format!("{COPY} --dry-run")).await;
    assert!(ended == Ok(true) && other.objects().is_empty(), "{said}");
    assert!(said.contains("would copy 4 objects"), "{said}");
    let (ended, said) = run(&tools, other.clone(), COPY).await;
    assert!(ended == Ok(true) && said.contains("copied 4 objects"), "{said}");
    assert_eq!(other.objects().len(), 4);
    for (name, copy) in other.objects() {
        assert_eq!(copy.body, bucket.objects()[&name].body);
        let stored_at = bucket.versions_of(&name)[0].created_at.to_string();
        assert_eq!(copy.metadata["stored-at"], stored_at);
    }
    let before = other.objects();
    for line in [COPY, "copy --to gs://other --verify"] {
        let (ended, said) = run(&tools, other.clone(), line).await;
        assert!(
            ended == Ok(true) && said.contains("copied 0 objects of 0 bytes, 4 were there"),
            "{said}"
        );
    }
    assert_eq!(other.objects(), before);
}

#[tokio::test]
async fn another_content_is_named_and_left() {
    let (_, tools) = place().await;
    let other = other();
    run(&tools, other.clone(), COPY).await.0.unwrap();
    let name = other.objects().into_keys().find(|it| it.ends_with("a_3.json")).unwrap();
    let body = String::from_utf8(other.objects()[&name].body.to_vec()).unwrap();
    other.insert(&name, Bytes::from(body.replace("Sold", "Kept")), Upload::default()).unwrap();
    // Of the same size: only a look at the content finds it.
    assert_eq!(run(&tools, other.clone(), COPY).await.0, Ok(true));
    let (ended, said) = run(&tools, other.clone(), &format!("{COPY} --verify")).await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains(&format!("{name} has another content there")), "{said}");
}

#[tokio::test]
async fn a_copy_that_is_killed_goes_on() {
    for when in [When::Before, When::After] {
        for at in 0.. {
            let (_, tools) = place().await;
            let other = other();
            let fault = Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when };
            let faulty = Faulty::new(other.clone(), fault);
            let (ended, _) = run(&tools, faulty.clone(), COPY).await;
            if !faulty.happened() {
                assert!(at > 4 && ended == Ok(true));
                break;
            }
            assert!(ended.is_err());
            assert_eq!(run(&tools, other.clone(), COPY).await.0, Ok(true));
            assert_eq!(other.objects().len(), 4, "killed at {at}");
        }
    }
}

/// A bucket that asks to slow down at the first write of each object.
fn throttling(other: Arc<Memory>) -> Arc<dyn Store> {
    let asked = Mutex::new(BTreeSet::new());
    Intercepted::new(other, move |operation| match operation {
        Operation::Put(name) if asked.lock().unwrap().insert(name.to_owned()) => {
            Err(store::Error::new(ErrorKind::Throttled, format!("put {name}: slow down")))
        }
        _ => Ok(()),
    })
}

#[tokio::test]
async fn a_copy_and_a_drill_slow_down_when_the_other_bucket_asks() {
    for line in [COPY, "drill --to gs://other"] {
        let (_, tools) = place().await;
        let (ended, said) = run(&tools, throttling(other()), line).await;
        assert_eq!(ended, Ok(true), "{said}");
    }
    // It does not ask for ever.
    let (_, tools) = place().await;
    let fault = Fault { at: 0, times: usize::MAX, kind: ErrorKind::Throttled, when: When::Before };
    let faulty = Faulty::new(other(), fault);
    assert!(run(&tools, faulty, COPY).await.0.is_err());
}

#[tokio::test]
async fn a_drill_compares_what_history_brings_with_what_is_there() {
    let (bucket, tools) = place().await;
    let before = bucket.objects();
    let (ended, said) = run(&tools, other(), "drill --to gs://other").await;
    assert_eq!(ended, Ok(true), "{said}");
    assert!(
        said.contains("2 entities of 3 records restored in 0 s, 8 objects compared, 0 differ"),
        "{said}"
    );
    let report = bucket.objects().into_keys().find(|it| !before.contains_key(it)).unwrap();
    assert!(report.starts_with("env/dev/manifests/_jobs/drill/"), "{report}");
    assert_eq!(body_of(&bucket, &report).unwrap()["objects_different"], 0);
    assert_eq!(bucket.objects().len(), before.len() + 1, "nothing else is written");
    let used = other();
    used.insert("env/dev/x", Bytes::new(), Upload::default()).unwrap();
    let problem = run(&tools, used, "drill --to gs://other").await.0.unwrap_err();
    assert!(problem.to_string().contains("begins with an empty one"), "{problem}");
}

#[tokio::test]
async fn what_differs_is_named_by_a_drill() {
    for (name, body) in [
        ("env/dev/snapshots/ventures/V1.json", r#"{"id":"V1"}"#),
        ("env/dev/manifests/ventures/by-id/V2.json", r#"{"id":"V2","status":"x"}"#),
        ("env/dev/indices/ventures/by-status/pilot/V1.json", r#"{"op":"delete"}"#),
    ] {
        let (bucket, tools) = place().await;
        let metadata = bucket.objects()[name].metadata.clone();
        let upload = Upload { metadata, ..Upload::default() };
        bucket.insert(name, Bytes::from_static(body.as_bytes()), upload).unwrap();
        let (ended, said) = run(&tools, other(), "drill --to gs://other").await;
        assert_eq!(ended, Ok(false), "{said}");
        assert!(said.contains(&format!("{name} differs")), "{said}");
    }
    let (_, tools) = place().await;
    let (ended, said) =
        run(&tools, other(), "drill --to gs://other --known-at 2025-11-06T11:00:00Z").await;
    assert!(ended == Ok(true) && said.contains("0 entities of 0 records"), "{said}");
}

#[tokio::test]
async fn a_member_that_was_written_later_is_no_difference_of_a_register() {
    let (world, known_at) = written_to();
    let line = format!("drill --to gs://other --known-at {known_at}");
    let (ended, said) = run(&world.tools(), other(), &line).await;
    assert_eq!(ended, Ok(true), "{said}");
    assert!(said.contains("0 differ"), "{said}");
    // The member of the one that was not is.
    let name = "env/dev/indices/ventures/latest/red.json";
    let object = world.bucket.objects()[name].clone();
    let body = String::from_utf8(object.body.to_vec()).unwrap().replace(r#""n":2"#, r#""n":9"#);
    let upload = Upload { metadata: object.metadata, ..Upload::default() };
    world.bucket.insert(name, Bytes::from(body), upload).unwrap();
    let (ended, said) = run(&world.tools(), other(), &line).await;
    assert_eq!(ended, Ok(false), "{said}");
    assert!(said.contains(&format!("{name} differs")), "{said}");
}

/// The report of a drill, and what it ended with.
async fn report(tools: &Tools, other: Arc<dyn Store>, line: &str) -> (Result<bool, Problem>, Json) {
    let (ended, said) = run(tools, other, line).await;
    let list = List { prefix: "env/dev/manifests/_jobs/drill/".to_owned(), ..List::default() };
    let page = tools.store.list(&list).await.unwrap();
    let name = &page.items.first().unwrap_or_else(|| panic!("no report: {ended:?}, {said}")).name;
    let body = tools.store.get(name, None).await.unwrap().unwrap().body;
    (ended, domain::json::parse(&body).unwrap().as_object().unwrap().clone())
}

#[tokio::test]
async fn a_snapshot_that_is_rejected_is_counted_and_the_drill_goes_on() {
    let world = World::new(3);
    let tags: Vec<String> = (0..1000).map(|n| format!(r#""t{n}""#)).collect();
    world.write("ventures", "V1", &format!(r#""status":"Idea","tags":[{}]"#, tags.join(",")));
    world.write("ventures", "V2", r#""status":"Idea""#);
    world.drain();
    let (ended, report) = report(&world.tools(), other(), "drill --to gs://other").await;
    assert_eq!((ended, &report["deliveries_rejected"]), (Ok(true), &1.into()));
    assert_eq!((&report["entities"], &report["partial"]), (&2.into(), &false.into()));
}

#[tokio::test]
async fn a_drill_that_is_cut_off_leaves_a_partial_report() {
    // Each operation there takes a minute.
    let (_, tools) = place().await;
    let clock = TestClock::at(NOW);
    let tools = Tools { clock: clock.clone(), ..tools };
    let slow = Intercepted::new(other(), move |_| {
        clock.advance(Duration::from_secs(60));
        Ok(())
    });
    let (ended, said) = report(&tools, slow, "drill --to gs://other --minutes 2").await;
    assert_eq!((ended, &said["partial"]), (Ok(false), &true.into()));
    assert_eq!((&said["entities"], &said["entities_not_reached"]), (&1.into(), &1.into()));
    // The scratch bucket fails in the middle.
    let (_, tools) = place().await;
    let fault =
        Fault { at: 9, times: usize::MAX, kind: ErrorKind::Unavailable, when: When::Before };
    let (ended, said) = report(&tools, Faulty::new(other(), fault), "drill --to gs://other").await;
    assert!(ended.is_err() && said["partial"] == true && said["ended_by"].is_string(), "{said:?}");
}
