//! What a plan says there will be, read from `terraform show -json`.

use std::fmt;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Planned {
    /// What there is when it has been applied, by address, and what goes.
    pub(crate) resources: Vec<Resource>,
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resource {
    /// `google_pubsub_topic.dead["index-writer-snapshot"]`
    pub(crate) address: String,
    /// `google_pubsub_topic`
    #[serde(rename = "type")]
    pub(crate) sort: String,
    /// What happens to it.
    pub(crate) action: Action,
    /// Its arguments and what else is known of it. What the apply will tell is not there.
    pub(crate) values: Value,
    /// The arguments that change, for what is changed or replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changed: Vec<String>,
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Nothing.
    Keep,
    /// It is new.
    Create,
    /// It is changed where it is.
    Change,
    /// It is destroyed and made again.
    Replace,
    /// It goes.
    Destroy,
}

/// The part of `terraform show -json` that is read. (Terraform documentation, "JSON output format".)
#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    resource_changes: Vec<Changed>,
}

#[derive(Deserialize)]
struct Changed {
    address: String,
    mode: String,
    #[serde(rename = "type")]
    sort: String,
    change: Change,
}

#[derive(Deserialize)]
struct Change {
    actions: Vec<String>,
    before: Value,
    after: Value,
}

/// Arguments that name another resource. The provider keeps what is written there until it has
/// applied it, and the full name afterwards. (Google provider, sources: `GetResourceId` of what
/// grants, and what subscriptions read of their topics.)
const REFERENCES: [(&str, &str); 7] = [
    ("google_storage_bucket_iam_member", "bucket"),
    ("google_pubsub_topic_iam_member", "topic"),
    ("google_pubsub_subscription_iam_member", "subscription"),
    ("google_cloud_run_v2_service_iam_member", "name"),
    ("google_cloud_run_v2_job_iam_member", "name"),
    ("google_secret_manager_secret_iam_member", "secret_id"),
    ("google_pubsub_subscription", "topic"),
];

impl Planned {
    /// Reads what `terraform show -json PLAN` prints.
    pub(crate) fn read(text: &[u8]) -> Result<Self> {
        let shown: Shown = serde_json::from_slice(text).context("terraform shows no plan")?;
        let managed = shown.resource_changes.into_iter().filter(|it| it.mode == "managed");
        let mut resources = managed.map(Resource::of).collect::<Result<Vec<_>>>()?;
        resources.sort_by(|a, b| a.address.cmp(&b.address));
        Ok(Self { resources })
    }

    /// Everything that there will be.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(|it| it.action != Action::Destroy)
    }

    /// What there will be of one type.
    pub(crate) fn of(&self, sort: &str) -> impl Iterator<Item = &Resource> {
        self.present().filter(move |it| it.sort == sort)
    }

    /// What is granted on the bucket: that which notifies. Another one is a scratch bucket.
    pub(crate) fn bucket_grants(&self) -> impl Iterator<Item = &Resource> {
        let bucket = self.of("google_storage_notification").next().map(|it| it.text("/bucket"));
        self.of("google_storage_bucket_iam_member")
            .filter(move |it| bucket.is_none_or(|bucket| it.text("/bucket") == bucket))
    }

    /// How many there are of an action.
    pub(crate) fn count(&self, action: Action) -> usize {
        self.resources.iter().filter(|it| it.action == action).count()
    }
}

impl Resource {
    fn of(changed: Changed) -> Result<Self> {
        let Changed { address, sort, change: Change { actions, before, after }, .. } = changed;
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        let action = match actions.as_slice() {
            ["no-op" | "read"] => Action::Keep,
            ["create"] => Action::Create,
            ["update"] => Action::Change,
            ["delete" | "forget"] => Action::Destroy,
            ["delete", "create"] | ["create", "delete"] => Action::Replace,
            other => anyhow::bail!("{address}: terraform plans {other:?}, which nobody here knows"),
        };
        let changed = match action {
            Action::Change | Action::Replace => differing(&before, &after),
            _ => Vec::new(),
        };
        let mut values = if action == Action::Destroy { before } else { after };
        shorten(&sort, &mut values);
        Ok(Self { address, sort, action, values, changed })
    }

    /// What stands at a JSON pointer, unless it is null or will only be known later.
    pub(crate) fn get(&self, pointer: &str) -> Option<&Value> {
        self.values.pointer(pointer).filter(|it| !it.is_null())
    }

    /// The text at a JSON pointer; empty when there is none.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.get(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The number at a JSON pointer.
    pub(crate) fn number(&self, pointer: &str) -> Option<f64> {
        self.get(pointer).and_then(Value::as_f64)
    }

    /// The elements at a JSON pointer.
    pub(crate) fn each(&self, pointer: &str) -> &[Value] {
        self.get(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The seconds of a duration such as `600s` at a JSON pointer.
    pub(crate) fn seconds(&self, pointer: &str) -> Option<f64> {
        self.text(pointer).strip_suffix('s')?.parse().ok()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "unchanged",
            Self::Create => "created",
            Self::Change => "changed",
            Self::Replace => "replaced",
            Self::Destroy => "destroyed",
        })
    }
}

/// Makes what names another resource the same before and after the first apply: the last part of
/// its name.
fn shorten(sort: &str, values: &mut Value) {
    let references = REFERENCES.iter().filter(|(whose, _)| *whose == sort);
    for (_, field) in references {
        if let Some(Value::String(name)) = values.get_mut(*field) {
            *name = name.rsplit('/').next().unwrap_or_default().to_owned();
        }
    }
}

/// The arguments at the top that differ; what is known after the apply is missing in `after`.
fn differing(before: &Value, after: &Value) -> Vec<String> {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        return Vec::new();
    };
    let differs = |(name, value): &(&String, &Value)| before.get(*name) != Some(*value);
    after.iter().filter(differs).map(|(name, _)| name.clone()).collect()
}
