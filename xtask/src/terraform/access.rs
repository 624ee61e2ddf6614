//! Who may do what with objects, as the bindings of a plan say.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
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
        for it in planned.bucket_grants() {
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

    /// Whether `member` may do what `permission` names with the bucket itself.
    pub(crate) fn may_with_bucket(&self, member: &str, permission: &str) -> bool {
        let resource = format!("projects/_/buckets/{}", self.bucket);
        self.granted(member, permission, Request { resource: &resource, list_prefix: "" })
    }

    /// The same bindings without those that give `permission` to `member`.
    pub(crate) fn without_bindings(&self, member: &str, permission: &str) -> Result<Self> {
        let mut left = self.clone();
        left.grants.retain(|it| !it.gives(member, permission));
        ensure!(left.grants.len() < self.grants.len(), "nothing gives {permission} to {member}");
        Ok(left)
    }

    /// The same bindings, but for `permission` of `member` on objects whose names begin with
    /// `prefixes`: each of them is one that a condition tests, or this fails. What else the same
    /// binding permits stays.
    pub(crate) fn without_prefixes(
        &self,
        member: &str,
        permission: &str,
        prefixes: &[String],
    ) -> Result<Self> {
        let resource = |prefix| format!("projects/_/buckets/{}/objects/{prefix}", self.bucket);
        let mut gone: BTreeSet<String> = prefixes.iter().map(resource).collect();
        let mut left = Self { bucket: self.bucket.clone(), grants: Vec::new() };
        for grant in &self.grants {
            let Some(condition) =
                grant.condition.as_ref().filter(|_| grant.gives(member, permission))
            else {
                left.grants.push(grant.clone());
                continue;
            };
            let (this, others) = grant.permissions.iter().cloned().partition(|it| it == permission);
            left.grants.push(Grant { permissions: others, ..grant.clone() });
            if let Some(rest) = condition.without(&mut gone) {
                left.grants.push(Grant {
                    permissions: this,
                    condition: Some(rest),
                    ..grant.clone()
                });
            }
        }
        match gone.first() {
            None => Ok(left),
            Some(unknown) => bail!("nothing gives {permission} to {member} on {unknown}"),
        }
    }

    /// Whether `member` may list below `prefix`.
    pub(crate) fn may_list(&self, member: &str, prefix: &str) -> bool {
        let resource = format!("projects/_/buckets/{}", self.bucket);
        let request = Request { resource: &resource, list_prefix: prefix };
        self.granted(member, "storage.objects.list", request)
    }

    fn granted(&self, member: &str, permission: &str, request: Request<'_>) -> bool {
        let mut hers = self.grants.iter().filter(|it| it.gives(member, permission));
        hers.any(|it| it.condition.as_ref().is_none_or(|condition| condition.holds(request)))
    }
}

impl Grant {
    /// Whether `permission` is among what it gives to `member`, under its condition.
    fn gives(&self, member: &str, permission: &str) -> bool {
        self.member.as_deref() == Some(member)
            && self.permissions.iter().any(|one| one == permission)
    }
}
