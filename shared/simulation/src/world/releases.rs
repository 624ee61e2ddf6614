//! Releases with other definitions: both run side by side, the older one ends, and the operator
//! brings existing data along.

use std::time::Duration;

use domain::limits::SERVICE_TIMEOUT;

use super::operators::OPERATED;
use super::{Event, World};
use crate::fleet::OPERATOR;

/// After these times in which nothing is written a release comes, in milliseconds at most.
const QUIET_MS: [u64; 3] = [1_000, 60_000, 900_000];

impl World<'_> {
    /// Says when the newer release comes; answers until when things go wrong at least.
    pub(super) fn plan_release(&mut self, begin: Duration, last: Duration) -> Duration {
        let quiet = *self.dice.pick(&QUIET_MS);
        let busy = u64::try_from(last.as_millis()).unwrap_or(0);
        let release_at = begin + self.dice.millis(0, busy + quiet);
        self.timeline.after(release_at, Event::Release);
        release_at + self.dice.millis(50_000, 180_000)
    }

    /// Whoever brings data along begins when the newer release takes all traffic.
    pub(super) fn release(&mut self) {
        self.network.note(format_args!("a release with other definitions"));
        if self.plan.mix.older_release > 0 {
            self.timeline.after(Duration::ZERO, Event::RolledOut);
            self.bring("migrate --run ventures");
        } else {
            // A new index can be built before that.
            let most = u64::try_from(SERVICE_TIMEOUT.as_millis()).unwrap_or(0);
            let transition = self.dice.millis(0, most);
            self.timeline.after(transition, Event::RolledOut);
            self.bring("index build ventures by-owner-due-v2");
        }
    }

    /// Every process of the older release gives way. What it has begun goes on.
    pub(super) fn rolled_out(&mut self) {
        self.network.note(format_args!("the newer release takes all pushes"));
        for process in 0..self.processes.len() {
            if self.processes[process].release == 0 {
                self.replace(process, OPERATED);
            }
        }
        if self.plan.mix.older_index > 0 {
            self.bring("index drop ventures by-owner-due");
        }
        self.timeline.after(SERVICE_TIMEOUT, Event::OlderEnded);
    }

    /// What is still under way to the older release is cut off.
    pub(super) fn older_ended(&mut self) {
        self.network.note(format_args!("the older release has ended"));
        for attempt in 0..self.attempts.len() {
            if self.processes[self.attempts[attempt].process].release == 0 {
                self.cut(attempt);
            }
        }
    }

    /// Has the operator bring data along.
    fn bring(&mut self, line: &str) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        self.command(OPERATOR, &words, false);
    }
}
