//! APIs that are on, accounts, and roles with nothing to spare.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::check::Subject;
use super::google::{Service, encode};
use super::visit::Visit;

/// Looks whether the APIs are enabled. (Service Usage REST reference, `services`.)
pub(super) async fn apis(visit: &mut Visit<'_>) {
    for planned in visit.planned.of("google_project_service") {
        let name = planned.text("/service");
        let mut subject = Subject::of("api", name, planned, visit.env);
        let project = encode(planned.text("/project"));
        let path = format!("/v1/projects/{project}/services/{}", encode(name));
        if let Some(there) = subject.there(visit.google.look(Service::Usage, &path).await) {
            subject.same("state", &json!("ENABLED"), &there["state"]);
        }
        visit.add(subject);
    }
}

/// Looks at the accounts. (IAM REST reference, `projects.serviceAccounts`.)
pub(super) async fn accounts(visit: &mut Visit<'_>) {
    for planned in visit.planned.of("google_service_account") {
        let (id, project) = (planned.text("/account_id"), planned.text("/project"));
        let email = format!("{id}@{project}.iam.gserviceaccount.com");
        let mut subject = Subject::of("account", id, planned, visit.env);
        let path = format!("/v1/projects/{}/serviceAccounts/{}", encode(project), encode(&email));
        if let Some(there) = subject.there(visit.google.look(Service::Iam, &path).await) {
            subject.holds("enabled", there["disabled"] != json!(true), || "is disabled".to_owned());
        }
        visit.add(subject);
    }
}

/// Looks at the roles that were made. (IAM REST reference, `projects.roles`.)
pub(super) async fn roles(visit: &mut Visit<'_>) {
    for planned in visit.planned.of("google_project_iam_custom_role") {
        let (id, project) = (planned.text("/role_id"), planned.text("/project"));
        let mut subject = Subject::of("role", id, planned, visit.env);
        let path = format!("/v1/projects/{}/roles/{}", encode(project), encode(id));
        if let Some(there) = subject.there(visit.google.look(Service::Iam, &path).await) {
            let deleted = there["deleted"] == json!(true);
            subject.holds("kept", !deleted, || "is deleted, and gone in seven days".to_owned());
            let planned = texts(planned.each("/permissions"));
            let there = there["includedPermissions"].as_array().map_or(&[][..], Vec::as_slice);
            subject.same("permissions", &json!(planned), &json!(texts(there)));
        }
        visit.add(subject);
    }
}

fn texts(values: &[Value]) -> BTreeSet<&str> {
    values.iter().filter_map(Value::as_str).collect()
}
