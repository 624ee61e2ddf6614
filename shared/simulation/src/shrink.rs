//! Makes a plan that ends wrong smaller, so that a person can follow it.

use crate::plan::{Mix, Plan};
use crate::report::{Check, Wrong};
use crate::world::{Scenery, run};

/// How many schedules of a smaller plan are tried: what is left out moves everything else.
const SCHEDULES: u64 = 40;

/// How many records all runs of the search together may have.
const RECORDS_MAX: usize = 60_000;

/// The step between the seeds of schedules: odd, so that all are different.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A plan with fewer faults and fewer records in which the same check fails; `plan` itself when
/// none is found.
pub fn shrink(scenery: &Scenery<'_>, plan: &Plan) -> Plan {
    let Some(Wrong { check, .. }) = run(scenery, plan, false).wrong else { return plan.clone() };
    let mut search = Search { scenery, check, records: 0 };
    let mut smallest = plan.clone();
    loop {
        let before = size(&smallest);
        for (_, dimension, ..) in Mix::DIMENSIONS {
            let mut less = smallest.clone();
            if std::mem::take(dimension(&mut less.mix)) > 0 {
                search.adopt(less, &mut smallest);
            }
        }
        let older: [fn(&mut Mix) -> &mut u64; 2] =
            [|mix| &mut mix.older_release, |mix| &mut mix.older_index];
        for older in older {
            let mut newer = smallest.clone();
            if std::mem::take(older(&mut newer.mix)) > 0 {
                search.adopt(newer, &mut smallest);
            }
        }
        let mut fewer = smallest.clone();
        if std::mem::replace(&mut fewer.mix.instances, 1) > 1 {
            search.adopt(fewer, &mut smallest);
        }
        // From the last on: what comes later depends on what comes earlier.
        for number in (0..smallest.records.len()).rev() {
            let mut less = smallest.clone();
            less.records.remove(number);
            search.adopt(less, &mut smallest);
        }
        for number in (0..smallest.commands.len()).rev() {
            let mut less = smallest.clone();
            less.commands.remove(number);
            search.adopt(less, &mut smallest);
        }
        for number in (0..smallest.given.len()).rev() {
            let mut less = smallest.clone();
            less.given.remove(number);
            search.adopt(less, &mut smallest);
        }
        if size(&smallest) == before {
            return smallest;
        }
    }
}

/// What shrinks.
fn size(plan: &Plan) -> (usize, usize, u64) {
    let mut mix = plan.mix.clone();
    let on = Mix::DIMENSIONS.iter().filter(|(_, dimension, ..)| *dimension(&mut mix) > 0).count();
    let on = on + usize::from(mix.changes_release());
    (on, plan.records.len() + plan.given.len() + plan.commands.len(), mix.instances)
}

struct Search<'a> {
    scenery: &'a Scenery<'a>,
    /// What has to stay wrong.
    check: Check,
    records: usize,
}

impl Search<'_> {
    /// Takes `less` for the smallest if one of its schedules ends wrong.
    fn adopt(&mut self, less: Plan, smallest: &mut Plan) {
        for schedule in 0..SCHEDULES {
            if self.records >= RECORDS_MAX {
                return;
            }
            self.records += less.records.len() + less.given.len();
            let seed = less.seed.wrapping_add(schedule.wrapping_mul(STEP));
            let candidate = Plan { seed, ..less.clone() };
            let wrong = run(self.scenery, &candidate, false).wrong;
            if wrong.is_some_and(|wrong| wrong.check == self.check) {
                *smallest = candidate;
                return;
            }
        }
    }
}
