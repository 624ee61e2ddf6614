//! What is promised of targets: each alert arrives at each of its targets at least once, under one
//! idempotency key, whatever the targets do; what one has not taken lies undelivered until it does.

use std::collections::{BTreeMap, BTreeSet};

use domain::json;
use serde_json::Value;

use super::Aftermath;

/// Whether everything has arrived, when nothing goes wrong any more and what was left has been sent
/// again.
pub(super) fn reached(aftermath: &Aftermath<'_>) -> Result<(), String> {
    let mut keys: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (post, _) in aftermath.posts {
        keys.entry((&post.alert, &post.host)).or_default().insert(&post.key);
    }
    if let Some((to, keys)) = keys.iter().find(|(_, keys)| keys.len() > 1) {
        return Err(format!("{to:?} was sent under {keys:?}"));
    }
    let all: BTreeSet<&&str> = keys.values().flatten().collect();
    if all.len() < keys.len() {
        return Err("two alerts or targets have one idempotency key".to_owned());
    }
    let left = aftermath.objects.keys().find(|it| it.contains("/indices/alerts/undelivered/"));
    if let Some(left) = left {
        return Err(format!("{left} is left, and its target takes everything"));
    }
    for (name, object) in aftermath.objects {
        if !name.starts_with("env/dev/reports/alerts/") {
            continue;
        }
        let alert = json::parse(&object.body).unwrap_or_default();
        if is_quiet(aftermath, name, &alert) {
            if let Some((post, _)) = aftermath.posts.iter().find(|(post, _)| post.alert == *name) {
                return Err(format!("{name} is of a bulk write and was sent to {}", post.host));
            }
            continue;
        }
        for host in hosts(&alert) {
            let has = |(post, arrived): &(crate::fleet::Post, bool)| {
                *arrived && post.alert == *name && post.host == host
            };
            if !aftermath.posts.iter().any(has) {
                return Err(format!("{name} never arrived at {host}"));
            }
        }
    }
    Ok(())
}

/// Whether an alert is of a bulk write, or says that one is over that was.
pub(super) fn is_quiet(aftermath: &Aftermath<'_>, name: &str, alert: &Value) -> bool {
    let is_bulk =
        |alert: &Value| ["seed", "restore", "migrate"].iter().any(|it| alert["origin"] == *it);
    let opening = name.rsplit_once('/').zip(alert["opened"].as_str());
    let opening = opening.map(|((folder, _), opened)| format!("{folder}/{opened}.json"));
    let opening = opening.and_then(|name| aftermath.objects.get(&name));
    let opening = opening.and_then(|opening| json::parse(&opening.body).ok());
    match alert["status"] == "resolved" {
        true => opening.as_ref().is_some_and(is_bulk),
        false => is_bulk(alert),
    }
}

/// The hosts of the targets of an alert.
fn hosts(alert: &Value) -> Vec<String> {
    let channels = alert["channels"].as_array().into_iter().flatten();
    let targets = channels.filter_map(|channel| channel["target"].as_str());
    let host = |target: &str| {
        let rest = target.strip_prefix("https://").unwrap_or(target);
        rest.split('/').next().unwrap_or_default().to_owned()
    };
    targets.map(host).collect()
}
