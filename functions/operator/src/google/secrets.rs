//! Secret Manager: the value of one version.

use egress::secret::Secret;

use super::{Service, Services};
use crate::{Problem, legible};

impl Services {
    /// The value of `secret`, and the version that it is of. Nothing that fails tells any of it.
    pub(crate) async fn secret(&self, secret: &Secret) -> Result<(String, String), Problem> {
        let place = secret.place(&self.project);
        let path = secret.path(&self.project);
        let answer = self.ask(Service::Secrets, &path, None).await.map_err(|refusal| {
            let text = legible::whole(&refusal.text);
            let project = secret.project.as_ref().unwrap_or(&self.project);
            Problem::new(match refusal.status {
                403 => format!("{text}; it takes roles/secretmanager.secretAccessor on {place}"),
                404 => format!("{text}; `gcloud secrets list --project {project}` shows which are"),
                _ => text,
            })
        })?;
        let read = secret.read(&answer);
        let (value, number) =
            read.map_err(|what| Problem::new(format!("{place}: the answer {what}")))?;
        Ok((value, format!("{place}/versions/{number}")))
    }
}
