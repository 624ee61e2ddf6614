//! Everything that the future of a race depends on.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use domain::Generation;

use super::number;
use crate::schedule::Race;
use crate::schedule::bucket::{Answer, Bucket, Operation};

/// Versions that attempts make have numbers from here on. Those of the emulator begin later.
const FRESH_MIN: u64 = 1_000_000_000_000_000;
const FRESH_MAX: u64 = 1_100_000_000_000_000;

/// A state.
#[derive(Clone)]
pub(super) struct State {
    pub(super) bucket: Bucket,
    /// Contents that some objects have had.
    pub(super) past: BTreeSet<(String, Bytes)>,
    /// What attempts have done besides asking the store, in no order.
    pub(super) notes: Vec<String>,
    /// How many objects are written.
    pub(super) written: usize,
    /// Whether some attempt has acknowledged each message.
    pub(super) acknowledged: Vec<bool>,
    pub(super) running: Vec<Running>,
    pub(super) may_crash: bool,
}

/// An attempt to handle the message of that number, which has not ended.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) message: usize,
    /// What it has been told since it began, or began again.
    pub(super) told: Vec<Told>,
    /// A number for what it has been told.
    number: u64,
    /// How much it has noted.
    pub(super) noted: usize,
}

/// An answer to an attempt.
#[derive(Clone)]
pub(super) struct Told {
    /// The number of the operation among all that the attempt has asked for.
    pub(super) which: usize,
    pub(super) answer: Arc<Answer>,
    /// [`Answer::shape`].
    shape: u64,
}

impl State {
    pub(super) fn new(race: &Race<'_>, bucket: Bucket) -> Self {
        Self {
            bucket,
            past: BTreeSet::new(),
            notes: Vec::new(),
            written: 0,
            acknowledged: vec![false; race.writes],
            running: Vec::new(),
            may_crash: true,
        }
    }

    /// Brings what has no order into one, and numbers the versions that attempts have made in the
    /// order in which they are met: states that differ in nothing else are one.
    pub(super) fn normalise(&mut self) {
        self.notes.sort();
        self.running
            .sort_by_cached_key(|running| (running.message, running.shape(), running.key()));
        let mut numbers = HashMap::new();
        let live = self.bucket.objects().map(|(name, it)| (&**name, it.object.generation));
        let mut met: HashMap<&str, u64> = HashMap::new();
        for (name, version) in live.chain(self.running.iter().flat_map(Running::versions)) {
            if is_fresh(version) && !numbers.contains_key(&(name.to_owned(), version.0)) {
                let count = met.entry(name).or_default();
                numbers.insert((name.to_owned(), version.0), Generation(FRESH_MIN + *count));
                *count += 1;
            }
        }
        if numbers.iter().all(|((_, from), to)| *from == to.0) {
            return;
        }
        let number = |name: &str, version: Generation| {
            numbers.get(&(name.to_owned(), version.0)).copied().unwrap_or(version)
        };
        self.bucket.renumber(number);
        self.running.iter_mut().for_each(|running| running.renumber(number));
    }

    /// A number for it.
    pub(super) fn number(&self) -> u64 {
        let running: Vec<_> = self.running.iter().map(Running::key).collect();
        let happened = (&self.past, &self.notes, self.written, &self.acknowledged);
        number(&(&self.bucket, happened, running, self.may_crash))
    }

    /// Keeps what has been written, if the race asks for the past of that object.
    pub(super) fn remember(&mut self, past: &[String], name: &str) {
        if let Some(object) = self.bucket.get(name)
            && past.iter().any(|it| it == name)
        {
            self.past.insert((name.to_owned(), object.body.clone()));
        }
    }

    /// Carries out an operation of an attempt.
    pub(super) fn apply(&mut self, operation: &Operation) -> Answer {
        let fresh = self.fresh(operation.changes().unwrap_or_default());
        self.bucket.apply(operation, fresh)
    }

    /// A version of `name` that nobody takes for another one: numbers are used again when
    /// nobody remembers what they stood for, so that the same situation has the same numbers.
    fn fresh(&self, name: &str) -> Generation {
        let live = self.bucket.get(name).map(|object| object.generation);
        let told = self.running.iter().flat_map(Running::versions);
        let told = told.filter(|(of, _)| *of == name).map(|(_, version)| version);
        let known: Vec<Generation> = told.chain(live).collect();
        let numbers = (FRESH_MIN..FRESH_MAX).map(Generation);
        let unknown = numbers.into_iter().find(|number| !known.contains(number));
        unknown.expect("there are more numbers than answers")
    }
}

/// Whether an attempt has made this version.
pub(super) fn is_fresh(version: Generation) -> bool {
    (FRESH_MIN..FRESH_MAX).contains(&version.0)
}

impl Running {
    pub(super) fn new(message: usize) -> Self {
        Self { message, told: Vec::new(), number: 0, noted: 0 }
    }

    /// Two with equal keys are in the same state.
    pub(super) fn key(&self) -> (usize, u64) {
        (self.message, self.number)
    }

    /// Begins again.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.message);
    }

    pub(super) fn hear(&mut self, which: usize, answer: Answer) {
        let (shape, answer) = (answer.shape(), Arc::new(answer));
        self.told.push(Told { which, answer, shape });
        self.number = self.numbered(Told::number);
    }

    /// The versions that it knows, each with the name of the object.
    fn versions(&self) -> impl Iterator<Item = (&str, Generation)> {
        self.told.iter().filter_map(|told| told.answer.version())
    }

    fn renumber(&mut self, number: impl Fn(&str, Generation) -> Generation) {
        for told in &mut self.told {
            let version = told.answer.version().map(|(name, from)| (from, number(name, from)));
            if let Some((from, to)) = version
                && from != to
            {
                told.answer = Arc::new(told.answer.renumbered(to));
            }
        }
        self.number = self.numbered(Told::number);
    }

    /// A number for what it has been told, equal for those who differ only in which versions they
    /// were told.
    fn shape(&self) -> u64 {
        self.numbered(|told| told.shape)
    }

    /// Of operations that happen beside each other it does not know which was first.
    fn numbered(&self, of: impl Fn(&Told) -> u64) -> u64 {
        let mut told: Vec<_> = self.told.iter().map(|told| (told.which, of(told))).collect();
        told.sort_unstable();
        number(&told)
    }
}

impl Told {
    fn number(&self) -> u64 {
        number(&(self.shape, self.answer.version().map(|(_, version)| version)))
    }
}
