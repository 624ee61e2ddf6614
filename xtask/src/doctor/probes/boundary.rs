//! What somebody is told who may do less than the person who asks.
//!
//! A token is exchanged for one with an upper bound of permissions, so that nobody has to make an
//! account, grant it something and wait until it takes effect. (IAM documentation, "Credential
//! Access Boundaries".)

use anyhow::{Context as _, Result, bail, ensure};
use gcp::Payload;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Trial;
use crate::doctor::google::{Service, encode, told};

/// Creates, and does nothing else to objects.
const CREATOR: &str = "roles/storage.objectCreator";
/// Reads objects, and does not list.
const READER: &str = "roles/storage.legacyObjectReader";
/// Reads and lists.
const VIEWER: &str = "roles/storage.objectViewer";

/// Over an object without the right to delete it.
pub(super) async fn create_only(trial: &Trial<'_>) -> Result<String> {
    let there = trial.name("create-only/there");
    trial.create(&there).await?;
    let token = less(trial, CREATOR, &objects(trial)).await?;
    let control = trial.put(&trial.name("create-only/new"), "0", Some(&token)).await?;
    ensure!(
        control.status == 200,
        "a token for {CREATOR} alone creates nothing: {} {}",
        control.status,
        told(&control)
    );
    match trial.put(&there, "0", Some(&token)).await?.status {
        412 => Ok("412: alerts and quarantine need to create, and no more".to_owned()),
        403 => {
            Ok("403: who creates only cannot tell what is there from what is forbidden; alerts \
                   and quarantine need the right to delete that they have"
                .to_owned())
        }
        200 => bail!("the object was overwritten under ifGenerationMatch=0"),
        other => Ok(format!("{other}, which nothing here expects")),
    }
}

/// Of what is not there, without the right to list.
pub(super) async fn read_missing(trial: &Trial<'_>) -> Result<String> {
    let there = trial.name("read-missing/there");
    trial.create(&there).await?;
    let token = less(trial, READER, &objects(trial)).await?;
    let at = |name: &str| format!("/storage/v1/b/{}/o/{}", encode(trial.bucket), encode(name));
    let control = trial.get(&at(&there), Some(&token)).await?;
    ensure!(
        control.status == 200,
        "a token for {READER} alone reads nothing: {} {}",
        control.status,
        told(&control)
    );
    match trial.get(&at(&trial.name("read-missing/not-there")), Some(&token)).await?.status {
        403 => Ok("403: a function has to be able to list, as each one is".to_owned()),
        404 => Ok("404: the right to list would not be needed for that".to_owned()),
        other => Ok(format!("{other}, which nothing here expects")),
    }
}

/// Below one prefix and nowhere else.
pub(super) async fn list_prefix(trial: &Trial<'_>) -> Result<String> {
    let token = less(trial, VIEWER, &listed(&trial.prefix)).await?;
    let at = |prefix: &str| {
        format!("/storage/v1/b/{}/o?prefix={}", encode(trial.bucket), encode(prefix))
    };
    let inside = trial.get(&at(&trial.prefix), Some(&token)).await?.status;
    let outside = trial.get(&at(&format!("env/{}/", trial.env)), Some(&token)).await?.status;
    match (inside, outside) {
        (200, 403) => {
            Ok("yes, in the boundary of a token: 200 below the prefix, 403 elsewhere. A \
                          reader of readers.tf has it in a binding: let one try"
                .to_owned())
        }
        (inside, outside) => {
            Ok(format!("no: {inside} below the prefix, {outside} elsewhere; take readers.tf out"))
        }
    }
}

/// By IAM's own check of a condition, which is kept nowhere. (IAM REST reference,
/// `iamPolicies.lintPolicy`.)
pub(super) async fn conditions(trial: &Trial<'_>) -> Result<String> {
    let name = objects(trial);
    let asked = [
        ("startsWith", name.clone()),
        ("objectListPrefix", listed(&trial.prefix)),
        ("matches", name.replace("startsWith", "matches")),
    ];
    let mut told = Vec::new();
    for (what, expression) in asked {
        let complaint = lint(trial, &expression).await.with_context(|| what.to_owned())?;
        let text = complaint.map_or_else(|| "taken".to_owned(), |it| format!("refused ({it})"));
        told.push(format!("{what} is {text}"));
    }
    Ok(told.join("; "))
}

/// What IAM has against a condition.
async fn lint(trial: &Trial<'_>, expression: &str) -> Result<Option<String>> {
    let url = trial.google.url(Service::Iam, "/v1/iamPolicies:lintPolicy");
    let body = json!({
        "fullResourceName": bucket(trial),
        "condition": {"title": "asked", "expression": expression},
    });
    let reply = trial.google.api.send("POST", &url, Payload::Json(body), None).await?;
    ensure!(reply.status == 200, "{} {}", reply.status, told(&reply));
    let json = reply.json().context("an answer that is not JSON")?;
    let mut results = json["lintResults"].as_array().into_iter().flatten();
    let error = results.find(|it| it["severity"] == "ERROR");
    Ok(error.map(|it| it["debugMessage"].as_str().unwrap_or("no reason given").to_owned()))
}

/// A token for one role on the bucket, where `condition` holds. (STS REST reference, `token`.)
async fn less(trial: &Trial<'_>, role: &str, condition: &str) -> Result<String> {
    let url = trial.google.url(Service::Tokens, "/v1/token");
    let own = trial.google.api.token(&url).await?;
    let options = json!({"accessBoundary": {"accessBoundaryRules": [{
        "availablePermissions": [format!("inRole:{role}")],
        "availableResource": bucket(trial),
        "availabilityCondition": {"expression": condition},
    }]}});
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token", &own),
        ("options", &options.to_string()),
    ];
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let form = fields.map(|(name, value)| format!("{name}={}", encode(value))).join("&");
    let reply = trial.google.api.send("POST", &url, Payload::Form(form), None).await?;
    ensure!(reply.status == 200, "no token that may do less: {} {}", reply.status, told(&reply));
    let json = reply.json().unwrap_or_default();
    let token = json.get("access_token").and_then(Value::as_str).map(str::to_owned);
    token.context("no token that may do less: an answer without one")
}

fn bucket(trial: &Trial<'_>) -> String {
    format!("//storage.googleapis.com/projects/_/buckets/{}", trial.bucket)
}

/// Holds for the objects of ours.
fn objects(trial: &Trial<'_>) -> String {
    let Trial { bucket, prefix, .. } = trial;
    format!("resource.name.startsWith('projects/_/buckets/{bucket}/objects/{prefix}')")
}

/// Holds for listings below `prefix`.
fn listed(prefix: &str) -> String {
    format!(
        "api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('{prefix}')"
    )
}
