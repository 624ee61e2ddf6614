//! Preconditions of requests. (Cloud Storage documentation, "Request preconditions".)

use store::Precondition;

use super::stored::Stored;

/// What must hold of a version for a request to happen; nothing when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    /// The generation, or 0 for "there is none".
    pub(crate) generation: Option<u64>,
    /// Not this generation; 0 for "there is one".
    pub(crate) generation_not: Option<u64>,
    /// The metageneration.
    pub(crate) metageneration: Option<u64>,
    /// Not this metageneration.
    pub(crate) metageneration_not: Option<u64>,
}

/// Which kind of precondition does not hold: a read answers them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unmet {
    /// One that asks for equality.
    Match,
    /// One that asks for inequality.
    NotMatch,
}

impl From<Option<Precondition>> for Conditions {
    fn from(precondition: Option<Precondition>) -> Self {
        let generation = precondition.map(|precondition| match precondition {
            Precondition::Absent => 0,
            Precondition::At(generation) => generation.0,
        });
        Self { generation, ..Self::default() }
    }
}

impl Conditions {
    pub(crate) fn check(&self, version: Option<&Stored>) -> Result<(), Unmet> {
        // No version has generation or metageneration 0.
        let generation = version.map_or(0, |stored| stored.generation.0);
        let metageneration = version.map_or(0, |stored| stored.metageneration);
        let differs = |wanted: Option<u64>, seen| wanted.is_some_and(|wanted| wanted != seen);
        if differs(self.generation, generation) || differs(self.metageneration, metageneration) {
            return Err(Unmet::Match);
        }
        if self.generation_not == Some(generation)
            || self.metageneration_not == Some(metageneration)
        {
            return Err(Unmet::NotMatch);
        }
        Ok(())
    }
}
