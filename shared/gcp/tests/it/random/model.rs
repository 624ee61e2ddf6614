//! Every state that a bucket can be in, given what one client was told.

use std::collections::{BTreeMap, BTreeSet};

use domain::Generation;
use store::ErrorKind;

/// A write, by the content that it alone writes.
pub(super) type Content = usize;

/// What an object is: nothing, or what that write wrote.
pub(super) type State = Option<Content>;

/// A change of one object under a precondition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) name: &'static str,
    /// What must be there.
    pub(super) at: State,
    /// What is there afterwards.
    pub(super) after: State,
}

/// How a change ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Done,
    /// There was nothing to delete.
    Nothing,
    Failed(ErrorKind),
}

/// The states that each object can be in. An answer leaves those that could have given it.
#[derive(Default)]
pub(super) struct Model {
    objects: BTreeMap<&'static str, BTreeSet<State>>,
    /// Generations that the client was told.
    pub(super) generations: BTreeMap<Content, Generation>,
}

impl Model {
    pub(super) fn states(&self, name: &str) -> BTreeSet<State> {
        self.objects.get(name).cloned().unwrap_or_else(|| BTreeSet::from([None]))
    }

    /// Keeps the states of `name` that `fits` takes, of which there must be one.
    pub(super) fn narrow(
        &mut self,
        name: &'static str,
        fits: impl Fn(State) -> bool,
    ) -> Result<(), String> {
        let left = self.states(name).into_iter().filter(|state| fits(*state)).collect();
        self.replace(name, left)
    }

    fn replace(&mut self, name: &'static str, states: BTreeSet<State>) -> Result<(), String> {
        if states.is_empty() {
            return Err(format!("{name} can only be one of {:?}", self.states(name)));
        }
        self.objects.insert(name, states);
        Ok(())
    }

    /// `change` may have been carried out by now.
    pub(super) fn may_happen(&mut self, change: Change) {
        let mut states = self.states(change.name);
        if states.contains(&change.at) {
            states.insert(change.after);
        }
        self.objects.insert(change.name, states);
    }

    /// The client was told that the write of `content` has this generation.
    pub(super) fn told(&mut self, content: Content, generation: Generation) -> Result<(), String> {
        let known = *self.generations.entry(content).or_insert(generation);
        if known == generation {
            return Ok(());
        }
        Err(format!("{content} has generation {generation}, and had {known}"))
    }

    /// `change` ended like this. `lost` is whether one of its requests may have been carried out
    /// without an answer.
    pub(super) fn changed(&mut self, change: Change, end: End, lost: bool) -> Result<(), String> {
        let before = self.states(change.name);
        let done = before.contains(&change.at).then_some(change.after);
        let done_unseen = done.filter(|_| lost);
        let others = || before.iter().copied().filter(|state| *state != change.at);
        let states = match end {
            End::Done => done.into_iter().collect(),
            End::Nothing => others().filter(Option::is_none).chain(done_unseen).collect(),
            // Something is there that is not what the precondition names.
            End::Failed(ErrorKind::Conflict) if change.after.is_none() => {
                others().filter(Option::is_some).collect()
            }
            End::Failed(ErrorKind::Conflict) => others().chain(done_unseen).collect(),
            End::Failed(_) => before.iter().copied().chain(done_unseen).collect(),
        };
        self.replace(change.name, states)
    }
}
