//! Which request has which fault, and what is left to happen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use axum::extract::Request;
use axum::middleware::Next;
use serde_json::{Value, json};

use super::instruction::{FORMS, Instruction};
use super::method::ApiMethod;
use super::{Fault, Faults};
use crate::chance::Chance;

/// The most instructions of one set.
const INSTRUCTIONS_MAX: usize = 1000;

/// The most sets that are kept for clients that name them.
const TESTS_MAX: usize = 1000;

/// The most requests that wait to be carried out late; the oldest is forgotten first.
const LATE_MAX: usize = 16;

/// Names the set of instructions that a request is under.
const TEST_ID: &str = "x-retry-test-id";

/// Why instructions are not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstructionError {
    /// Not a method of the JSON API that is served.
    #[error("method {0:?} is none of: {names}", names = ApiMethod::names())]
    Method(String),
    /// Not a form of instruction.
    #[error("instruction {0:?} is none of: {FORMS}")]
    Instruction(String),
    /// No request of this method can fail like this.
    #[error("instruction {instruction:?} cannot happen to {method}")]
    Unfit {
        /// As it was given.
        instruction: String,
        /// As it was given.
        method: String,
    },
    /// None at all.
    #[error("no instructions")]
    None,
    /// More than are kept.
    #[error("more than {INSTRUCTIONS_MAX} instructions, or more than {TESTS_MAX} sets of them")]
    TooMany,
}

/// An instruction as it was given.
#[derive(Clone, Debug)]
struct Given {
    text: String,
    instruction: Instruction,
}

/// A set of instructions: for each method what happens to its next requests, in order.
#[derive(Debug, Default)]
pub(super) struct Test {
    queues: Mutex<BTreeMap<ApiMethod, VecDeque<Given>>>,
}

impl Test {
    /// Checks and adds what is to happen to requests of `method`.
    pub(super) fn add(&self, method: &str, texts: &[String]) -> Result<(), InstructionError> {
        let found = ApiMethod::named(method);
        let found = found.ok_or_else(|| InstructionError::Method(method.to_owned()))?;
        let given = |text: &String| {
            let instruction = text.parse::<Instruction>();
            let instruction =
                instruction.map_err(|()| InstructionError::Instruction(text.clone()))?;
            if !instruction.fits(found) {
                let (instruction, method) = (text.clone(), method.to_owned());
                return Err(InstructionError::Unfit { instruction, method });
            }
            Ok(Given { text: text.clone(), instruction })
        };
        let given = texts.iter().map(given).collect::<Result<Vec<_>, _>>()?;
        let mut queues = self.queues();
        if queues.values().map(VecDeque::len).sum::<usize>() + given.len() > INSTRUCTIONS_MAX {
            return Err(InstructionError::TooMany);
        }
        queues.entry(found).or_default().extend(given);
        Ok(())
    }

    /// How many instructions have not happened.
    pub(super) fn left(&self) -> usize {
        self.queues().values().map(VecDeque::len).sum()
    }

    /// As the test server of Google shows it.
    pub(super) fn shown(&self, id: &str) -> Value {
        let texts = |queue: &VecDeque<Given>| queue.iter().map(|given| json!(given.text)).collect();
        let queues = self.queues();
        let left = queues.iter().map(|(method, queue)| (method.name().to_owned(), texts(queue)));
        let instructions = Value::Object(left.collect());
        let completed = queues.values().all(VecDeque::is_empty);
        json!({"id": id, "instructions": instructions, "completed": completed, "transport": "HTTP"})
    }

    fn take(&self, method: ApiMethod) -> Option<Given> {
        self.queues().get_mut(&method)?.pop_front()
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<ApiMethod, VecDeque<Given>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to happen to the next requests, whoever makes them.
///
/// It holds as long as this is kept: dropped, what has not happened is forgotten.
#[derive(Debug)]
#[must_use = "dropped, its instructions are forgotten"]
pub struct Instructions(pub(super) Arc<Test>);

impl Instructions {
    /// Whether every instruction has happened to a request.
    pub fn is_consumed(&self) -> bool {
        self.left() == 0
    }

    /// How many have not.
    pub fn left(&self) -> usize {
        self.0.left()
    }
}

/// A request that is carried out late.
pub(super) struct Late(pub(super) Request, pub(super) Next);

/// Decides which requests fail.
pub(crate) struct Plan {
    rate_per_mille: AtomicU16,
    chance: Chance,
    planned: Mutex<VecDeque<Fault>>,
    everyone: Mutex<Vec<Weak<Test>>>,
    tests: Mutex<BTreeMap<String, Arc<Test>>>,
    tests_made: AtomicU64,
    late: Mutex<VecDeque<Late>>,
}

impl Plan {
    pub(crate) fn new(faults: Option<Faults>) -> Self {
        let faults = faults.unwrap_or(Faults { seed: 0, rate_per_mille: 0 });
        Self {
            rate_per_mille: AtomicU16::new(faults.rate_per_mille),
            chance: Chance::new(faults.seed),
            planned: Mutex::default(),
            everyone: Mutex::default(),
            tests: Mutex::default(),
            tests_made: AtomicU64::new(0),
            late: Mutex::default(),
        }
    }

    pub(crate) fn set_rate(&self, per_mille: u16) {
        self.rate_per_mille.store(per_mille, Ordering::Relaxed);
    }

    /// Beyond [`INSTRUCTIONS_MAX`] that have not happened, further ones are dropped.
    pub(crate) fn plan(&self, fault: Fault) {
        let mut planned = lock(&self.planned);
        if planned.len() < INSTRUCTIONS_MAX {
            planned.push_back(fault);
        }
    }

    /// Instructions for every request of `method`.
    pub(crate) fn instruct(
        &self,
        method: &str,
        texts: &[String],
    ) -> Result<Instructions, InstructionError> {
        let test = Arc::new(Test::default());
        test.add(method, texts)?;
        if texts.is_empty() {
            return Err(InstructionError::None);
        }
        let mut everyone = lock(&self.everyone);
        everyone.retain(|test| test.strong_count() > 0);
        if everyone.len() >= TESTS_MAX {
            return Err(InstructionError::TooMany);
        }
        everyone.push(Arc::downgrade(&test));
        Ok(Instructions(test))
    }

    /// Keeps `test` for requests that name it by the id that this returns.
    pub(super) fn keep(&self, test: Test) -> Result<(String, Arc<Test>), InstructionError> {
        let test = Arc::new(test);
        let mut tests = lock(&self.tests);
        if tests.len() >= TESTS_MAX {
            return Err(InstructionError::TooMany);
        }
        let id = format!("{:032x}", self.tests_made.fetch_add(1, Ordering::Relaxed) + 1);
        tests.insert(id.clone(), test.clone());
        Ok((id, test))
    }

    /// The sets that are kept, by id.
    pub(super) fn tests(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Test>>> {
        lock(&self.tests)
    }

    /// What happens to `request`. `Err` when it names a set that is not kept.
    pub(super) fn draw(&self, request: &Request) -> Result<Option<Drawn>, String> {
        let method = ApiMethod::of(request.method(), request.uri().path());
        if let Some(id) = request.headers().get(TEST_ID) {
            let test = id.to_str().ok().and_then(|id| self.tests().get(id).cloned());
            let test = test.ok_or_else(|| format!("{TEST_ID} names no retry test"))?;
            return Ok(method.and_then(|method| Drawn::of(test, method)));
        }
        let mut everyone = lock(&self.everyone).clone().into_iter().filter_map(|t| t.upgrade());
        let drawn = method.and_then(|method| everyone.find_map(|test| Drawn::of(test, method)));
        Ok(drawn.or_else(|| self.draw_any().map(Drawn::from)))
    }

    fn draw_any(&self) -> Option<Fault> {
        let planned = lock(&self.planned).pop_front();
        let rate = u64::from(self.rate_per_mille.load(Ordering::Relaxed));
        if planned.is_some() || rate == 0 || self.chance.below(1000) >= rate {
            return planned;
        }
        let number = self.chance.below(Fault::ALL.len() as u64);
        usize::try_from(number).ok().and_then(|number| Fault::ALL.get(number).copied())
    }

    /// Keeps a request that is to be carried out after the next one.
    pub(super) fn postpone(&self, late: Late) {
        let mut waiting = lock(&self.late);
        if waiting.len() >= LATE_MAX {
            waiting.pop_front();
        }
        waiting.push_back(late);
    }

    /// What is to be carried out after the request that is at hand.
    pub(super) fn take_late(&self) -> VecDeque<Late> {
        std::mem::take(&mut *lock(&self.late))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A fault that a request has, unless it turns out not to fit.
pub(super) struct Drawn {
    pub(super) instruction: Instruction,
    from: Option<(Arc<Test>, ApiMethod, Given)>,
}

impl Drawn {
    fn of(test: Arc<Test>, method: ApiMethod) -> Option<Self> {
        let given = test.take(method)?;
        Some(Self { instruction: given.instruction.clone(), from: Some((test, method, given)) })
    }

    /// It has not happened and waits for another request.
    pub(super) fn put_back(self) {
        if let Some((test, method, given)) = self.from {
            test.queues().entry(method).or_default().push_front(given);
        }
    }
}

impl From<Fault> for Drawn {
    fn from(fault: Fault) -> Self {
        Self { instruction: fault.instruction(), from: None }
    }
}
