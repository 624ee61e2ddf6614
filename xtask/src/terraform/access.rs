//! Who may do what with objects, as the bindings of a plan say.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::terraform::condition::{Condition, Request};
use crate::terraform::planned::Planned;

/// What is granted on the bucket.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    bucket: String,
    pub(crate) grants: Vec<Grant>,
}

/// One binding on the bucket.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// Its address in the plan.
    pub(crate) address: String,
    /// Who; unknown before the apply for identities that Google makes.
    pub(crate) member: Option<String>,
    /// What the role permits; nothing for roles of Google's, which are not understood here.
    pub(crate) permissions: Vec<String>,
    pub(crate) condition: Option<Condition>,
}

impl Access {
    /// Reads the bindings of the bucket and the custom roles.
    pub(crate) fn of(planned: &Planned) -> Result<Self> {
        let roles = planned.of("google_project_iam_custom_role").map(|it| {
            let name = format!("projects/{}/roles/{}", it.text("/project"), it.text("/role_id"));
            let permissions = it.each("/permissions").iter().filter_map(Value::as_str);
            (name, permissions.map(str::to_owned).collect::<Vec<_>>())
        });
        let roles: BTreeMap<String, Vec<String>> = roles.collect();
        let mut grants = Vec::new();
        let mut bucket = String::new();
        for it in planned.of("google_storage_bucket_iam_member") {
            let expression = it.text("/condition/0/expression");
            let condition = if expression.is_empty() {
                None
            } else {
                Some(Condition::parse(expression).with_context(|| it.address.clone())?)
            };
            it.text("/bucket").clone_into(&mut bucket);
            grants.push(Grant {
                address: it.address.clone(),
                member: it.get("/member").and_then(Value::as_str).map(str::to_owned),
                permissions: roles.get(it.text("/role")).cloned().unwrap_or_default(),
                condition,
            });
        }
        Ok(Self { bucket, grants })
    }

    /// Whether `member` may do what `permission` names with the object `name`.
    pub(crate) fn may(&self, member: &str, permission: &str, name: &str) -> bool {
        let resource = format!("projects/_/buckets/{}/objects/{name}", self.bucket);
        self.granted(member, permission, Request { resource: &resource, list_prefix: "" })
    }

    /// Whether `member` may list below `prefix`.
    pub(crate) fn may_list(&self, member: &str, prefix: &str) -> bool {
        let resource = format!("projects/_/buckets/{}", self.bucket);
        let request = Request { resource: &resource, list_prefix: prefix };
        self.granted(member, "storage.objects.list", request)
    }

    fn granted(&self, member: &str, permission: &str, request: Request<'_>) -> bool {
        let hers = self.grants.iter().filter(|it| it.member.as_deref() == Some(member));
        hers.filter(|it| it.permissions.iter().any(|one| one == permission))
            .any(|it| it.condition.as_ref().is_none_or(|condition| condition.holds(request)))
    }
}
