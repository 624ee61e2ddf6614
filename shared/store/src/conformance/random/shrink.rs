//! From a difference to the shortest sequence of operations that ends in one.

use super::answer;
use super::operation::Operation;
use super::plan::Round;
use super::side::Sides;
use super::{Contestant, Difference, Options};

/// The most operations that are spent on shrinking one difference.
const OPERATIONS_MAX: usize = 60_000;

/// Where and how the stores differed.
pub(super) struct Found {
    pub(super) seed: u64,
    /// The number of the operation in its round.
    pub(super) number: usize,
    /// The same in words.
    pub(super) described: String,
    /// What each store answered.
    pub(super) answers: Vec<String>,
}

/// A sequence that ends in a difference.
struct Failing {
    operations: Vec<Operation>,
    /// The same in words.
    described: Vec<String>,
    answers: Vec<String>,
}

/// Repeats operations of a round, each time under another prefix.
struct Repeater<'a> {
    contestants: &'a [Contestant<'a>],
    prefix: String,
    names: &'a [String],
    repeated: usize,
    spent: usize,
}

impl Repeater<'_> {
    /// Runs `operations` up to the first difference; `None` when there is none.
    async fn fails(&mut self, operations: &[Operation]) -> Option<Failing> {
        self.repeated += 1;
        let prefix = format!("{}-{}/", self.prefix, self.repeated);
        let mut sides = Sides::new(self.contestants, self.names, &prefix);
        let mut described = Vec::new();
        for (number, operation) in operations.iter().enumerate() {
            self.spent += 1;
            described.push(sides.describe(operation));
            if let Some(answers) = answer::differing(&sides.run(operation).await) {
                let operations = operations[..=number].to_vec();
                return Some(Failing { operations, described, answers });
            }
        }
        None
    }

    /// Leaves out as much as possible: halves, quarters, and so on down to single operations.
    async fn shrink(&mut self, mut failing: Failing) -> Failing {
        let mut size = failing.operations.len().div_ceil(2);
        while size > 0 && self.spent < OPERATIONS_MAX {
            let mut begin = 0;
            let mut left_out = false;
            while begin < failing.operations.len() && self.spent < OPERATIONS_MAX {
                let end = (begin + size).min(failing.operations.len());
                let rest = [&failing.operations[..begin], &failing.operations[end..]].concat();
                match self.fails(&rest).await {
                    Some(shorter) => (failing, left_out) = (shorter, true),
                    None => begin = end,
                }
            }
            // What was needed by something that is gone now may go too.
            size = if size == 1 && left_out { 1 } else { size / 2 };
        }
        failing
    }
}

/// The shortest that is found, in words.
pub(super) async fn run(
    contestants: &[Contestant<'_>],
    options: &Options,
    round: &Round,
    found: Found,
) -> Difference {
    let Found { seed, number, described, answers } = found;
    let prefix = format!("{}{seed}", options.prefix);
    let names = &round.names;
    let mut repeater = Repeater { contestants, prefix, names, repeated: 0, spent: 0 };
    let operations = &round.operations[..=number];
    let (described, answers, comes_again) = match repeater.fails(operations).await {
        Some(failing) => {
            let Failing { described, answers, .. } = repeater.shrink(failing).await;
            (described, answers, true)
        }
        None => (vec![described], answers, false),
    };
    let named = contestants.iter().map(|contestant| contestant.name.to_owned());
    Difference {
        seed,
        found_after: number + 1,
        operations: described,
        answers: named.zip(answers).collect(),
        comes_again,
    }
}
