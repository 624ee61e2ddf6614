//! What operators and schedules run while everything else happens.

use std::time::Duration;

use super::{Planned, Says};
use crate::dice::Dice;
use crate::fleet::{COMPACTOR, EDIT, OPERATOR};
use crate::timeline::instant;

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
            let id = match &dice.pick(records).says {
                Some(Says { entity: ("ventures", id), .. }) => id.as_str(),
                _ => "V1",
            };
            let operator = |words: &[&str]| Command::new(at, OPERATOR, words);
            match dice.between(0, 29) {
                0..8 => Command::new(at, COMPACTOR, &["--segment", "ventures"]),
                8..10 => Command::new(at, COMPACTOR, &["--full", "--export"]),
                10 => Command::new(at, COMPACTOR, &["--full", "--shards", "256"]),
                11..20 => {
                    let set = *dice.pick(&["n=3", "n=12", "status=a", "group=H", "title=two"]);
                    operator(&[EDIT, "venture", id, "--set", set])
                }
                20 => operator(&["reconcile", "--segment", "ventures", "--repair"]),
                21 => operator(&["purge", "venture", id, "--reason", "r", "--yes", "--actor", "p"]),
                22 | 23 => {
                    // What was known some time before, if there was such a time.
                    let at_ms = u64::try_from(at.as_millis()).unwrap_or(0);
                    let known_at = instant(i64::try_from(dice.between(0, at_ms)).unwrap_or(0));
                    let known_at = known_at.to_millis_text();
                    operator(&["restore", "--segment", "ventures", "--known-at", &known_at])
                }
                _ => operator(&["list", "venture", "--json"]),
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
