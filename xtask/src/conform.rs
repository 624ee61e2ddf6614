//! `cargo xtask conform`: that every store keeps the storage contract, and that all are alike.

mod alike;
pub(crate) mod calls;
mod other;
pub(crate) mod real;
pub(crate) mod shape;
mod stores;
pub(crate) mod suite;

use anyhow::Result;
use clap::Args;
use domain::{Clock as _, Ids as _};
use emulator::{SeededIds, SystemClock};

use crate::terminal::Terminal;

/// Random operations after the checks when nothing is said about them.
const OPERATIONS: usize = 5000;

/// The same for an emulator that may be slow.
const OPERATIONS_OF_OTHERS: usize = 1000;

/// The most random operations of one run.
const OPERATIONS_MAX: u64 = 1_000_000_000;

/// Checks the storage contract on every store, and compares stores by random operations.
///
/// The stores: a bucket in memory, the same through HTTP, and one on a folder. A check is one
/// statement of the contract. Random operations run on all of them side by side, and whatever can
/// be seen must be the same; a difference is shown by the shortest sequence of operations that ends
/// in it. Another emulator is held against ours instead, call by call of the JSON API too. Succeeds
/// when nothing differs.
#[derive(Args, Clone, Default)]
#[command(after_help = "Examples:
  cargo xtask conform                              the checks on our three stores, then some random operations
  cargo xtask conform --random 100000              only random operations, as many on each store
  cargo xtask conform --random 5000 --seed 77      those that a difference was reported with
  cargo xtask conform --url http://127.0.0.1:9000  another emulator, where it differs from ours
  cargo xtask conform --bucket my-test-bucket      what a run on a real bucket takes and costs
  cargo xtask conform --bucket my-test-bucket --yes    the run, with the credentials of gcloud")]
pub(crate) struct Options {
    /// Only random operations, so many; with --url, so many after the rest.
    #[arg(
        long,
        value_name = "OPERATIONS",
        value_parser = clap::value_parser!(u64).range(1..=OPERATIONS_MAX)
    )]
    pub(crate) random: Option<u64>,
    /// The seed of the first round of random operations.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Another emulator of Cloud Storage, by its address: http://127.0.0.1:9000.
    #[arg(long, conflicts_with = "bucket")]
    pub(crate) url: Option<String>,
    /// A real bucket with Object Versioning, written to with your credentials.
    #[arg(long, value_name = "NAME", conflicts_with = "random")]
    pub(crate) bucket: Option<String>,
    /// Begin with a real bucket, whatever that costs.
    #[arg(long, requires = "bucket")]
    pub(crate) yes: bool,
}

/// Runs what `options` ask for; whether nothing differs.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        match (&options.url, &options.bucket) {
            (Some(url), _) => other::run(options, url, terminal).await,
            (None, Some(bucket)) => real::run(bucket, options.yes, terminal).await,
            (None, None) => ours(options, terminal).await,
        }
    });
    terminal.finish();
    ended
}

/// Our own stores.
async fn ours(options: &Options, terminal: &Terminal) -> Result<bool> {
    let stores = stores::Stores::start().await?;
    if options.random.is_some() {
        return alike::run(&stores.contestants(), options.amount(OPERATIONS), terminal).await;
    }
    let kept = suite::run(&stores.subjects(), &run_prefix("conformance"), terminal).await?;
    let amount = options.amount(OPERATIONS);
    let alike = alike::run(&stores.contestants(), amount, terminal).await?;
    Ok(kept && alike)
}

impl Options {
    /// What to compare, so many operations when nothing is said about them.
    fn amount(&self, otherwise: usize) -> alike::Amount {
        // Within bounds that fit.
        let asked = self.random.map(|asked| usize::try_from(asked).unwrap_or(usize::MAX));
        let operations = asked.unwrap_or(otherwise);
        alike::Amount { operations, seed: self.seed, url: self.url.clone() }
    }
}

/// A prefix that no other run has.
fn run_prefix(what: &str) -> String {
    format!("strata-{what}/{}/", unique())
}

/// A ULID that no other run has: the time, and the process.
fn unique() -> String {
    let now = SystemClock.now();
    let seed = now.unix_millis().unsigned_abs() ^ (u64::from(std::process::id()) << 44);
    SeededIds::new(seed).ulid(now)
}
