//! The way outside, for alerts: what the environment says of it, and nothing where nobody says any.

use std::fmt;
use std::sync::Arc;

use alert_dispatcher::{AlertDispatcher, AlertLog, LEASE, Limit, PER_MINUTE};
use cloud_run::{Config, SetupError};
use domain::{BoxFuture, Planted};
use egress::{Answer, Client, Egress, Outside, Parcel, Unsent, Vault};
use store::Tools;

use crate::Problem;

/// What sends alerts.
#[derive(Clone, Default)]
pub struct Sending(Option<Ways>);

#[derive(Clone)]
struct Ways {
    egress: Arc<Egress>,
    per_minute: u32,
    planted: Planted<alert_dispatcher::Shortcut>,
}

impl Sending {
    /// What sends as `config` says, in the name of whoever runs a command.
    ///
    /// # Errors
    ///
    /// A variable that cannot be used.
    pub fn read(config: &Config, tools: &Tools) -> Result<Self, Problem> {
        let wrong = |err: SetupError| Problem::new(err.to_string());
        let per_minute = config.parsed("ALERTS_PER_MINUTE", PER_MINUTE)?;
        let (clock, ids) = (Arc::clone(&tools.clock), Arc::clone(&tools.ids));
        let project = config.read("GOOGLE_CLOUD_PROJECT")?;
        let vault = Vault::person(project, Arc::clone(&clock), ids);
        let config = config.clone();
        let read = move |name: &str| config.read(name).map_err(SetupError::from);
        let outside = Arc::new(Client::default());
        let egress = Arc::new(Egress::new(read, Some(vault), outside, clock).map_err(wrong)?);
        Ok(Self(Some(Ways { egress, per_minute, planted: Planted::NONE })))
    }

    /// The function that sends, in this process.
    pub(crate) fn dispatcher(&self, tools: Tools, log: Arc<dyn AlertLog>) -> AlertDispatcher {
        let Ways { egress, per_minute, planted } =
            self.0.clone().unwrap_or_else(|| nowhere(&tools));
        let limit = Limit::new(per_minute);
        AlertDispatcher { tools, log, egress, limit, lease: LEASE, planted }
    }

    /// What sends with `egress`, and takes this wrong turn.
    #[must_use]
    pub fn through(egress: Egress, planted: Planted<alert_dispatcher::Shortcut>) -> Self {
        Self(Some(Ways { egress: Arc::new(egress), per_minute: PER_MINUTE, planted }))
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sending(…)")
    }
}

fn nowhere(tools: &Tools) -> Ways {
    let egress = Egress {
        settings: egress::Settings::default(),
        variables: Box::new(|_| Ok(None)),
        vault: None,
        outside: Arc::new(Nowhere),
        clock: Arc::clone(&tools.clock),
    };
    Ways { egress: Arc::new(egress), per_minute: PER_MINUTE, planted: Planted::NONE }
}

/// Where nothing is sent.
struct Nowhere;

impl Outside for Nowhere {
    fn post<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Result<Answer, Unsent>> {
        Box::pin(std::future::ready(Err(Unsent::lasting("nothing is sent from here"))))
    }
}
