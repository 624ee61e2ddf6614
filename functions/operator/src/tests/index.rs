//! Existing data is brought along, whatever happens meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::SERVICE_TIMEOUT;
use domain::{
    BoxFuture, Clock, Definitions, Delivery, Handler as _, Instant, ObjectName, Overwrote, Planted,
    volatile,
};
use emulator::faulty::{Fault, Faulty, When};
use emulator::{Memory, TestClock};
use futures_util::FutureExt as _;
use index_writer::IndexWriter;
use store::{ErrorKind, Tools};

use super::{BY_STATUS, body_of, bucket, builder, definitions, entity, record, release, run};

const BY_OWNER: &str =
    r#"{"name":"by-owner","version":2,"keys":[{"from":["/owner"],"transform":"slug"}]}"#;
const PROGRESS: &str = "env/dev/manifests/_jobs/index-build/";
const BUILD: &str = "index build ventures by-owner-v2";

/// The definitions before, and with the new index.
fn releases() -> [Arc<Definitions>; 2] {
    [BY_STATUS.to_owned(), format!("{BY_STATUS},{BY_OWNER}")]
        .map(|indices| definitions(&["1.0.0"], &indices))
}

fn owned(minute: usize, owner: &str) -> String {
    let time = format!("2025-11-06T10:{minute:02}:00Z");
    format!(
        r#"{{"schema_version":"1.0.0","updated_at":"{time}","status":"Pilot","owner":"{owner}"}}"#
    )
}

fn writer(tools: &Tools) -> IndexWriter {
    IndexWriter { tools: tools.clone(), planted: Planted::NONE }
}

fn event(bucket: &Memory, id: &str, overwrote: Overwrote) -> Delivery {
    event_of(bucket, ObjectName::Snapshot(entity(id)), overwrote)
}

fn event_of(bucket: &Memory, name: ObjectName, overwrote: Overwrote) -> Delivery {
    let generation = bucket.objects()[&name.to_string()].generation;
    Delivery { name, generation, overwrote, created_at: None }
}

/// Entities as the release before has left them.
async fn before(bucket: &Arc<Memory>, tools: &Tools, ids: usize) {
    for id in 0..ids {
        let id = format!("V{id}");
        record(bucket, tools, &id, "a_1", &owned(1, "Ann")).await;
        let event = event(bucket, &id, Overwrote::Nothing);
        writer(tools).handle(&[event]).await.remove(0).unwrap();
    }
}

/// What the index holds, tombstones apart.
fn pointers(bucket: &Memory) -> Vec<String> {
    live(bucket, "env/dev/indices/ventures/by-owner-v2/")
}

fn live(bucket: &Memory, prefix: &str) -> Vec<String> {
    let objects = bucket.objects().into_iter();
    let names = objects.filter(|(name, _)| name.starts_with(prefix)).map(|(name, _)| name);
    let live = names.filter(|name| !volatile::is_tombstone(&body_of(bucket, name).unwrap()));
    live.map(|name| name[prefix.len()..].to_owned()).collect()
}

#[tokio::test]
async fn a_new_index_gets_every_entity_and_the_others_stay_as_they_are() {
    let [old, new] = releases();
    let bucket = bucket();
    before(&bucket, &release(bucket.clone(), &old), 3).await;
    let others = live(&bucket, "env/dev/indices/ventures/by-status/");
    let (ended, said) = run(&release(bucket.clone(), &new), &format!("{BUILD} --no-wait")).await;
    assert_eq!(ended, Ok(true));
    assert_eq!(pointers(&bucket), ["ann/V0.json", "ann/V1.json", "ann/V2.json"]);
    assert_eq!(live(&bucket, "env/dev/indices/ventures/by-status/"), others);
    expect_test::expect![[r#"
        index-build ventures by-owner-v2: 3 snapshots, then 3 a second time; wrote 3 objects; 25 B + 16 A and 8 notifications, $0.0001
    "#]].assert_eq(&said);
}

#[tokio::test]
async fn a_pointer_that_an_older_release_ought_to_have_removed_is_found() {
    let [old, new] = releases();
    let bucket = bucket();
    let (old, new) = (release(bucket.clone(), &old), release(bucket.clone(), &new));
    record(&bucket, &old, "V1", "a_1", &owned(1, "Ann")).await;
    let first = event(&bucket, "V1", Overwrote::Nothing);
    writer(&new).handle(std::slice::from_ref(&first)).await.remove(0).unwrap();
    record(&bucket, &old, "V1", "a_2", &owned(2, "Bob")).await;
    let second = event(&bucket, "V1", Overwrote::Generation(first.generation));
    // A process of the older release handles the change.
    writer(&old).handle(std::slice::from_ref(&second)).await.remove(0).unwrap();
    assert_eq!(pointers(&bucket), ["ann/V1.json"]);
    // As one that overwrote nothing, the snapshot leaves the pointer of the version before.
    let nothing = Delivery { overwrote: Overwrote::Nothing, ..second };
    writer(&new).handle(&[nothing]).await.remove(0).unwrap();
    assert_eq!(pointers(&bucket), ["ann/V1.json", "bob/V1.json"]);

    let (ended, _) = run(&new, BUILD).await;
    assert_eq!(ended, Ok(true));
    assert_eq!(pointers(&bucket), ["bob/V1.json"]);
}

#[tokio::test]
async fn what_an_older_release_handles_during_the_first_pass_is_visited_again() {
    let [old, new] = releases();
    let bucket = bucket();
    let old = release(bucket.clone(), &old);
    before(&bucket, &old, 2).await;
    let (inner, memory) = (old.clone(), Arc::downgrade(&bucket));
    bucket.on_finalize(Box::new(move |stored| {
        let Some(bucket) = memory.upgrade() else { return };
        // As soon as the first pass has written the entity, it changes, and nobody tells the new
        // release: the event goes to an older one.
        if stored.name.ends_with("by-owner-v2/ann/V0.json") && pointers(&bucket).len() == 1 {
            let name = "env/dev/ventures/V0/history/2025/11/06/a_2.json";
            bucket.insert(name, owned(2, "Bob").into(), emulator::Upload::default()).unwrap();
            let event = event_of(&bucket, ObjectName::parse(name).unwrap(), Overwrote::Nothing);
            let builder = builder(&inner);
            builder.handle(&[event]).now_or_never().unwrap().remove(0).unwrap();
        }
    }));
    let (ended, said) = run(&release(bucket.clone(), &new), BUILD).await;
    assert_eq!(ended, Ok(true));
    assert_eq!(pointers(&bucket), ["ann/V1.json", "bob/V0.json"]);
    assert!(said.contains("until no request to an older release can be under way"), "{said}");
}

#[tokio::test]
async fn killed_at_any_operation_it_goes_on_to_the_same_end() {
    let [old, new] = releases();
    let line = format!("{BUILD} --no-wait");
    for when in [When::Before, When::After] {
        for at in 0.. {
            let bucket = bucket();
            before(&bucket, &release(bucket.clone(), &old), 3).await;
            let fault = Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when };
            let faulty = Faulty::new(bucket.clone(), fault);
            let (ended, _) = run(&release(faulty.clone(), &new), &line).await;
            if !faulty.happened() {
                assert!(at > 10 && ended == Ok(true));
                break;
            }
            let problem = ended.unwrap_err().to_string();
            assert!(problem.ends_with("it goes on where it stopped"), "{problem}");
            let (ended, _) = run(&release(bucket.clone(), &new), &line).await;
            assert_eq!(ended, Ok(true), "killed at {at}");
            assert_eq!(pointers(&bucket), ["ann/V0.json", "ann/V1.json", "ann/V2.json"]);
            assert_eq!(passes(&bucket), ["finished"]);
        }
    }
}

fn passes(bucket: &Memory) -> Vec<String> {
    let names = bucket.objects().into_keys().filter(|name| name.starts_with(PROGRESS));
    let pass = |name: String| body_of(bucket, &name).unwrap()["pass"].as_str().unwrap().to_owned();
    names.map(pass).collect()
}

#[tokio::test]
async fn a_batch_is_noted_before_it_is_written_and_the_next_run_begins_there() {
    let [old, new] = releases();
    let bucket = bucket();
    before(&bucket, &release(bucket.clone(), &old), 150).await;
    let new = release(bucket.clone(), &new);
    let fault =
        |at| Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when: When::Before };
    let snapshots: Vec<String> = bucket
        .objects()
        .into_keys()
        .filter(|name| name.starts_with("env/dev/snapshots/"))
        .collect();
    let mut written_when_noted = BTreeMap::new();
    let second = Some(snapshots[100].clone());
    for at in (0..10_000).step_by(100) {
        let tools = Tools { store: Faulty::new(bucket.clone(), fault(at)), ..new.clone() };
        run(&tools, &format!("{BUILD} --no-wait")).await.0.unwrap_err();
        for name in bucket.objects().into_keys().filter(|name| name.starts_with(PROGRESS)) {
            let at = body_of(&bucket, &name).unwrap()["at"].as_str().map(str::to_owned);
            written_when_noted.entry(at).or_insert(pointers(&bucket).len());
        }
        if written_when_noted.contains_key(&second) {
            break;
        }
    }
    assert!(written_when_noted[&Some(snapshots[0].clone())] <= 100, "{written_when_noted:?}");
    assert!(written_when_noted[&second] >= 100, "{written_when_noted:?}");
    let (_, said) = run(&new, &format!("{BUILD} --no-wait")).await;
    assert!(said.starts_with("index-build ventures by-owner-v2: 50 snapshots"), "{said}");
    assert_eq!(pointers(&bucket).len(), 150);
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_counts_what_the_run_then_takes() {
    let [old, new] = releases();
    let bucket = bucket();
    before(&bucket, &release(bucket.clone(), &old), 3).await;
    // Ten minutes later, so that nothing has changed since the first pass began.
    let clock = TestClock::at("2025-11-06T12:10:00Z");
    let new = Tools { clock, ..release(bucket.clone(), &new) };
    let objects = bucket.objects();
    let (ended, dry) = run(&new, &format!("{BUILD} --dry-run")).await;
    assert_eq!(ended, Ok(true));
    assert_eq!(bucket.objects(), objects);
    let (_, real) = run(&new, &format!("{BUILD} --no-wait")).await;
    assert_eq!(dry.replace("would write", "wrote"), real);
}

#[tokio::test]
async fn whoever_is_taken_over_stops() {
    let [old, new] = releases();
    let bucket = bucket();
    before(&bucket, &release(bucket.clone(), &old), 1).await;
    let new = release(bucket.clone(), &new);
    let memory = Arc::downgrade(&bucket);
    bucket.on_finalize(Box::new(move |stored| {
        let Some(bucket) = memory.upgrade() else { return };
        let name = bucket.objects().into_keys().find(|name| name.starts_with(PROGRESS));
        if let (Some(name), true) = (name, stored.name.contains("/by-owner-v2/")) {
            bucket.insert(&name, "{}".into(), emulator::Upload::default()).unwrap();
        }
    }));
    let (ended, _) = run(&new, &format!("{BUILD} --no-wait")).await;
    let problem = ended.unwrap_err().to_string();
    assert!(problem.starts_with("somebody else runs this job too"), "{problem}");
}

#[tokio::test]
async fn an_entity_that_cannot_be_brought_along_is_named_and_the_others_are_written() {
    let [old, new] = releases();
    let bucket = bucket();
    before(&bucket, &release(bucket.clone(), &old), 2).await;
    let name = "env/dev/snapshots/ventures/V1.json";
    bucket.insert(name, "by hand".into(), emulator::Upload::default()).unwrap();
    let (ended, said) = run(&release(bucket.clone(), &new), &format!("{BUILD} --no-wait")).await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("dev/ventures/V1: the snapshot has no state"), "{said}");
    assert_eq!(pointers(&bucket), ["ann/V0.json"]);
}

#[tokio::test]
async fn an_index_that_is_not_declared_is_not_built() {
    let [old, _] = releases();
    let (ended, _) = run(&release(bucket(), &old), BUILD).await;
    expect_test::expect!["ventures declares no index by-owner-v2; there are: by-status"]
        .assert_eq(&ended.unwrap_err().to_string());
}

#[tokio::test]
async fn an_index_is_dropped_once_it_is_declared_no_more() {
    let [old, new] = releases();
    let bucket = bucket();
    let (old, new) = (release(bucket.clone(), &old), release(bucket.clone(), &new));
    before(&bucket, &new, 3).await;
    let all = bucket.objects();
    let drop = "index drop ventures by-owner-v2";
    let (ended, _) = run(&new, drop).await;
    expect_test::expect!["ventures declares by-owner-v2: remove it from the definitions and deploy, or say --declared"]
        .assert_eq(&ended.unwrap_err().to_string());
    let (ended, said) = run(&old, &format!("{drop} --dry-run")).await;
    assert_eq!(ended, Ok(true));
    expect_test::expect![[r#"
        index drop ventures by-owner-v2: would delete 3 objects; 1 A + 3 deletes, which are free, $0.0000
    "#]].assert_eq(&said);
    assert_eq!(bucket.objects(), all);
    let (ended, _) = run(&old, drop).await;
    assert_eq!(ended, Ok(true));
    let left = |name: &String| !name.contains("/by-owner-v2/");
    let expected: Vec<String> = all.into_keys().filter(left).collect();
    assert_eq!(bucket.objects().into_keys().collect::<Vec<_>>(), expected);
    let (ended, said) = run(&new, &format!("{drop} --declared")).await;
    assert_eq!(ended, Ok(true));
    assert!(said.contains("deleted 0 objects"), "{said}");
}

/// A request to the release before, which has decided what it writes and ends a while later.
struct UnderWay {
    clock: Arc<TestClock>,
    bucket: Arc<Memory>,
}

const UNDER_WAY: &str = "env/dev/indices/ventures/by-owner-v2/cy/V0.json";

impl UnderWay {
    fn end(&self) {
        if self.bucket.versions_of(UNDER_WAY).is_empty() {
            self.bucket.insert(UNDER_WAY, "{}".into(), emulator::Upload::default()).unwrap();
        }
    }
}

impl Clock for UnderWay {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        if delay >= SERVICE_TIMEOUT {
            self.end();
        }
        self.clock.sleep(delay)
    }
}

#[tokio::test]
async fn what_a_request_to_the_release_before_writes_is_dropped_as_well() {
    let [old, new] = releases();
    let bucket = bucket();
    before(&bucket, &release(bucket.clone(), &new), 2).await;
    let request = Arc::new(UnderWay { clock: TestClock::at(super::NOW), bucket: bucket.clone() });
    let tools = Tools { clock: request.clone(), ..release(bucket.clone(), &old) };
    let (ended, _) = run(&tools, "index drop ventures by-owner-v2").await;
    request.end();
    assert_eq!((ended, pointers(&bucket)), (Ok(true), vec![]));
}

#[tokio::test]
async fn what_is_written_while_it_is_dropped_is_left_and_said() {
    let [old, new] = releases();
    let bucket = bucket();
    before(&bucket, &release(bucket.clone(), &new), 1).await;
    // The answer to the delete is that the object has another version.
    let fault = Fault { at: 1, times: 1, kind: ErrorKind::Conflict, when: When::Before };
    let faulty = Faulty::new(bucket.clone(), fault);
    let (ended, said) = run(&release(faulty, &old), "index drop ventures by-owner-v2").await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("1 objects were written meanwhile"), "{said}");
    assert_eq!(pointers(&bucket), ["ann/V0.json"]);
}

#[tokio::test]
async fn a_bundle_is_built_and_dropped_by_its_one_object() {
    const ALL: &str = r#"{"name":"all","version":1,"bundle":true}"#;
    let bucket = bucket();
    let old = definitions(&["1.0.0"], BY_STATUS);
    let (old, new) = (
        release(bucket.clone(), &old),
        release(bucket.clone(), &definitions(&["1.0.0"], &format!("{BY_STATUS},{ALL}"))),
    );
    before(&bucket, &old, 2).await;
    let objects = bucket.objects();
    let (ended, _) = run(&new, "index build ventures _bundle --no-wait").await;
    assert_eq!(ended, Ok(true));
    let bundle = body_of(&bucket, "env/dev/indices/ventures/_bundle.json").unwrap();
    assert_eq!(bundle["members"].as_array().map(Vec::len), Some(2));
    let (ended, _) = run(&new, "index drop ventures _bundle").await;
    assert!(ended.unwrap_err().to_string().starts_with("ventures declares _bundle: remove it"));
    let (ended, said) = run(&old, "index drop ventures _bundle").await;
    assert_eq!(ended, Ok(true));
    assert!(said.contains("deleted 1 objects"), "{said}");
    let left = bucket.objects().into_keys().filter(|name| !name.contains("/_jobs/"));
    assert_eq!(left.collect::<Vec<_>>(), objects.into_keys().collect::<Vec<_>>());
}
