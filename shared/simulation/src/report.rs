//! What is known of a run afterwards.

use std::fmt;

use store::Operations;

/// How one run ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The same for the same plan, whatever the machine.
    pub trace_hash: u64,
    /// The first thing that is wrong in the end.
    pub wrong: Option<Wrong>,
    /// What happened, if that was asked for.
    pub lines: Vec<String>,
    /// What it took.
    pub counts: Counts,
}

/// What is wrong in the end of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wrong {
    /// Which promise does not hold.
    pub check: Check,
    /// Where, and how.
    pub what: String,
}

/// What is checked in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Every message is acknowledged, after so many events and so many pushes.
    Ends,
    /// Snapshots, manifests, pointers and registers are what the history says.
    Bucket,
    /// What does not count is quarantined, once, and nothing else.
    Quarantine,
    /// The journal has noted every change of a manifest before it.
    Journal,
    /// The open rules are those that hold.
    OpenRules,
    /// What is promised of alert objects, and that they are sent.
    Alerts,
    /// What operators are shown was there.
    Commands,
    /// No push makes more operations than its function has a reason for.
    Operations,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// What one run, or many together, took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that were written.
    pub records: u64,
    /// Pushes.
    pub pushes: u64,
    /// Pushes that were not acknowledged.
    pub nacks: u64,
    /// Messages that were dead-lettered, and replayed later.
    pub dead_letters: u64,
    /// Alerts that were opened.
    pub alerts: u64,
    /// The most operations of one push.
    pub operations_max: u64,
    /// Operations of the deliveries, by class.
    pub operations: Operations,
    /// Faults that struck.
    pub faults: Faults,
}

/// What can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is documented at the field of Mix of the same name")]
pub enum Fault {
    Duplicate,
    Overlap,
    Delay,
    Replay,
    Pause,
    Crash,
    Cut,
    Lost,
    Late,
    Failure,
    Forbidden,
    Throttled,
    Expired,
    Redeploy,
}

impl Fault {
    /// Each with its name, in the order of their declaration.
    pub const NAMES: [(Self, &'static str); 14] = [
        (Self::Duplicate, "duplicates"),
        (Self::Overlap, "overlaps"),
        (Self::Delay, "delays"),
        (Self::Replay, "replays"),
        (Self::Pause, "pauses"),
        (Self::Crash, "crashes"),
        (Self::Cut, "cuts"),
        (Self::Lost, "lost answers"),
        (Self::Late, "late writes"),
        (Self::Failure, "failures"),
        (Self::Forbidden, "forbidden"),
        (Self::Throttled, "throttled"),
        (Self::Expired, "expired versions"),
        (Self::Redeploy, "redeploys"),
    ];
}

/// How often each fault struck.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults([u64; Fault::NAMES.len()]);

impl Faults {
    /// Counts one more.
    pub(crate) fn strike(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// How often `fault` struck.
    pub fn count(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }
}

impl Counts {
    /// Takes in those of another run.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.pushes += other.pushes;
        self.nacks += other.nacks;
        self.dead_letters += other.dead_letters;
        self.alerts += other.alerts;
        self.operations_max = self.operations_max.max(other.operations_max);
        self.operations.class_a += other.operations.class_a;
        self.operations.class_b += other.operations.class_b;
        self.operations.deletes += other.operations.deletes;
        for (sum, more) in self.faults.0.iter_mut().zip(other.faults.0) {
            *sum += more;
        }
    }
}
