//! The rules in force, as they were last read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Env, Generation, Instant, ObjectName};
use projection::register;
use rules::condition::Wrong;
use rules::set::{NoRule, RuleSet};
use store::{Error, ErrorKind, Object, Tools};

use crate::RulesEngine;

/// The segment whose bundle holds the rules.
pub const RULES_SEGMENT: &str = "rules";

/// The rules in force as last read, for each environment.
#[derive(Default)]
pub struct RuleCache(Mutex<BTreeMap<Env, CachedRules>>);

/// The rules of one environment, and when they were read.
struct CachedRules {
    read_at: Instant,
    /// The version of the bundle; none when there was no bundle.
    version: Option<Generation>,
    rules: Arc<RuleSet>,
}

impl RuleCache {
    fn young(&self, env: Env, age_max: Duration, now: Instant) -> Option<Arc<RuleSet>> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cached = cache.get(&env)?;
        (now < cached.read_at.after(age_max)).then(|| Arc::clone(&cached.rules))
    }

    /// The rules of this version of the bundle, when it was the last to be read.
    fn of(&self, env: Env, version: Option<Generation>) -> Option<Arc<RuleSet>> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cached = cache.get(&env).filter(|cached| cached.version == version)?;
        Some(Arc::clone(&cached.rules))
    }

    fn keep(&self, env: Env, cached: CachedRules) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(env, cached);
    }
}

impl RulesEngine {
    /// The rules in force, read again if they are older than `age_max`.
    pub(crate) async fn rules(&self, env: Env, age_max: Duration) -> Result<Arc<RuleSet>, Error> {
        let now = self.tools.clock.now();
        if let Some(rules) = self.cache.young(env, age_max, now) {
            return Ok(rules);
        }
        let bundle = bundle(&self.tools, env).await?;
        let version = bundle.as_ref().map(|bundle| bundle.generation);
        let rules = match (self.cache.of(env, version), bundle) {
            // Reading it took one operation; its rules are prepared once.
            (Some(rules), _) => rules,
            (None, bundle) => Arc::new(prepared(bundle.as_ref(), env)?),
        };
        self.cache.keep(env, CachedRules { read_at: now, version, rules: Arc::clone(&rules) });
        Ok(rules)
    }
}

/// The rules in force, as their bundle has them now.
///
/// # Errors
///
/// The bundle cannot be read.
pub async fn rules_in_force(tools: &Tools, env: Env) -> Result<RuleSet, Error> {
    prepared(bundle(tools, env).await?.as_ref(), env)
}

async fn bundle(tools: &Tools, env: Env) -> Result<Option<Object>, Error> {
    tools.store.get(&name(env), None).await
}

/// The rules of a bundle. Not knowing the rules is not the same as having none.
fn prepared(bundle: Option<&Object>, env: Env) -> Result<RuleSet, Error> {
    let Some(bundle) = bundle else { return Ok(RuleSet::default()) };
    let unreadable =
        || Error::new(ErrorKind::Unavailable, format!("get {}: no register", name(env)));
    let members = register::members(&bundle.body).ok_or_else(unreadable)?;
    let (rules, refused) = RuleSet::read(&members);
    for NoRule { id, wrong } in &refused {
        let wrong = wrong.iter().map(Wrong::to_string).collect::<Vec<_>>().join("; ");
        tracing::warn!(rule = id, wrong, "a rule is not understood, and never holds");
    }
    Ok(rules)
}

fn name(env: Env) -> String {
    ObjectName::Bundle { env, segment: RULES_SEGMENT.to_owned() }.to_string()
}
