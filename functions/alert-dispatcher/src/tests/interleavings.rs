//! Every interleaving of the attempts to send one alert, and one crash: whatever happens, it is
//! sent, and once that is acknowledged it is not sent again.

use std::cell::RefCell;
use std::sync::Arc;

use domain::{Delivery, Planted};
use emulator::Memory;
use emulator::schedule::{Race, interruptions_max};

use super::{Lines, bucket, deliver, dispatcher_with, marks, write_alert};
use crate::Shortcut;

/// One channel that is known and one that is not.
const ALERT: &str = r#"{"message":"m","channels":["log","pager"]}"#;

/// Goes through everything that can happen while one alert is handled by so many attempts; the
/// first thing that is wrong.
fn explore(attempts: usize, planted: Planted<Shortcut>) -> Option<String> {
    let current = RefCell::new((bucket(), Arc::new(Lines::default())));
    let race = Race {
        bucket: &|| {
            current.replace((bucket(), Arc::new(Lines::default())));
            current.borrow().0.clone()
        },
        writes: 1,
        write: &|bucket, _| write_alert(bucket, "A1", ALERT),
        attempts: &[attempts],
        handler: &|store| Arc::new(dispatcher_with(store, &current.borrow().1, planted)),
        constant: &["env/dev/reports/alerts/low-runway/V1/A1.json"],
        interruptions_max: interruptions_max(1),
        verdict: &|bucket, messages| {
            let (held, log) = current.borrow().clone();
            verdict(bucket, &log, || {
                let dispatcher = dispatcher_with(held.clone(), &log, planted);
                deliver_now(dispatcher, messages[0].clone());
            })
        },
    };
    let (explored, wrong) = race.explore();
    println!("{attempts} attempts: {explored:?}");
    wrong
}

fn deliver_now(dispatcher: crate::AlertDispatcher, delivery: Delivery) {
    use emulator::schedule::Attempt;
    let handled = Box::pin(async move { deliver(&dispatcher, &delivery).await });
    assert!(matches!(Attempt::new(Arc::default(), handled).finish(), Some(Ok(_))));
}

/// The promises about an alert that was acknowledged.
fn verdict(bucket: &Memory, log: &Lines, deliver_again: impl Fn()) -> Result<(), String> {
    if log.take().is_empty() {
        return Err("it is acknowledged and was never sent".to_owned());
    }
    let marked = marks(bucket);
    if marked.len() != 2 {
        return Err(format!("its marks are {marked:?}"));
    }
    deliver_again();
    match log.take().as_slice() {
        [] => Ok(()),
        again => Err(format!("it was acknowledged and is sent again: {again:?}")),
    }
}

#[test]
fn whatever_crashes_or_overlaps_an_acknowledged_alert_was_sent() {
    assert_eq!(explore(2, Planted::NONE), None);
    assert_eq!(explore(3, Planted::NONE), None);
}
