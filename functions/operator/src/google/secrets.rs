//! Secret Manager: the value of one version. (Secret Manager REST reference,
//! `projects.secrets.versions.access`.)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Service, Services, is_plain};
use crate::{Problem, legible};

/// The largest value of a version, in bytes. (Secret Manager documentation, "Quotas and limits".)
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// A version of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Secret {
    project: Option<String>,
    name: String,
    version: String,
}

impl Secret {
    /// `name`, `projects/p/secrets/name` or `projects/p/secrets/name/versions/5`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let (project, name, version) = match parts[..] {
            [name] => (None, name, "latest"),
            ["projects", project, "secrets", name] => (Some(project), name, "latest"),
            ["projects", project, "secrets", name, "versions", version] => {
                (Some(project), name, version)
            }
            _ => return None,
        };
        let plain = |it: &str| is_plain(it) && it.bytes().any(|b| b.is_ascii_alphanumeric());
        let fine = plain(name) && plain(version) && project.is_none_or(plain);
        fine.then(|| Self {
            project: project.map(str::to_owned),
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }
}

impl Services {
    /// The value of `secret`, and the version that it is of. Nothing that fails tells any of it.
    pub(crate) async fn secret(&self, secret: &Secret) -> Result<(String, String), Problem> {
        let project = secret.project.as_ref().unwrap_or(&self.project);
        let Secret { name, version, .. } = secret;
        let place = format!("projects/{project}/secrets/{name}");
        let path = format!("/v1/{place}/versions/{version}:access");
        let answer = self.ask(Service::Secrets, &path, None).await.map_err(|refusal| {
            let text = legible::whole(&refusal.text);
            Problem::new(match refusal.status {
                403 => format!("{text}; it takes roles/secretmanager.secretAccessor on {place}"),
                404 => format!("{text}; `gcloud secrets list --project {project}` shows which are"),
                _ => text,
            })
        })?;
        let wrong = |what: &str| Problem::new(format!("{place}: the answer {what}"));
        // Its project is told by its number.
        let told = answer["name"].as_str().unwrap_or_default();
        let told = told.split_once(&format!("/secrets/{name}/versions/")).map(|(_, it)| it);
        let number = told.filter(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()));
        let number =
            number.filter(|it| version == "latest" || *it == version || !is_number(version));
        let number = number.ok_or_else(|| wrong("is about another secret"))?;
        let data = answer["payload"]["data"].as_str().ok_or_else(|| wrong("has no value"))?;
        let value = STANDARD.decode(data).map_err(|_| wrong("has a value that is no base64"))?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(wrong("has a value that is longer than there can be"));
        }
        // Always there; without it nobody knows whether this is the value.
        let sum = &answer["payload"]["dataCrc32c"];
        let sum = sum.as_u64().or_else(|| sum.as_str()?.parse().ok());
        if sum != Some(u64::from(crc32c::crc32c(&value))) {
            return Err(wrong("has another checksum than its value"));
        }
        let value = String::from_utf8(value).map_err(|_| wrong("has a value that is no text"))?;
        if value.contains('\0') {
            return Err(wrong("has a value that no variable can have"));
        }
        Ok((value, format!("{place}/versions/{number}")))
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
