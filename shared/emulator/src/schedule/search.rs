//! The search through the states of a race, breadth first.

mod state;
mod world;

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};

use super::Race;
use super::bucket::{Answer, Operation};
use super::race::{Event, Explored, Rest};
use super::script::Next;
use state::{Running, State};
use world::World;

/// Steps that one attempt makes at rest, where nobody is in its way.
const STEPS_MAX: usize = 1000;

/// A number for a value: equal for equal ones, and of so many bits that it is different for
/// others, as far as a search goes.
pub(super) fn number(value: &impl Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    value.hash(&mut hash);
    hash.finish()
}

/// A search.
pub(super) struct Search<'a> {
    race: &'a Race<'a>,
    world: World<'a>,
    visited: HashSet<u64>,
    /// States to go on from, with their place in `steps`.
    queue: VecDeque<(State, usize)>,
    /// For each state the one before and what happened in between.
    steps: Vec<(usize, String)>,
    runs: usize,
}

/// What may happen next.
#[derive(Clone, Copy)]
enum Choice {
    /// The next object is written.
    Write,
    /// An attempt makes an operation that it waits for.
    Step(usize, usize),
    /// An attempt crashes.
    Crash(usize),
    /// An attempt crashes while its operation is on the way, which happens all the same.
    CrashAfter(usize, usize),
}

/// What has happened: in words, and what it leads to.
type Followed = Vec<(String, State)>;

impl<'a> Search<'a> {
    pub(super) fn new(race: &'a Race<'a>) -> Self {
        let (visited, queue, steps) = (HashSet::new(), VecDeque::new(), Vec::new());
        Self { race, world: World::new(race), visited, queue, steps, runs: 0 }
    }

    pub(super) fn run(mut self) -> (Explored, Option<String>) {
        let mut wrong = self.begin().err();
        while wrong.is_none()
            && let Some((state, at)) = self.queue.pop_front()
        {
            wrong = self.go_on(&state, at).err();
        }
        if wrong.is_none() && self.race.forgets {
            self.world.check_that_it_forgets();
        }
        (Explored { states: self.visited.len(), runs: self.runs }, wrong)
    }

    fn begin(&mut self) -> Result<(), String> {
        let empty = State::new(self.race, self.world.bucket());
        for (what, state) in self.follow(&empty, Choice::Write)? {
            self.add(state, 0, what);
        }
        Ok(())
    }

    fn add(&mut self, mut state: State, from: usize, what: String) {
        state.normalise();
        if self.visited.insert(state.number()) {
            self.steps.push((from, what));
            self.queue.push_back((state, self.steps.len() - 1));
        }
    }

    fn go_on(&mut self, state: &State, at: usize) -> Result<(), String> {
        let choices = self.choices(state);
        if choices.is_empty() {
            return self.judge(state).map_err(|wrong| self.told(wrong, at, ""));
        }
        for choice in choices {
            self.runs += 1;
            let followed = self.follow(state, choice);
            for (what, next) in followed.map_err(|wrong| self.told(wrong, at, "…"))? {
                self.add(next, at, what);
            }
        }
        Ok(())
    }

    /// What is wrong, with the steps that lead to it.
    fn told(&self, wrong: String, mut at: usize, last: &str) -> String {
        let mut path = vec![last];
        while at > 0 {
            path.push(&self.steps[at].1);
            at = self.steps[at].0;
        }
        path.push(self.steps.first().map_or("", |(_, what)| what));
        path.reverse();
        format!("{wrong}\n  {}", path.join("\n  ").trim_end())
    }

    fn choices(&mut self, state: &State) -> Vec<Choice> {
        let mut choices = Vec::new();
        for at in 0..state.running.len() {
            // Of attempts that are in the same state, the first stands for all.
            if at > 0 && state.running[at].key() == state.running[at - 1].key() {
                continue;
            }
            if state.may_crash {
                choices.push(Choice::Crash(at));
            }
            for (which, operation) in self.asks(&state.running[at]) {
                choices.push(Choice::Step(at, which));
                if state.may_crash && operation.changes().is_some() {
                    choices.push(Choice::CrashAfter(at, which));
                }
            }
        }
        if state.written < self.race.writes {
            choices.push(Choice::Write);
        }
        choices
    }

    /// What a running attempt waits for.
    fn asks(&mut self, running: &Running) -> Vec<(usize, Operation)> {
        match &self.world.next(running).next {
            Next::Asks(operations) => operations.clone(),
            other => unreachable!("an attempt that runs asks for something, not {other:?}"),
        }
    }

    fn follow(&mut self, state: &State, choice: Choice) -> Result<Followed, String> {
        let mut next = state.clone();
        match choice {
            Choice::Write => {
                let message = next.written;
                self.world.write(&mut next.bucket, message);
                next.written += 1;
                let what = format!("{message}: is written");
                let mut followed = vec![(what, next)];
                for _ in 0..self.race.attempts[message] {
                    let (what, mut next) = followed.remove(0);
                    next.running.push(Running::new(message));
                    let at = next.running.len() - 1;
                    followed = self.settle(next, at, what)?;
                }
                Ok(followed)
            }
            Choice::Crash(at) => {
                let message = next.running.remove(at).message;
                next.may_crash = false;
                Ok(vec![(format!("{message}: crashes"), next)])
            }
            Choice::CrashAfter(at, which) => {
                let (operation, _) = self.operate(&mut next, at, which)?;
                let message = next.running.remove(at).message;
                next.may_crash = false;
                Ok(vec![(format!("{message}: {operation} and crashes"), next)])
            }
            Choice::Step(at, which) => {
                let (operation, answer) = self.operate(&mut next, at, which)?;
                let what = format!("{}: {operation}", next.running[at].message);
                next.running[at].hear(which, answer);
                self.settle(next, at, what)
            }
        }
    }

    /// Makes an operation that an attempt waits for: in words, and what is answered.
    fn operate(
        &mut self,
        state: &mut State,
        at: usize,
        which: usize,
    ) -> Result<(String, Answer), String> {
        let asks = self.asks(&state.running[at]);
        let operation = asks.into_iter().find(|(number, _)| *number == which);
        let (_, operation) = operation.expect("it waits for this operation");
        let answer = state.apply(&operation);
        let ends = if answer.is_conflict() { ", conflict" } else { "" };
        let what = format!("{operation}{ends}");
        if let Some(name) = operation.changes().filter(|_| !answer.is_conflict()) {
            state.remember(self.race.past, name);
            if state.bucket.get(name).is_some() {
                self.watch(state, Event::Written(name), &what)?;
            }
        }
        Ok((what, answer))
    }

    /// Takes an attempt on to where it asks again, gives up or ends.
    fn settle(&mut self, mut state: State, at: usize, what: String) -> Result<Followed, String> {
        let step = self.world.next(&state.running[at]);
        let noted = state.running[at].noted;
        state.notes.extend(step.notes.iter().skip(noted).cloned());
        state.running[at].noted = step.notes.len();
        let message = state.running[at].message;
        match &step.next {
            Next::Asks(_) => Ok(vec![(what, state)]),
            Next::Pauses => {
                let mut gives_up = state.clone();
                gives_up.running.remove(at);
                state.running[at].forget();
                let again = (format!("{what}, and begins again"), state);
                Ok(vec![again, (format!("{what}, and gives up"), gives_up)])
            }
            Next::Ends(outcome) => {
                state.running.remove(at);
                state.acknowledged[message] |= outcome.is_ok();
                let delivery = &self.world.messages[message];
                self.watch(&state, Event::Ended(delivery, outcome), &what)?;
                Ok(vec![(format!("{what}, ends"), state)])
            }
        }
    }

    fn watch(&self, state: &State, event: Event<'_>, what: &str) -> Result<(), String> {
        let Some(watch) = self.race.watch else { return Ok(()) };
        watch(&self.world.memory(state), event).map_err(|wrong| format!("{wrong}, after {what}"))
    }

    /// Delivers again what nobody has acknowledged, without any fault, and asks for the verdict.
    fn judge(&mut self, state: &State) -> Result<(), String> {
        let mut state = state.clone();
        for message in 0..self.race.writes {
            let mut steps = 0;
            while !state.acknowledged[message] {
                steps += 1;
                if state.running.is_empty() {
                    state.running.push(Running::new(message));
                    let mut followed = self.settle(state, 0, String::new())?;
                    state = followed.remove(0).1;
                    continue;
                }
                if steps > STEPS_MAX {
                    return Err(format!("message {message} is never done"));
                }
                let (which, _) = self.asks(&state.running[0])[0];
                let mut followed = self.follow(&state, Choice::Step(0, which))?;
                state = followed.remove(0).1;
            }
        }
        let bucket = self.world.memory(&state);
        let rest = Rest { bucket: &bucket, messages: &self.world.messages, notes: &state.notes };
        (self.race.verdict)(&rest)
    }
}
