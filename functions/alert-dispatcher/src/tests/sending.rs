//! Sent once when nothing happens, at least once whatever happens, and never in silence.

use std::sync::Arc;

use domain::{
    Delivery, Disposition, Failure, Generation, Handler as _, ObjectName, Outcome, Planted,
};
use emulator::Upload;
use emulator::faulty::{Fault, Faulty, When};
use emulator::schedule::{Attempt, Gated};
use expect_test::expect;
use store::{Counted, ErrorKind, Store, counts};

use super::{
    Lines, alert, bucket, deliver, delivery, dispatcher, dispatcher_with, marks, write_alert,
};
use crate::Shortcut;

const PLAIN: &str = r#"{"message":"runway","channels":["log"]}"#;

const DONE: Outcome = Ok(Disposition::Done);
const BEFORE: Outcome = Ok(Disposition::Skipped("nothing left to send"));

#[tokio::test(flavor = "current_thread")]
async fn an_alert_is_sent_once_however_often_it_is_delivered() {
    let (bucket, log) = (bucket(), Arc::new(Lines::default()));
    let store = Arc::new(Counted::new(bucket.clone()));
    let delivery = write_alert(&bucket, "A1", PLAIN);
    assert_eq!(deliver(&dispatcher(store.clone(), &log), &delivery).await, DONE);
    let first = store.operations();
    assert_eq!(first.to_string(), "3 B + 1 A");
    assert_eq!(first, counts::alert_sent(1, 0), "what estimates are made from");
    for _ in 0..3 {
        assert_eq!(deliver(&dispatcher(store.clone(), &log), &delivery).await, BEFORE);
    }
    assert_eq!((store.operations() - first).to_string(), "9 B + 0 A");
    assert_eq!(log.take(), [r#"A1.json "runway""#]);
    expect![[r#"sent/low-runway/V1/A1/log.json {"alert":"env/dev/reports/alerts/low-runway/V1/A1.json","channel":"log","reason":"sent"}"#]].assert_eq(&marks(&bucket).join("\n"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_batch_is_sent_once_and_every_delivery_of_it_is_answered() {
    let (bucket, log) = (bucket(), Arc::new(Lines::default()));
    let delivery = write_alert(&bucket, "A1", PLAIN);
    let again = Delivery { generation: Generation(1), ..delivery.clone() };
    let outcomes = dispatcher(bucket.clone(), &log).handle(&[delivery, again]).await;
    assert_eq!(outcomes, [DONE, DONE]);
    assert_eq!(log.take().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn without_channels_an_alert_goes_to_the_log() {
    let log = Arc::new(Lines::default());
    for body in [r#"{"message":"m"}"#, r#"{"message":"m","channels":"log"}"#] {
        let bucket = bucket();
        let delivery = write_alert(&bucket, "A1", body);
        assert_eq!(deliver(&dispatcher(bucket, &log), &delivery).await, DONE);
        assert_eq!(log.take(), [r#"A1.json "m""#]);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_channel_that_nobody_knows_is_marked_and_holds_up_no_other() {
    let (bucket, log) = (bucket(), Arc::new(Lines::default()));
    let body = r#"{"message":"m","channels":["carrier-pigeon","log","log","carrier-pigeon"]}"#;
    let delivery = write_alert(&bucket, "A1", body);
    assert_eq!(deliver(&dispatcher(bucket.clone(), &log), &delivery).await, DONE);
    assert_eq!(deliver(&dispatcher(bucket.clone(), &log), &delivery).await, BEFORE);
    assert_eq!(log.take(), [r#"A1.json "m""#]);
    expect![[r#"
        sent/low-runway/V1/A1/log.json {"alert":"env/dev/reports/alerts/low-runway/V1/A1.json","channel":"log","reason":"sent"}
        undelivered/low-runway/V1/A1/carrier-pigeon.json {"alert":"env/dev/reports/alerts/low-runway/V1/A1.json","channel":"carrier-pigeon","reason":"no such channel: there are log, storage, webhook, slack and email","at":"2025-11-06T12:00:00Z"}"#]].assert_eq(&marks(&bucket).join("\n"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_channel_can_have_any_name() {
    let hostile = [
        "",
        ".",
        "../../../../snapshots/ventures/V1",
        "a/b",
        "log\n",
        "\u{0}",
        "Log",
        "東京",
        "#[]*?",
        &"x".repeat(2000),
    ];
    let (bucket, log) = (bucket(), Arc::new(Lines::default()));
    let channels = serde_json::Value::from(hostile.to_vec());
    let delivery =
        write_alert(&bucket, "A1", &format!(r#"{{"message":"m","channels":{channels}}}"#));
    assert_eq!(deliver(&dispatcher(bucket.clone(), &log), &delivery).await, DONE);
    assert_eq!(deliver(&dispatcher(bucket.clone(), &log), &delivery).await, BEFORE);
    assert_eq!(log.take(), Vec::<String>::new());
    // One mark for each, all of them where marks lie, and each says which channel it was.
    let names: Vec<String> = bucket.objects().into_keys().collect();
    assert_eq!(names.len(), hostile.len() + 1);
    let of_mark = |name: &&String| name.starts_with("env/dev/indices/alerts/undelivered/");
    let marked: Vec<&String> = names.iter().filter(of_mark).collect();
    assert_eq!(marked.len(), hostile.len());
    for name in marked {
        let parsed = ObjectName::parse(name).unwrap();
        assert!(matches!(parsed, ObjectName::AlertMark { .. }), "{name}");
    }
    let said = marks(&bucket).join("\n");
    for channel in hostile {
        let field = format!(r#""channel":{}"#, serde_json::Value::from(channel));
        assert!(said.contains(&field), "{channel:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn an_alert_that_is_gone_is_skipped() {
    let (bucket, log) = (bucket(), Arc::new(Lines::default()));
    let gone = delivery(alert("A1"), Generation(1));
    let outcome = deliver(&dispatcher(bucket.clone(), &log), &gone).await;
    assert_eq!(outcome, Ok(Disposition::Skipped("object is gone")));
    assert!(bucket.objects().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn an_alert_whose_rule_has_closed_meanwhile_is_sent_all_the_same() {
    let body = r#"{"message":"m","rule_id":"low","ptr":"env/dev/snapshots/ventures/V1.json"}"#;
    let state = "env/dev/indices/alerts/_state/ventures/V1.json";
    let send = async |planted: Planted<Shortcut>, open: &str| {
        let (bucket, log) = (bucket(), Arc::new(Lines::default()));
        let delivery = write_alert(&bucket, "A1", body);
        let open = format!(r#"{{"open":[{open}]}}"#);
        bucket.insert(state, open.into(), Upload::default()).unwrap();
        let dispatcher = dispatcher_with(bucket.clone(), &log, planted);
        assert!(deliver(&dispatcher, &delivery).await.is_ok());
        log.take().len()
    };
    let reevaluated = Planted::bug(Shortcut::Reevaluated);
    assert_eq!(send(Planted::NONE, "").await, 1);
    assert_eq!(send(reevaluated, r#"{"rule_id":"low"}"#).await, 1);
    assert_eq!(send(reevaluated, "").await, 0, "nobody hears of it");
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_not_a_json_object_is_rejected() {
    for body in ["", "garbage", "[]", r#"{"message":1,"message":2}"#] {
        let (bucket, log) = (bucket(), Arc::new(Lines::default()));
        let delivery = write_alert(&bucket, "A1", body);
        let outcome = deliver(&dispatcher(bucket.clone(), &log), &delivery).await;
        let reason = "an alert is a JSON object".to_owned();
        assert_eq!(outcome, Ok(Disposition::Rejected(vec![reason])), "{body}");
        assert!(marks(&bucket).is_empty() && log.take().is_empty());
    }
}

/// A dispatcher over `store` that makes one operation at a time.
fn attempt(store: Arc<dyn Store>, log: &Arc<Lines>, delivery: &Delivery) -> Attempt<Vec<Outcome>> {
    let (store, gate) = Gated::new(store, &[]);
    let (dispatcher, delivery) = (dispatcher(store, log), delivery.clone());
    Attempt::new(gate, Box::pin(async move { dispatcher.handle(&[delivery]).await }))
}

#[test]
fn a_crash_between_log_and_mark_has_the_alert_sent_again() {
    let (bucket, log) = (bucket(), Arc::new(Lines::default()));
    let delivery = write_alert(&bucket, "A1", PLAIN);
    let mut crashing = attempt(bucket.clone(), &log, &delivery);
    // The alert, what is muted, its mark; then it is sent.
    for _ in 0..2 {
        crashing.step();
        assert!(log.take().is_empty());
    }
    crashing.step();
    assert_eq!(log.take().len(), 1);
    crashing.crash();
    assert!(marks(&bucket).is_empty());
    let mut next = attempt(bucket.clone(), &log, &delivery);
    assert_eq!(next.finish().unwrap()[0], DONE);
    assert_eq!((log.take().len(), marks(&bucket).len()), (1, 1));
}

#[tokio::test(flavor = "current_thread")]
async fn a_lost_answer_to_the_mark_is_an_alert_that_was_sent() {
    let (bucket, log) = (bucket(), Arc::new(Lines::default()));
    let delivery = write_alert(&bucket, "A1", PLAIN);
    // The mark takes effect, but what is told of it is an interrupted call.
    // Alert, mutes and mark are read; whatever is written is never confirmed.
    let fault = Fault { at: 3, times: usize::MAX, kind: ErrorKind::Unavailable, when: When::After };
    let store = Faulty::new(bucket.clone(), fault);
    let outcome = deliver(&dispatcher(store, &log), &delivery).await;
    assert!(matches!(outcome, Err(Failure::Retry(_))), "{outcome:?}");
    assert_eq!(deliver(&dispatcher(bucket.clone(), &log), &delivery).await, BEFORE);
    assert_eq!((log.take().len(), marks(&bucket).len()), (1, 1));
}

#[tokio::test(flavor = "current_thread")]
async fn a_mark_that_is_written_before_the_alert_is_sent_is_seen() {
    let (bucket, log) = (bucket(), Arc::new(Lines::default()));
    let delivery = write_alert(&bucket, "A1", PLAIN);
    let planted = Planted::bug(Shortcut::MarkedBeforeSent);
    let fault = Fault { at: 3, times: 1, kind: ErrorKind::Unavailable, when: When::After };
    let store = Faulty::new(bucket.clone(), fault);
    let outcome = deliver(&dispatcher_with(store, &log, planted), &delivery).await;
    assert!(matches!(outcome, Err(Failure::Retry(_))), "{outcome:?}");
    assert_eq!(deliver(&dispatcher_with(bucket, &log, planted), &delivery).await, BEFORE);
    assert!(log.take().is_empty(), "nobody hears of it");
}
