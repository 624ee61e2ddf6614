//! Whether the clock of this machine can date a record.

use std::time::Duration;

use domain::Instant;

use crate::{Operator, Problem};

/// How far the clock of this machine may be from that of Cloud Storage. A record that is dated too
/// late hides what others write until then; one that is dated too early is hidden itself.
const APART_MAX: Duration = Duration::from_secs(5 * 60);

/// Compares it with what the service has said of its time when it last answered: no operation.
///
/// # Errors
///
/// It is too far off. Nothing is written by it then.
pub(super) fn check(operator: &Operator<'_>) -> Result<(), Problem> {
    let Some(theirs) = operator.tools.store.answered_at() else { return Ok(()) };
    let ours = operator.tools.clock.now();
    let (word, apart) = match ours > theirs {
        true => ("ahead of", between(theirs, ours)),
        false => ("behind", between(ours, theirs)),
    };
    match apart <= APART_MAX {
        true => Ok(()),
        false => Err(Problem::new(format!(
            "nothing is written: the clock of this machine is {} {word} that of Cloud Storage ({} \
             here, {} there): set it, as with `timedatectl set-ntp true`, and run the command again",
            words(apart),
            ours.to_millis_text(),
            theirs.to_millis_text()
        ))),
    }
}

fn between(earlier: Instant, later: Instant) -> Duration {
    let millis = later.unix_millis().saturating_sub(earlier.unix_millis());
    Duration::from_millis(millis.max(0).unsigned_abs())
}

/// `7 min 3 s`, and days where there are any.
fn words(apart: Duration) -> String {
    let seconds = apart.as_secs();
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, ..) => format!("{days} days {hours} h"),
    }
}
