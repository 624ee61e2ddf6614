//! Google's services, looked at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use domain::Clock;
use emulator::SeededIds;
use gcp::{Api, Payload, Reply};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What stands as it is in a segment of a path, and in a value of a query. (RFC 3986, section 2.3.)
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// Who has not answered so often is not asked again: there are hundreds of questions.
const SILENT_MAX: u32 = 3;

/// A service that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Storage,
    PubSub,
    Run,
    Scheduler,
    Iam,
    Projects,
    Secrets,
    Keys,
    Usage,
    Tokens,
    Registry,
}

/// What there is.
#[derive(Clone, Debug)]
pub(crate) enum Look {
    Found(Value),
    Missing,
    /// Nobody may look, or nothing answers; and what would help, if that is known.
    Unknown {
        why: String,
        mend: Option<String>,
    },
}

/// The services of one project.
pub(crate) struct Google {
    pub(crate) api: Api,
    pub(crate) project: String,
    origins: BTreeMap<Service, String>,
    /// How often each has not answered, one time after the other.
    silent: Mutex<BTreeMap<Service, u32>>,
}

impl Service {
    pub(crate) const ALL: [Self; 11] = [
        Self::Storage,
        Self::PubSub,
        Self::Run,
        Self::Scheduler,
        Self::Iam,
        Self::Projects,
        Self::Secrets,
        Self::Keys,
        Self::Usage,
        Self::Tokens,
        Self::Registry,
    ];

    /// The first part of its host.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::PubSub => "pubsub",
            Self::Run => "run",
            Self::Scheduler => "cloudscheduler",
            Self::Iam => "iam",
            Self::Projects => "cloudresourcemanager",
            Self::Secrets => "secretmanager",
            Self::Keys => "cloudkms",
            Self::Usage => "serviceusage",
            Self::Tokens => "sts",
            Self::Registry => "artifactregistry",
        }
    }

    /// The service called `name`.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let names: Vec<&str> = Self::ALL.map(Self::name).to_vec();
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.with_context(|| format!("no service {name:?}; there are {}", names.join(", ")))
    }
}

impl Google {
    /// The services of `project`; some of them at other places than Google's.
    pub(crate) fn new(
        project: &str,
        elsewhere: &BTreeMap<Service, String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let ids = SeededIds::new(u64::from(std::process::id()));
        let origin = |it: Service| {
            let origin = elsewhere.get(&it).map(|it| it.trim_end_matches('/').to_owned());
            (it, origin.unwrap_or_else(|| format!("https://{}.googleapis.com", it.name())))
        };
        let origins = Service::ALL.into_iter().map(origin).collect();
        let api = Api::new(clock, ids);
        Ok(Self { api, project: project.to_owned(), origins, silent: Mutex::default() })
    }

    /// Fails where Google is to be asked and there is nobody to ask as.
    pub(crate) async fn log_in(&self) -> Result<()> {
        for service in Service::ALL {
            self.api.token(&self.url(service, "/")).await.context(
                "log in first: gcloud auth application-default login, or give a token in \
                 GOOGLE_OAUTH_ACCESS_TOKEN",
            )?;
        }
        Ok(())
    }

    /// The URL of `path`, which begins with a slash.
    pub(crate) fn url(&self, service: Service, path: &str) -> String {
        format!("{}{path}", self.origins.get(&service).map_or("", String::as_str))
    }

    /// What is at `path`.
    pub(crate) async fn look(&self, service: Service, path: &str) -> Look {
        self.ask(service, "GET", path, Payload::Nothing).await
    }

    /// What a call that changes nothing answers.
    pub(crate) async fn ask(
        &self,
        service: Service,
        method: &str,
        path: &str,
        payload: Payload,
    ) -> Look {
        let silent = || self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if silent().get(&service).is_some_and(|times| *times >= SILENT_MAX) {
            let why = format!("{} does not answer, and is not asked again", service.name());
            return Look::Unknown { why, mend: None };
        }
        match self.api.send(method, &self.url(service, path), payload, None).await {
            Ok(reply) => {
                silent().remove(&service);
                self.understood(service, path, &reply)
            }
            Err(err) => {
                *silent().entry(service).or_default() += 1;
                Look::Unknown { why: format!("no answer: {err}"), mend: None }
            }
        }
    }

    fn understood(&self, service: Service, path: &str, reply: &Reply) -> Look {
        let project = &self.project;
        let api = format!("{}.googleapis.com", service.name());
        match (reply.status, reply.json()) {
            (200, Some(value)) => Look::Found(value),
            (200, None) => Look::Unknown { why: format!("{api} answers with no JSON"), mend: None },
            (404, Some(_)) => Look::Missing,
            (403, _) if is_disabled(reply) => Look::Unknown {
                why: format!("{api} is not enabled"),
                mend: Some(format!("gcloud services enable {api} --project {project}")),
            },
            (403, _) => {
                let role = if path.contains(":getIamPolicy") || path.contains("/iam?") {
                    "roles/iam.securityReviewer"
                } else {
                    "roles/viewer"
                };
                Look::Unknown {
                    why: format!("may not be looked at: {}", told(reply)),
                    mend: Some(format!(
                        "gcloud projects add-iam-policy-binding {project} --member=user:YOU \
                         --role={role}"
                    )),
                }
            }
            (status, _) => {
                let why = format!("{api} answers {status}: {}", told(reply));
                Look::Unknown { why, mend: None }
            }
        }
    }
}

/// One segment of a path, or one value of a query.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// What the service says, in its words.
pub(crate) fn told(reply: &Reply) -> String {
    let reason = reply.reason();
    if reason.is_empty() { "no reason given".to_owned() } else { reason }
}

/// (Service Usage documentation, "Troubleshooting": the reason in `ErrorInfo`.)
fn is_disabled(reply: &Reply) -> bool {
    let json = reply.json().unwrap_or_default();
    let details = json.pointer("/error/details").and_then(Value::as_array);
    details.into_iter().flatten().any(|it| it["reason"] == "SERVICE_DISABLED")
}
