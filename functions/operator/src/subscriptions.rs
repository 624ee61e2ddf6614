//! The subscriptions of an environment: one for each class that a function is fed with, and one for
//! its dead letters. Their names follow from what the handlers say of themselves; Terraform's come
//! from the same, and a test holds both together.

use domain::{Class, Env};
use store::Tools;

use crate::quarantine::retry::{FUNCTIONS, Sent, handler};
use crate::{Problem, Sending};

/// A push subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its name: `prod-index-writer-snapshot`.
    pub name: String,
    /// The function that is pushed to.
    pub function: &'static str,
}

impl Subscription {
    /// The name of the subscription in which its dead letters wait.
    pub fn dead(&self) -> String {
        format!("{}-dead", self.name)
    }
}

/// All of them.
pub fn subscriptions(env: Env, tools: &Tools) -> Vec<Subscription> {
    let of = |function: &'static str| {
        let handler = handler(function, (tools, &Sending::default()), Sent::default().into());
        let classes = handler.map(|it| it.fed_with()).unwrap_or_default();
        classes.iter().map(move |class| Subscription {
            name: format!("{env}-{function}-{}", word(*class)),
            function,
        })
    };
    FUNCTIONS.into_iter().flat_map(of).collect()
}

/// Those of the functions that `named` names; all when it names none.
pub(crate) fn of(env: Env, tools: &Tools, named: &[String]) -> Result<Vec<Subscription>, Problem> {
    if let Some(unknown) = named.iter().find(|it| !FUNCTIONS.contains(&it.as_str())) {
        let known = FUNCTIONS.join(", ");
        return Err(Problem::new(format!("no function {unknown:?}; there are {known}")));
    }
    let mut found = subscriptions(env, tools);
    found.retain(|it| named.is_empty() || named.iter().any(|name| name == it.function));
    Ok(found)
}

fn word(class: Class) -> &'static str {
    let named = Class::NAMES.iter().find(|(it, _)| *it == class);
    named.map_or("unnamed", |(_, word)| word)
}
