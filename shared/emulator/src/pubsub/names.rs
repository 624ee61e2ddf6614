//! Names of topics, subscriptions and snapshots.
//! (Pub/Sub documentation, "Resource names".)

use super::problem::Problem;

/// The project of names that come without one.
pub(crate) const PROJECT: &str = "local";

/// What a subscription has for a topic when that one was deleted.
pub(crate) const DELETED_TOPIC: &str = "_deleted-topic_";

/// How other services name a topic.
const SERVICE: &str = "//pubsub.googleapis.com/";

/// The lengths that the last part of a name may have.
const ID_BYTES: std::ops::RangeInclusive<usize> = 3..=255;

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Topic,
    Subscription,
    Snapshot,
}

impl Kind {
    /// The part of a name before the id.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Topic => "topics",
            Self::Subscription => "subscriptions",
            Self::Snapshot => "snapshots",
        }
    }

    /// `projects/{project}/{collection}/{id}`; an id alone is one of project [`PROJECT`].
    pub(crate) fn full(self, name: &str) -> String {
        let name = name.strip_prefix(SERVICE).unwrap_or(name);
        match name.starts_with("projects/") || name == DELETED_TOPIC {
            true => name.to_owned(),
            false => format!("projects/{PROJECT}/{}/{name}", self.collection()),
        }
    }

    /// Refuses names that the service would not create anything under.
    pub(crate) fn check(self, name: &str) -> Result<(), Problem> {
        let parts: Vec<&str> = name.split('/').collect();
        let [projects, project, collection, id] = parts[..] else { return self.refuse(name) };
        if projects != "projects" || project.is_empty() || collection != self.collection() {
            return self.refuse(name);
        }
        let letter = id.starts_with(|c: char| c.is_ascii_alphabetic());
        let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.~+%".contains(&b);
        match ID_BYTES.contains(&id.len())
            && letter
            && id.bytes().all(fine)
            && !id.starts_with("goog")
        {
            true => Ok(()),
            false => self.refuse(name),
        }
    }

    fn refuse(self, name: &str) -> Result<(), Problem> {
        Err(Problem::invalid(format!(
            "Invalid [{}] name: (name={name}). Refer to \
             https://cloud.google.com/pubsub/docs/admin#resource_names for more information.",
            self.collection()
        )))
    }
}

/// The project and the id in a full name.
pub(crate) fn parts(full_name: &str) -> (&str, &str) {
    let mut parts = full_name.split('/');
    (parts.nth(1).unwrap_or(PROJECT), parts.next_back().unwrap_or(full_name))
}
