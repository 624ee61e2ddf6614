//! A folder becomes records, each document once, however often and wherever the run ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::{Clock, Instant, ObjectName};
use emulator::faulty::{Fault, Faulty, When};
use emulator::intercepted::{Intercepted, Operation};
use emulator::{Memory, SeededIds, TestClock};
use store::{Counted, ErrorKind, Operations, Tools};
use tempfile::TempDir;

use super::{
    BY_STATUS, body_of, builder, definitions_of, release, run, strict, strict_place, tell,
};
use crate::seed::pace::Pace;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// A folder with so many ventures.
fn ventures(number: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("venture")).unwrap();
    for n in 0..number {
        let text = format!(r#"{{"status":"Idea","n":{n}}}"#);
        fs::write(folder.path().join(format!("venture/V{n}.json")), text).unwrap();
    }
    folder
}

/// Runs `seed`: how it ended, and what it said, with the folder called FOLDER.
async fn seed(tools: &Tools, folder: &Path, more: &str) -> (Result<bool, String>, String) {
    let path = folder.display().to_string();
    let (ended, said) = run(tools, &format!("seed {path} {more}")).await;
    let named = |text: String| text.replace(&path, "FOLDER");
    (ended.map_err(|problem| named(problem.to_string())), named(said))
}

/// The records, by name.
fn records(bucket: &Memory) -> BTreeMap<String, Bytes> {
    let records = bucket.objects().into_iter().filter(|(name, _)| name.contains("/history/"));
    records.map(|(name, object)| (name, object.body)).collect()
}

/// Has the snapshot-builder handle every record.
async fn fold(bucket: &Arc<Memory>, tools: &Tools) {
    for name in records(bucket).into_keys() {
        tell(bucket, tools, ("snapshot-builder", Arc::new(builder(tools))), &name).await;
    }
}

#[tokio::test]
async fn each_document_becomes_a_record_that_counts() {
    let (bucket, tools) = strict_place();
    let folder = folder(&[
        ("venture/V1.json", r#"{"status":"Idea","n":0.50}"#),
        (
            "venture/Zürich.json",
            r#"{"status":"Pilot","origin":"of old","updated_at":"1999-01-01T00:00:00Z"}"#,
        ),
        ("venture/.DS_Store", "no document"),
        (".git/config", "no kind"),
    ]);
    let (ended, said) = seed(&tools, folder.path(), "--reason begun --actor bob").await;
    assert_eq!(ended, Ok(true), "{said}");
    let bodies: Vec<String> =
        records(&bucket).values().map(|body| String::from_utf8(body.to_vec()).unwrap()).collect();
    expect_test::expect![[r#"
        {"id":"V1","entity":"venture","env":"dev","schema_version":"1.0.0","created_at":"2025-11-06T12:00:00.000Z","updated_at":"2025-11-06T12:00:00.000Z","status":"Idea","n":0.50,"actor":"bob","reason":"begun","origin":"seed"}
        {"id":"Zürich","entity":"venture","env":"dev","schema_version":"1.0.0","created_at":"2025-11-06T12:00:00.000Z","updated_at":"2025-11-06T12:00:00.000Z","status":"Pilot","origin":"of old","actor":"bob","reason":"begun"}
    "#]].assert_eq(&bodies.concat());
    expect_test::expect![[r#"
        2 of 2 documents: 2 written, 0 written before, 0 unchanged, 0 not written; wrote 2 objects; 3 B + 4 A and 4 notifications, $0.0000
    "#]].assert_eq(&said);
    fold(&bucket, &tools).await;
    assert_eq!(body_of(&bucket, "env/dev/snapshots/ventures/V1.json").unwrap()["status"], "Idea");
    // The folder may be called as the segment, too.
    fs::rename(folder.path().join("venture"), folder.path().join("ventures")).unwrap();
    let before = records(&bucket);
    let (ended, said) = seed(&tools, folder.path(), "").await;
    assert_eq!((ended, records(&bucket)), (Ok(true), before), "{said}");
    assert!(said.contains("0 written, 0 written before, 2 unchanged, 0 not written"), "{said}");
    // What has changed is a record again, and nothing else.
    fs::write(folder.path().join("ventures/V1.json"), r#"{"status":"Pilot","n":0.5}"#).unwrap();
    let (_, said) = seed(&tools, folder.path(), "").await;
    assert!(said.contains("1 written, 0 written before, 1 unchanged, 0 not written"), "{said}");
}

#[tokio::test]
async fn it_takes_the_operations_that_the_help_says() {
    for number in [10, 1000] {
        let (bucket, tools) = strict_place();
        let folder = ventures(number);
        let counted = async |more: &str| {
            let counted = Arc::new(Counted::new(bucket.clone()));
            let tools = Tools { store: counted.clone(), ..tools.clone() };
            let (ended, said) = seed(&tools, folder.path(), more).await;
            assert_eq!(ended, Ok(true), "{said}");
            (counted.operations(), said)
        };
        let n = number as u64;
        let (operations, said) = counted("--dry-run").await;
        let would = format!("would write {number} objects; {} B + {} A and", n + 1, n + 2);
        assert!(said.contains(&would), "{said}");
        assert_eq!((operations.class_a, bucket.objects().len()), (0, 0));
        let all_new = Operations { class_b: n + 1, class_a: n + 2, deletes: 0 };
        assert_eq!(counted("").await.0, all_new);
        assert_eq!(records(&bucket).len(), number);
        fold(&bucket, &tools).await;
        let all_there = Operations { class_b: n + 1, class_a: 2, deletes: 0 };
        assert_eq!(counted("").await.0, all_there);
        assert_eq!(records(&bucket).len(), number);
    }
}

#[tokio::test]
async fn what_does_not_count_is_listed_with_every_reason_and_written_when_it_is_mended() {
    let (bucket, tools) = strict_place();
    let folder = folder(&[
        ("venture/V1.json", r#"{"status":"Idea"}"#),
        ("venture/V2.json", r#"{"n":"two"}"#),
        ("venture/V3.json", r#"{"status":"Idea","#),
        ("venture/V4.json", r#"{"op":"merge","n":2}"#),
        ("venture/V5.json", r#"{"status":"Idea","id":"V6","env":"prod"}"#),
        ("venture/a#b.json", r#"{"status":"Idea"}"#),
    ]);
    let (ended, said) = seed(&tools, folder.path(), "").await;
    assert_eq!(ended, Ok(false));
    expect_test::expect![[r#"
        1 of 6 documents: 1 written, 0 written before, 0 unchanged, 5 not written; wrote 1 objects; 4 B + 2 A and 2 notifications, $0.0000
          FOLDER/venture/V2.json: /status: expected a value; /n: expected a number, not a text
          FOLDER/venture/V3.json: not JSON: EOF while parsing a value at line 1 column 17
          FOLDER/venture/V4.json: /op: a reserved field; a seed has full documents
          FOLDER/venture/V5.json: /env: expected "dev", as the object name says; /id: expected "V5", as the object name says
          FOLDER/venture/a#b.json: "a#b" is no id: id contains '/', '#', '[', ']', '*', '?' or a control character
        mend what is listed and run the same command again
    "#]].assert_eq(&said);
    assert_eq!(records(&bucket).len(), 1);
    for (name, text) in [
        ("V2", r#"{"status":"Idea","n":2}"#),
        ("V3", r#"{"status":"Idea"}"#),
        ("V4", r#"{"status":"Idea"}"#),
        ("V5", r#"{"status":"Idea"}"#),
    ] {
        fs::write(folder.path().join(format!("venture/{name}.json")), text).unwrap();
    }
    fs::remove_file(folder.path().join("venture/a#b.json")).unwrap();
    // No snapshot has the first one yet.
    let (ended, said) = seed(&tools, folder.path(), "").await;
    assert_eq!((ended, records(&bucket).len()), (Ok(true), 5), "{said}");
    assert!(said.contains("4 written, 1 written before, 0 unchanged, 0 not written"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_document_is_listed_and_nothing_else_is_lost() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let (bucket, tools) = strict_place();
    let folder = folder(&[
        ("README.md", "a tree of ventures"),
        ("venture/V1.json", r#"{"status":"Idea"}"#),
        ("venture/V2.JSON", r#"{"status":"Idea"}"#),
        ("venture/x.json/V3.json", r#"{"status":"Idea"}"#),
        ("venture/V4.json", "{}"),
    ]);
    let within = |name: &str| folder.path().join(name);
    symlink(within("venture"), within("venture/up")).unwrap();
    symlink(within("venture/loop.json"), within("venture/loop.json")).unwrap();
    symlink(within("gone"), within("venture/gone.json")).unwrap();
    symlink(within("a"), within("a")).unwrap();
    symlink(within("venture/V1.json"), within("venture/V9.json")).unwrap();
    fs::write(within("venture").join(OsStr::from_bytes(b"\xff.json")), "{}").unwrap();
    let huge = fs::File::create(within("venture/V5.json")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let made = std::process::Command::new("mkfifo").arg(within("venture/V6.json")).status();
    assert!(made.unwrap().success());
    fs::set_permissions(within("venture/V4.json"), fs::Permissions::from_mode(0o000)).unwrap();
    // Nobody can keep root from reading.
    if fs::read(within("venture/V4.json")).is_ok() {
        fs::remove_file(within("venture/V4.json")).unwrap();
    }
    let (ended, said) = seed(&tools, folder.path(), "").await;
    assert_eq!(ended, Ok(false));
    let listed: String = said.lines().filter(|line| !line.contains("V4.json")).fold(
        String::new(),
        |mut text, line| {
            writeln!(text, "{line}").unwrap();
            text
        },
    );
    expect_test::expect![[r#"
        2 of 3 documents: 2 written, 0 written before, 0 unchanged, 10 not written; wrote 2 objects; 3 B + 3 A and 3 notifications, $0.0000
          FOLDER/README.md: not in the folder of a kind
          FOLDER/a: Too many levels of symbolic links (os error 40)
          FOLDER/venture/V2.JSON: the name does not end in .json
          FOLDER/venture/V5.json: a record has at most 8388608 bytes
          FOLDER/venture/V6.json: not a file
          FOLDER/venture/gone.json: No such file or directory (os error 2)
          FOLDER/venture/loop.json: Too many levels of symbolic links (os error 40)
          FOLDER/venture/up: a folder, where documents are
          FOLDER/venture/x.json: a folder, where documents are
          FOLDER/venture/�.json: the name is not UTF-8
        mend what is listed and run the same command again
    "#]].assert_eq(&listed);
    let ids: BTreeSet<String> =
        records(&bucket).keys().map(|name| name.split('/').nth(3).unwrap().to_owned()).collect();
    assert_eq!(ids, BTreeSet::from(["V1".to_owned(), "V9".to_owned()]));
}

#[tokio::test]
async fn a_folder_that_cannot_be_meant_is_refused_before_anything_is_written() {
    let (bucket, tools) = strict_place();
    let cases: [&[(&str, &str)]; 5] = [
        &[],
        &[("venture/.keep", "")],
        &[("venture/V1.json", r#"{"status":"Idea"}"#), ("entures/V2.json", "{}"), ("X/y", "")],
        &[("venture/V1.json", r#"{"status":"Idea"}"#), ("ventures/V1.json", "{}")],
        &[("V1.json/V1.json", r#"{"status":"Idea"}"#)],
    ];
    let mut told = String::new();
    for files in cases {
        let folder = folder(files);
        writeln!(told, "{}", seed(&tools, folder.path(), "").await.0.unwrap_err()).unwrap();
    }
    let folder = folder(&[("venture/V1.json", "{}")]);
    for path in ["venture/V1.json", "nothing"] {
        let (ended, _) = seed(&tools, &folder.path().join(path), "").await;
        writeln!(told, "{}", ended.unwrap_err()).unwrap();
    }
    expect_test::expect![[r#"
        FOLDER has no documents: {entity}/{id}.json is looked for, as venture/V1.json
        FOLDER has no documents: {entity}/{id}.json is looked for, as venture/V1.json
        nothing is written: no kind has the name of FOLDER/X, FOLDER/entures; there are venture
        nothing is written: FOLDER/venture and FOLDER/ventures are the same kind: put them into one folder
        nothing is written: no kind has the name of FOLDER/V1.json; there are venture
        FOLDER: Not a directory (os error 20)
        FOLDER: No such file or directory (os error 2)
    "#]].assert_eq(&told);
    assert_eq!(bucket.objects().len(), 0);
}

/// A bucket in which some of what is seeded is there, some is something else, and one is to be made
/// again.
async fn begun() -> (Arc<Memory>, Tools) {
    let (bucket, tools) = strict_place();
    let before = folder(&[
        ("venture/V1.json", r#"{"status":"Idea","n":1}"#),
        ("venture/V2.json", r#"{"status":"Idea","n":0}"#),
        ("venture/V3.json", r#"{"status":"Idea","n":0}"#),
    ]);
    assert_eq!(seed(&tools, before.path(), "").await.0, Ok(true));
    fold(&bucket, &tools).await;
    run(&tools, "write venture V3 --delete --fold").await.0.unwrap();
    (bucket, tools)
}

/// What each entity was made of: all of its records, without what differs from run to run.
fn ends(bucket: &Memory) -> Vec<String> {
    let text = |(name, body): (String, Bytes)| {
        let ObjectName::History(name) = ObjectName::parse(&name).unwrap() else { panic!("{name}") };
        let mut body = domain::json::parse(&body).unwrap();
        let body = body.as_object_mut().unwrap();
        let updated_at = body.shift_remove("updated_at").unwrap();
        assert_eq!(updated_at.as_str(), name.timestamp());
        body.shift_remove("created_at");
        format!("{} {}", name.entity, serde_json::to_string(&body).unwrap())
    };
    let mut ends: Vec<String> = records(bucket).into_iter().map(text).collect();
    ends.sort();
    ends
}

/// What happens between a kill and the next run.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Nothing,
    /// The snapshots are built.
    Folded,
    /// And somebody else writes to every entity.
    Patched,
}

#[tokio::test]
async fn a_run_that_is_killed_at_any_operation_and_run_again_comes_to_the_same_end() {
    let folder = folder(&[
        ("venture/V1.json", r#"{"status":"Idea","n":1}"#),
        ("venture/V2.json", r#"{"status":"Idea","n":2}"#),
        ("venture/V3.json", r#"{"status":"Idea","n":3}"#),
        ("venture/V4.json", r#"{"status":"Idea","n":4}"#),
        ("venture/V5.json", r#"{"status":"Idea","n":5}"#),
    ]);
    let (whole, tools) = begun().await;
    let before = ends(&whole);
    let (ended, said) = seed(&tools, folder.path(), "").await;
    assert_eq!(ended, Ok(true), "{said}");
    let whole = ends(&whole);
    assert_eq!(whole.len(), 4 + 4, "{whole:#?}");
    for meanwhile in [Meanwhile::Nothing, Meanwhile::Folded, Meanwhile::Patched] {
        for when in [When::Before, When::After] {
            for at in 0.. {
                let (bucket, tools) = begun().await;
                let fault = Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when };
                let faulty = Faulty::new(bucket.clone(), fault);
                let dying = Tools { store: faulty.clone(), ..tools.clone() };
                let (killed, _) = seed(&dying, folder.path(), "").await;
                if !faulty.happened() {
                    assert!(at == 6 + 6 && killed.is_ok(), "{at}");
                    break;
                }
                if at == 11 {
                    // All that is missing is the note that nothing is.
                    assert_eq!(killed, Ok(true));
                    continue;
                }
                let told = killed.unwrap_err();
                assert!(told.ends_with("it goes on where it stopped"), "{told}");
                if !matches!(meanwhile, Meanwhile::Nothing) {
                    fold(&bucket, &tools).await;
                }
                if matches!(meanwhile, Meanwhile::Patched) {
                    patch(&tools).await;
                }
                let (ended, said) = seed(&tools, folder.path(), "").await;
                assert_eq!(ended, Ok(true), "{said}");
                let mut all = ends(&bucket);
                all.retain(|record| !record.contains("\"patched\""));
                if matches!(meanwhile, Meanwhile::Patched) {
                    for record in &before {
                        all.remove(all.iter().position(|it| it == record).unwrap());
                    }
                    let mut once = all.clone();
                    once.dedup();
                    assert_eq!(once, all, "{at} {when:?}: a record stands there twice");
                    // V1 was what it is to be until others wrote.
                    let wanted = whole.iter().filter(|record| !before.contains(record));
                    assert!(wanted.clone().all(|record| all.contains(record)), "{at} {when:?}");
                    assert!(all.len() <= wanted.count() + 1, "{at} {when:?}");
                } else {
                    assert_eq!(all, whole, "{meanwhile:?} {at} {when:?}");
                }
            }
        }
    }
}

/// Somebody else writes to every entity, and the snapshot has it.
async fn patch(tools: &Tools) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), r#"{"patched":true}"#).unwrap();
    for n in 1..=5 {
        let line = format!("write venture V{n} --merge --file {} --fold", file.path().display());
        // Where there is no venture yet, a patch is a record all the same.
        run(tools, &line).await.0.unwrap();
    }
}

#[tokio::test]
async fn one_answer_that_is_lost_is_harmless() {
    let folder = folder(&[
        ("venture/V1.json", r#"{"status":"Idea","n":2}"#),
        ("venture/V4.json", r#"{"status":"Idea","n":4}"#),
    ]);
    for fault in Fault::all(8) {
        let (bucket, tools) = begun().await;
        let faulty = Tools { store: Faulty::new(bucket.clone(), fault), ..tools.clone() };
        let (ended, said) = seed(&faulty, folder.path(), "").await;
        if ended.is_err() {
            let (ended, said) = seed(&tools, folder.path(), "").await;
            assert_eq!(ended, Ok(true), "{fault:?}: {said}");
        }
        assert_eq!(records(&bucket).len(), 4 + 2, "{fault:?}: {said}");
    }
}

/// The most of these instants within a second.
fn most_in_a_second(at: &[Instant]) -> usize {
    let within =
        |from: Instant| at.iter().filter(|it| (from..from.after(SECOND)).contains(*it)).count();
    at.iter().map(|from| within(*from)).max().unwrap_or_default()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_bucket_at_rest_is_written_to_slowly() {
    let (clock, folder) = (TestClock::at(super::NOW), ventures(1500));
    for (more, rate) in [("", 500), ("--rate 100", 100)] {
        let bucket = Memory::new("test", clock.clone(), 7);
        let writes: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let (noted, now) = (Arc::clone(&writes), clock.clone());
        let store = Intercepted::new(bucket, move |operation| {
            match operation {
                Operation::Put(_) => noted.lock().unwrap().push(now.now()),
                Operation::Delete(_) | Operation::Erase(_) => panic!("{operation:?}"),
                Operation::Get(_) | Operation::List(_) | Operation::Versions(_) => (),
            }
            Ok(())
        });
        let tools = Tools { clock: clock.clone(), ..release(store, &strict()) };
        let (ended, said) = seed(&tools, folder.path(), more).await;
        assert_eq!(ended, Ok(true), "{said}");
        let writes = writes.lock().unwrap();
        let most = most_in_a_second(&writes);
        assert!(most > rate * 8 / 10 && most <= rate + 5, "{most} of {rate}");
        // And it says how far it is.
        let lines = said.lines().filter(|line| line.contains(" of 1500 documents: ")).count();
        assert!(lines > 1 || rate > 100, "{said}");
    }
}

#[tokio::test]
async fn the_pace_doubles_in_twenty_minutes_and_makes_up_for_nothing() {
    let clock = TestClock::at(super::NOW);
    let pace = Pace::new(&*clock, 10.0);
    let minute = Duration::from_secs(60);
    let per_minute = async |minutes: u32| {
        let mut turns = Vec::new();
        for _ in 0..minutes {
            let (until, mut taken) = (clock.now().after(minute), 0);
            while clock.now() < until {
                pace.turn(&*clock).await;
                taken += 1;
            }
            turns.push(taken);
        }
        turns
    };
    let turns = per_minute(41).await;
    let near = |turns: u32, wanted: u32| turns.abs_diff(wanted) <= wanted / 20;
    assert!(near(turns[0], 600) && near(turns[20], 1200) && near(turns[40], 2400), "{turns:?}");
    assert!(turns.windows(2).all(|two| two[1] <= two[0] + two[0] / 20), "{turns:?}");
    // Nobody takes turns for a while: there is no burst after it.
    clock.advance(minute);
    let (began_at, mut taken) = (clock.now(), 0);
    while clock.now() < began_at.after(SECOND) {
        pace.turn(&*clock).await;
        taken += 1;
    }
    assert!(taken < 50, "{taken}");
}

#[tokio::test]
async fn a_document_whose_kind_has_grown_is_held_against_what_it_has_become() {
    // Ids that differ, so that a record of the second run has a name of its own.
    let (bucket, tools) = strict_place();
    let folder = ventures(2);
    assert_eq!(seed(&tools, folder.path(), "").await.0, Ok(true));
    fold(&bucket, &tools).await;
    let versions = [("1.0.0", super::STATUS_REQUIRED), ("1.1.0", super::STATUS_REQUIRED)];
    let newer = release(bucket.clone(), &definitions_of(&versions, BY_STATUS));
    let newer = Tools { ids: SeededIds::new(9), ..newer };
    let (ended, said) = seed(&newer, folder.path(), "").await;
    assert_eq!(ended, Ok(true));
    // Their snapshots are of an older version, which only a fold can compare.
    assert!(said.contains("2 written, 0 written before, 0 unchanged"), "{said}");
}

#[tokio::test]
async fn a_run_that_is_repeated_before_the_snapshots_have_it_writes_nothing_twice() {
    let (bucket, tools) = strict_place();
    let folder = ventures(3);
    for n in 1..=3 {
        fs::write(folder.path().join(format!("venture/V{n}.json")), r#"{"status":"Idea"}"#)
            .unwrap();
        let (ended, said) = seed(&tools, folder.path(), "").await;
        assert_eq!(ended, Ok(true), "{said}");
    }
    // V2 has become something else since the first run, and V3 was not there.
    assert_eq!(records(&bucket).len(), 3 + 2);
    let undone = folder.path().join("venture/V2.json");
    fs::write(&undone, r#"{"status":"Idea","n":2}"#).unwrap();
    assert_eq!(seed(&tools, folder.path(), "").await.0, Ok(true));
    fold(&bucket, &tools).await;
    // The last word of several counts, though no snapshot had any of them.
    assert_eq!(body_of(&bucket, "env/dev/snapshots/ventures/V2.json").unwrap()["n"], 2);
    // What others have made of an entity is overwritten by a later run.
    run(&tools, "write venture V1 --delete --fold").await.0.unwrap();
    let (ended, said) = seed(&tools, folder.path(), "").await;
    assert_eq!((ended, records(&bucket).len()), (Ok(true), 5 + 1 + 2), "{said}");
    assert!(said.contains("1 written, 0 written before, 3 unchanged"), "{said}");
    fold(&bucket, &tools).await;
    // And long after, nobody looks for them.
    let clock = TestClock::at("2025-11-06T14:00:00Z");
    let store = super::write::moved(&bucket, &clock);
    let later = Tools { clock, store: store.clone(), ..tools };
    fs::write(folder.path().join("venture/V7.json"), r#"{"status":"Idea"}"#).unwrap();
    assert_eq!(seed(&later, folder.path(), "").await.0, Ok(true));
    let dated = records(&store).into_keys().filter(|name| name.contains("T14:00:00.000Z")).count();
    assert_eq!(dated, 1);
}
