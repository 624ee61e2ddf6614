//! The end of a run: what is left is judged.

use std::sync::PoisonError;

use super::World;
use crate::report::{Report, Wrong};
use crate::trace::Trace;
use crate::verdict::{self, Aftermath};
use crate::written;

impl World<'_> {
    /// The most operations of a push to each function.
    fn operations_max(&self) -> Vec<(&'static str, u64)> {
        let mut most: Vec<_> = self.functions.iter().map(|it| (it.name, 0)).collect();
        for attempt in &self.attempts {
            let (_, most) = &mut most[self.pending[attempt.message].function];
            *most = attempt.operations.max(*most);
        }
        most
    }

    /// Judges how the bucket is.
    pub(super) fn judge(&self) -> Result<(), Wrong> {
        let objects = self.network.bucket.objects();
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A command can be told to come in an hour.
        let pushed = self.pending.iter().filter(|it| !self.functions[it.function].is_job());
        let tries_max = pushed.map(|pending| pending.attempts_since_calm).max();
        let said = self.said();
        let bodies = objects.iter().map(|(name, object)| (name, &object.body[..]));
        let appended = written::appended(self.plan, bodies);
        let purged = verdict::purged(&said);
        let records = self.plan.all().filter(|record| match &record.name {
            name if purged.iter().any(|it| name.starts_with(it)) => objects.contains_key(name),
            _ => true,
        });
        let records = records.chain(appended.iter().map(|it| &it.record)).cloned().collect();
        verdict::judge(&Aftermath {
            plan: self.plan,
            records,
            appended: &appended,
            purged,
            bucket: &self.network.bucket,
            objects: &objects,
            seen: &self.seen,
            sent: &sent,
            posts: &posts,
            said: &said,
            tries_since_calm_max: tries_max.unwrap_or(0),
            operations_max: self.operations_max(),
        })
    }

    /// Judges how the bucket was left, if it came to that.
    pub(super) fn end(mut self, played: Result<(), Wrong>) -> Report {
        for (name, object) in self.network.bucket.objects() {
            let body = String::from_utf8_lossy(&object.body);
            self.network.note(format_args!("left {name} {}", body.trim_end()));
        }
        let wrong = played.and_then(|()| self.judge()).err();
        self.counts.alerts = self.seen.alerts();
        let operations_max = self.operations_max();
        let functions = self.functions.iter().zip(&operations_max);
        let of_pushes = functions.filter(|(function, _)| !function.is_job());
        self.counts.operations_max = of_pushes.map(|(_, (_, most))| *most).max().unwrap_or(0);
        // Nobody may come back to the network.
        self.attempts.clear();
        self.processes.clear();
        let mut state = self.network.state();
        self.counts.faults = std::mem::take(&mut state.faults);
        let (trace_hash, lines) = std::mem::replace(&mut state.trace, Trace::new(false)).end();
        drop(state);
        Report { trace_hash, wrong, lines, counts: self.counts }
    }
}
