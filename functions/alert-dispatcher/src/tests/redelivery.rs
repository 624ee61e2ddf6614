//! What could not be delivered is, once its target lives again, under the same key.

use domain::Disposition;
use emulator::faulty::{Fault, Faulty, When};
use store::ErrorKind;

use super::*;
use crate::{Step, ack};

/// A bucket with an alert that could not be delivered.
async fn left(clock: &Arc<TestClock>) -> (Arc<Memory>, Arc<Posts>) {
    let bucket = bucket();
    let steps = [Then::Say(500), Then::Say(500), Then::Say(500), Then::Say(204)];
    let posts = Posts::after(&steps).shared(&tools(bucket.clone()));
    let delivery = write_alert(&bucket, "A1", HOOK);
    let sender = sender(bucket.clone(), clock, &posts, Planted::NONE);
    assert_eq!(deliver(&sender, &delivery).await, Ok(Disposition::Done));
    assert_eq!(reasons(&bucket, "undelivered").len(), 1);
    (bucket, posts)
}

/// The mark that says so.
fn undelivered(bucket: &Memory) -> Option<(ObjectName, Generation)> {
    let objects = bucket.objects();
    let found = objects.iter().find(|(name, _)| name.contains("/undelivered/"));
    found.map(|(name, object)| (ObjectName::parse(name).unwrap(), object.generation))
}

#[tokio::test(flavor = "current_thread")]
async fn it_is_sent_under_the_same_key_and_the_mark_goes() {
    let clock = clock();
    let (bucket, posts) = left(&clock).await;
    let sender = sender(bucket.clone(), &clock, &posts, Planted::NONE);
    let (mark, version) = undelivered(&bucket).unwrap();
    // Who has tried holds no claim any more.
    assert_eq!(sender.redeliver(&mark, version).await, Ok(Some(Step::Sent)));
    assert_eq!((undelivered(&bucket), reasons(&bucket, "sent").len()), (None, 1));
    let mut keys = posts.tried();
    assert_eq!(keys.len(), 4);
    keys.dedup();
    assert_eq!(keys.len(), 1, "{keys:?}");
    // Once more, by somebody who has listed it before.
    assert_eq!(sender.redeliver(&mark, version).await, Ok(Some(Step::Before)));
    assert_eq!(posts.tried().len(), 4);
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_dead_stays_and_counts_its_tries() {
    let (bucket, clock) = (bucket(), clock());
    let posts = Posts::after(&[Then::Say(404)]).shared(&tools(bucket.clone()));
    let delivery = write_alert(&bucket, "A1", HOOK);
    let sender = sender(bucket.clone(), &clock, &posts, Planted::NONE);
    assert!(deliver(&sender, &delivery).await.is_ok());
    for tries in 2..5 {
        let (mark, version) = undelivered(&bucket).unwrap();
        let why = "https://hooks.example.com/…: answer 404".to_owned();
        assert_eq!(sender.redeliver(&mark, version).await, Ok(Some(Step::Left(why))));
        let (mark, _) = undelivered(&bucket).unwrap();
        let body = bucket.objects()[&mark.to_string()].body.clone();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["tries"], tries);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_seen_muted_or_gone_is_not_sent_any_more() {
    let clock = clock();
    let (bucket, posts) = left(&clock).await;
    clock.advance(LEASE);
    let sender = sender(bucket.clone(), &clock, &posts, Planted::NONE);
    let (mark, version) = undelivered(&bucket).unwrap();
    let seen = ack(&alert("A1")).unwrap().to_string();
    bucket.insert(&seen, "{}".into(), Upload::default()).unwrap();
    let quiet = Step::Quiet("not sent: acknowledged".to_owned());
    assert_eq!(sender.redeliver(&mark, version).await, Ok(Some(quiet)));
    assert_eq!((undelivered(&bucket), posts.arrived().len()), (None, 0));

    for gone in [true, false] {
        let (bucket, posts) = left(&clock).await;
        clock.advance(LEASE);
        let sender = super::sender(bucket.clone(), &clock, &posts, Planted::NONE);
        let name = alert("A1").to_string();
        let version = bucket.objects()[&name].generation;
        match gone {
            true => drop(bucket.delete(&name, version).await.unwrap()),
            // It names another channel than it did.
            false => drop(bucket.insert(&name, "{}".into(), Upload::default()).unwrap()),
        }
        let (mark, version) = undelivered(&bucket).unwrap();
        assert_eq!(sender.redeliver(&mark, version).await, Ok(None));
        assert_eq!((undelivered(&bucket), posts.arrived().len()), (None, 0));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_claim_that_cannot_be_ended_ends_by_itself_and_another_one_stays() {
    let (bucket, clock) = (bucket(), clock());
    let posts = Posts::after(&[Then::Say(404)]).shared(&tools(bucket.clone()));
    let delivery = write_alert(&bucket, "A1", HOOK);
    // The eighth operation: what was read, the claim, and that it is left.
    let kind = ErrorKind::Unavailable;
    let store = Faulty::new(bucket.clone(), Fault { at: 7, times: 1, kind, when: When::Before });
    let failing = sender(store, &clock, &posts, Planted::NONE);
    assert_eq!(deliver(&failing, &delivery).await, Ok(Disposition::Done), "it is left");
    let (mark, version) = undelivered(&bucket).unwrap();
    let sender = sender(bucket.clone(), &clock, &posts, Planted::NONE);
    assert_eq!(sender.redeliver(&mark, version).await, Ok(Some(Step::Held)));
    clock.advance(LEASE);
    assert!(matches!(sender.redeliver(&mark, version).await, Ok(Some(Step::Left(_)))));
}

/// The first operation after which a redelivery can die so that nobody hears of the alert any more.
async fn lost(planted: Planted<Shortcut>) -> Option<usize> {
    for at in 0..30 {
        let clock = clock();
        let (bucket, posts) = left(&clock).await;
        clock.advance(LEASE);
        // It takes effect, and nothing is told any more.
        let (kind, when) = (ErrorKind::Unavailable, When::After);
        let store = Faulty::new(bucket.clone(), Fault { at, times: usize::MAX, kind, when });
        let dying = sender(store, &clock, &posts, planted);
        let (mark, version) = undelivered(&bucket).unwrap();
        if dying.redeliver(&mark, version).await.is_ok() {
            return None;
        }
        clock.advance(LEASE);
        let next = sender(bucket.clone(), &clock, &posts, planted);
        if let Some((mark, version)) = undelivered(&bucket) {
            assert!(next.redeliver(&mark, version).await.is_ok());
        }
        if posts.arrived().is_empty() {
            return Some(at);
        }
    }
    panic!("a redelivery makes more operations than it should")
}

#[tokio::test(flavor = "current_thread")]
async fn whoever_dies_over_it_it_is_sent() {
    assert_eq!(lost(Planted::NONE).await, None);
    assert!(lost(Planted::bug(Shortcut::ForgottenBeforeSent)).await.is_some());
}
