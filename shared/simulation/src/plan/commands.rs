//! What operators and schedules run while everything else happens.

use std::time::Duration;

use super::Planned;
use crate::dice::Dice;
use crate::fleet::{COMPACTOR, OPERATOR};

/// Of so many seeds, one has commands.
const SEEDS: u64 = 4;
const WITH_COMMANDS: u64 = 2;

/// Sets the dice of commands apart from those of everything else.
const APART: u64 = 0x636f_6d6d_616e_6473;

/// The most commands of one run.
const COMMANDS_MAX: u64 = 8;

/// How long the records of some runs take to be written: shards go by hours.
const STRETCHED: Duration = Duration::from_secs(3 * 60 * 60);

/// A command line.
#[derive(Clone, Debug)]
pub struct Command {
    /// When it is run, after what is given has been handled.
    pub at: Duration,
    /// Who runs it.
    pub job: &'static str,
    /// Its words.
    pub words: Vec<String>,
}

impl Command {
    pub(crate) fn new(at: Duration, job: &'static str, words: &[&str]) -> Self {
        Self { at, job, words: words.iter().map(|word| (*word).to_owned()).collect() }
    }
}

/// The commands of a seed, by the time at which they are run. In some of them `records` are written
/// over hours.
pub(super) fn draw(seed: u64, records: &mut [Planned]) -> Vec<Command> {
    if seed % SEEDS != WITH_COMMANDS {
        return Vec::new();
    }
    let dice = Dice::new(seed ^ APART);
    if dice.per_mille(500) {
        stretch(records);
    }
    let mut commands: Vec<Command> = (0..dice.between(2, COMMANDS_MAX))
        .map(|_| {
            // Around a record, so that something happens meanwhile.
            let near = dice.pick(records).at;
            let at = near + dice.millis(0, *dice.pick(&[500, 5_000, 900_000]));
            match dice.between(0, 19) {
                0..10 => Command::new(at, COMPACTOR, &["--segment", "ventures"]),
                10..13 => Command::new(at, COMPACTOR, &["--full", "--export"]),
                13 => Command::new(at, COMPACTOR, &["--full", "--shards", "256"]),
                _ => Command::new(at, OPERATOR, &["list", "venture", "--json"]),
            }
        })
        .collect();
    // Few shards: each of them is read by whoever lists.
    commands.push(Command::new(Duration::ZERO, COMPACTOR, &["--full", "--shards", "16"]));
    commands.sort_by_key(|command| command.at);
    commands
}

/// Writes the records that count over hours instead of seconds. Their dates stay; what is dated too
/// far ahead would not be so any more.
fn stretch(records: &mut [Planned]) {
    let last = records.last().map_or(Duration::ZERO, |record| record.at);
    let (last, whole) = (last.as_millis().max(1), STRETCHED.as_millis());
    for record in records.iter_mut().filter(|record| record.says.is_some()) {
        let at = record.at.as_millis() * whole / last;
        record.at = Duration::from_millis(u64::try_from(at).unwrap_or(u64::MAX));
    }
    records.sort_by_key(|record| record.at);
}
