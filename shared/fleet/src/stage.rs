//! What every run shares: the functions, with or without a bug.

use std::sync::Arc;

use domain::Definitions;
use simulation::{
    Plan, Profile, Report, Scenery, definitions, definitions_before, definitions_with_older_index,
    run, shrink,
};

use crate::{Bug, Shipped};

/// The functions that ship, one of them with a bug if there is to be one, and how plans are drawn.
pub struct Stage {
    fleet: Shipped,
    definitions: Arc<Definitions>,
    definitions_before: Arc<Definitions>,
    definitions_with_older_index: Arc<Definitions>,
    bug: Option<Bug>,
    profile: Profile,
}

impl Stage {
    /// Sets up what does not change from run to run.
    pub fn new(profile: Profile, bug: Option<Bug>) -> Self {
        let definitions = Arc::new(definitions());
        let fleet = Shipped::new(&definitions, bug);
        Self {
            fleet,
            definitions,
            definitions_before: Arc::new(definitions_before()),
            definitions_with_older_index: Arc::new(definitions_with_older_index()),
            bug,
            profile,
        }
    }

    /// Runs one seed; keeps the lines of its trace if somebody wants to read them.
    pub fn run(&self, seed: u64, readable: bool) -> Report {
        run(&self.scenery(), &self.plan(seed), readable)
    }

    /// The plan of a seed.
    pub fn plan(&self, seed: u64) -> Plan {
        Plan::of(seed, self.profile)
    }

    /// A smaller plan than that of `seed` that ends wrong as well, and how it is run.
    pub fn shrink(&self, seed: u64) -> (Plan, Report) {
        let plan = shrink(&self.scenery(), &self.plan(seed));
        let report = run(&self.scenery(), &plan, true);
        (plan, report)
    }

    /// The one command that runs `seed` again.
    pub fn command(&self, seed: u64) -> String {
        let mut command = format!("cargo xtask sim --seed {seed}");
        if self.profile != Profile::Swarm {
            command += &format!(" --profile {}", self.profile);
        }
        if let Some(bug) = self.bug {
            command += &format!(" --bug {bug}");
        }
        command
    }

    fn scenery(&self) -> Scenery<'_> {
        let client_shortcut = match self.bug {
            Some(Bug::Client(shortcut)) => Some(shortcut),
            _ => None,
        };
        Scenery {
            fleet: &self.fleet,
            definitions: Arc::clone(&self.definitions),
            definitions_before: Arc::clone(&self.definitions_before),
            definitions_with_older_index: Arc::clone(&self.definitions_with_older_index),
            client_shortcut,
        }
    }
}
