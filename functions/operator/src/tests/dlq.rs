//! Dead letters: looking takes nothing away, and what is handled is gone.

use domain::ObjectName;
use emulator::Upload;
use emulator::faulty::{Fault, Faulty, When};
use serde_json::Value;
use store::ErrorKind;

use super::subscribed::Subscribed;
use super::{body_of, entity};
use crate::Google;

const HISTORY: &str = "dev-snapshot-builder-history";
const DEAD: &str = "dev-snapshot-builder-history-dead";
const V1: &str = "env/dev/snapshots/ventures/V1.json";

fn record(status: &str) -> String {
    format!(r#"{{"schema_version":"1.0.0","updated_at":"2025-11-06T10:00:00Z","status":{status}}}"#)
}

/// Uploads a record and has its delivery given up.
async fn dead(place: &Subscribed, id: &str, body: &str) -> String {
    let name = format!("{}2025/11/06/a_1.json", ObjectName::history_prefix(&entity(id)));
    place.bucket.insert(&name, body.to_owned().into(), Upload::default()).unwrap();
    place.give_up(HISTORY).await;
    name
}

/// What `list --json` says, by id of the message.
async fn listed(place: &Subscribed, more: &str) -> Vec<Value> {
    let (ended, said) = place.run(&format!("dlq list --json {more}")).await;
    assert_eq!(ended, Ok(true), "{said}");
    said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test]
async fn what_is_listed_says_everything_and_is_still_there() {
    let place = Subscribed::start().await;
    let name = dead(&place, "V1", &record(r#""Pilot""#)).await;
    dead(&place, "V2", &record(r#""Draft""#)).await;
    let before = place.waiting(DEAD).await;
    assert_eq!(before.len(), 2);
    for _ in 0..3 {
        let letters = listed(&place, "").await;
        assert_eq!(letters.len(), 2);
        let first = letters.iter().find(|it| it["object"] == name).unwrap();
        assert_eq!(first["function"], "snapshot-builder");
        assert_eq!(first["source"], HISTORY);
        assert_eq!(first["tried"], 5);
        let generation = place.bucket.objects()[&name].generation.to_string();
        assert_eq!(first["generation"], generation);
        assert_eq!(place.waiting(DEAD).await, before, "nothing is taken away");
    }
    let (ended, said) = place.run("dlq list").await;
    assert_eq!(ended, Ok(true));
    assert!(said.contains("venture V1") && said.contains("venture V2"), "{said}");
    assert!(said.ends_with("2 of 2 dead letters in 5 subscriptions\n"), "{said}");
}

#[tokio::test]
async fn filters_leave_the_others_where_they_are() {
    let place = Subscribed::start().await;
    for id in ["V1", "V2", "V3"] {
        dead(&place, id, &record(r#""Pilot""#)).await;
    }
    assert_eq!(listed(&place, "--entity venture V2").await.len(), 1);
    assert_eq!(listed(&place, "--entity venture V9").await.len(), 0);
    assert_eq!(listed(&place, "--function index-writer").await.len(), 0);
    assert_eq!(listed(&place, "--limit 2").await.len(), 2);
    let (_, said) = place.run("dlq list --limit 2").await;
    assert!(said.contains("there may be more: --limit"), "{said}");
    let (ended, _) = place.run("dlq drop --entity venture V2 --yes").await;
    assert_eq!(ended, Ok(true));
    let left: Vec<_> =
        listed(&place, "").await.into_iter().map(|it| it["object"].clone()).collect();
    assert_eq!(left.len(), 2);
    assert!(!left.iter().any(|it| it.as_str().unwrap().contains("/V2/")), "{left:?}");
    let (ended, _) = place.run("dlq list --function index-writers").await;
    assert!(ended.unwrap_err().to_string().contains("there are snapshot-builder, "));
}

#[tokio::test]
async fn one_is_shown_with_what_to_ask_next() {
    let place = Subscribed::start().await;
    let name = dead(&place, "V1", &record(r#""Pilot""#)).await;
    let id = listed(&place, "").await[0]["id"].as_str().unwrap().to_owned();
    let (ended, said) = place.run(&format!("dlq show {id}")).await;
    assert_eq!(ended, Ok(true));
    for expected in [
        "function    snapshot-builder",
        "waits in    dev-snapshot-builder-history-dead",
        "was in      dev-snapshot-builder-history",
        "tried       5 times",
        "event       finalized",
        "overwrote   nothing",
        "now         still this version",
        &format!("next        `why venture V1`, then `dlq replay --id {id}`"),
    ] {
        assert!(said.contains(expected), "{expected} is not in {said}");
    }
    place.bucket.insert(&name, "{}".into(), Upload::default()).unwrap();
    let (_, said) = place.run(&format!("dlq show {id}")).await;
    assert!(said.contains("now         another version"), "{said}");
    let (ended, _) = place.run("dlq show 12345").await;
    assert!(ended.unwrap_err().to_string().contains("no dead letter 12345 is at hand"));
    assert_eq!(place.waiting(DEAD).await, [id]);
}

#[tokio::test]
async fn a_replay_handles_what_it_can_and_acknowledges_that_alone() {
    let place = Subscribed::start().await;
    dead(&place, "V1", &record(r#""Pilot""#)).await;
    dead(&place, "V2", &record("7")).await;

    let (ended, said) = place.run("dlq replay --dry-run").await;
    assert_eq!(ended, Ok(false), "{said}");
    assert!(said.contains("would end: done"), "{said}");
    assert!(said.contains("would end: rejected"), "{said}");
    assert_eq!(body_of(&place.bucket, V1), None);
    assert_eq!(place.bucket.objects().len(), 2, "nothing is written");
    assert_eq!(place.waiting(DEAD).await.len(), 2, "nothing is acknowledged");

    let (ended, said) = place.run("dlq replay").await;
    assert_eq!(ended, Ok(false), "a person has to look at one: {said}");
    assert!(said.contains("venture V1: done"), "{said}");
    assert!(said.contains("venture V2: rejected, see `quarantine list`: /status"), "{said}");
    assert_eq!(body_of(&place.bucket, V1).unwrap()["status"], "Pilot");
    let names = place.bucket.objects();
    let note = |name: &&String| name.starts_with("env/dev/reports/quarantine/snapshot-builder/");
    assert_eq!(names.keys().filter(note).count(), 1, "it is acknowledged with its note");
    assert_eq!(place.waiting(DEAD).await.len(), 0);
    let (ended, _) = place.run("dlq replay").await;
    assert_eq!(ended, Ok(true), "there is nothing to do");
}

#[tokio::test]
async fn what_does_not_end_stays() {
    let place = Subscribed::start().await;
    dead(&place, "V1", &record(r#""Pilot""#)).await;
    let fault =
        Fault { at: 0, times: usize::MAX, kind: ErrorKind::Unavailable, when: When::Before };
    let failing = Faulty::new(place.bucket.clone(), fault);
    let tools = store::Tools { store: failing, ..place.tools.clone() };
    let (ended, said) = place.run_with(&tools, &place.google, "dlq replay").await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("did not end: ") && said.contains("; it stays"), "{said}");
    assert_eq!(place.waiting(DEAD).await.len(), 1);
    assert_eq!(body_of(&place.bucket, V1), None);
}

#[tokio::test]
async fn a_letter_of_another_bucket_is_not_handled_in_this_one() {
    let place = Subscribed::start().await;
    dead(&place, "V1", &record(r#""Pilot""#)).await;
    let (ended, said) = place.run("dlq replay --bucket other").await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("it is about bucket test: say --bucket; it stays"), "{said}");
    assert_eq!((place.waiting(DEAD).await.len(), body_of(&place.bucket, V1)), (1, None));
}

#[tokio::test]
async fn what_is_no_notification_stays_and_can_be_looked_at_and_dropped() {
    let place = Subscribed::start().await;
    place.emulator.publish(DEAD, [("a".to_owned(), "b".to_owned())].into(), "x".into()).unwrap();
    let (ended, said) = place.run("dlq replay").await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("neither the attributes nor the payload"), "{said}");
    let id = listed(&place, "").await[0]["id"].as_str().unwrap().to_owned();
    let (_, said) = place.run(&format!("dlq show {id}")).await;
    assert!(said.contains(&format!("then `dlq drop --id {id}`")), "{said}");
    assert!(said.contains(r#""a": "b""#), "{said}");
    let (ended, _) = place.run(&format!("dlq drop --id {id}")).await;
    assert_eq!(ended, Ok(true));
    assert_eq!(place.waiting(DEAD).await.len(), 0);
}

#[tokio::test]
async fn nothing_is_dropped_that_nobody_has_agreed_to() {
    let place = Subscribed::start().await;
    dead(&place, "V1", &record(r#""Pilot""#)).await;
    for line in ["dlq drop", "dlq drop --yes --dry-run"] {
        let (ended, said) = place.run(line).await;
        assert_eq!(ended, Ok(true));
        assert!(said.contains("venture V1: would be dropped"), "{said}");
        assert_eq!(place.waiting(DEAD).await.len(), 1);
    }
    let (_, said) = place.run("dlq drop --yes").await;
    assert!(said.contains("venture V1: dropped"), "{said}");
    assert_eq!(place.waiting(DEAD).await.len(), 0);
}

#[tokio::test]
async fn more_letters_than_one_pull_gives_are_all_found() {
    let place = Subscribed::start().await;
    for at in 0..150 {
        let attributes = [("at".to_owned(), at.to_string())].into();
        place.emulator.publish(DEAD, attributes, "".into()).unwrap();
    }
    assert_eq!(listed(&place, "--limit 1000").await.len(), 150);
    assert_eq!(listed(&place, "").await.len(), 100);
    assert_eq!(place.waiting(DEAD).await.len(), 150);
}

#[tokio::test]
async fn a_project_or_subscription_that_is_missing_is_said_in_one_line() {
    let place = Subscribed::start().await;
    let (ended, _) = place.run_with(&place.tools, &Google::default(), "dlq list").await;
    let said = ended.unwrap_err().to_string();
    assert_eq!(said, "no project is named: say --project NAME, or set GOOGLE_CLOUD_PROJECT");
    let (ended, _) = place.run("dlq list --project another").await;
    let said = ended.unwrap_err().to_string();
    assert!(said.contains("answers 404") && said.contains("is --env right?"), "{said}");
    assert_eq!(said.lines().count(), 1);
}
