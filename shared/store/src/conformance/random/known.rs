//! Which generation of one store is which of another.

use std::collections::HashMap;

use domain::{Generation, Instant};

/// The versions of every object of a round, by the order in which they were written.
pub(super) struct Known {
    /// For each object, for each version, its generation in each store.
    versions: Vec<Vec<Vec<Generation>>>,
    /// For each object, the version that is live.
    live: Vec<Option<usize>>,
    /// The version of a generation of an object in a store, and its time of creation when seen.
    numbers: HashMap<(usize, usize, Generation), (usize, Option<Instant>)>,
}

impl Known {
    pub(super) fn new(objects: usize) -> Self {
        Self {
            versions: vec![Vec::new(); objects],
            live: vec![None; objects],
            numbers: HashMap::new(),
        }
    }

    /// Whether `store` has given `generation` to another version of `object`.
    pub(super) fn is_given(&self, store: usize, object: usize, generation: Generation) -> bool {
        self.numbers.contains_key(&(store, object, generation))
    }

    /// Notes a version that every store has written.
    pub(super) fn wrote(&mut self, object: usize, generations: Vec<Generation>) {
        let number = self.versions[object].len();
        for (store, generation) in generations.iter().enumerate() {
            self.numbers.insert((store, object, *generation), (number, None));
        }
        self.versions[object].push(generations);
        self.live[object] = Some(number);
    }

    pub(super) fn deleted(&mut self, object: usize) {
        self.live[object] = None;
    }

    /// The version that is live, by its number.
    pub(super) fn live(&self, object: usize) -> Option<usize> {
        self.live[object]
    }

    /// The version so many before the last, around again from there.
    pub(super) fn old(&self, object: usize, back: usize) -> Option<usize> {
        let versions = self.versions[object].len();
        Some(versions.checked_sub(1)? - back % versions)
    }

    /// The generation of a version in a store.
    pub(super) fn generation(
        &self,
        store: usize,
        object: usize,
        number: usize,
    ) -> Option<Generation> {
        self.versions[object].get(number)?.get(store).copied()
    }

    /// How a version is called in answers: `#2`.
    pub(super) fn name(&self, store: usize, object: usize, generation: Generation) -> String {
        match self.numbers.get(&(store, object, generation)) {
            Some((number, _)) => format!("#{number}"),
            None => "#unknown".to_owned(),
        }
    }

    /// The same for a version as listed, whose time of creation never changes.
    pub(super) fn listed(
        &mut self,
        store: usize,
        object: usize,
        (generation, created_at): (Generation, Instant),
    ) -> String {
        let Some((number, seen)) = self.numbers.get_mut(&(store, object, generation)) else {
            return "#unknown".to_owned();
        };
        match seen.replace(created_at) {
            Some(before) if before != created_at => format!("#{number} created anew"),
            _ => format!("#{number}"),
        }
    }
}
