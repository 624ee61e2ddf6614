//! Every interleaving of the attempts to send one alert, and one crash: whatever happens, it is
//! sent, and once that is acknowledged it is not sent again.

use std::sync::Arc;

use domain::{Handler as _, Planted, json};
use emulator::Memory;
use emulator::schedule::{Attempt, Explored, Notes, Race, Rest, is_long};

use super::{Lines, bucket, dispatcher, marks, write_alert};
use crate::{AlertDispatcher, AlertLog, Shortcut};

/// One channel that is known and one that is not.
const ALERT: &str = r#"{"message":"m","channels":["log","pager"]}"#;

/// What is sent is noted.
struct Noted(Arc<Notes>);

impl AlertLog for Noted {
    fn alert(&self, name: &str, _: &json::Object) {
        self.0.note(name.to_owned());
    }
}

/// Goes through everything that can happen while one alert is handled by so many attempts.
fn explore(attempts: usize, planted: Planted<Shortcut>) -> (Explored, Option<String>) {
    let race = Race {
        bucket: &bucket,
        writes: 1,
        write: &|bucket, _| write_alert(bucket, "A1", ALERT),
        attempts: &[attempts],
        handler: &|process| {
            let log = Arc::new(Noted(process.notes.clone()));
            Arc::new(AlertDispatcher { tools: process.tools(), log, planted })
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
    if rest.notes.is_empty() {
        return Err("it is acknowledged and was never sent".to_owned());
    }
    let marked = marks(rest.bucket);
    if marked.len() != 2 {
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
        let (explored, wrong) = explore(attempts, Planted::NONE);
        println!("{}", explored.line("alert-dispatcher", &format!("an alert, [{attempts}]")));
        assert_eq!(wrong, None);
    }
}

#[test]
fn a_mark_that_is_written_before_the_alert_is_sent_is_seen() {
    // It takes a crash between the mark and the sending, with no operation in between.
    let (_, found) = explore(1, Planted::bug(Shortcut::MarkedBeforeSent));
    assert!(found.is_some(), "it is not seen");
}
