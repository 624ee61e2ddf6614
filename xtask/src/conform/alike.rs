//! Random operations on several stores side by side.

use std::time::Instant;

use anyhow::Result;
use store::conformance::random::{self, Contestant, Tally, compare};

use super::run_prefix;
use crate::terminal::Terminal;

/// Operations between two looks at the speed.
const PROGRESS_EVERY: usize = 100;

/// How much is compared.
pub(super) struct Amount {
    /// Operations, each on every store.
    pub(super) operations: usize,
    /// Of the first round.
    pub(super) seed: u64,
    /// The address of an emulator that is not ours, which may be slow.
    pub(super) url: Option<String>,
}

/// Runs random operations on each of `contestants` and prints what they answered, or where they
/// differ; whether they do not.
pub(super) async fn run(
    contestants: &[Contestant<'_>],
    amount: Amount,
    terminal: &Terminal,
) -> Result<bool> {
    let Amount { operations, seed, url } = amount;
    let names: Vec<&str> = contestants.iter().map(|contestant| contestant.name).collect();
    let names = names.join(", ");
    terminal.begin(operations);
    let begun = Instant::now();
    let prefix = run_prefix("random");
    let options = random::Options { seed, operations, prefix, crowds: url.is_none() };
    let mut progress = |done: usize| {
        terminal.step();
        if done.is_multiple_of(PROGRESS_EVERY) {
            let per_second = done as f64 / begun.elapsed().as_secs_f64();
            terminal.doing(format!("random operations on {names}, {per_second:.0} a second"));
        }
    };
    let compared = compare(contestants, &options, &mut progress).await;
    terminal.finish();
    match compared {
        Ok(tally) => {
            let seconds = begun.elapsed().as_secs_f64();
            terminal.say(&summary(&tally, seed, &names, seconds))?;
            Ok(true)
        }
        Err(difference) => {
            let (seed, after) = (difference.seed, difference.found_after);
            terminal.say(&format!("random operations on {names}: DIFFERENT"))?;
            terminal.say(difference.to_string().trim_end())?;
            let url = url.map_or_else(String::new, |url| format!(" --url {url}"));
            let again = format!("cargo xtask conform{url} --random {after} --seed {seed}");
            terminal.say(&format!("again: {again}"))?;
            Ok(false)
        }
    }
}

/// What was answered how often, and that it was the same.
fn summary(tally: &Tally, seed: u64, names: &str, seconds: f64) -> String {
    let Tally { operations, rounds, answers } = tally;
    let per_second = *operations as f64 / seconds.max(0.001);
    let answers: Vec<String> =
        answers.iter().map(|(answer, often)| format!("{answer} {often}")).collect();
    format!(
        "random operations on {names}: {operations} in {rounds} rounds from seed {seed}, no \
         difference, {seconds:.1} s, {per_second:.0} a second on each\n  {}",
        answers.join(", ")
    )
}
