//! What is restored is what was known, and nothing is rewritten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser as _;
use domain::json::{self, Object as Json};
use domain::{Clock as _, Env, Ids as _, Instant, ObjectName, OrderKey, Planted};
use emulator::faulty::{Fault, Faulty, When};
use emulator::intercepted::{Intercepted, Operation};
use emulator::schedule::{Attempt, Gated};
use emulator::{Memory, SeededIds, TestClock, Upload};
use serde_json::Value;
use store::{ErrorKind, Object, Store as _, Tools};

use super::{builder, entity, release, run, strict};
use crate::append::{By, Conditional, Current, Etag, Op, Wish, append_if_current, judged};
use crate::records::{self, Hold, Until};
use crate::restore::same;
use crate::{Cli, Command, Operator, Screen, Shortcut};

const START: &str = "2025-11-06T12:00:00Z";
const IDS: [&str; 3] = ["V1", "V2", "V3"];

/// A bucket whose objects are created when the clock of the tools says.
struct Place {
    bucket: Arc<Memory>,
    tools: Tools,
    clock: Arc<TestClock>,
}

impl Place {
    fn new() -> Self {
        let clock = TestClock::at(START);
        let bucket = Memory::new("test", clock.clone(), 7);
        let tools = Tools { clock: clock.clone(), ..release(bucket.clone(), &strict()) };
        Self { bucket, tools, clock }
    }

    fn write(&self, id: &str, file: &str, body: &str) {
        let name = format!("{}2025/11/06/{file}.json", ObjectName::history_prefix(&entity(id)));
        self.bucket.insert(&name, Bytes::from(body.to_owned()), Upload::default()).unwrap();
        self.clock.advance(Duration::from_secs(60));
    }

    fn history(&self) -> BTreeMap<String, Object> {
        let all = self.bucket.objects().into_iter();
        all.filter(|(name, _)| name.contains("/history/")).collect()
    }

    /// The document of an entity by what was stored until then, as the operator folds it.
    async fn fold(&self, id: &str, known_at: Option<Instant>) -> Option<Json> {
        let screen = Screen::on(std::io::sink(), std::io::sink());
        let (tools, env) = (self.tools.clone(), domain::Env::Dev);
        let planted = domain::Planted::NONE;
        let operator = Operator {
            tools,
            env,
            user: None,
            google: &crate::Google::default(),
            screen: &screen,
            planted,
        };
        let definition = self.tools.definitions.entity("venture").unwrap();
        let until = Until { known_at, as_of: None };
        let read = records::read(&operator, &entity(id), definition, until, 1).await.unwrap();
        crate::restore::document(read.fold().map(|folded| folded.state))
    }
}

/// A history as its seed says: full records, merges that may take the status away, deletions, and
/// records that do not count, dated in another order than they come.
fn generated(seed: u64) -> Place {
    let place = Place::new();
    let dice = SeededIds::new(seed);
    let below = |bound: u128| dice.random() % bound;
    for n in 0..12 {
        let id = IDS[usize::try_from(below(3)).unwrap()];
        let time = format!("2025-11-06T11:{:02}:00Z", below(60));
        let status = ["Idea", "Pilot", "Sold"][usize::try_from(below(3)).unwrap()];
        let body = match below(10) {
            0..3 => format!(
                r#"{{"schema_version":"1.0.0","updated_at":"{time}","status":"{status}","n":{n}}}"#
            ),
            3 => format!(
                r#"{{"schema_version":"1.0.0","updated_at":"{time}","status":"{status}","gone":null,"deep":{{"a":{n},"b":null}}}}"#
            ),
            4 => format!(r#"{{"schema_version":"1.0.0","updated_at":"{time}","n":{n}}}"#),
            5 => format!(r#"{{"op":"delete","updated_at":"{time}"}}"#),
            6 => format!(r#"{{"op":"merge","updated_at":"{time}","status":null}}"#),
            7 => {
                format!(r#"{{"op":"merge","updated_at":"{time}","deep":{{"a":{n},"c":[1,{n}]}}}}"#)
            }
            _ => format!(r#"{{"op":"merge","updated_at":"{time}","status":"{status}","m":{n}}}"#),
        };
        place.write(id, &format!("x_{n:02}"), &body);
    }
    place
}

/// The same by a fold of the test's own: what is valid by itself, sorted, applied.
fn naive(place: &Place, id: &str, known_at: Instant) -> Option<Json> {
    let prefix = ObjectName::history_prefix(&entity(id));
    let mut records = Vec::new();
    for (name, object) in place.history() {
        let stored_at = place.bucket.versions_of(&name)[0].created_at;
        let Ok(Value::Object(body)) = json::parse(&object.body) else { continue };
        let is_full = !body.contains_key("op");
        if name.starts_with(&prefix)
            && stored_at <= known_at
            && (!is_full || body.get("status").is_some_and(Value::is_string))
        {
            let at = Instant::parse(body["updated_at"].as_str().unwrap()).unwrap();
            records.push((at, name, body));
        }
    }
    records.sort_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));
    let mut document: Option<Json> = None;
    for (_, _, mut body) in records {
        match body.shift_remove("op").as_ref().and_then(Value::as_str) {
            None => document = Some(body),
            Some("delete") => document = None,
            _ => {
                if let Some(document) = &mut document {
                    projection::fold::merge(document, body);
                }
            }
        }
    }
    document
}

/// Without the envelope, which a record may leave out.
fn bare(document: Option<Json>) -> Option<Json> {
    let mut document = document?;
    for field in ["id", "entity", "env", "updated_at", "schema_version", "created_at"] {
        document.shift_remove(field);
    }
    Some(document)
}

#[tokio::test]
async fn a_restore_at_every_instant_is_the_fold_of_the_truncated_history() {
    let (mut appended, mut left) = (0, 0);
    for seed in 0..25 {
        for minute in 0..12 {
            let place = generated(seed);
            let known_at = Instant::parse(START).unwrap().after(Duration::from_secs(60 * minute));
            let mut expected = BTreeMap::new();
            for id in IDS {
                let wanted = place.fold(id, Some(known_at)).await;
                assert_eq!(bare(wanted.clone()), bare(naive(&place, id, known_at)), "{seed}");
                expected.insert(id, wanted);
            }
            let history = place.history();
            let line = format!("restore --known-at {known_at} --segment ventures");
            let (ended, said) = run(&place.tools, &line).await;
            let ended = ended.unwrap();
            for (id, wanted) in &expected {
                let is = place.fold(id, None).await;
                match said.contains(&format!("dev/ventures/{id} is left as it is")) {
                    true => left += 1,
                    false => assert!(
                        same(is.as_ref(), wanted.as_ref()),
                        "{seed}, {minute}, {id}: {is:?} and not {wanted:?}: {said}"
                    ),
                }
            }
            assert_eq!(ended, !said.contains("is left as it is"), "{said}");
            let after = place.history();
            assert!(history.iter().all(|(name, object)| after.get(name) == Some(object)));
            appended += after.len() - history.len();
            let (_, again) = run(&place.tools, &line).await;
            assert!(again.contains("appended 0 records"), "{again}");
            assert_eq!(place.history(), after, "a second run appends nothing");
        }
    }
    assert!(appended > 300, "{appended}");
    println!("{appended} records appended, {left} entities left");
    assert!(left > 0 && left < appended / 10, "{left} of {appended}");
}

fn full(status: &str, minute: u32) -> String {
    format!(
        r#"{{"schema_version":"1.0.0","updated_at":"2025-11-06T11:{minute:02}:00Z","status":"{status}"}}"#
    )
}

/// V1 has changed after 12:01, V2 was deleted, V3 came.
fn changed() -> Place {
    let place = Place::new();
    place.write("V1", "a_1", &full("Idea", 1));
    place.write("V2", "a_1", &full("Idea", 2));
    place.write("V1", "b_2", &full("Pilot", 3));
    place.write("V2", "b_2", r#"{"op":"delete","updated_at":"2025-11-06T11:04:00Z"}"#);
    place.write("V3", "a_1", &full("Sold", 5));
    place
}

const LINE: &str = "restore --known-at 2025-11-06T12:01:30Z --segment ventures";

#[tokio::test]
async fn what_would_change_is_shown_and_then_written() {
    let place = changed();
    let before = place.bucket.objects();
    let (ended, dry) = run(&place.tools, &format!("{LINE} --dry-run")).await;
    assert_eq!(ended, Ok(true));
    assert_eq!(place.bucket.objects(), before);
    expect_test::expect![[r#"
        restore ventures to 2025-11-06T12:01:30Z: 3 entities, 3 with later records; would append 3 records; 6 objects; 8 B + 16 A and 9 notifications, $0.0001
          dev/ventures/V1: full
            - /status: "Pilot"
            + /status: "Idea"
          dev/ventures/V2: full
            - the document: null
            + the document: {"id":"V2","entity":"venture","env":"dev","schema_version":"1.0.0","status":"Idea"}
          dev/ventures/V3: delete
            - the document: {"id":"V3","entity":"venture","env":"dev","schema_version":"1.0.0","status":"Sold"}
            + the document: null
    "#]].assert_eq(&dry);
    let (ended, said) = run(&place.tools, &format!("{LINE} --reason oops")).await;
    assert_eq!(ended, Ok(true), "{said}");
    let statuses = |it: Option<Json>| it.map(|it| it["status"].as_str().unwrap().to_owned());
    for (id, status) in [("V1", Some("Idea")), ("V2", Some("Idea")), ("V3", None)] {
        assert_eq!(statuses(place.fold(id, None).await).as_deref(), status, "{id}");
    }
    let new: Vec<String> = place
        .history()
        .into_iter()
        .filter(|(name, _)| !before.contains_key(name))
        .map(|(_, object)| String::from_utf8(object.body.to_vec()).unwrap())
        .collect();
    assert!(
        new.iter().all(|it| it.contains(r#""actor":"ada","reason":"oops","origin":"restore""#)),
        "{new:?}"
    );
    let (_, loud) = run(&changed().tools, &format!("{LINE} --loud")).await;
    assert!(loud.contains("appended 3 records"), "{loud}");
}

#[tokio::test]
async fn killed_at_any_operation_and_run_again_it_comes_to_the_same_end() {
    for when in [When::Before, When::After] {
        for at in 0.. {
            let place = changed();
            let fault = Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when };
            let faulty = Faulty::new(place.bucket.clone(), fault);
            let tools = Tools { store: faulty.clone(), ..place.tools.clone() };
            let (ended, _) = run(&tools, LINE).await;
            if !faulty.happened() {
                assert!(at > 15 && ended == Ok(true), "{at}");
                break;
            }
            assert!(ended.is_err(), "killed at {at}");
            let (ended, said) = run(&place.tools, LINE).await;
            assert_eq!(ended, Ok(true), "killed at {at}: {said}");
            assert_eq!(place.history().len(), 5 + 3, "killed at {at} {when:?}");
            for (id, wanted) in [("V1", true), ("V2", true), ("V3", false)] {
                assert_eq!(place.fold(id, None).await.is_some(), wanted, "killed at {at}");
            }
        }
    }
}

#[tokio::test]
async fn a_deleted_entity_comes_back_as_it_was() {
    let place = changed();
    let (ended, said) = run(&place.tools, "undelete venture V2").await;
    assert_eq!(ended, Ok(true), "{said}");
    assert_eq!(place.fold("V2", None).await.unwrap()["status"], "Idea");
    let (ended, said) = run(&place.tools, "undelete venture V2").await;
    assert_eq!((ended, said.trim()), (Ok(true), "venture V2 in dev is not deleted"));
    let (ended, _) = run(&place.tools, "undelete venture V9").await;
    assert!(ended.unwrap_err().to_string().starts_with("there was no venture V9 in dev"));
}

#[tokio::test]
async fn an_object_that_is_gone_comes_back_from_a_version() {
    let place = changed();
    let name = format!("{}2025/11/06/b_2.json", ObjectName::history_prefix(&entity("V1")));
    let old = place.bucket.objects()[&name].clone();
    place.bucket.delete(&name, old.generation).await.unwrap();
    let (ended, said) = run(&place.tools, &format!("restore --history {name}")).await;
    assert_eq!(ended, Ok(false), "none is live");
    assert!(said.contains(&old.generation.to_string()) && said.contains("noncurrent"), "{said}");
    let line = format!("restore --history {name} --generation {}", old.generation);
    assert_eq!(run(&place.tools, &line).await.0, Ok(true));
    assert_eq!(place.bucket.objects()[&name].body, old.body);
    let (ended, said) = run(&place.tools, &line).await;
    assert!(ended == Ok(true) && said.contains("is there, with this content"), "{said}");
    // What somebody has overwritten is not replaced.
    place.bucket.insert(&name, Bytes::from_static(b"{}"), Upload::default()).unwrap();
    let problem = run(&place.tools, &line).await.0.unwrap_err().to_string();
    assert!(problem.contains("history is not replaced"), "{problem}");
    let line = format!("restore --history {name} --generation 17");
    let problem = run(&place.tools, &line).await.0.unwrap_err().to_string();
    assert!(problem.contains("soft delete may have it"), "{problem}");
    assert!(place.clock.now() > Instant::parse(START).unwrap());
}

/// A restore of V1 that makes some operations, then a conditional writer who has read V1 before, then
/// the rest of the restore. Whether only one record followed the version that both have read.
async fn beside_a_writer(steps: usize, planted: Planted<Shortcut>) -> Result<bool, String> {
    let place = changed();
    for id in ["a_1", "b_2"] {
        let name = format!("{}2025/11/06/{id}.json", ObjectName::history_prefix(&entity("V1")));
        let generation = place.bucket.objects()[&name].generation;
        let Ok(ObjectName::History(name)) = ObjectName::parse(&name) else { panic!("{name}") };
        let deriving = crate::derive::Deriving::new(&place.tools);
        deriving.record(name, generation).await.unwrap();
    }
    let (store, gate) = Gated::new(place.bucket.clone(), &[]);
    let tools = Tools { store, ids: SeededIds::new(5), ..place.tools.clone() };
    let mut restore = Attempt::new(
        gate,
        Box::pin(async move {
            let screen = Screen::on(std::io::sink(), std::io::sink());
            let line = format!("operator {LINE} --id V1");
            let cli = Cli::parse_from(line.split_whitespace());
            let Command::Restore(options) = &cli.command else { panic!("{line}") };
            let operator = Operator {
                tools,
                env: Env::Dev,
                user: None,
                google: &crate::Google::default(),
                screen: &screen,
                planted,
            };
            crate::restore::run(options, &operator).await
        }),
    );
    (0..steps).for_each(|_| {
        if restore.runs() {
            restore.step();
        }
    });
    let began = restore.runs();
    let screen = Screen::on(std::io::sink(), std::io::sink());
    let (tools, env, planted) = (place.tools.clone(), Env::Dev, Planted::NONE);
    let operator = Operator {
        tools,
        env,
        user: None,
        google: &crate::Google::default(),
        screen: &screen,
        planted,
    };
    let definition = place.tools.definitions.entity("venture").unwrap();
    let current = Current::read(&operator, &entity("V1"), definition).await.unwrap();
    let written = json::parse(br#"{"status":"Sold"}"#).unwrap().as_object().cloned();
    let by = By { actor: None, reason: None, origin: "operator" };
    let now = place.clock.now();
    let wish = Wish { op: Op::Full, written, current: &current, by, now, id: None };
    let appended = judged(wish, &operator, &builder(&place.tools)).unwrap();
    let ended = append_if_current(&operator, &builder(&place.tools), &current, &appended).await;
    let won = matches!(ended.unwrap(), Conditional::Won(_));
    let times = |origin: &str| {
        let of = |object: &Object| {
            let body = json::parse(&object.body).unwrap();
            (body["origin"] == origin).then(|| body["updated_at"].as_str().unwrap().to_owned())
        };
        place.history().values().filter_map(of).collect::<Vec<_>>()
    };
    if restore.finish() != Some(&Ok(true)) {
        return Err(format!("{:?}", restore.result()));
    }
    let restored = times("restore");
    match (won, restored.len()) {
        (true, 1) if restored <= times("operator") => Err(format!("{steps}: both after one")),
        (true | false, 1) => Ok(began),
        (_, more) => Err(format!("{steps}: {more} records of the restore")),
    }
}

#[tokio::test]
async fn who_writes_meanwhile_is_not_overwritten_unseen() {
    let mut steps = 0;
    while beside_a_writer(steps, Planted::NONE).await.unwrap() {
        steps += 1;
    }
    assert!(steps > 6, "{steps}");
    let mut seen = false;
    for at in 0..steps {
        seen |= beside_a_writer(at, Planted::bug(Shortcut::RestoredWithoutClaim)).await.is_err();
    }
    assert!(seen, "a restore without a claim is not seen");
}

/// What takes more than half of the memory that one history may take.
fn heavy() -> String {
    ",".repeat(300_000)
}

#[tokio::test]
async fn what_is_wrong_with_one_entity_is_named_and_the_others_are_restored() {
    let place = changed();
    for file in ["c_3", "c_4"] {
        let merge = r#"{"op":"merge","updated_at":"2025-11-06T11:06:00Z","text":""#;
        place.write("V1", file, &format!("{merge}{}\"}}", heavy()));
    }
    // A claim of nobody after V3's record.
    let name = format!("{}2025/11/06/a_1.json", ObjectName::history_prefix(&entity("V3")));
    let Ok(ObjectName::History(name)) = ObjectName::parse(&name) else { panic!("{name}") };
    let key = OrderKey::new(Instant::parse("2025-11-06T11:05:00Z").unwrap(), &name);
    let claim = format!("env/dev/indices/ventures/_claims/V3/{}.json", Etag::of(Some(&key)));
    place.bucket.insert(&claim, Bytes::from_static(b"{}"), Upload::default()).unwrap();
    let (ended, said) = run(&place.tools, LINE).await;
    assert_eq!(ended, Ok(false), "{said}");
    assert_eq!(place.fold("V2", None).await.unwrap()["status"], "Idea", "{said}");
    assert!(said.contains("dev/ventures/V1 is left as it is: the records of "), "{said}");
    assert!(said.contains("dev/ventures/V3 is left as it is: env/dev/indices/"), "{said}");
    assert!(said.contains("`write` without --if-current"), "{said}");
    // What is wrong with the bucket stops everything.
    let fault =
        Fault { at: 3, times: usize::MAX, kind: ErrorKind::Unavailable, when: When::Before };
    let store = Faulty::new(place.bucket.clone(), fault);
    assert!(run(&Tools { store, ..place.tools.clone() }, LINE).await.0.is_err());
}

#[tokio::test]
async fn what_is_left_is_remembered_by_the_run_that_goes_on() {
    let place = Place::new();
    place.write("A000", "a_1", &full("Idea", 1));
    for file in ["c_3", "c_4"] {
        let merge = r#"{"op":"merge","updated_at":"2025-11-06T11:06:00Z","text":""#;
        place.write("A000", file, &format!("{merge}{}\"}}", heavy()));
    }
    for n in 0..100 {
        place.write(&format!("B{n:03}"), "a_1", &full("Idea", 2));
    }
    let line = "restore --known-at 2025-11-06T11:59:00Z --segment ventures";
    let store = Intercepted::new(place.bucket.clone(), |operation| match operation {
        Operation::Put(name) if name.contains("/B099/history/") => {
            Err(store::Error::new(ErrorKind::Unavailable, "put: answer 503"))
        }
        _ => Ok(()),
    });
    let (ended, _) = run(&Tools { store, ..place.tools.clone() }, line).await;
    assert!(ended.is_err());
    // A dry run begins at the beginning, whatever was noted.
    let (ended, said) = run(&place.tools, &format!("{line} --dry-run")).await;
    assert_eq!(ended, Ok(false), "{said}");
    assert!(said.contains("101 entities, ") && !said.contains("it goes on from"), "{said}");
    let (ended, said) = run(&place.tools, line).await;
    assert_eq!(ended, Ok(false), "{said}");
    assert!(said.contains("it goes on from") && said.contains("1 with later records"), "{said}");
    assert!(place.fold("B099", None).await.is_none());
    assert!(said.contains("dev/ventures/A000 is left as it is: "), "{said}");
    // What it ended with is looked at again by the next one.
    let (ended, said) = run(&place.tools, line).await;
    assert!(ended == Ok(false) && said.contains("A000 is left as it is: the records"), "{said}");
}

#[tokio::test]
async fn a_long_history_does_not_keep_what_was_deleted_from_coming_back() {
    let place = Place::new();
    for (file, status) in [("a_1", "Idea"), ("b_2", "Pilot"), ("c_3", "Sold")] {
        let text = full(status, 1).replace('}', &format!(r#","text":"{}"}}"#, heavy()));
        place.write("V1", file, &text);
    }
    place.write("V1", "d_4", r#"{"op":"delete","updated_at":"2025-11-06T11:04:00Z"}"#);
    place.write("V1", "e_5", r#"{"op":"delete","updated_at":"2025-11-06T11:05:00Z"}"#);
    let (ended, said) = run(&place.tools, "undelete venture V1").await;
    assert_eq!(ended, Ok(true), "{said}");
    assert_eq!(place.fold("V1", None).await.unwrap()["status"], "Sold");
}

#[tokio::test]
async fn what_is_being_purged_does_not_come_back_after_the_tombstone() {
    let place = changed();
    let tombstone =
        r#"{"op":"delete","updated_at":"2025-11-06T11:30:00Z","reason":"4711","origin":"purge"}"#;
    place.write("V1", "y_8", tombstone);
    place.write("V2", "y_8", tombstone);
    let before = place.history().len();
    let (ended, said) = run(&place.tools, "undelete venture V2").await;
    assert_eq!(ended, Ok(false), "{said}");
    assert!(said.contains("dev/ventures/V2 is left as it is: it is purged"), "{said}");
    let (ended, said) = run(&place.tools, &format!("{LINE} --id V1")).await;
    assert_eq!(ended, Ok(false), "{said}");
    assert!(said.contains("dev/ventures/V1 is left as it is: it is purged"), "{said}");
    assert_eq!(place.history().len(), before);
}

#[tokio::test]
async fn of_any_history_the_newest_record_that_counts_is_all_that_is_held() {
    let place = Place::new();
    for n in 0..40 {
        place.write("V1", &format!("x_{n:02}"), &full("Idea", 50 - n));
    }
    place.write("V1", "y_1", "no JSON");
    let screen = Screen::on(std::io::sink(), std::io::sink());
    let operator = Operator {
        tools: place.tools.clone(),
        env: Env::Dev,
        user: None,
        google: &crate::Google::default(),
        screen: &screen,
        planted: Planted::NONE,
    };
    let definition = place.tools.definitions.entity("venture").unwrap();
    for (hold, kept) in [(Hold::Newest, 0), (Hold::Fold, 1), (Hold::Live, 1)] {
        let until = Until::default();
        let records = records::held(&operator, &entity("V1"), definition, until, hold).await;
        let records = records.unwrap();
        assert_eq!((records.seen, records.kept.len()), (41, kept), "{hold:?}");
        let [newest] = &records.entries[..] else { panic!("{:?}", records.entries) };
        assert!(newest.object.ends_with("/x_00.json"), "{newest:?}");
    }
}
