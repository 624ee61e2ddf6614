//! What a person types and is told.

use clap::{CommandFactory as _, Parser as _};
use domain::Planted;
use emulator::faulty::{Fault, Faulty, When};
use expect_test::{Expect, expect};
use job::{Printed, Problem, Screen};
use store::ErrorKind;

use super::{Place, manifest_name, put};
use crate::{Cli, Ended, perform};

async fn run(tools: &store::Tools, line: &str) -> (Result<Ended, Problem>, String) {
    let words = ["manifest-compactor"].into_iter().chain(line.split_whitespace());
    let cli = Cli::try_parse_from(words).unwrap();
    let said = Printed::default();
    let screen = Screen::on(said.clone(), said.clone());
    let ended = perform(&cli.options, tools, &screen, Planted::NONE).await;
    (ended, said.text())
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_help_has_an_example_of_every_option() {
    let help = Cli::command().render_long_help().to_string();
    let (_, examples) = help.split_once("Examples:").unwrap();
    for option in ["--bucket", "--env", "--segment", "--full", "--shards", "--export", "--dry-run"]
    {
        assert!(examples.contains(option), "{option}");
    }
}

fn check(line: &str, expect: &Expect) {
    let words = ["manifest-compactor"].into_iter().chain(line.split_whitespace());
    let err = Cli::try_parse_from(words).unwrap_err().to_string();
    let lines: Vec<&str> = err.lines().take_while(|line| !line.is_empty()).collect();
    expect.assert_eq(&lines.join("\n"));
}

#[test]
fn wrong_arguments_are_explained() {
    check(
        "--full --shards 100",
        &expect![
            "error: invalid value '100' for '--shards <N>': there can be 16, 256, 4096 or 65536 shards"
        ],
    );
    check("--full --delta", &expect!["error: the argument '--full' cannot be used with '--delta'"]);
    check(
        "--shards 16",
        &expect![[r#"
        error: the following required arguments were not provided:
          --full"#]],
    );
}

async fn filled() -> Place {
    let place = Place::at("2025-11-06T12:00:00Z");
    for id in 0..20 {
        place.write(&format!("V{id}"), Some(id)).await;
    }
    place
}

#[tokio::test]
async fn a_run_says_what_it_did_and_what_that_cost() {
    let place = filled().await;
    let (ended, said) = run(&place.tools(), "--segment ventures --export").await;
    assert_eq!(ended, Ok(Ended::Done));
    expect![[r#"
        ventures: listing: 20 entities, 20 objects read, 20 of 256 shards written, index swapped
        ventures: export: 0 entities, 0 objects read, 0 of 256 shards written
        1 segment: wrote 21 objects; 22 B + 26 A and 21 notifications, $0.0001
    "#]]
    .assert_eq(&said);
    place.write("V1", None).await;
    let (ended, said) = run(&place.tools(), "").await;
    assert_eq!(ended, Ok(Ended::Done));
    expect![[r#"
        ventures: listing: 20 entries of the journal, 20 objects read, 1 of 256 shards written
        1 segment: wrote 1 objects; 41 B + 2 A and 1 notifications, $0.0000
    "#]]
    .assert_eq(&said);
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_costs_out_what_the_run_then_takes() {
    let place = filled().await;
    let before = place.bucket.objects();
    let (ended, dry) = run(&place.tools(), "--full --export --dry-run").await;
    assert_eq!(ended, Ok(Ended::Done));
    assert_eq!(place.bucket.objects(), before);
    let (_, wet) = run(&place.tools(), "--full --export").await;
    assert_eq!(dry.replace("would write ", "wrote "), wet);
}

#[tokio::test]
async fn a_segment_that_is_not_there_is_told_with_those_that_are() {
    let place = filled().await;
    let (ended, _) = run(&place.tools(), "--segment venture").await;
    expect![[r#"no segment "venture"; there are ventures"#]]
        .assert_eq(&ended.unwrap_err().to_string());
}

#[tokio::test]
async fn how_it_ended_shows_in_the_exit_code() {
    let place = filled().await;
    put(&place.bucket, &manifest_name("V3"), "no JSON");
    let (ended, said) = run(&place.tools(), "").await;
    assert_eq!(ended, Ok(Ended::Look));
    assert!(said.contains("\n  V3: not JSON"), "{said}");
    let fault = |kind, at| Fault { at, times: usize::MAX, kind, when: When::Before };
    place.write("V1", Some(99)).await;
    put(&place.bucket, &manifest_name("V3"), "{\"id\":\"V3\"}");
    // One of the writes is told that somebody was first.
    let mut ended = Ok(Ended::Done);
    for at in 0..60 {
        let once = Fault { times: 1, ..fault(ErrorKind::Conflict, at) };
        let tools = place.tools_over(Faulty::new(place.bucket.clone(), once));
        let (this, said) = run(&tools, "--full").await;
        if this == Ok(Ended::Ahead) {
            assert!(said.contains("another run is ahead of this one"), "{said}");
            ended = this;
            break;
        }
    }
    assert_eq!(ended, Ok(Ended::Ahead));
    let tools =
        place.tools_over(Faulty::new(place.bucket.clone(), fault(ErrorKind::Unavailable, 1)));
    let (ended, said) = run(&tools, "").await;
    assert_eq!(ended, Ok(Ended::Look));
    assert!(said.contains("run the same command again"), "{said}");
    assert_eq!([Ended::Done, Ended::Look, Ended::Ahead].map(Ended::code), [0, 1, 75]);
}
