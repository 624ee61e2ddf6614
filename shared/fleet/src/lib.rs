//! The functions as they are deployed, in the simulation; with a bug planted, if one is wanted.
//!
//! Each process is the whole path of a push but the HTTP server: decoding, admission, coalescing,
//! the handler with its caches, quarantine, status. A tool, and no part of what is deployed.

mod bug;
mod commands;
mod outside;
mod seeds;
mod stage;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use alert_dispatcher::{AlertDispatcher, LEASE, Limit};
use cloud_run::Runner;
use domain::{Class, Definitions, Env, Handler, ObjectName};
use index_writer::IndexWriter;
use manifest_writer::ManifestWriter;
use rules_engine::{RULES_AGE_MAX, RuleCache, RulesEngine};
use schema::Validators;
use simulation::{Answer, COMPACTOR, Fleet, Function, OPERATOR, Outside, Process};
use snapshot_builder::SnapshotBuilder;
use store::Tools;

pub use bug::Bug;
pub use seeds::{Found, Seeds, explore};
pub use stage::Stage;

use crate::bug::planted;
use crate::commands::Commands;
use crate::outside::{Log, egress};

/// The bucket that the simulation notifies of.
const BUCKET: &str = "simulated";

/// The functions with the classes they are fed with.
const FUNCTIONS: [(&str, Class); 5] = [
    ("snapshot-builder", Class::History),
    ("manifest-writer", Class::Snapshot),
    ("index-writer", Class::Snapshot),
    ("rules-engine", Class::Snapshot),
    ("alert-dispatcher", Class::Alert),
];

/// The functions that ship.
pub struct Shipped {
    definitions: Arc<Definitions>,
    validators: Arc<Validators>,
    bug: Option<Bug>,
}

impl Shipped {
    /// All functions over these definitions; with `bug` in one of them, if there is to be one.
    pub fn new(definitions: &Arc<Definitions>, bug: Option<Bug>) -> Self {
        let validators = Arc::new(Validators::new(Arc::clone(definitions)));
        Self { definitions: Arc::clone(definitions), validators, bug }
    }

    /// The validators that all processes over the same definitions share.
    fn validators(&self, tools: &Tools) -> Arc<Validators> {
        match Arc::ptr_eq(&tools.definitions, &self.definitions) {
            true => Arc::clone(&self.validators),
            false => Arc::new(Validators::new(Arc::clone(&tools.definitions))),
        }
    }

    fn handler(&self, name: &str, tools: Tools, outside: Outside) -> Arc<dyn Handler> {
        let bug = self.bug;
        match name {
            "snapshot-builder" => Arc::new(SnapshotBuilder {
                validators: self.validators(&tools),
                tools,
                planted: planted(match bug {
                    Some(Bug::SnapshotBuilder(it)) => Some(it),
                    _ => None,
                }),
            }),
            "manifest-writer" => Arc::new(ManifestWriter {
                tools,
                planted: planted(match bug {
                    Some(Bug::ManifestWriter(it)) => Some(it),
                    _ => None,
                }),
            }),
            "index-writer" => Arc::new(IndexWriter {
                tools,
                planted: planted(match bug {
                    Some(Bug::IndexWriter(it)) => Some(it),
                    _ => None,
                }),
            }),
            "rules-engine" => Arc::new(RulesEngine {
                tools,
                rules_age_max: RULES_AGE_MAX,
                cache: RuleCache::default(),
                planted: planted(match bug {
                    Some(Bug::RulesEngine(it)) => Some(it),
                    _ => None,
                }),
            }),
            _ => Arc::new(AlertDispatcher {
                egress: Arc::new(egress(&outside, &tools.clock)),
                tools,
                log: Arc::new(Log(outside)),
                limit: Limit::default(),
                lease: LEASE,
                planted: planted(match bug {
                    Some(Bug::AlertDispatcher(it)) => Some(it),
                    _ => None,
                }),
            }),
        }
    }
}

impl Fleet for Shipped {
    fn functions(&self) -> Vec<Function> {
        let job = |name| Function { name, include: Vec::new(), exclude: Vec::new() };
        let mut functions = FUNCTIONS.map(|(name, class)| function(name, class)).to_vec();
        functions.extend([OPERATOR, COMPACTOR].map(job));
        functions
    }

    fn start(&self, name: &'static str, tools: Tools, outside: Outside) -> Arc<dyn Process> {
        if matches!(name, OPERATOR | COMPACTOR) {
            return Arc::new(Commands { name, tools, outside, bug: self.bug });
        }
        let handler = self.handler(name, tools.clone(), outside);
        let runner = Runner::new(name, BUCKET, tools, Arc::clone(&handler));
        Arc::new(Running(match self.bug {
            Some(Bug::Coalescer(bug)) => runner.with_bug(handler, bug),
            _ => runner,
        }))
    }
}

/// The subscription of a function, as routing makes it.
fn function(name: &'static str, class: Class) -> Function {
    let under = |rest: &str| vec![format!("env/{}/{rest}", Env::Dev)];
    let (include, exclude) = match class {
        Class::History => (under(""), ObjectName::derived_prefixes(Env::Dev).to_vec()),
        Class::Alert => (under("reports/alerts/"), Vec::new()),
        _ => (under("snapshots/"), Vec::new()),
    };
    Function { name, include, exclude }
}

/// One process.
struct Running(Runner);

impl Process for Running {
    fn push<'a>(&'a self, body: &'a [u8]) -> Answer<'a> {
        Box::pin(self.0.answer(body))
    }
}
