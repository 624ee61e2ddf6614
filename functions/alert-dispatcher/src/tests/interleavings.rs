//! Every interleaving of the attempts to send one alert, and one crash: whatever happens, it is
//! sent, and once that is acknowledged it is not sent again.

use std::sync::Arc;
use std::time::Duration;

use domain::{BoxFuture, Handler as _, Planted, json};
use egress::{Answer, Outside, Parcel, Unsent};
use emulator::Memory;
use emulator::schedule::{Attempt, Explored, Notes, Race, Rest, is_long};

use super::{Lines, bucket, dispatcher, egress, reasons, write_alert};
use crate::{AlertDispatcher, AlertLog, Limit, Shortcut};

/// One channel that is known and one that is not.
const ALERT: &str = r#"{"message":"m","channels":["log","pager"]}"#;

/// What is sent is noted.
struct Noted(Arc<Notes>);

impl AlertLog for Noted {
    fn alert(&self, name: &str, _: &json::Object, _: &str) {
        self.0.note(name.to_owned());
    }
}

impl Outside for Noted {
    fn post<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Answer, Unsent>> {
        self.0.note(parcel.header("idempotency-key").unwrap().to_owned());
        Box::pin(std::future::ready(Ok(Answer { status: 204, text: "".into() })))
    }
}

/// Goes through everything that can happen while one alert is handled by so many attempts. Time
/// stands still there, so claims hold for none: whoever comes takes over. `claims` has the others.
fn explore(alert: &str, attempts: usize, planted: Planted<Shortcut>) -> (Explored, Option<String>) {
    let race = Race {
        bucket: &bucket,
        writes: 1,
        write: &|bucket, _| write_alert(bucket, "A1", alert),
        attempts: &[attempts],
        handler: &|process| {
            let log = Arc::new(Noted(process.notes.clone()));
            let tools = process.tools();
            let egress = Arc::new(egress(log.clone(), &tools));
            let (limit, lease) = (Limit::new(u32::MAX), Duration::ZERO);
            Arc::new(AlertDispatcher { tools, log, egress, limit, lease, planted })
        },
        constant: &["env/dev/reports/alerts/low-runway/V1/A1.json"],
        forgets: false,
        past: &[],
        watch: None,
        verdict: &verdict,
    };
    race.explore()
}

/// The promises about an alert that was acknowledged.
fn verdict(rest: &Rest<'_>) -> Result<(), String> {
    let mut keys: Vec<&String> = rest.notes.iter().collect();
    keys.sort();
    keys.dedup();
    if keys.len() > 1 {
        return Err(format!("it was sent under {keys:?}"));
    }
    if rest.notes.is_empty() {
        return Err("it is acknowledged and was never sent".to_owned());
    }
    let marked = [reasons(rest.bucket, "sent"), reasons(rest.bucket, "undelivered")];
    let known = marked[0].len() == 1 && marked[0][0] == "sent";
    if !known || marked[1].iter().any(|why| !why.starts_with("no such channel")) {
        return Err(format!("its marks are {marked:?}"));
    }
    match sent_again(rest.bucket, rest) {
        0 => Ok(()),
        _ => Err("it was acknowledged and is sent again".to_owned()),
    }
}

/// How often one more delivery, with nothing beside it, has the alert sent.
fn sent_again(bucket: &Arc<Memory>, rest: &Rest<'_>) -> usize {
    let (log, message) = (Arc::new(Lines::default()), rest.messages[0].clone());
    let dispatcher = dispatcher(bucket.clone(), &log);
    let handled = Box::pin(async move { dispatcher.handle(&[message]).await });
    assert!(matches!(Attempt::new(Arc::default(), handled).finish().unwrap()[..], [Ok(_)]));
    log.take().len()
}

#[test]
fn whatever_crashes_or_overlaps_an_acknowledged_alert_was_sent() {
    for attempts in 1..=if is_long() { 5 } else { 3 } {
        let (explored, wrong) = explore(ALERT, attempts, Planted::NONE);
        println!("{}", explored.line("alert-dispatcher", &format!("an alert, [{attempts}]")));
        assert_eq!(wrong, None);
    }
}

#[test]
fn a_mark_that_is_written_before_the_alert_is_sent_is_seen() {
    // It takes a crash between the mark and the sending, with no operation in between.
    let (_, found) = explore(ALERT, 1, Planted::bug(Shortcut::MarkedBeforeSent));
    assert!(found.is_some(), "it is not seen");
}

#[test]
fn whatever_crashes_or_overlaps_a_target_has_what_is_acknowledged_under_one_key() {
    for attempts in 1..=if is_long() { 3 } else { 2 } {
        let (explored, wrong) = explore(super::HOOK, attempts, Planted::NONE);
        println!("{}", explored.line("alert-dispatcher", &format!("a target, [{attempts}]")));
        assert_eq!(wrong, None);
    }
}

#[test]
fn what_does_not_reach_a_target_is_seen() {
    let (_, found) = explore(super::HOOK, 2, Planted::bug(Shortcut::MarkedBeforeSent));
    assert!(found.is_some(), "it is not seen");
}
