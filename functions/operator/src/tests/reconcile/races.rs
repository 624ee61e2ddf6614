//! Repair beside a handler of the same entity, step by step: whoever comes in between whom.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use clap::Parser as _;
use domain::{BoxFuture, Env, Generation, Planted};
use emulator::schedule::Attempt;
use emulator::{Memory, Upload};
use store::{Error, List, Listed, Metadata, Object, Page, Precondition, Store, Tools};

use super::world::World;
use crate::tests::run;
use crate::{Cli, Operator, Problem, Screen, Shortcut, perform};

const ONE: &str = "reconcile --segment ventures --id V1 --repair --delete-garbage";
const ALL: &str = "reconcile --segment ventures --repair";

const MANIFEST: &str = "env/dev/manifests/ventures/by-id/V1.json";
const LEFT: &str = "env/dev/indices/ventures/by-status/closed/V1.json";
const REGISTER: &str = "env/dev/indices/ventures/latest/red.json";
const STATE: &str = "env/dev/indices/alerts/_state/ventures/V1.json";
const SNAPSHOT: &str = "env/dev/snapshots/ventures/V1.json";
const WISH: &str = "env/dev/indices/_repair/ventures/V1.json";

type Ended = Result<bool, Problem>;

/// A command that goes from operation to operation. As [`Attempt`] does; but a command need not be
/// sent to another thread.
struct Run {
    future: Option<Pin<Box<dyn Future<Output = Ended>>>>,
    open: Arc<AtomicBool>,
    ended: Option<Ended>,
}

fn command(world: &World, line: &str, planted: Planted<Shortcut>) -> Run {
    let open = Arc::new(AtomicBool::new(false));
    let store = Arc::new(Gate { inner: world.bucket.clone(), open: Arc::clone(&open) });
    let tools = Tools { store, ..world.tools() };
    let cli = Cli::try_parse_from(["operator"].into_iter().chain(line.split(' '))).unwrap();
    let future = async move {
        let screen = Screen::on(std::io::sink(), std::io::sink());
        let operator = Operator {
            tools,
            env: Env::Dev,
            user: None,
            google: &crate::Google::default(),
            screen: &screen,
            planted,
        };
        perform(&cli.command, operator).await
    };
    let mut run = Run { future: Some(Box::pin(future)), open, ended: None };
    run.poll();
    run
}

impl Run {
    fn runs(&self) -> bool {
        self.future.is_some()
    }

    fn step(&mut self) {
        self.open.store(true, Ordering::Relaxed);
        self.poll();
        assert!(!(self.open.swap(false, Ordering::Relaxed) && self.runs()), "it waits");
    }

    fn finish(&mut self) -> &Ended {
        while self.runs() {
            self.step();
        }
        self.ended.as_ref().unwrap()
    }

    fn poll(&mut self) {
        let Some(future) = &mut self.future else { return };
        if let Poll::Ready(ended) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            (self.ended, self.future) = (Some(ended), None);
        }
    }
}

/// Lets one operation through each time it is opened.
struct Gate {
    inner: Arc<Memory>,
    open: Arc<AtomicBool>,
}

impl Gate {
    async fn pass(&self) {
        poll_fn(|context| match self.open.swap(false, Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await;
    }
}

impl Store for Gate {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(async move {
            self.pass().await;
            self.inner.get(name, generation).await
        })
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
        metadata: &'a Metadata,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(async move {
            self.pass().await;
            self.inner.put(name, body, metadata, precondition).await
        })
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            self.pass().await;
            self.inner.delete(name, generation).await
        })
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(async move {
            self.pass().await;
            self.inner.list(list).await
        })
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(async move {
            self.pass().await;
            self.inner.versions(name).await
        })
    }

    fn erase<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            self.pass().await;
            self.inner.erase(name, generation).await
        })
    }

    fn answered_at(&self) -> Option<domain::Instant> {
        self.inner.answered_at()
    }
}

fn damage(world: &World, name: &str, body: &str) {
    let metadata = world.bucket.objects().remove(name).map(|it| it.metadata);
    let upload = Upload { metadata: metadata.unwrap_or_default(), ..Upload::default() };
    world.bucket.insert(name, body.to_owned().into(), upload).unwrap();
}

/// Two ventures, of which V1 is about to become Idea: nothing is handled yet. All that can be wrong
/// about it is.
fn corrupted() -> (Arc<World>, BTreeSet<&'static str>) {
    let world = World::new(5);
    world.fill(0);
    world.status("V1", "Pilot");
    world.status("V2", "Pilot");
    world.drain();
    let wrong = [MANIFEST, LEFT, REGISTER, STATE];
    damage(&world, MANIFEST, r#"{"id":"V1","status":"never"}"#);
    damage(&world, LEFT, r#"{"id":"V1","ptr":"somewhere"}"#);
    damage(&world, REGISTER, "[]");
    damage(&world, STATE, r#"{"open":[{"rule_id":"R9"}]}"#);
    world.forget_events();
    world.status("V1", "Idea");
    (world, wrong.into_iter().collect())
}

fn differing(world: &World) -> BTreeSet<String> {
    differing_from(world, &world.expected())
}

fn differing_from(world: &World, expected: &BTreeMap<String, String>) -> BTreeSet<String> {
    let found = world.contents();
    let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    names.into_iter().filter(|it| found.get(*it) != expected.get(*it)).cloned().collect()
}

/// A handler makes `before` operations, the repair `first`, the handler `between`, the repair all
/// that are left and then the handler.
async fn race(
    function: usize,
    expected: &BTreeMap<String, String>,
    (before, first, between): (usize, usize, usize),
) -> Result<(bool, bool), String> {
    let (world, wrong) = corrupted();
    if function > 0 {
        world.handle_all(0);
    }
    let mut handler = world.begin_one(function);
    let mut repair = command(&world, ONE, Planted::NONE);
    let step = |attempt: &mut Attempt<_>, steps| {
        (0..steps).for_each(|_| {
            if attempt.runs() {
                attempt.step()
            }
        });
    };
    step(&mut handler.attempt, before);
    (0..first).for_each(|_| {
        if repair.runs() {
            repair.step()
        }
    });
    let more = (handler.attempt.runs(), repair.runs());
    step(&mut handler.attempt, between);
    if let Err(problem) = repair.finish() {
        return Err(problem.to_string());
    }
    handler.attempt.finish();
    // The register that is none makes a handler reject its event.
    world.drain();
    let left = differing_from(&world, expected);
    let new: Vec<&String> = left.iter().filter(|it| !wrong.contains(it.as_str())).collect();
    if !new.is_empty() {
        return Err(format!("made wrong: {new:?}"));
    }
    let (ended, said) = run(&world.tools(), ONE).await;
    world.drain();
    match (ended, differing_from(&world, expected), world.alerts_wrong()) {
        (Ok(true), left, alerts) if left.is_empty() && alerts.is_empty() => Ok(more),
        (_, left, alerts) => Err(format!("left: {left:?} {alerts:?} {said}")),
    }
}

#[tokio::test]
async fn a_repair_beside_each_handler_of_the_entity_ends_right() {
    for function in 0..4 {
        let mut races = 0;
        let expected = corrupted().0.expected();
        for before in 0.. {
            let mut handler_runs = false;
            for first in (0..).step_by(11) {
                let mut more = (false, false);
                for between in [1, 2] {
                    races += 1;
                    let turns = (before, first, between);
                    more = match race(function, &expected, turns).await {
                        Ok(more) => more,
                        Err(wrong) => panic!("function {function}, {turns:?}: {wrong}"),
                    };
                }
                handler_runs |= more.0;
                if !more.1 {
                    break;
                }
            }
            if !handler_runs {
                break;
            }
        }
        println!("function {function}: {races} schedules");
        assert!(races > 40, "function {function}: {races}");
    }
}

/// A handler that has read that there is nothing, and writes when the entity has left the place,
/// its tombstone is written, and a reconciliation has gone through. What is wrong in the end.
async fn late_writer(steps: usize, planted: Planted<Shortcut>) -> (bool, BTreeSet<String>) {
    let world = World::new(6);
    world.fill(0);
    // Without a register: by the conflict there the handler would begin again.
    world.status_alone("V1", "Pilot");
    world.handle_all(0);
    let mut late = world.begin_one(2);
    (0..steps).for_each(|_| {
        if late.attempt.runs() {
            late.attempt.step()
        }
    });
    let more = late.attempt.runs();
    world.status_alone("V1", "Idea");
    world.drain();
    assert_eq!(command(&world, ALL, planted).finish(), &Ok(true));
    late.attempt.finish();
    world.drain();
    (more, differing(&world))
}

#[tokio::test]
async fn a_tombstone_that_is_deleted_young_is_missed() {
    let mut missed = false;
    for steps in 0.. {
        let (more, wrong) = late_writer(steps, Planted::NONE).await;
        assert_eq!(wrong, BTreeSet::new(), "{steps}");
        let planted = Planted::bug(Shortcut::TombstoneDeletedYoung);
        missed |= !late_writer(steps, planted).await.1.is_empty();
        if !more {
            break;
        }
    }
    assert!(missed, "a tombstone that is deleted at once makes no difference");
}

/// A repair is wanted. While it is worked off, another event finds that a version has expired.
/// Whether there were that many operations, and what is wrong in the end with nobody to mend it.
async fn another_wish(steps: usize, planted: Planted<Shortcut>) -> (bool, BTreeMap<String, bool>) {
    let world = World::new(8);
    world.fill(0);
    world.status("V1", "Pilot");
    world.drain();
    damage(&world, WISH, r#"{"id":"V1"}"#);
    world.forget_events();
    let mut repair = command(&world, ALL, planted);
    (0..steps).for_each(|_| {
        if repair.runs() {
            repair.step()
        }
    });
    let more = repair.runs();
    world.status("V1", "Idea");
    [0, 1, 3].into_iter().for_each(|function| world.handle_all(function));
    for version in world.bucket.versions_of(SNAPSHOT) {
        world.bucket.expire(SNAPSHOT, version.generation);
    }
    world.handle_all(2);
    assert!(repair.finish().is_ok());
    let wished = world.bucket.objects().contains_key(WISH);
    let wrong = differing(&world).into_iter().map(|name| (name, wished));
    (more, wrong.filter(|(_, wished)| !wished).collect())
}

#[tokio::test]
async fn a_wish_that_comes_while_another_is_fulfilled_is_not_forgotten() {
    let mut forgotten = false;
    for steps in 0.. {
        let (more, wrong) = another_wish(steps, Planted::NONE).await;
        assert_eq!(wrong, BTreeMap::new(), "{steps}");
        let planted = Planted::bug(Shortcut::WishForgotten);
        forgotten |= !another_wish(steps, planted).await.1.is_empty();
        if !more {
            break;
        }
    }
    assert!(forgotten, "a wish that is forgotten makes no difference");
}
