//! A record that is appended counts, or nothing is written.

use std::fs;
use std::sync::Arc;

use domain::{Instant, ObjectName, RECORD_BYTES_MAX};
use emulator::faulty::{Fault, Faulty, When};
use emulator::{Emulator, Memory, SeededIds, SystemClock, TestClock, Upload};
use store::{ErrorKind, Tools};
use tempfile::NamedTempFile;

use super::{body_of, entity, record, run, strict_place};

const SNAPSHOT: &str = "env/dev/snapshots/ventures/V1.json";

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

/// Writes what is in the text; what was said, or why not.
async fn write(tools: &Tools, text: &str, more: &str) -> Result<String, String> {
    let file = file(text);
    let line = format!("write venture V1 --file {} {more}", file.path().display());
    let (ended, said) = run(tools, &line).await;
    match ended {
        Ok(_) => Ok(said),
        Err(problem) => {
            Err(problem.to_string().replace(&file.path().display().to_string(), "FILE"))
        }
    }
}

/// A bucket with the same objects, at another time.
pub(super) fn moved(bucket: &Memory, clock: &Arc<TestClock>) -> Arc<Memory> {
    let moved = Memory::new("test", clock.clone(), 8);
    for (name, object) in bucket.objects() {
        let upload = Upload { metadata: object.metadata, ..Upload::default() };
        moved.insert(&name, object.body, upload).unwrap();
    }
    moved
}

/// The records of V1, by name.
fn records(bucket: &Memory) -> Vec<String> {
    let prefix = ObjectName::history_prefix(&entity("V1"));
    bucket.objects().into_keys().filter(|name| name.starts_with(&prefix)).collect()
}

fn text(bucket: &Memory, name: &str) -> String {
    String::from_utf8(bucket.objects()[name].body.to_vec()).unwrap()
}

#[tokio::test]
async fn what_a_person_need_not_say_is_filled_in() {
    let (bucket, tools) = strict_place();
    write(&tools, r#"{"status":"Idea","n":0.50}"#, "--reason begun --fold").await.unwrap();
    write(&tools, r#"{"n":1,"reason":"of the file"}"#, "--merge --actor bob --fold").await.unwrap();
    let (ended, _) = run(&tools, "write venture V1 --delete --reason duplicate").await;
    assert_eq!(ended, Ok(true));
    let bodies: Vec<String> = records(&bucket).iter().map(|name| text(&bucket, name)).collect();
    expect_test::expect![[r#"
        {"id":"V1","entity":"venture","env":"dev","schema_version":"1.0.0","created_at":"2025-11-06T12:00:00.000Z","updated_at":"2025-11-06T12:00:00.000Z","status":"Idea","n":0.50,"actor":"ada","reason":"begun","origin":"operator"}
        {"op":"merge","id":"V1","entity":"venture","env":"dev","schema_version":"1.0.0","updated_at":"2025-11-06T12:00:00.001Z","n":1,"reason":"of the file","actor":"bob","origin":"operator"}
        {"op":"delete","id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T12:00:00.002Z","actor":"ada","reason":"duplicate","origin":"operator"}
    "#]].assert_eq(&bodies.concat());
    assert_eq!(body_of(&bucket, SNAPSHOT).unwrap()["n"], 1);
}

#[tokio::test]
async fn a_record_is_later_than_whatever_the_snapshot_has_seen() {
    let (bucket, tools) = strict_place();
    // A writer whose clock is ahead.
    let ahead = r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T18:00:00Z","status":"Idea"}"#;
    record(&bucket, &tools, "V1", "a_1", ahead).await;
    write(&tools, r#"{"status":"Pilot"}"#, "--merge --fold").await.unwrap();
    let snapshot = body_of(&bucket, SNAPSHOT).unwrap();
    assert_eq!(snapshot["status"], "Pilot");
    assert_eq!(snapshot["updated_at"], "2025-11-06T18:00:00.001Z");
}

#[tokio::test]
async fn a_created_entity_keeps_when_it_was_created() {
    let (bucket, tools) = strict_place();
    write(&tools, r#"{"status":"Idea"}"#, "--fold").await.unwrap();
    let clock = TestClock::at("2025-11-07T12:00:00Z");
    let bucket = moved(&bucket, &clock);
    let later = Tools { clock, store: bucket.clone(), ..tools };
    write(&later, r#"{"status":"Pilot"}"#, "--fold").await.unwrap();
    let snapshot = body_of(&bucket, SNAPSHOT).unwrap();
    assert_eq!(snapshot["created_at"], "2025-11-06T12:00:00.000Z");
    assert_eq!(snapshot["updated_at"], "2025-11-07T12:00:00.000Z");
}

#[tokio::test]
async fn what_would_not_count_is_refused_with_every_reason() {
    let (bucket, tools) = strict_place();
    write(&tools, r#"{"status":"Idea","n":1}"#, "--fold").await.unwrap();
    let before = bucket.objects();
    let large = format!(r#"{{"status":"{}"}}"#, "x".repeat(RECORD_BYTES_MAX - 10));
    let cases = [
        (r#"{"n":"one"}"#, ""),
        (r#"{"status":"Idea","id":"V2","env":"prod"}"#, ""),
        (r#"{"status":"Idea","schema_version":"9.0.0"}"#, ""),
        (r#"{"status":null,"n":"two"}"#, "--merge"),
        (r#"{"op":"merge","n":2}"#, ""),
        (r#"{"n":2,"schema_version":"9.0.0"}"#, "--merge"),
        (r#"[1]"#, ""),
        (r#"{"n":1,"n":2}"#, ""),
        ("", ""),
        (&*large, ""),
    ];
    let mut refusals = String::new();
    for (text, more) in cases {
        let refusal = write(&tools, text, more).await.unwrap_err();
        let text = if text.len() < 100 { text } else { "…" };
        refusals += &format!("«{text}»{more}\n{refusal}\n\n");
    }
    expect_test::expect![[r#"
        «{"n":"one"}»
        refused, nothing is written:
          /status: expected a value
          /n: expected a number, not a text

        «{"status":"Idea","id":"V2","env":"prod"}»
        refused, nothing is written:
          /env: expected "dev", as the object name says
          /id: expected "V1", as the object name says

        «{"status":"Idea","schema_version":"9.0.0"}»
        refused, nothing is written:
          /schema_version: expected one of 1.0.0: deploy a release that knows this one, and retry

        «{"status":null,"n":"two"}»--merge
        refused, nothing is written:
          /status: expected a value
          /n: expected a number, not a text

        «{"op":"merge","n":2}»
        the file has the reserved field "op": leave it out, and say --merge or --delete

        «{"n":2,"schema_version":"9.0.0"}»--merge
        refused, nothing is written:
          /schema_version: expected one of 1.0.0: deploy a release that knows this one, and retry

        «[1]»
        FILE: a record is a JSON object

        «{"n":1,"n":2}»
        FILE: not JSON: a key stands twice in one object or is reserved at line 1 column 10

        «»
        FILE: not JSON: EOF while parsing a value at line 1 column 0

        «…»
        FILE: a record has at most 8388608 bytes

    "#]]
    .assert_eq(&refusals);
    assert_eq!(bucket.objects(), before);
}

#[tokio::test]
async fn a_dry_run_shows_the_record_and_writes_nothing() {
    let (bucket, tools) = strict_place();
    let said = write(&tools, r#"{"status":"Idea"}"#, "--dry-run").await.unwrap();
    assert!(said.starts_with("would write env/dev/ventures/V1/history/2025/11/06/"), "{said}");
    assert!(said.contains(r#""status":"Idea""#), "{said}");
    assert_eq!(bucket.objects().len(), 0);
    assert!(write(&tools, r#"{"n":1}"#, "--dry-run").await.unwrap_err().starts_with("refused"));
}

#[tokio::test]
async fn a_large_record_is_compressed_and_counts() {
    let (bucket, tools) = strict_place();
    let text = format!(r#"{{"status":"Idea","text":"{}"}}"#, "many words ".repeat(10_000));
    write(&tools, &text, "--fold").await.unwrap();
    let [name] = &records(&bucket)[..] else { panic!("one record") };
    assert!(name.ends_with(".json.gz"), "{name}");
    assert!(bucket.objects()[name].body.len() < 2000);
    assert_eq!(body_of(&bucket, SNAPSHOT).unwrap()["text"].as_str().unwrap().len(), 110_000);
}

#[tokio::test]
async fn what_is_compressed_too_well_is_written_plain_and_counts() {
    let (bucket, tools) = strict_place();
    let text = format!(r#"{{"status":"Idea","text":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    write(&tools, &text, "--fold").await.unwrap();
    let [name] = &records(&bucket)[..] else { panic!("one record") };
    assert!(name.ends_with(".json"), "{name}");
    assert_eq!(body_of(&bucket, SNAPSHOT).unwrap()["text"].as_str().unwrap().len(), 2 << 20);
}

#[tokio::test]
async fn a_record_that_its_envelope_makes_too_large_is_refused() {
    let (bucket, tools) = strict_place();
    let text = format!(r#"{{"status":"{}"}}"#, "word ".repeat(RECORD_BYTES_MAX / 5 - 6));
    assert!(text.len() <= RECORD_BYTES_MAX);
    let refusal = write(&tools, &text, "").await.unwrap_err();
    assert_eq!(refusal, "refused, nothing is written:\n  a record has at most 8388608 bytes");
    assert_eq!(bucket.objects().len(), 0);
}

#[tokio::test]
async fn whatever_fails_there_is_one_record_or_none_and_the_end_says_which() {
    for when in [When::Before, When::After] {
        for at in 0..4 {
            for kind in [ErrorKind::Conflict, ErrorKind::Unavailable] {
                let (bucket, tools) = strict_place();
                let fault = Fault { at, times: 1, kind, when };
                let faulty = Tools { store: Faulty::new(bucket.clone(), fault), ..tools };
                let ended = write(&faulty, r#"{"status":"Idea"}"#, "").await;
                let records = records(&bucket).len();
                match ended {
                    Ok(said) => assert!(records == 1 && said.starts_with("wrote "), "{fault:?}"),
                    Err(_) => assert!(records <= 1, "{fault:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn waiting_ends_when_the_snapshot_covers_the_record_or_says_what_to_do() {
    let (bucket, tools) = strict_place();
    let (_, said) = {
        let file = file(r#"{"status":"Idea"}"#);
        let line = format!("write venture V1 --file {} --wait --timeout 2", file.path().display());
        run(&tools, &line).await
    };
    assert!(said.contains("after 2 s no snapshot has it"), "{said}");
    assert_eq!(records(&bucket).len(), 1);
}

#[tokio::test]
async fn an_unknown_kind_and_a_wrong_id_are_one_line() {
    let (_, tools) = strict_place();
    for (line, problem) in [
        ("write ventures V1 --delete", r#"no kind "ventures"; there are venture"#),
        ("write venture a/b --delete", r#""a/b" is no id"#),
    ] {
        let (ended, _) = run(&tools, line).await;
        let said = ended.unwrap_err().to_string();
        assert!(said.starts_with(problem), "{said}");
    }
}

#[tokio::test]
async fn a_machine_whose_clock_is_wrong_writes_nothing() {
    let (bucket, tools) = strict_place();
    for (at, apart) in [
        ("2025-11-06T12:05:00Z", None),
        ("2025-11-06T11:55:00Z", None),
        ("2025-11-06T12:05:01Z", Some("5 min 1 s ahead of")),
        ("2025-11-06T10:30:00Z", Some("1 h 30 min behind")),
        ("2025-10-01T10:30:00Z", Some("36 days 1 h behind")),
    ] {
        let tools = Tools { clock: TestClock::at(at), ..tools.clone() };
        let before = bucket.objects().len();
        for more in ["", "--if-current none", "--dry-run"] {
            let ended = write(&tools, r#"{"status":"Idea"}"#, more).await;
            match apart {
                None => assert!(ended.is_ok(), "{ended:?}"),
                Some(apart) => {
                    let told = ended.unwrap_err();
                    let words =
                        format!("the clock of this machine is {apart} that of Cloud Storage");
                    assert!(told.contains(&words) && told.lines().count() == 1, "{told}");
                    assert_eq!(bucket.objects().len(), before);
                }
            }
        }
    }
}

#[tokio::test]
async fn the_time_of_the_service_is_what_its_answers_say() {
    let emulator = Emulator::start(emulator::Options::default()).await.unwrap();
    emulator.create_bucket("bucket").unwrap();
    let ids = SeededIds::new(1);
    let connect = || {
        gcp::connect("bucket", Some(&emulator.url()), Arc::new(SystemClock), ids.clone()).unwrap()
    };
    let (_, tools) = strict_place();
    let system = Tools { clock: Arc::new(SystemClock), ..tools };
    let tools = Tools { store: connect(), ..system.clone() };
    assert_eq!(tools.store.answered_at(), None);
    write(&tools, r#"{"status":"Idea"}"#, "").await.unwrap();
    emulator.pretend(Instant::parse("2020-01-01T00:00:00Z"));
    let told = write(&tools, r#"{"status":"Idea"}"#, "").await.unwrap_err();
    assert!(
        told.contains("ahead of that of Cloud Storage") && told.contains("2020-01-01"),
        "{told}"
    );
    emulator.pretend(None);
    write(&tools, r#"{"status":"Idea"}"#, "").await.unwrap();
}
