//! What is the same in all states of a race: the objects that are written, and what attempts do
//! when they are told something.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::limits::ATTEMPTS_MAX;
use domain::{Delivery, Outcome};
use store::{Metadata, Object};

use super::state::{Running, State, Told, is_fresh};
use crate::memory::Conditions;
use crate::schedule::bucket::{Answer, Bucket, Version};
use crate::schedule::script::{Fixed, Next, Script};
use crate::schedule::{Notes, Process, Race};
use crate::{Memory, Stored, Upload};

/// What does not change.
pub(super) struct World<'a> {
    race: &'a Race<'a>,
    /// The versions that are there before anything happens.
    before: Vec<Stored>,
    /// What is written, one for each message.
    sources: Vec<Stored>,
    pub(super) messages: Vec<Delivery>,
    fixed: Arc<Fixed>,
    /// Attempts and what they do next, by [`Running::key`].
    known: HashMap<(usize, u64), (Running, Arc<Step>)>,
}

/// What an attempt does next, and everything that it has noted so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) next: Next,
    pub(super) notes: Vec<String>,
}

impl<'a> World<'a> {
    pub(super) fn new(race: &'a Race<'a>) -> Self {
        let memory = (race.bucket)();
        let names: Vec<String> = memory.objects().into_keys().collect();
        let before: Vec<Stored> = names.iter().flat_map(|name| memory.versions_of(name)).collect();
        let (mut messages, mut sources) = (Vec::new(), Vec::new());
        for n in 0..race.writes {
            let delivery = (race.write)(&memory, n);
            sources.extend(memory.find(&delivery.name.to_string(), Some(delivery.generation)));
            messages.push(delivery);
        }
        let constant = |name: &&str| {
            let live = before.iter().find(|stored| stored.live && stored.name == **name);
            (name.to_string(), live.or(sources.iter().find(|it| it.name == **name)).map(object))
        };
        let versions = before.iter().chain(&sources);
        let versions = versions.map(|it| ((it.name.clone(), it.generation.0), object(it)));
        let fixed = Fixed {
            constant: race.constant.iter().map(constant).collect(),
            versions: versions.collect(),
        };
        let known = HashMap::new();
        Self { race, before, sources, messages, fixed: Arc::new(fixed), known }
    }

    /// The bucket before anything happens.
    pub(super) fn bucket(&self) -> Bucket {
        let mut bucket = Bucket::default();
        self.before.iter().for_each(|it| insert(&mut bucket, it));
        bucket
    }

    /// Writes the object of the message of that number.
    pub(super) fn write(&self, bucket: &mut Bucket, message: usize) {
        insert(bucket, &self.sources[message]);
    }

    /// The bucket of a state as a bucket in memory.
    pub(super) fn memory(&self, state: &State) -> Arc<Memory> {
        let memory = (self.race.bucket)();
        let upload = |name: &str, body: &Bytes, metadata: &Metadata| {
            let upload = Upload { metadata: metadata.clone(), ..Upload::default() };
            memory.insert(name, body.clone(), upload).expect("it was written before");
        };
        for source in &self.sources[..state.written] {
            upload(&source.name, &source.body, &source.metadata);
        }
        for (name, body) in &state.past {
            upload(name, body, &Metadata::new());
        }
        for (name, version) in state.bucket.objects() {
            if is_fresh(version.object.generation) {
                upload(name, &version.object.body, &version.object.metadata);
            }
        }
        for name in memory.objects().into_keys() {
            if state.bucket.get(&name).is_none() {
                memory.remove(&name, &Conditions::from(None)).expect("it is there");
            }
        }
        memory
    }

    /// What an attempt does next.
    pub(super) fn next(&mut self, running: &Running) -> Arc<Step> {
        if let Some((_, step)) = self.known.get(&running.key()) {
            return Arc::clone(step);
        }
        let pauses = if self.race.forgets { 0 } else { usize::MAX };
        let step = Arc::new(self.play(running.message, answers(&running.told, 0), pauses));
        self.known.insert(running.key(), (running.clone(), Arc::clone(&step)));
        step
    }

    /// What an attempt does after as many pauses as a handler makes is what it does at first.
    ///
    /// # Panics
    ///
    /// If the handler is not like this although the race says that it forgets.
    pub(super) fn check_that_it_forgets(&self) {
        let pauses = ATTEMPTS_MAX - 1;
        for message in 0..self.messages.len() {
            let known = || self.known.values().filter(|(it, _)| it.message == message);
            let Some((pausing, _)) = known().find(|(_, step)| step.next == Next::Pauses) else {
                continue;
            };
            for (running, step) in known() {
                let told = std::iter::repeat_n(&pausing.told, pauses).chain([&running.told]);
                let told = told.enumerate();
                let told = told.flat_map(|(n, told)| answers(told, n * pausing.told.len()));
                let next = self.play(message, told, pauses).next;
                let asked = pauses * pausing.told.len();
                assert_eq!(next, step.next.after(asked), "the handler remembers something");
            }
        }
    }

    fn play(
        &self,
        message: usize,
        answers: impl IntoIterator<Item = (usize, Arc<Answer>)>,
        pauses: usize,
    ) -> Step {
        let script = Script::new(Arc::clone(&self.fixed), answers, pauses);
        let notes = Arc::new(Notes::default());
        let process = Process {
            store: script.clone(),
            notes: notes.clone(),
            script: script.clone(),
            number: message as u128 + 1,
        };
        let handler = (self.race.handler)(&process);
        let delivery = std::slice::from_ref(&self.messages[message]);
        let only = |outcomes: Vec<Outcome>| outcomes.into_iter().next().expect("one for each");
        let next = script.play(Box::pin(async { only(handler.handle(delivery).await) }));
        Step { next, notes: notes.read() }
    }
}

/// Answers as a script gives them to an attempt that has asked for so many operations before.
fn answers(told: &[Told], asked: usize) -> impl Iterator<Item = (usize, Arc<Answer>)> {
    told.iter().map(move |told| (asked + told.which, Arc::clone(&told.answer)))
}

fn object(stored: &Stored) -> Object {
    let Stored { body, generation, metadata, .. } = stored.clone();
    Object { body, generation, metadata }
}

fn insert(bucket: &mut Bucket, stored: &Stored) {
    let version = Version::new(object(stored), stored.created_at);
    bucket.write(stored.name.as_str().into(), Arc::new(version));
}
