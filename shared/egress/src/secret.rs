//! Secret Manager: names of versions, and the answer that holds a value. (Secret Manager REST
//! reference, `projects.secrets.versions.access`.)

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The largest value of a version, in bytes. (Secret Manager documentation, "Quotas and limits".)
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// The longest part of a name, in bytes. (Same page.)
const PART_BYTES_MAX: usize = 255;

/// A version of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The project, where it is said.
    pub project: Option<String>,
    /// The secret.
    pub name: String,
    /// `latest`, a number, or an alias.
    pub version: String,
}

impl Secret {
    /// Reads `name`, `projects/p/secrets/name` or `projects/p/secrets/name/versions/5`.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let (project, name, version) = match parts[..] {
            [name] => (None, name, "latest"),
            ["projects", project, "secrets", name] => (Some(project), name, "latest"),
            ["projects", project, "secrets", name, "versions", version] => {
                (Some(project), name, version)
            }
            _ => return None,
        };
        let worded = |it: &str| it.bytes().any(|b| b.is_ascii_alphanumeric());
        let plain = |it: &str| is_plain(it) && worded(it) && !it.contains(['.', ':']);
        let in_project = |it: &str| is_plain(it) && worded(it);
        let fine = plain(name) && plain(version) && project.is_none_or(in_project);
        fine.then(|| Self {
            project: project.map(str::to_owned),
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    /// The secret, as one of `project` where it names none: `projects/p/secrets/name`.
    pub fn place(&self, project: &str) -> String {
        let project = self.project.as_deref().unwrap_or(project);
        format!("projects/{project}/secrets/{}", self.name)
    }

    /// Where its value is asked for, below the host of the service.
    pub fn path(&self, project: &str) -> String {
        format!("/v1/{}/versions/{}:access", self.place(project), self.version)
    }

    /// The value in `answer`, and the number of the version that it is of.
    ///
    /// # Errors
    ///
    /// What is wrong with the answer, and nothing of the value.
    pub fn read(&self, answer: &Value) -> Result<(String, String), &'static str> {
        let Self { name, version, .. } = self;
        // Its project is told by its number.
        let told = answer["name"].as_str().unwrap_or_default();
        let told = told.split_once(&format!("/secrets/{name}/versions/")).map(|(_, it)| it);
        let number = told.filter(|it| !it.is_empty() && is_number(it));
        let number =
            number.filter(|it| version == "latest" || *it == version || !is_number(version));
        let number = number.ok_or("is about another secret")?;
        let data = answer["payload"]["data"].as_str().ok_or("has no value")?;
        let value = STANDARD.decode(data).map_err(|_| "has a value that is no base64")?;
        if value.len() > VALUE_BYTES_MAX {
            return Err("has a value that is longer than there can be");
        }
        // Always there; without it nobody knows whether this is the value.
        let sum = &answer["payload"]["dataCrc32c"];
        let sum = sum.as_u64().or_else(|| sum.as_str()?.parse().ok());
        if sum != Some(u64::from(crc32c::crc32c(&value))) {
            return Err("has another checksum than its value");
        }
        let value = String::from_utf8(value).map_err(|_| "has a value that is no text")?;
        if value.contains('\0') {
            return Err("has a value that no variable can have");
        }
        Ok((value, number.to_owned()))
    }
}

/// As a target has it.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { project, name, version } = self;
        match project {
            None => write!(f, "sm://{name}"),
            Some(project) => write!(f, "sm://projects/{project}/secrets/{name}/versions/{version}"),
        }
    }
}

/// Whether `text` can stand in a path as it is. (Resource Manager documentation, "Creating and
/// managing projects": with a colon for those of a domain.)
pub fn is_plain(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    !text.is_empty() && text.len() <= PART_BYTES_MAX && text.bytes().all(plain)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
