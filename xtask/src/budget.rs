//! What a function may take: the one place for budgets of size and of what `bench` measures.

use cargo_metadata::DependencyKind;

use crate::metadata::{Function, Kind};
use crate::workspace::Workspace;

/// The crate that brings the JSON Schema engine, the largest part of a binary that has it.
const VALIDATION: &str = "schema";

/// The crate that brings conditions and regular expressions.
const RULES: &str = "rules";

/// The crate that brings what is sent outside.
const EGRESS: &str = "egress";

/// What 1,000 rules may take for one snapshot, in microseconds of CPU.
pub(crate) const RULES_MICROS: u32 = 1000;

/// What a kind of function may take at most.
#[derive(Debug)]
pub(crate) struct Budget {
    /// What it is for, in a word or two.
    pub(crate) name: &'static str,
    /// The stripped static binary.
    pub(crate) binary_bytes: u64,
    /// All blobs of the image, compressed.
    pub(crate) image_bytes: u64,
    /// What a run may take; a job is no server.
    pub(crate) run: Option<Run>,
}

/// What a function that serves may take. Ratios are to a bare hyper server of the same profile,
/// measured in the same run.
#[derive(Debug)]
pub(crate) struct Run {
    /// From exec until it listens.
    pub(crate) listening_ratio: f64,
    /// From exec until the first delivery is answered, with TLS and a token, to a bare server that
    /// makes the same requests: a handshake alone takes longer than the whole start of one that makes
    /// none.
    pub(crate) first_ratio: f64,
    /// Resident after 1,000 deliveries.
    pub(crate) resident_bytes: u64,
    /// CPU of a delivery, to the same requests of a bare hyper client and server.
    pub(crate) cpu_ratio: f64,
    /// Threads while it serves.
    pub(crate) threads: u64,
}

/// Push functions that do not validate.
pub(crate) const PLAIN: Budget = Budget {
    name: "push",
    binary_bytes: 3_000_000,
    image_bytes: 1_600_000,
    run: Some(Run {
        listening_ratio: 1.3,
        first_ratio: 3.0,
        resident_bytes: 6_000_000,
        cpu_ratio: 1.5,
        threads: 2,
    }),
};

/// Push functions that evaluate rules, whose language takes some 70 kB of an image, or that send outside:
/// what may be reached, signatures, messages.
pub(crate) const FURTHER: Budget = Budget {
    name: "push, evaluates or sends",
    binary_bytes: 3_100_000,
    image_bytes: 1_680_000,
    ..PLAIN
};

/// Push functions with the JSON Schema engine.
pub(crate) const VALIDATING: Budget = Budget {
    name: "push, validates",
    binary_bytes: 5_500_000,
    image_bytes: 2_800_000,
    run: Some(Run {
        listening_ratio: 1.5,
        first_ratio: 4.5,
        resident_bytes: 10_000_000,
        cpu_ratio: 2.0,
        threads: 2,
    }),
};

/// Jobs carry the handlers of all functions, the JSON Schema engine, the language of rules, what sends
/// alerts, and a command line.
pub(crate) const JOB: Budget =
    Budget { name: "job", binary_bytes: 7_000_000, image_bytes: 3_300_000, run: None };

/// The budget of `function`, from what it says about itself and from what it uses.
pub(crate) fn of(workspace: &Workspace, function: &Function) -> &'static Budget {
    let package = workspace.packages.iter().find(|it| *it.name == function.name);
    let used = package.into_iter().flat_map(|it| &it.dependencies);
    let used = used.filter(|it| it.kind != DependencyKind::Development);
    let uses = |name| used.clone().any(|it| it.name == name);
    match function.metadata.kind {
        Kind::Job => &JOB,
        Kind::Push if uses(VALIDATION) => &VALIDATING,
        Kind::Push if uses(RULES) || uses(EGRESS) => &FURTHER,
        Kind::Push => &PLAIN,
    }
}
