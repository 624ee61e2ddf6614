//! Random operations on several stores side by side: whatever can be seen must be the same.
//!
//! Operations come in rounds. A round begins with nothing stored under its own prefix, works on
//! few names, so that its operations collide, and follows from one seed, so that it can be had
//! again. What is compared: bodies, metadata, sizes, kinds of errors, orders, the union of pages,
//! and which version it is, by the order in which the versions of a name were written, since no
//! two stores draw the same generations.

mod answer;
mod dice;
mod known;
mod operation;
mod plan;
mod shrink;
mod side;

use std::collections::BTreeMap;
use std::fmt;

use crate::Store;
use plan::Round;
use side::Sides;

/// One of the stores that are compared; the first is the one that the others are compared with.
#[derive(Clone, Copy)]
pub struct Contestant<'a> {
    /// What it is called in a report.
    pub name: &'a str,
    /// The store.
    pub store: &'a dyn Store,
}

/// How much is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Decides the first round; the next ones have the next seeds.
    pub seed: u64,
    /// How many operations, each on every store.
    pub operations: usize,
    /// Names begin with this; nothing is stored there yet.
    pub prefix: String,
    /// Whether some rounds have more objects than a page and more versions than a page: more than
    /// a real bucket takes of one object in a reasonable time.
    pub crowds: bool,
}

/// What equal stores have answered: how often in which way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Operations, each on every store.
    pub operations: usize,
    /// Rounds.
    pub rounds: usize,
    /// Answers by what they say: `put: written`.
    pub answers: BTreeMap<&'static str, usize>,
}

/// Two stores that do not answer alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The seed of the round: with it as the first one the difference comes at once.
    pub seed: u64,
    /// How many operations of the round there were before the stores differed.
    pub found_after: usize,
    /// The shortest sequence that was found to end in a difference, in words; the last operation
    /// alone when it does not come again.
    pub operations: Vec<String>,
    /// What each store answered to the last of them, with its name.
    pub answers: Vec<(String, String)>,
    /// Whether the difference came again when the round was repeated.
    pub comes_again: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, found_after, operations, .. } = self;
        let again = match self.comes_again {
            true => format!("{} of them are enough:", operations.len()),
            false => "it does not come again by itself; the last one was:".to_owned(),
        };
        writeln!(f, "different after {found_after} operations of seed {seed}; {again}")?;
        for (number, operation) in operations.iter().enumerate() {
            writeln!(f, "  {}. {operation}", number + 1)?;
        }
        let width = self.answers.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, answer) in &self.answers {
            writeln!(f, "  {name:width$}  {answer}")?;
        }
        Ok(())
    }
}

/// Does the same on every contestant until `options` say that it is enough, or they differ.
/// `progress` is told after each operation how many there were.
///
/// # Errors
///
/// The first difference, shrunk as far as possible.
pub async fn compare(
    contestants: &[Contestant<'_>],
    options: &Options,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<Tally, Box<Difference>> {
    let mut tally = Tally::default();
    while tally.operations < options.operations {
        let seed = options.seed.wrapping_add(tally.rounds as u64);
        let mut round = Round::of(seed, options.crowds);
        round.operations.truncate(options.operations - tally.operations);
        let mut sides =
            Sides::new(contestants, &round.names, &format!("{}{seed}/", options.prefix));
        for (number, operation) in round.operations.iter().enumerate() {
            let answers = sides.run(operation).await;
            if let Some(answers) = answer::differing(&answers) {
                // What the stores disagree about is not noted, so this is as it was run.
                let described = sides.describe(operation);
                let found = shrink::Found { seed, number, described, answers };
                return Err(Box::new(shrink::run(contestants, options, &round, found).await));
            }
            if let Some(answer) = answers.first() {
                *tally.answers.entry(answer.kind).or_default() += 1;
            }
            tally.operations += 1;
            progress(tally.operations);
        }
        tally.rounds += 1;
    }
    Ok(tally)
}
