//! What the search promises: nothing that can happen is left out.

mod bucket;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use domain::limits::ATTEMPTS_MAX;
use domain::{
    BoxFuture, Class, Delivery, Disposition, Failure, Generation, Handler, ObjectName, Outcome,
    Overwrote,
};
use store::{Error, ErrorKind, Metadata, Object, Precondition, Tools};

use super::{Event, Explored, Process, Race, Rest};
use crate::{Memory, TestClock, Upload};

/// A handler that is a function of the tools and the delivery.
struct Fake<F> {
    tools: Tools,
    handle: F,
}

impl<F, R> Handler for Fake<F>
where
    F: Fn(Tools, Delivery) -> R + Send + Sync,
    R: Future<Output = Outcome> + Send,
{
    fn fed_with(&self) -> &'static [Class] {
        &[]
    }

    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async { vec![(self.handle)(self.tools.clone(), batch[0].clone()).await] })
    }
}

fn write(bucket: &Memory, n: usize) -> Delivery {
    let name = "env/dev/snapshots/ventures/V1.json";
    let stored = bucket.insert(name, format!("{n}").into(), Upload::default()).unwrap();
    Delivery {
        name: ObjectName::parse(name).unwrap(),
        generation: stored.generation,
        overwrote: stored.overwrote.map_or(Overwrote::Nothing, Overwrote::Generation),
        created_at: None,
    }
}

/// Goes through a race of these attempts.
fn explore<F, R>(
    attempts: &[usize],
    forgets: bool,
    handle: F,
    watch: &dyn Fn(&Memory, Event<'_>) -> Result<(), String>,
    verdict: &dyn Fn(&Rest<'_>) -> Result<(), String>,
) -> (Explored, Option<String>)
where
    F: Fn(Tools, Delivery) -> R + Send + Sync + Copy + 'static,
    R: Future<Output = Outcome> + Send,
{
    let race = Race {
        bucket: &|| Memory::new("test", TestClock::at("2026-01-01T00:00:00Z"), 7),
        writes: attempts.len(),
        write: &write,
        attempts,
        handler: &|process: &Process| Arc::new(Fake { tools: process.tools(), handle }),
        constant: &[],
        forgets,
        past: &[],
        watch: Some(watch),
        verdict,
    };
    race.explore()
}

async fn put(tools: &Tools, name: &str, body: &str, before: Option<&Object>) -> Result<(), Error> {
    let (body, precondition) = (Bytes::from(body.to_owned()), Precondition::unchanged(before));
    tools.store.put(name, body, &Metadata::new(), precondition).await.map(drop)
}

/// Creates one object.
async fn create(tools: Tools, _: Delivery) -> Outcome {
    put(&tools, "x", "", None).await.map_err(|_| Failure::Retry(String::new()))?;
    Ok(Disposition::Done)
}

#[test]
fn a_crash_is_before_an_operation_or_after_it() {
    // It is written, and the attempt runs; it has crashed; it has crashed after its operation; it
    // has ended. The message that is not acknowledged conflicts with what was written.
    let (explored, wrong) = explore(&[1], true, create, &|_, _| Ok(()), &|_| Ok(()));
    assert_eq!(explored, Explored { states: 4, runs: 3 });
    let wrong = wrong.unwrap();
    assert!(wrong.starts_with("message 0 is never done"), "{wrong}");
    assert!(wrong.ends_with("0: is written\n  0: create x and crashes"), "{wrong}");
}

/// Adds its word to a list, once.
async fn add(tools: Tools, delivery: Delivery) -> Outcome {
    let word = delivery.generation.to_string();
    for _ in 0..ATTEMPTS_MAX {
        let list = tools.store.get("list", None).await.unwrap();
        let text =
            list.as_ref().map_or(String::new(), |it| String::from_utf8_lossy(&it.body).into());
        if text.contains(&word) {
            return Ok(Disposition::Skipped("it is there"));
        }
        match put(&tools, "list", &format!("{text} {word}"), list.as_ref()).await {
            Err(err) if err.kind == ErrorKind::Conflict => tools.pause_after_conflict().await,
            other => return other.map(|()| Disposition::Done).map_err(|_| unreachable!()),
        }
    }
    Err(Failure::Retry("contended".to_owned()))
}

/// The same, where a conflict is taken for somebody else's success.
async fn add_once(tools: Tools, delivery: Delivery) -> Outcome {
    let list = tools.store.get("list", None).await.unwrap();
    let text = list.as_ref().map_or(String::new(), |it| String::from_utf8_lossy(&it.body).into());
    let word = delivery.generation.to_string();
    let put = put(&tools, "list", &format!("{text} {word}"), list.as_ref()).await;
    Ok(put.map_or(Disposition::Skipped("conflict"), |()| Disposition::Done))
}

fn everybody_is_there(rest: &Rest<'_>) -> Result<(), String> {
    let list = String::from_utf8_lossy(&rest.bucket.objects()["list"].body).into_owned();
    let there = |generation: Generation| list.contains(&generation.to_string());
    match rest.messages.iter().all(|message| there(message.generation)) {
        true => Ok(()),
        false => Err(format!("there are only {list}")),
    }
}

#[test]
fn a_lost_update_is_found_and_its_steps_are_told() {
    let all = |_: &Memory, _: Event<'_>| Ok(());
    for forgets in [true, false] {
        let (_, wrong) = explore(&[2, 1], forgets, add, &all, &everybody_is_there);
        assert_eq!(wrong, None);
        let (_, wrong) = explore(&[1, 1], forgets, add_once, &all, &everybody_is_there);
        let told = wrong.unwrap();
        assert_eq!(
            told.lines().filter(|line| line.contains("conflict, ends")).count(),
            1,
            "{told}"
        );
    }
}

#[test]
fn operations_beside_each_other_happen_in_any_order() {
    let seen = RefCell::new(BTreeSet::new());
    let both = |tools: Tools, _: Delivery| async move {
        let (x, y) = tokio::join!(put(&tools, "x", "", None), put(&tools, "y", "", None));
        x.and(y).map(|()| Disposition::Done).map_err(|_| Failure::Retry(String::new()))
    };
    let watch = |bucket: &Memory, _: Event<'_>| {
        let objects = bucket.objects();
        seen.borrow_mut().insert(["x", "y"].map(|name| objects.contains_key(name)));
        Ok(())
    };
    // Where one of them crashes, the next attempt finds that both are not as it left them.
    explore(&[1], true, both, &watch, &|_| Ok(()));
    assert_eq!(*seen.borrow(), BTreeSet::from([[true, false], [false, true], [true, true]]));
}

/// Adds its word, and asks for something else when it has tried before.
async fn add_differently(tools: Tools, delivery: Delivery) -> Outcome {
    let word = delivery.generation.to_string();
    for tried in 0..ATTEMPTS_MAX {
        let list = tools.store.get("list", None).await.unwrap();
        if tried == 2 {
            tools.store.get("other", None).await.unwrap();
        }
        match put(&tools, "list", &word, list.as_ref()).await {
            Err(err) if err.kind == ErrorKind::Conflict => tools.pause_after_conflict().await,
            other => return other.map(|()| Disposition::Done).map_err(|_| unreachable!()),
        }
    }
    Err(Failure::Retry("contended".to_owned()))
}

fn panics(explore: impl FnOnce() -> (Explored, Option<String>)) -> bool {
    catch_unwind(AssertUnwindSafe(explore)).is_err()
}

#[test]
fn a_handler_that_remembers_is_not_taken_for_one_that_forgets() {
    let all = |_: &Memory, _: Event<'_>| Ok(());
    assert!(panics(|| explore(&[1, 1], true, add_differently, &all, &|_| Ok(()))));
    assert!(!panics(|| explore(&[1, 1], false, add_differently, &all, &|_| Ok(()))));
    assert!(!panics(|| explore(&[1, 1], true, add, &all, &|_| Ok(()))));
}

#[test]
fn an_attempt_that_waits_for_something_else_is_not_waited_for() {
    let waits = |_: Tools, _: Delivery| std::future::pending::<Outcome>();
    assert!(panics(|| explore(&[1], true, waits, &|_, _| Ok(()), &|_| Ok(()))));
}
