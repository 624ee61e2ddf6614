//! Long and foreign names in the attributes of notifications.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use gcp::Payload;
use serde_json::{Value, json};

use super::Trial;
use crate::doctor::google::{Service, encode, told};

/// The longest name of an object, in bytes. (Cloud Storage documentation, "About objects".)
const NAME_BYTES_MAX: usize = 1024;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Whether the name that comes is the one that was written.
pub(super) async fn carried(trial: &Trial<'_>) -> Result<String> {
    let project = &trial.google.project;
    let digits: String = trial.prefix.chars().filter(char::is_ascii_digit).collect();
    let id = format!("{}-doctor-{digits}", trial.env);
    let path = format!("/v1/projects/{}/subscriptions/{}", encode(project), encode(&id));
    let body = json!({
        "topic": format!("projects/{project}/topics/{}-changes", trial.env),
        "filter": format!("hasPrefix(attributes.objectId, \"{}\")", trial.name("names/")),
        // Should it stay, it is gone in a day.
        "expirationPolicy": {"ttl": "86400s"},
        "messageRetentionDuration": "600s",
    });
    call(trial, "PUT", &path, Payload::Json(body)).await?;
    let answer = written_and_told(trial, &path).await;
    let removed = call(trial, "DELETE", &path, Payload::Nothing).await;
    let answer = answer?;
    removed.map_err(|err| err.context(format!("gcloud pubsub subscriptions delete {id}")))?;
    Ok(answer)
}

async fn written_and_told(trial: &Trial<'_>, subscription: &str) -> Result<String> {
    let long = trial.name("names/");
    let long = format!("{long}{}", "x".repeat(NAME_BYTES_MAX - long.len()));
    let foreign = trial.name("names/Grüße 東京 🚀 %41+&=\"'");
    let begun_at = trial.clock.now();
    let until = begun_at.after(trial.wait_max);
    let mut missing = BTreeSet::from([long, foreign]);
    for name in &missing {
        trial.create(name).await?;
    }
    let mut others = BTreeSet::new();
    while !missing.is_empty() && trial.clock.now() < until {
        for name in pulled(trial, subscription).await? {
            if !missing.remove(&name) {
                others.insert(name);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    let took_ms = trial.clock.now().unix_millis() - begun_at.unix_millis();
    match missing.first() {
        None => Ok(format!("yes, byte for byte, within {took_ms} ms")),
        Some(name) => Ok(format!(
            "no: {} of 2 came otherwise or not at all within {took_ms} ms, first {name:?}; what \
             came: {others:?}",
            missing.len()
        )),
    }
}

/// The names in the messages that wait, which are taken away.
async fn pulled(trial: &Trial<'_>, subscription: &str) -> Result<Vec<String>> {
    let body = Payload::Json(json!({"maxMessages": 10, "returnImmediately": true}));
    let page = call(trial, "POST", &format!("{subscription}:pull"), body).await?;
    let messages = page["receivedMessages"].as_array().cloned().unwrap_or_default();
    if !messages.is_empty() {
        let taken: Vec<&Value> = messages.iter().map(|it| &it["ackId"]).collect();
        let body = Payload::Json(json!({"ackIds": taken}));
        call(trial, "POST", &format!("{subscription}:acknowledge"), body).await?;
    }
    let name = |it: &Value| it.pointer("/message/attributes/objectId")?.as_str().map(str::to_owned);
    Ok(messages.iter().filter_map(name).collect())
}

async fn call(trial: &Trial<'_>, method: &str, path: &str, payload: Payload) -> Result<Value> {
    let url = trial.google.url(Service::PubSub, path);
    let reply = trial.google.api.send(method, &url, payload, None).await?;
    ensure!(reply.status == 200, "{method} {path}: {} {}", reply.status, told(&reply));
    Ok(reply.json().unwrap_or_default())
}
