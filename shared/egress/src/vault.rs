//! Values of Secret Manager, read over its REST API and kept for a while.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Clock, Ids, Instant};
use gcp::{Api, Payload};
use tokio::time::timeout;

use crate::Unsent;
use crate::secret::{Secret, is_plain};

/// How long a value is used before it is asked for again: so long after a new version the one before
/// may still be used.
pub const SECRET_AGE_MAX: Duration = Duration::from_secs(300);

/// The most values that are kept.
const KEPT_MAX: usize = 64;

/// How long the service may take.
const TIME_MAX: Duration = Duration::from_secs(6);

/// Where Secret Manager is.
const SERVICE: &str = "https://secretmanager.googleapis.com";

/// Reads secrets.
pub struct Vault {
    api: Api,
    service: String,
    project: Option<String>,
    clock: Arc<dyn Clock>,
    kept: Mutex<BTreeMap<String, Kept>>,
}

struct Kept {
    value: String,
    until: Instant,
}

impl Vault {
    /// The secrets of `project` and others, in the name of this machine. Nothing is asked yet.
    pub fn machine(project: Option<String>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        let api = Api::machine(Arc::clone(&clock), ids);
        Self::over(api, SERVICE, project, clock)
    }

    /// The same, in the name of a person.
    pub fn person(project: Option<String>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        let api = Api::new(Arc::clone(&clock), ids);
        Self::over(api, SERVICE, project, clock)
    }

    /// Those of the service at `service`, asked through `api`.
    pub fn over(api: Api, service: &str, project: Option<String>, clock: Arc<dyn Clock>) -> Self {
        let kept = Mutex::default();
        Self { api, service: service.to_owned(), project, clock, kept }
    }

    /// The value of `secret`.
    pub(crate) async fn value(&self, secret: &Secret) -> Result<String, Unsent> {
        let project = secret.project.as_ref().or(self.project.as_ref());
        let project = project.filter(|it| is_plain(it)).ok_or_else(|| {
            Unsent::lasting("no project is named: name it in full, or set GOOGLE_CLOUD_PROJECT")
        })?;
        let path = secret.path(project);
        let now = self.clock.now();
        if let Some(kept) = self.kept().get(&path).filter(|kept| now < kept.until) {
            return Ok(kept.value.clone());
        }
        let value = self.ask(secret, &path, project).await?;
        self.keep(path, Kept { value: value.clone(), until: now.after(SECRET_AGE_MAX) });
        Ok(value)
    }

    async fn ask(&self, secret: &Secret, path: &str, project: &str) -> Result<String, Unsent> {
        let url = format!("{}{path}", self.service);
        let reply = timeout(TIME_MAX, self.api.send("GET", &url, Payload::Nothing, None)).await;
        let reply = reply.map_err(|_| Unsent::passing("Secret Manager does not answer in time"))?;
        let reply = reply.map_err(|err| Unsent::passing(err.to_string()))?;
        let place = secret.place(project);
        match reply.status {
            200 => (),
            403 => {
                let role = "roles/secretmanager.secretAccessor";
                return Err(Unsent::lasting(format!("it takes {role} on {place}")));
            }
            404 => return Err(Unsent::lasting(format!("there is no such version of {place}"))),
            status => {
                return Err(Unsent::lasting(format!("Secret Manager answers {status} to {place}")));
            }
        }
        let answer = reply.json().unwrap_or_default();
        let read = secret.read(&answer).map(|(value, _)| value);
        read.map_err(|what| Unsent::passing(format!("{place}: the answer {what}")))
    }

    fn keep(&self, path: String, value: Kept) {
        let mut kept = self.kept();
        let soonest = kept.iter().min_by_key(|(_, it)| it.until).map(|(path, _)| path.clone());
        if kept.len() >= KEPT_MAX
            && let Some(soonest) = soonest
        {
            kept.remove(&soonest);
        }
        kept.insert(path, value);
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}
