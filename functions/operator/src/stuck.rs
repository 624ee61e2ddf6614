//! Why a command cannot go on with an entity, and whether it can with others.

use store::ErrorKind;

use crate::Problem;

/// What is in the way.
#[derive(Clone, Debug)]
pub(crate) enum Stuck {
    /// What is stored of this one entity.
    One(Problem),
    /// The bucket, the clock: there is no use in going on.
    All(Problem),
}

impl From<Problem> for Stuck {
    fn from(problem: Problem) -> Self {
        Self::All(problem)
    }
}

impl From<store::Error> for Stuck {
    fn from(err: store::Error) -> Self {
        match err.kind {
            ErrorKind::Unusable => Self::One(err.into()),
            _ => Self::All(err.into()),
        }
    }
}

impl From<Stuck> for Problem {
    fn from(stuck: Stuck) -> Self {
        match stuck {
            Stuck::One(problem) | Stuck::All(problem) => problem,
        }
    }
}
