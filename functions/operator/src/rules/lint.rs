//! `rules lint`: what is wrong with rules, or cannot be meant.

use std::path::PathBuf;

use clap::Args;

use super::check::Checker;
use super::file;
use crate::{Operator, Problem};

/// Says what is wrong with rules, and what cannot be meant.
///
/// Each is held against the schema of rules, the language of conditions, and the schema of the kind
/// that it is about: fields that no document has, comparisons of two types, tests that contradict each
/// other; besides, channels that lead nowhere and names in a message that stand for nothing. Ends with 1
/// where there is an error.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  rules lint ./rules
  rules lint ./rules/low-mrr.json --strict")]
pub(super) struct Options {
    /// A folder of rules, or one of them.
    path: PathBuf,
    /// End with 1 where there is a warning, too.
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let checker = Checker::new(operator)?;
    let files = file::read_all(&options.path)?;
    let (mut errors, mut warnings, count) = (0, 0, files.len());
    for file in files {
        let checked = checker.check(file);
        errors += checked.errors.len();
        warnings += checked.warnings.len();
        for line in checked.lines() {
            operator.screen.say(&line)?;
        }
    }
    operator.screen.say(&format!("{count} rules, {errors} errors, {warnings} warnings"))?;
    Ok(errors == 0 && (warnings == 0 || !options.strict))
}
