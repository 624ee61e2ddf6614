//! Google's other services, asked in the name of whoever runs a command.

pub(crate) mod monitoring;
pub(crate) mod pubsub;
pub(crate) mod secrets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use cloud_run::Config;
use domain::{Clock, Ids};
use gcp::{Api, Payload};
use serde_json::Value;
use store::Tools;

use crate::{Problem, Sending};

/// Most attempts of one call: everything that is asked here can be asked twice.
const ATTEMPTS_MAX: u32 = 3;

/// Before another attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// A service that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Pub/Sub.
    PubSub,
    /// Cloud Monitoring.
    Monitoring,
    /// Secret Manager.
    Secrets,
}

impl Service {
    /// The first part of its host.
    fn name(self) -> &'static str {
        match self {
            Self::PubSub => "pubsub",
            Self::Monitoring => "monitoring",
            Self::Secrets => "secretmanager",
        }
    }
}

/// Where they are, and whose project is meant where a command does not say.
#[derive(Clone, Debug, Default)]
pub struct Google {
    project: Option<String>,
    /// The bucket that the environment names.
    pub(crate) bucket: Option<String>,
    /// Where a service is that is not at Google's own place.
    elsewhere: BTreeMap<Service, String>,
    /// What sends alerts.
    pub(crate) sending: Sending,
}

/// Which project.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Project {
    /// The project of the subscriptions; the variable GOOGLE_CLOUD_PROJECT says it otherwise. That of
    /// `cargo xtask dev` is local.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) project: Option<String>,
}

impl Google {
    /// What the environment says: `GOOGLE_CLOUD_PROJECT`, `BUCKET`, and `PUBSUB_EMULATOR_HOST` for an emulator
    /// of Pub/Sub, as host and port.
    ///
    /// # Errors
    ///
    /// A variable that cannot be used.
    pub fn read(config: &Config) -> Result<Self, Problem> {
        let project = config.read("GOOGLE_CLOUD_PROJECT")?;
        let google = Self { project, bucket: config.read("BUCKET")?, ..Self::default() };
        Ok(match config.read("PUBSUB_EMULATOR_HOST")? {
            None => google,
            Some(host) if host.contains("://") => google.at(Service::PubSub, &host),
            Some(host) => google.at(Service::PubSub, &format!("http://{host}")),
        })
    }

    /// The same, with `service` at `url`, which gets no token.
    #[must_use]
    pub fn at(mut self, service: Service, url: &str) -> Self {
        self.elsewhere.insert(service, url.trim_end_matches('/').to_owned());
        self
    }

    /// The same, where `project` is meant.
    #[must_use]
    pub fn of(mut self, project: &str) -> Self {
        self.project = Some(project.to_owned());
        self
    }

    /// The same, where alerts are sent so.
    #[must_use]
    pub fn sending(mut self, sending: Sending) -> Self {
        self.sending = sending;
        self
    }

    /// Whether Cloud Monitoring has measured the subscriptions: not those of an emulator.
    pub(crate) fn knows_monitoring(&self) -> bool {
        !self.elsewhere.contains_key(&Service::PubSub)
            || self.elsewhere.contains_key(&Service::Monitoring)
    }

    /// The services of the project that `named` names, or the environment. Nothing is asked yet.
    pub(crate) fn open(&self, named: &Project, tools: &Tools) -> Result<Services, Problem> {
        self.open_with(named, Arc::clone(&tools.clock), Arc::clone(&tools.ids))
    }

    /// The same, where no bucket is worked on.
    pub(crate) fn open_with(
        &self,
        named: &Project,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Services, Problem> {
        let project = named.project.clone().or_else(|| self.project.clone());
        let project = project.filter(|it| egress::secret::is_plain(it)).ok_or_else(|| {
            Problem::new("no project is named: say --project NAME, or set GOOGLE_CLOUD_PROJECT")
        })?;
        let api = Api::new(Arc::clone(&clock), ids);
        let api = self.elsewhere.values().fold(api, |api, url| api.with_stand_in(url));
        Ok(Services { api, project, elsewhere: self.elsewhere.clone(), clock })
    }
}

/// The services of one project.
pub(crate) struct Services {
    api: Api,
    /// The project.
    pub(crate) project: String,
    elsewhere: BTreeMap<Service, String>,
    clock: Arc<dyn Clock>,
}

/// Why a service does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status; 0 when there was no answer.
    pub(crate) status: u16,
    /// One line.
    pub(crate) text: String,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.text)
    }
}

impl Services {
    /// The JSON that `path`, which begins with a slash, answers with. With a body it is a POST. What
    /// passes is tried again.
    pub(crate) async fn ask(
        &self,
        service: Service,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Refusal> {
        let own = || format!("https://{}.googleapis.com", service.name());
        let url = self.elsewhere.get(&service).cloned().unwrap_or_else(own) + path;
        // A query is long, and says nothing that a person needs.
        let place = path.split('?').next().unwrap_or(path);
        let mut attempt = 1;
        loop {
            let (method, payload) = match body {
                None => ("GET", Payload::Nothing),
                Some(body) => ("POST", Payload::Json(body.clone())),
            };
            let refusal = match self.api.send(method, &url, payload, None).await {
                Ok(reply) if reply.status == 200 => {
                    let text = || format!("{} answers {place} with no JSON", service.name());
                    return reply.json().ok_or_else(|| Refusal { status: 200, text: text() });
                }
                Ok(reply) => {
                    let reason = reply.reason();
                    let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
                    let (status, name) = (reply.status, service.name());
                    Refusal { status, text: format!("{name} answers {status} to {place}{reason}") }
                }
                // A look has been repeated already.
                Err(err) if body.is_none() => {
                    return Err(Refusal { status: 0, text: err.to_string() });
                }
                Err(err) => Refusal { status: 0, text: err.to_string() },
            };
            let passes = matches!(refusal.status, 0 | 429 | 500..=599);
            if !passes || attempt == ATTEMPTS_MAX {
                return Err(refusal);
            }
            attempt += 1;
            self.clock.sleep(PAUSE).await;
        }
    }
}
