//! What an attempt does next, given what the store has told it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::{pending, poll_fn, ready};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant, Outcome};
use store::{Error, List, Listed, Metadata, Object, Page, Precondition, Store};

use super::bucket::{Answer, Operation};

/// What an attempt does after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It waits for these operations, of which any may happen first. The number is that of the
    /// operation among all that it has asked for.
    Asks(Vec<(usize, Operation)>),
    /// It pauses, to begin again.
    Pauses,
    /// It has ended.
    Ends(Outcome),
}

impl Next {
    /// The same of an attempt that has asked for so many operations before.
    pub(super) fn after(&self, asked: usize) -> Self {
        match self {
            Self::Asks(operations) => {
                let numbered = operations.iter().map(|(number, it)| (asked + number, it.clone()));
                Self::Asks(numbered.collect())
            }
            other => other.clone(),
        }
    }
}

/// What never changes: reading it is no step, since it makes no difference when it happens.
#[derive(Default)]
pub(super) struct Fixed {
    /// Objects that nobody writes.
    pub(super) constant: BTreeMap<String, Option<Object>>,
    /// Versions, by name and generation.
    pub(super) versions: HashMap<(String, u64), Object>,
}

/// A store that gives answers one after the other, and keeps what it is asked beyond them.
pub(super) struct Script {
    fixed: Arc<Fixed>,
    played: Mutex<Played>,
}

/// How far a script has been played.
struct Played {
    /// Answers that are still to be given, with the numbers of the operations.
    answers: VecDeque<(usize, Arc<Answer>)>,
    /// How many pauses pass at once.
    pauses: usize,
    asked: Vec<Asked>,
    has_paused: bool,
}

/// An operation that the attempt has asked for.
struct Asked {
    operation: Operation,
    answer: Option<Arc<Answer>>,
    waker: Waker,
}

/// Whether the attempt wants to be polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Script {
    pub(super) fn new(
        fixed: Arc<Fixed>,
        answers: impl IntoIterator<Item = (usize, Arc<Answer>)>,
        pauses: usize,
    ) -> Arc<Self> {
        let answers = answers.into_iter().collect();
        let played = Played { answers, pauses, asked: Vec::new(), has_paused: false };
        Arc::new(Self { fixed, played: Mutex::new(played) })
    }

    /// Runs `attempt`, which asks this store, to where the script ends.
    ///
    /// # Panics
    ///
    /// If the attempt waits for anything else than the store: it would never go on.
    pub(super) fn play(&self, mut attempt: BoxFuture<'_, Outcome>) -> Next {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            while woken.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(outcome) =
                    attempt.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return Next::Ends(outcome);
                }
            }
            let mut played = self.played();
            if played.has_paused {
                return Next::Pauses;
            }
            let Some((number, answer)) = played.answers.pop_front() else { break };
            let Some(asked) = played.asked.get_mut(number) else { misplaced(&answer) };
            asked.answer = Some(answer);
            asked.waker.wake_by_ref();
        }
        let played = self.played();
        let unanswered = played.asked.iter().enumerate().filter(|(_, it)| it.answer.is_none());
        let asks: Vec<_> = unanswered.map(|(number, it)| (number, it.operation.clone())).collect();
        assert!(!asks.is_empty(), "the attempt waits for something else than the store");
        Next::Asks(asks)
    }

    /// Waits, which is where a script ends that has no more pauses.
    pub(super) async fn pause(&self) {
        let passes = {
            let mut played = self.played();
            let passes = played.pauses > 0;
            played.pauses = played.pauses.saturating_sub(1);
            played.has_paused = !passes;
            passes
        };
        if !passes {
            pending().await
        }
    }

    /// The answer to an operation. Nothing happens before it is awaited.
    async fn ask(&self, operation: Operation) -> Answer {
        let (mut operation, mut number) = (Some(operation), 0);
        let answer = poll_fn(|context| {
            let mut played = self.played();
            if let Some(operation) = operation.take() {
                number = played.asked.len();
                let waker = context.waker().clone();
                played.asked.push(Asked { operation, answer: None, waker });
            }
            let asked = &mut played.asked[number];
            asked.waker.clone_from(context.waker());
            asked.answer.clone().map_or(Poll::Pending, Poll::Ready)
        });
        (*answer.await).clone()
    }

    fn played(&self) -> MutexGuard<'_, Played> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer to another question: the attempt is not what it was when this was answered.
fn misplaced(answer: &Answer) -> ! {
    panic!("the handler is not the same when it runs again: it is told {answer:?}")
}

impl Store for Script {
    fn get<'a>(
        &'a self,
        name: &'a str,
        generation: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        if let Some(generation) = generation {
            let version = self.fixed.versions.get(&(name.to_owned(), generation.0)).cloned();
            assert!(version.is_some(), "a version of {name} that the race does not know");
            return Box::pin(ready(Ok(version)));
        }
        if let Some(object) = self.fixed.constant.get(name) {
            return Box::pin(ready(Ok(object.clone())));
        }
        Box::pin(async move {
            match self.ask(Operation::Get(name.to_owned())).await {
                Answer::Got(of, object) if of == name => Ok(object),
                other => misplaced(&other),
            }
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
            let put = Operation::Put(name.to_owned(), body, metadata.clone(), precondition);
            match self.ask(put).await {
                Answer::Put(of, put) if of == name => put,
                other => misplaced(&other),
            }
        })
    }

    fn delete<'a>(
        &'a self,
        name: &'a str,
        generation: Generation,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            match self.ask(Operation::Delete(name.to_owned(), generation)).await {
                Answer::Deleted(deleted) => deleted,
                other => misplaced(&other),
            }
        })
    }

    fn erase<'a>(&'a self, name: &'a str, _: Generation) -> BoxFuture<'a, Result<bool, Error>> {
        panic!("a handler erases nothing, and {name} is to be")
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(async move {
            match self.ask(Operation::List(list.clone())).await {
                Answer::Listed(page) => Ok(page),
                other => misplaced(&other),
            }
        })
    }

    fn versions<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(async move {
            match self.ask(Operation::Versions(name.to_owned())).await {
                Answer::Versions(versions) => Ok(versions),
                other => misplaced(&other),
            }
        })
    }

    fn answered_at(&self) -> Option<Instant> {
        // Nothing but answers comes from a script.
        None
    }
}
