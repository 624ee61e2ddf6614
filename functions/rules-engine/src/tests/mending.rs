//! A state that nobody of ours has written, mended beside attempts of its entity's events.

use std::sync::Arc;

use domain::{
    BoxFuture, Class, Delivery, Disposition, Handler, ObjectName, Outcome, Overwrote, Planted, json,
};
use emulator::schedule::{Explored, Race, Rest, is_long};
use emulator::{Memory, Upload};
use store::Store as _;

use super::{bucket, engine, engine_with, entity, write_snapshot};
use crate::RulesEngine;

const BUNDLE: &str = "env/dev/indices/rules/_bundle.json";

fn state() -> String {
    ObjectName::AlertState(entity()).to_string()
}

/// Mends at the first snapshot, and handles the events of the others.
struct Mending(RulesEngine);

impl Handler for Mending {
    fn fed_with(&self) -> &'static [Class] {
        self.0.fed_with()
    }

    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>> {
        match batch[0].overwrote {
            Overwrote::Nothing => Box::pin(async { vec![self.0.mend(&entity()).await] }),
            _ => self.0.handle(batch),
        }
    }
}

/// What is wrong when the rule holds for so many, at rest.
fn verdict(bucket: &Memory, open: usize) -> Result<(), String> {
    let objects = bucket.objects();
    let state = objects.get(&state()).map(|it| json::parse(&it.body).unwrap()).unwrap_or_default();
    let found = state["open"].as_array().cloned().unwrap_or_default();
    if found.len() != open {
        return Err(format!("{} rules are open: {found:?}", found.len()));
    }
    for alert in found {
        let id = alert["alert_id"].as_str().unwrap_or_default();
        let name = format!("env/dev/reports/alerts/low/V1/{id}.json");
        let says = objects.get(&name).map(|it| json::parse(&it.body).unwrap());
        if says.as_ref() != Some(&alert) {
            return Err(format!("{name} is {says:?}"));
        }
    }
    Ok(())
}

fn explore(
    corrupted: &str,
    snapshots: &[Option<u32>],
    attempts: &[usize],
) -> (Explored, Option<String>) {
    let open = usize::from(snapshots.last().is_some_and(|n| n.is_some_and(|n| n < 10)));
    let race = Race {
        bucket: &|| {
            let bucket = bucket();
            bucket.insert(&state(), corrupted.to_owned().into(), Upload::default()).unwrap();
            bucket
        },
        writes: snapshots.len(),
        write: &|bucket, n| write_snapshot(bucket, u32::try_from(n).unwrap() + 1, snapshots[n]),
        attempts,
        handler: &|process| Arc::new(Mending(engine_with(process.tools(), Planted::NONE))),
        constant: &[BUNDLE],
        forgets: true,
        past: &[],
        watch: None,
        verdict: &|rest: &Rest<'_>| verdict(rest.bucket, open),
    };
    race.explore()
}

const CORRUPTED: [&str; 3] = [
    "no JSON",
    r#"{"open":[{"rule_id":"other","alert_id":"x"}]}"#,
    r#"{"open":[{"rule_id":"low","rule_digest":"x","source_generation":"1"}]}"#,
];

#[test]
fn no_interleaving_of_mending_with_events_leaves_a_wrong_state() {
    for corrupted in &CORRUPTED[..if is_long() { 3 } else { 2 }] {
        for snapshots in [[Some(5), Some(50)], [Some(50), Some(5)], [Some(5), None]] {
            for attempts in &[[1, 1], [2, 1]][..if is_long() { 2 } else { 1 }] {
                let (explored, wrong) = explore(corrupted, &snapshots, attempts);
                let case = format!("mending {corrupted}, {snapshots:?}, {attempts:?}");
                println!("{}", explored.line("rules-engine", &case));
                assert_eq!(wrong, None, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn an_alert_that_is_missing_or_damaged_while_its_rule_is_open_is_written_again() {
    let bucket = bucket();
    let delivery = write_snapshot(&bucket, 1, Some(5));
    let engine = engine(bucket.clone(), Planted::NONE);
    engine.handle(std::slice::from_ref(&delivery)).await;
    engine.handle(std::slice::from_ref(&delivery)).await;
    let objects = bucket.objects();
    let alert = objects.keys().find(|name| name.contains("/reports/alerts/")).unwrap();
    bucket.delete(alert, objects[alert].generation).await.unwrap();
    // No event writes it: the rule neither begins nor ceases to hold.
    let handled = engine.handle(std::slice::from_ref(&delivery)).await;
    let nothing = Disposition::Skipped("no rule begins or ceases to hold");
    assert_eq!(handled, [Ok(nothing.clone())]);
    assert!(!bucket.objects().contains_key(alert));
    assert_eq!(engine.mend(&entity()).await, Ok(nothing.clone()));
    assert_eq!(bucket.objects()[alert].body, objects[alert].body);
    bucket.insert(alert, "{}".into(), Upload::default()).unwrap();
    assert_eq!(engine.mend(&entity()).await, Ok(nothing.clone()));
    assert_eq!(bucket.objects()[alert].body, objects[alert].body);
    // What is right is not written.
    let before = bucket.objects();
    assert_eq!(engine.mend(&entity()).await, Ok(nothing));
    assert_eq!(bucket.objects(), before);
}
