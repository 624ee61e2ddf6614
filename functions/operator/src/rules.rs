//! `rules`: rules that are kept as files: looked at, tried, and put into force.

mod apply;
mod backtest;
mod check;
mod file;
mod in_force;
mod lint;
mod sweep;
mod test;
mod timeline;

use clap::{Args, Subcommand};

use crate::{Operator, Place, Problem};

pub(crate) use check::not_understood;

/// Rules: looked at, tried on a document or on history, put into force, evaluated everywhere.
///
/// A rule is an entity like any other, so that it has a history; a team keeps its rules as files in
/// git and applies the folder. `lint` and `test` need no bucket.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  rules lint ./rules                                   what is wrong, or cannot be meant
  rules test ./rules/low-mrr.json ./venture.json       which parts hold and why, and the alert
  rules test ./rules/low-mrr.json ./fixtures/specification
                                                       the same after each record of a scenario
  rules backtest ./rules/low-mrr.json --since 30d      how often it would have fired, by day
  rules apply ./rules --dry-run                        what would change
  rules apply ./rules --prune                         changes it, and deletes rules without a file
  rules sweep                                          every rule on every snapshot, as each night")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    Lint(lint::Options),
    Test(test::Options),
    Backtest(backtest::Options),
    Apply(apply::Options),
    Sweep(sweep::Options),
}

impl Options {
    /// Whether it looks at files alone.
    pub(crate) fn needs_no_bucket(&self) -> bool {
        matches!(self.action, Action::Lint(_) | Action::Test(_))
    }
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    match &options.action {
        Action::Lint(options) => lint::run(options, operator),
        Action::Test(options) => test::run(options, operator).await,
        Action::Backtest(options) => backtest::run(options, operator).await,
        Action::Apply(options) => apply::run(options, operator).await,
        Action::Sweep(options) => sweep::run(options, operator).await,
    }
}
