//! Objects written one after the other, for each a message, and the attempts that handle them.

use std::sync::Arc;

use domain::{Delivery, Handler, Outcome};

use super::Process;
use super::search::Search;
use crate::Memory;

/// A race between the writers of objects and the attempts that handle their deliveries, with at
/// most one crash: before an operation, or after it, when nobody is told of its effect. A lost
/// answer is such a crash. Whatever nobody has acknowledged in the end is delivered again.
pub struct Race<'a> {
    /// The bucket before anything happens.
    pub bucket: &'a dyn Fn() -> Arc<Memory>,
    /// How many objects are written. The first is there before any attempt begins.
    pub writes: usize,
    /// Writes the object of that number and answers its delivery. It may look at what was written
    /// before, and at nothing that attempts write.
    pub write: &'a dyn Fn(&Memory, usize) -> Delivery,
    /// How many attempts of each message there are: more than one overlap.
    pub attempts: &'a [usize],
    /// A handler in this process.
    pub handler: &'a dyn Fn(&Process) -> Arc<dyn Handler>,
    /// Objects that nobody writes.
    pub constant: &'static [&'static str],
    /// Whether an attempt that pauses after a conflict begins from nothing, so that how often it
    /// has tried makes no difference. It may give up then, however often it has tried. That the
    /// handler is like this is checked while the search goes on.
    pub forgets: bool,
    /// Objects of which the verdict asks for the contents that they have ever had.
    pub past: &'a [String],
    /// What is wrong with what has just happened.
    pub watch: Option<&'a Watch<'a>>,
    /// What is wrong with the end.
    pub verdict: &'a dyn Fn(&Rest<'_>) -> Result<(), String>,
}

/// Says what is wrong with what has just happened, given the bucket in which it did.
pub type Watch<'a> = dyn Fn(&Memory, Event<'_>) -> Result<(), String> + 'a;

/// Something that has just happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// An attempt has written the object of this name.
    Written(&'a str),
    /// An attempt has ended.
    Ended(&'a Delivery, &'a Outcome),
}

/// The end of a schedule, when everything is acknowledged. The generations of what attempts have
/// written are not those that they were told.
pub struct Rest<'a> {
    /// The bucket.
    pub bucket: &'a Arc<Memory>,
    /// The deliveries there were.
    pub messages: &'a [Delivery],
    /// What was noted in [`Process::notes`], in no order.
    pub notes: &'a [String],
}

/// How much a search went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// Ways to go on from them: each is the last step of a schedule that no other stands for.
    pub runs: usize,
}

impl Explored {
    /// The line that `cargo xtask interleavings` reads.
    pub fn line(&self, handler: &str, case: &str) -> String {
        let Self { states, runs } = self;
        format!("explored {handler}: {case}: {states} states, {runs} runs")
    }
}

/// Whether the environment asks for the wider scopes, as the long check does.
#[expect(clippy::disallowed_methods, reason = "the long check asks the tests for more")]
pub fn is_long() -> bool {
    std::env::var("INTERLEAVINGS").is_ok_and(|asked| asked == "long")
}

impl Race<'_> {
    /// Goes through every schedule, shorter ones first, until one goes wrong: what was gone
    /// through, and the first verdict that is not good, with the steps that lead to it.
    pub fn explore(&self) -> (Explored, Option<String>) {
        Search::new(self).run()
    }
}
