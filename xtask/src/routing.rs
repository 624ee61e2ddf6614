//! Which notifications a bucket emits and which of them reach which function.
//!
//! Derived from the functions' own metadata. Two notification configurations for each environment:
//! Cloud Storage takes ten for a bucket and event type. (Cloud Storage documentation, "Pub/Sub
//! notifications".)

use anyhow::{Result, bail};
use domain::{Class, Env, ObjectName};

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
    /// Object name prefixes of which one must match; none means all match.
    pub(crate) include: Vec<String>,
    /// Object name prefixes that must not match.
    pub(crate) exclude: Vec<String>,
}

impl Route {
    /// Whether a delivery about the object `name` comes this way.
    pub(crate) fn takes(&self, name: &str) -> bool {
        let begins = |prefix: &String| name.starts_with(prefix);
        begins(&self.object_name_prefix)
            && (self.include.is_empty() || self.include.iter().any(begins))
            && !self.exclude.iter().any(begins)
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
    let (notification, include, exclude) = match class {
        Class::History => (changes(env), Vec::new(), ObjectName::derived_prefixes(env).to_vec()),
        Class::Snapshot => (snapshots(env), Vec::new(), Vec::new()),
        Class::Alert => (changes(env), vec![format!("env/{env}/reports/alerts/")], Vec::new()),
        other => bail!("function {function} is fed with {}, which no topic carries", word(other)),
    };
    let Notification { topic, object_name_prefix } = notification;
    Ok(Route {
        subscription: format!("{env}-{function}-{}", word(class)),
        function: function.to_owned(),
        topic,
        object_name_prefix,
        include,
        exclude,
    })
}
