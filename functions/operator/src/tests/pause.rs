//! Subscriptions are paused, and put back exactly.

use std::collections::BTreeMap;

use domain::Env;
use emulator::faulty::{Fault, Faulty, When};
use serde_json::{Value, json};
use store::{ErrorKind, Tools};

use super::body_of;
use super::subscribed::{Subscribed, push};
use crate::subscriptions;

const HISTORY: &str = "dev-snapshot-builder-history";
const NOTE: &str = "env/dev/manifests/_jobs/pause/dev-snapshot-builder-history.json";

async fn pushed() -> Subscribed {
    Subscribed::with(|name| Some(push(name))).await
}

/// Every subscription, wholly.
async fn all(place: &Subscribed) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for it in subscriptions(Env::Dev, &place.tools) {
        all.insert(it.name.clone(), place.subscription(&it.name).await);
    }
    all
}

fn is_paused(subscription: &Value) -> bool {
    super::super::pause::pushed(subscription).is_none()
}

#[tokio::test]
async fn everything_is_put_back_exactly() {
    let place = pushed().await;
    let before = all(&place).await;
    assert_eq!(before.len(), 5);
    assert_eq!(before[HISTORY]["pushConfig"]["attributes"], json!({"x-goog-version": "v1"}));
    assert!(before[HISTORY]["pushConfig"]["oidcToken"]["audience"].is_string());
    let (ended, said) = place.run("pause").await;
    assert_eq!(ended, Ok(true), "{said}");
    let paused = "dev-snapshot-builder-history: paused; what came since 2025-11-06T12:00:00Z is kept \
                  until 2025-11-13T12:00:00Z";
    assert!(said.contains(paused), "{said}");
    assert!(all(&place).await.values().all(is_paused));
    assert_eq!(body_of(&place.bucket, NOTE).unwrap()["by"], "ada");
    let (ended, said) = place.run("resume").await;
    assert_eq!(ended, Ok(true), "{said}");
    assert_eq!(said.matches(": resumed\n").count(), 5, "{said}");
    assert_eq!(all(&place).await, before);
}

#[tokio::test]
async fn both_can_be_repeated_and_change_nothing_more() {
    let place = pushed().await;
    let before = all(&place).await;
    place.run("pause").await.0.unwrap();
    let note = body_of(&place.bucket, NOTE);
    let (ended, said) = place.run("pause").await;
    assert_eq!(ended, Ok(true));
    assert_eq!(said.matches(": is paused already; ").count(), 5, "{said}");
    assert_eq!(body_of(&place.bucket, NOTE), note, "the deadline stays that of the first");
    place.run("resume").await.0.unwrap();
    let (ended, said) = place.run("resume").await;
    assert_eq!(ended, Ok(true));
    assert_eq!(said.matches(": is not paused\n").count(), 5, "{said}");
    assert_eq!(all(&place).await, before);
    // And once more from the beginning, over the notes that are there.
    place.run("pause").await.0.unwrap();
    assert!(all(&place).await.values().all(is_paused));
    place.run("resume").await.0.unwrap();
    assert_eq!(all(&place).await, before);
}

#[tokio::test]
async fn one_function_alone_and_a_dry_run_changes_nothing() {
    let place = pushed().await;
    let before = all(&place).await;
    let (ended, said) = place.run("pause --dry-run").await;
    assert_eq!(ended, Ok(true));
    assert_eq!(said.matches(": would be paused; ").count(), 5, "{said}");
    assert_eq!((all(&place).await, place.bucket.objects().len()), (before.clone(), 0));
    place.run("pause --function rules-engine").await.0.unwrap();
    let after = all(&place).await;
    let paused: Vec<_> = after.iter().filter(|(_, it)| is_paused(it)).map(|it| it.0).collect();
    assert_eq!(paused, ["dev-rules-engine-snapshot"]);
    let (_, said) = place.run("resume --dry-run").await;
    assert!(said.contains("dev-rules-engine-snapshot: would be resumed"), "{said}");
    assert!(is_paused(&place.subscription("dev-rules-engine-snapshot").await));
    place.run("resume").await.0.unwrap();
    assert_eq!(all(&place).await, before);
}

#[tokio::test]
async fn whoever_dies_in_between_has_lost_nothing() {
    let place = pushed().await;
    let before = all(&place).await;
    // The note is read, then it is written.
    let fault = Fault { at: 1, times: 1, kind: ErrorKind::Unavailable, when: When::Before };
    let dying = || Tools { store: Faulty::new(place.bucket.clone(), fault), ..place.tools.clone() };
    // Before the note: nothing has changed.
    let line = "pause --function snapshot-builder";
    let resume = "resume --function snapshot-builder";
    let (ended, said) = place.run_with(&dying(), &place.google, line).await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("NOT DONE: operation 1 fails"), "{said}");
    assert_eq!(all(&place).await, before);
    // After the note and before the change: that one is made once more, and so is the note.
    place.run(line).await.0.unwrap();
    let push = &before[HISTORY]["pushConfig"];
    place.services().modify_push(HISTORY, push).await.unwrap();
    assert_eq!(all(&place).await, before);
    let (ended, said) = place.run(line).await;
    assert_eq!(ended, Ok(true));
    assert!(said.contains(": paused; "), "{said}");
    assert!(is_paused(&place.subscription(HISTORY).await));
    // Pub/Sub does not answer: said of this one, and nothing is noted.
    let gone = place.google.clone().at(crate::Service::PubSub, "http://127.0.0.1:1");
    let note = body_of(&place.bucket, NOTE);
    let (ended, _) = place.run_with(&place.tools, &gone, resume).await;
    assert_eq!((ended, body_of(&place.bucket, NOTE)), (Ok(false), note));
    // After what is put back and before that is noted.
    let (ended, said) = place.run_with(&dying(), &place.google, resume).await;
    assert_eq!(ended, Ok(false), "{said}");
    assert_eq!(all(&place).await, before, "it is put back all the same");
    let (ended, said) = place.run(resume).await;
    assert_eq!(ended, Ok(true));
    assert!(said.contains("is pushed to again"), "{said}");
    assert_eq!(body_of(&place.bucket, NOTE).unwrap()["state"], "resumed");
}

#[tokio::test]
async fn a_note_of_a_pause_that_was_not_made_is_replaced_by_what_is_there() {
    let place = pushed().await;
    place.run("pause --function snapshot-builder").await.0.unwrap();
    // Somebody applies Terraform, which says it in another way.
    let other = json!({"pushEndpoint": "http://127.0.0.1:1/other"});
    place.services().modify_push(HISTORY, &other).await.unwrap();
    let (ended, said) = place.run("resume --function snapshot-builder").await;
    assert_eq!(ended, Ok(true));
    assert!(said.contains("in another way than before it was paused; left as it is"), "{said}");
    place.run("pause --function snapshot-builder").await.0.unwrap();
    place.run("resume --function snapshot-builder").await.0.unwrap();
    let endpoint = &place.subscription(HISTORY).await["pushConfig"]["pushEndpoint"];
    assert_eq!(endpoint, "http://127.0.0.1:1/other");
}

#[tokio::test]
async fn one_that_nothing_is_known_of_is_said_and_the_others_go_on() {
    let place = Subscribed::with(|name| (name != HISTORY).then(|| push(name))).await;
    for line in ["pause", "resume"] {
        let (ended, said) = place.run(line).await;
        assert_eq!(ended, Ok(false));
        let unknown = format!("{HISTORY}: NOT DONE: it is not pushed to, and nothing says how");
        assert!(said.contains(&unknown), "{said}");
        assert_eq!(said.matches(": paused; ").count() + said.matches(": resumed").count(), 4);
    }
    let (ended, said) = place.run("pause --project another").await;
    assert_eq!(ended, Ok(false));
    assert_eq!(said.matches("there is no such subscription in project another").count(), 5);
}

#[tokio::test]
async fn a_pause_and_a_resume_that_meet_leave_a_note_that_resumes() {
    let place = pushed().await;
    let before = all(&place).await;
    // The worst order: resume notes that all is well between the note and the change of a pause.
    place.run("pause --function snapshot-builder").await.0.unwrap();
    place.run("resume --function snapshot-builder").await.0.unwrap();
    place.services().modify_push(HISTORY, &json!({})).await.unwrap();
    assert_eq!(body_of(&place.bucket, NOTE).unwrap()["state"], "resumed");
    let (ended, said) = place.run("resume --function snapshot-builder").await;
    assert_eq!(ended, Ok(true), "{said}");
    assert_eq!(all(&place).await, before);
}
