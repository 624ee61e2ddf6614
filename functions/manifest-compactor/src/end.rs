//! How a compaction ends before its end.

use job::Problem;
use store::ErrorKind;

/// Why a run of one segment stops.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Somebody else compacts the same segment and has written what this run was about to write.
    /// Nothing is lost: what this run has written is right, and the other one goes on.
    #[error(
        "another run is ahead of this one: it has written {0}. Nothing is lost, and nothing has to be done"
    )]
    Ahead(String),
    /// It cannot go on.
    #[error("{0}")]
    Problem(#[from] Problem),
}

impl Stop {
    pub(crate) fn problem(words: impl Into<String>) -> Self {
        Self::Problem(Problem::new(words))
    }
}

impl From<store::Error> for Stop {
    fn from(err: store::Error) -> Self {
        let again = match err.kind {
            ErrorKind::Unusable | ErrorKind::Rejected => "",
            _ => "; run the same command again: what is written is not written again",
        };
        Self::Problem(Problem::new(format!("{err}{again}")))
    }
}
