//! One look at a project: who is asked, what ought to be there, and what was found.

use anyhow::{Context as _, Result, ensure};
use domain::Env;

use super::check::{Check, Subject};
use super::google::Google;
use super::{bucket, deliveries, grants, identities, services};
use crate::terraform::planned::Planned;

/// A look that goes on.
pub(crate) struct Visit<'a> {
    pub(crate) google: &'a Google,
    pub(crate) planned: &'a Planned,
    pub(crate) env: Env,
    pub(crate) bucket: String,
    checks: Vec<Check>,
}

impl Visit<'_> {
    pub(super) fn add(&mut self, subject: Subject) {
        self.checks.extend(subject.checks);
    }
}

/// The project and the bucket that a plan of `env` is about.
pub(crate) fn place(planned: &Planned, env: Env) -> Result<(String, String)> {
    let own = format!("env/{env}/");
    let mut notifications = planned.of("google_storage_notification");
    let notification = notifications.find(|it| it.text("/object_name_prefix") == own);
    let notification =
        notification.with_context(|| format!("the plan has no notification of {own}"))?;
    let bucket = notification.text("/bucket");
    let topic = notification.text("/topic");
    let project = topic.split('/').skip_while(|it| *it != "projects").nth(1).unwrap_or_default();
    ensure!(!bucket.is_empty() && !project.is_empty(), "the plan names no project, or no bucket");
    Ok((project.to_owned(), bucket.to_owned()))
}

/// Looks at everything that the plan says, in the order in which one thing stands on another.
pub(crate) async fn all(
    google: &Google,
    planned: &Planned,
    env: Env,
    mut doing: impl FnMut(&str),
) -> Result<Vec<Check>> {
    let (_, bucket) = place(planned, env)?;
    let mut visit = Visit { google, planned, env, bucket, checks: Vec::new() };
    doing("APIs");
    identities::apis(&mut visit).await;
    doing("bucket");
    bucket::settings(&mut visit).await;
    bucket::notifications(&mut visit).await;
    doing("topics and subscriptions");
    deliveries::topics(&mut visit).await;
    deliveries::subscriptions(&mut visit).await;
    doing("services and jobs");
    services::services(&mut visit).await;
    services::jobs(&mut visit).await;
    services::schedules(&mut visit).await;
    doing("identities");
    identities::accounts(&mut visit).await;
    identities::roles(&mut visit).await;
    doing("grants");
    grants::all(&mut visit).await;
    Ok(visit.checks)
}
