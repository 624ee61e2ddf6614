//! Who sent a request, and what they may do. (Cloud Storage documentation, "IAM permissions for
//! JSON methods".)

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::refusal::Refusal;
use super::{Service, Shared};
use crate::Memory;
use crate::access::{Asked, Policy, Target};
use crate::memory::Conditions;

pub(super) const CREATE: &str = "storage.objects.create";
pub(super) const DELETE: &str = "storage.objects.delete";
pub(super) const GET: &str = "storage.objects.get";
pub(super) const LIST: &str = "storage.objects.list";
pub(super) const MOVE: &str = "storage.objects.move";
pub(super) const UPDATE: &str = "storage.objects.update";

/// The policy that requests are held to; none until somebody gives one.
#[derive(Default)]
pub(crate) struct Guard(Mutex<Option<Arc<dyn Policy>>>);

impl Guard {
    pub(crate) fn enforce(&self, policy: Arc<dyn Policy>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(policy);
    }

    fn policy(&self) -> Option<Arc<dyn Policy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Who sent a request.
pub(super) struct Caller(Option<Held>);

/// Somebody who is held to a policy.
struct Held {
    policy: Arc<dyn Policy>,
    /// `None` for whoever shows no token.
    principal: Option<String>,
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Refusal> {
        Self::of(&parts.headers, service)
    }
}

impl Caller {
    fn of(headers: &HeaderMap, service: &Service) -> Result<Self, Refusal> {
        let Some(policy) = service.guard.policy() else { return Ok(Self(None)) };
        let shown = headers.get(header::AUTHORIZATION);
        let token = shown.map(|it| it.to_str().ok().and_then(|it| it.strip_prefix("Bearer ")));
        let principal = match token {
            None => None,
            Some(token) => {
                let found = token.and_then(|token| policy.principal(token));
                Some(found.ok_or_else(Refusal::invalid_credentials)?)
            }
        };
        Ok(Self(Some(Held { policy, principal })))
    }

    /// Whether the caller has `permission`.
    pub(super) fn may(&self, permission: &str, bucket: &str, target: Target<'_>) -> bool {
        let Some(Held { policy, principal }) = &self.0 else { return true };
        let allowed =
            |principal: &String| policy.allows(&Asked { principal, permission, bucket, target });
        principal.as_ref().is_some_and(allowed)
    }

    /// Refuses a caller who lacks `permission`.
    pub(super) fn needs(
        &self,
        permission: &str,
        bucket: &str,
        target: Target<'_>,
    ) -> Result<(), Refusal> {
        if self.may(permission, bucket, target) {
            return Ok(());
        }
        let who = self.0.as_ref().and_then(|held| held.principal.as_deref());
        if let (Some(held), Some(principal)) = (&self.0, who) {
            held.policy.refused(&Asked { principal, permission, bucket, target });
        }
        let what = if matches!(target, Target::Object(_)) { "object" } else { "bucket" };
        Err(Refusal::denied(who, permission, what))
    }

    /// The same for an object.
    pub(super) fn needs_object(
        &self,
        permission: &str,
        bucket: &str,
        name: &str,
    ) -> Result<(), Refusal> {
        self.needs(permission, bucket, Target::Object(name))
    }

    /// What is answered about an object that is not there: who may not list does not learn that.
    pub(super) fn missing(&self, bucket: &str, name: &str) -> Refusal {
        let may_list = self.needs(LIST, bucket, Target::Listing(""));
        may_list.err().unwrap_or_else(|| Refusal::no_object(bucket, name))
    }

    /// Refuses a caller who may not write `name`: to overwrite takes the permission to delete too,
    /// whatever the preconditions. The conditions under which the write is made do not let it
    /// overwrite what comes to be there meanwhile.
    pub(super) fn may_write(
        &self,
        memory: &Memory,
        bucket: &str,
        name: &str,
        conditions: Conditions,
    ) -> Result<Conditions, Refusal> {
        self.needs_object(CREATE, bucket, name)?;
        if self.may(DELETE, bucket, Target::Object(name)) {
            return Ok(conditions);
        }
        if memory.find(name, None).is_some() {
            self.needs_object(DELETE, bucket, name)?;
        }
        Ok(Conditions { generation: conditions.generation.or(Some(0)), ..conditions })
    }
}

/// Holds calls about buckets, their policies and their notification configurations to the policy.
pub(super) async fn about_buckets(
    State(service): Shared,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let below = path.strip_prefix("/storage/v1").unwrap_or(path).trim_start_matches('/');
    let segments: Vec<&str> = below.split('/').collect();
    let bucket = segments.get(1).copied().unwrap_or_default();
    let Some(permission) = permission(request.method(), &segments) else {
        return next.run(request).await;
    };
    let allowed = Caller::of(request.headers(), &service)
        .and_then(|caller| caller.needs(permission, bucket, Target::Bucket));
    match allowed {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// What a call of a path takes; `None` for what anybody may ask.
fn permission(method: &Method, path: &[&str]) -> Option<&'static str> {
    let reads = *method == Method::GET || *method == Method::HEAD;
    Some(match path {
        ["projects", ..] | ["b", _, "iam", "testPermissions"] => return None,
        ["b"] if reads => "storage.buckets.list",
        ["b"] => "storage.buckets.create",
        ["b", _, "iam"] if reads => "storage.buckets.getIamPolicy",
        ["b", _, "iam"] => "storage.buckets.setIamPolicy",
        ["b", _] if *method == Method::DELETE => "storage.buckets.delete",
        _ if reads => "storage.buckets.get",
        _ => "storage.buckets.update",
    })
}
