//! Which notifications a bucket emits and which of them reach which function.
//!
//! Derived from the functions' own metadata. Two notification configurations for each environment:
//! Cloud Storage takes ten for a bucket and event type. (Cloud Storage documentation, "Pub/Sub
//! notifications".)

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use domain::{Class, Env, ObjectName};
use emulator::Filter;

use crate::metadata::{Function, Kind, word};

/// One notification configuration of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notification {
    /// Where it is published.
    pub(crate) topic: String,
    /// The objects it is about.
    pub(crate) object_name_prefix: String,
}

/// One push subscription, without the place it pushes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The name of the subscription.
    pub(crate) subscription: String,
    /// The function that is pushed to.
    pub(crate) function: String,
    /// Where it subscribes.
    pub(crate) topic: String,
    /// What the topic is about.
    object_name_prefix: String,
    /// Which notifications of the topic it takes, in the very words of the subscription.
    pub(crate) filter: Filter,
}

impl Route {
    /// Whether a delivery about the object `name` comes this way.
    pub(crate) fn takes(&self, name: &str) -> bool {
        let attributes = BTreeMap::from([("objectId".to_owned(), name.to_owned())]);
        name.starts_with(&self.object_name_prefix) && self.filter.matches(&attributes)
    }
}

/// The notification configurations for `env`.
pub(crate) fn notifications(env: Env) -> [Notification; 2] {
    [changes(env), snapshots(env)]
}

/// Of everything under an environment.
fn changes(env: Env) -> Notification {
    Notification { topic: format!("{env}-changes"), object_name_prefix: format!("env/{env}/") }
}

/// Of snapshots alone, so that what follows from them needs no filter.
fn snapshots(env: Env) -> Notification {
    let object_name_prefix = format!("env/{env}/snapshots/");
    Notification { topic: format!("{env}-snapshots"), object_name_prefix }
}

/// The subscriptions for `env`: one for each class that a push function is fed with.
pub(crate) fn routes(functions: &[Function], env: Env) -> Result<Vec<Route>> {
    let fed = functions.iter().filter(|it| it.metadata.kind == Kind::Push);
    fed.flat_map(|it| it.metadata.fed_with.iter().map(|class| route(&it.name, *class, env)))
        .collect()
}

fn route(function: &str, class: Class, env: Env) -> Result<Route> {
    let (notification, filter) = match class {
        Class::History => (changes(env), none_of(&ObjectName::derived_prefixes(env))),
        Class::Snapshot => (snapshots(env), String::new()),
        Class::Alert => (changes(env), begins(&format!("env/{env}/reports/alerts/"))),
        other => bail!("function {function} is fed with {}, which no topic carries", word(other)),
    };
    let Notification { topic, object_name_prefix } = notification;
    Ok(Route {
        subscription: format!("{env}-{function}-{}", word(class)),
        function: function.to_owned(),
        topic,
        object_name_prefix,
        filter: Filter::parse(&filter)?,
    })
}

/// A filter for objects whose names begin with none of `prefixes`.
fn none_of(prefixes: &[String]) -> String {
    let clauses = prefixes.iter().map(|prefix| format!("NOT {}", begins(prefix)));
    clauses.collect::<Vec<_>>().join(" AND ")
}

/// A filter for objects whose names begin with `prefix`.
fn begins(prefix: &str) -> String {
    format!("hasPrefix(attributes.objectId, \"{prefix}\")")
}
