//! Preconditions of requests. (Cloud Storage documentation, "Request preconditions".)

use store::Precondition;

use super::stored::Stored;
use crate::resource;

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
    /// One of these entity tags; `*` is that of whatever is there.
    pub(crate) tags: Option<Vec<String>>,
    /// None of these entity tags.
    pub(crate) tags_not: Option<Vec<String>>,
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
        let tag = version.map(resource::etag);
        self.check_numbers(generation, metageneration)?;
        self.check_tags(tag.as_deref())
    }

    /// The same of a bucket, which has no generation but its metageneration.
    pub(crate) fn check_bucket(&self, metageneration: u64) -> Result<(), Unmet> {
        let conditions = Self { generation: None, generation_not: None, ..self.clone() };
        conditions.check_numbers(0, metageneration)?;
        self.check_tags(Some(&resource::etag_of(metageneration, metageneration)))
    }

    fn check_numbers(&self, generation: u64, metageneration: u64) -> Result<(), Unmet> {
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

    /// Nothing that is missing has a tag.
    fn check_tags(&self, tag: Option<&str>) -> Result<(), Unmet> {
        let named = |tags: &[String]| {
            tag.is_some_and(|tag| tags.iter().any(|named| named == "*" || named == tag))
        };
        if self.tags.as_deref().is_some_and(|tags| !named(tags)) {
            return Err(Unmet::Match);
        }
        if self.tags_not.as_deref().is_some_and(named) {
            return Err(Unmet::NotMatch);
        }
        Ok(())
    }
}
