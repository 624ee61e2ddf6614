//! What a plan must and must not say. Each policy has a name, and a mistake in the tests that it
//! catches.

mod bucket;
mod deliveries;
mod feeding;
mod identities;
mod queries;
mod services;
mod standing;

use std::fmt;

use anyhow::{Context as _, Result};
use domain::{Definitions, Env};
use serde_json::Value;

use crate::metadata::{Function, Kind};
use crate::routing::{self, Route};
use crate::terraform::access::Access;
use crate::terraform::planned::{Planned, Resource};

/// A plan, and what the code says about what is deployed.
pub(crate) struct Case<'a> {
    pub(crate) env: Env,
    pub(crate) planned: &'a Planned,
    pub(crate) functions: &'a [Function],
    pub(crate) definitions: &'a Definitions,
    routes: Vec<Route>,
    access: Access,
}

/// A rule about plans.
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    /// What goes wrong otherwise.
    pub(crate) why: &'static str,
    /// One line for each thing that is wrong.
    check: fn(&Case<'_>) -> Vec<String>,
}

/// Something that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) policy: &'static str,
    pub(crate) what: String,
    pub(crate) why: &'static str,
}

/// Every policy.
pub(crate) fn policies() -> impl Iterator<Item = &'static Policy> {
    let files = [
        bucket::POLICIES,
        deliveries::POLICIES,
        feeding::POLICIES,
        services::POLICIES,
        identities::POLICIES,
        queries::POLICIES,
        standing::POLICIES,
    ];
    files.into_iter().flatten()
}

/// Everything that is wrong.
pub(crate) fn findings(case: &Case<'_>) -> Vec<Finding> {
    policies().flat_map(|it| it.findings(case)).collect()
}

impl Policy {
    /// What is wrong by this policy alone.
    pub(crate) fn findings(&self, case: &Case<'_>) -> Vec<Finding> {
        let wrong = (self.check)(case).into_iter();
        wrong.map(|what| Finding { policy: self.name, what, why: self.why }).collect()
    }
}

impl<'a> Case<'a> {
    /// The plan of `env`. Fails when a condition in it cannot be understood.
    pub(crate) fn new(
        env: Env,
        planned: &'a Planned,
        functions: &'a [Function],
        definitions: &'a Definitions,
    ) -> Result<Self> {
        let access = Access::of(planned).context("the plan has a grant that cannot be checked")?;
        let routes = routing::routes(functions, env)?;
        Ok(Self { env, planned, functions, definitions, routes, access })
    }

    /// The functions that are pushed to.
    fn pushed(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().filter(|it| it.metadata.kind == Kind::Push)
    }

    /// The subscriptions that push.
    fn pushing(&self) -> impl Iterator<Item = &Resource> {
        self.planned
            .of("google_pubsub_subscription")
            .filter(|it| !it.each("/push_config").is_empty())
    }

    /// The one of a type whose `field` is `value`.
    fn named(&self, sort: &str, field: &str, value: &str) -> Option<&Resource> {
        self.planned.of(sort).find(|it| it.text(field) == value)
    }

    /// What the bindings call the identity of a function.
    fn member(&self, function: &str) -> String {
        let account = format!("{}-{function}", self.env);
        let account = self.named("google_service_account", "/account_id", &account);
        account.map_or_else(String::new, |it| it.text("/member").to_owned())
    }

    /// Whether a binding of the type `sort` on `field` = `value` gives `role` to someone for whom
    /// `member` holds.
    fn bound(&self, sort: &str, field: &str, value: &str, role: &str, member: &str) -> bool {
        self.planned.of(sort).any(|it| {
            it.text(field) == value
                && it.text("/role") == role
                && it.text("/member").contains(member)
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.policy, self.what, self.why)
    }
}

/// The texts of a list.
fn texts<'a>(resource: &'a Resource, pointer: &str) -> Vec<&'a str> {
    resource.each(pointer).iter().filter_map(Value::as_str).collect()
}

/// A line for each of `resources` for which `wrong` has something to say.
fn lines<'a>(
    resources: impl Iterator<Item = &'a Resource>,
    wrong: impl Fn(&Resource) -> Option<String>,
) -> Vec<String> {
    resources.filter_map(|it| wrong(it).map(|what| format!("{} {what}", it.address))).collect()
}
