//! `cargo xtask kills`: the emulator on a folder is killed under load, again and again, and must
//! have lost nothing that it has acknowledged.

mod child;
mod client;
mod endpoint;
pub(crate) mod keeper;
mod load;
pub(crate) mod model;
mod trial;

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::terminal::Terminal;
use model::Problem;
use trial::{Ended, Trial};

/// Problems that are printed; more say nothing more.
const PROBLEMS_SHOWN_MAX: usize = 20;

/// Kills the emulator on a folder at random moments, and looks what it remembers.
///
/// Starts `cargo xtask emulator` on a temporary folder as a process of its own, keeps it busy with
/// uploads, deletions, deliveries, and buckets that come and go, kills it with SIGKILL, starts it
/// again, and compares: every acknowledged change must be there, every file must be exactly the
/// content of a live object, and in the end every version must have been delivered. The seed
/// decides when and what is asked, not how far the emulator comes. If something is wrong, the
/// folder is kept.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  cargo xtask kills --times 20
  cargo xtask kills --seed 7")]
pub(crate) struct Options {
    /// Kill it so many times.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) times: u32,
    /// Decides the moments and what the writers ask for.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Kills and looks. Whether everything was there.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let begun = Instant::now();
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    terminal.begin(options.times as usize);
    let ended = runtime.block_on(async {
        let trial = Trial::begin(folder.path(), options.seed).await?;
        trial.run(options.times, terminal).await
    });
    terminal.finish();
    let kept = |folder: tempfile::TempDir| {
        terminal.say(&format!(
            "    seed {}; the folder is {}",
            options.seed,
            folder.keep().display()
        ))
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(err) => {
            kept(folder)?;
            return Err(err);
        }
    };
    for problem in ended.problems.iter().take(PROBLEMS_SHOWN_MAX) {
        terminal.say(&format!("    {problem}"))?;
    }
    if !ended.problems.is_empty() {
        kept(folder)?;
    }
    terminal.say(&summary(&ended, begun.elapsed().as_secs()))?;
    Ok(ended.problems.is_empty())
}

fn summary(ended: &Ended, seconds: u64) -> String {
    let torn = ended.problems.iter().filter(|it| matches!(it, Problem::Torn(_))).count();
    let lost = ended.problems.len() - torn;
    let Ended { kills, writes, messages, .. } = ended;
    format!(
        "kills: {kills} kills, {writes} acknowledged writes, {messages} messages, {lost} lost, \
         {torn} torn, {seconds} s"
    )
}
