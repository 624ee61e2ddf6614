//! Policies: everybody may do everything, and what is set is forgotten.

use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{self, Answer, Body};
use super::no_method;

/// The entity tag of a policy that was never set.
const ETAG: &str = "ACAB";

/// An empty policy.
pub(super) fn policy() -> Response {
    answer::json(&json!({"etag": ETAG}))
}

/// Answers `method` of any resource.
pub(super) fn call(method: Option<&str>, body: &Body) -> Result<Response, Answer> {
    let fields = body.fields()?;
    match method {
        Some("setIamPolicy") => {
            let mut policy = fields.get("policy").cloned().unwrap_or_else(|| json!({}));
            if let Value::Object(fields) = &mut policy {
                fields.insert("etag".to_owned(), ETAG.into());
            }
            Ok(answer::json(&policy))
        }
        Some("testIamPermissions") => {
            let permissions = fields.texts("permissions")?;
            Ok(answer::json(&json!({"permissions": permissions})))
        }
        _ => Err(no_method().into()),
    }
}
