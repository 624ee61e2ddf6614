//! What was looked at, and how it is.

use domain::Env;
use serde::Serialize;
use serde_json::Value;

use super::google::Look;
use crate::terraform::planned::Resource;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What it belongs to: `subscription prod-index-writer-snapshot`.
    pub(crate) subject: String,
    /// What of it: `filter`.
    pub(crate) aspect: String,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    /// The command that mends it, or lets it be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

/// How it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "what", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// As the plan says.
    Ok,
    /// Not as the plan says.
    Wrong(String),
    /// Nobody here can say.
    NotKnown(String),
}

/// Collects the checks of one subject.
#[derive(Debug)]
pub(crate) struct Subject {
    name: String,
    mend: Option<String>,
    pub(crate) checks: Vec<Check>,
}

impl Subject {
    /// What the resource of a plan stands for, which the plan of it alone would mend.
    pub(crate) fn of(kind: &str, name: &str, resource: &Resource, env: Env) -> Self {
        let mend = apply(env, &resource.address);
        Self { name: format!("{kind} {name}"), mend: Some(mend), checks: Vec::new() }
    }

    /// What no resource stands for.
    pub(crate) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), mend: None, checks: Vec::new() }
    }

    /// What is there; when there is nothing, or nobody may look, that is the one check.
    pub(crate) fn there(&mut self, look: Look) -> Option<Value> {
        match look {
            Look::Found(value) => Some(value),
            Look::Missing => {
                self.wrong("existence", "is missing".to_owned());
                None
            }
            Look::Unknown { why, mend } => {
                self.add("existence", Outcome::NotKnown(why), mend);
                None
            }
        }
    }

    /// Both say the same; what is empty on one side may be missing on the other.
    pub(crate) fn same(&mut self, aspect: &str, planned: &Value, there: &Value) {
        let (planned, there) = (plain(planned), plain(there));
        let is = planned == there;
        self.holds(aspect, is, || match planned {
            Value::Null => format!("is {}, and is not to be set", shown(&there)),
            _ => format!("is {}, not {}", shown(&there), shown(&planned)),
        });
    }

    /// `is` has to be so; otherwise `what` says how it is instead.
    pub(crate) fn holds(&mut self, aspect: &str, is: bool, what: impl FnOnce() -> String) {
        if is {
            self.add(aspect, Outcome::Ok, None);
        } else {
            self.wrong(aspect, what());
        }
    }

    /// Wrong, and mended by applying the plan.
    pub(crate) fn wrong(&mut self, aspect: &str, what: String) {
        self.add(aspect, Outcome::Wrong(what), self.mend.clone());
    }

    /// Adds a check.
    pub(crate) fn add(&mut self, aspect: &str, outcome: Outcome, mend: Option<String>) {
        let subject = self.name.clone();
        self.checks.push(Check { subject, aspect: aspect.to_owned(), outcome, mend });
    }
}

/// The commands that make one resource what the plan says.
pub(crate) fn apply(env: Env, address: &str) -> String {
    format!(
        "cargo xtask plan --env {env} --target '{address}' && cargo xtask deploy --env {env} \
         --without-smoke"
    )
}

/// Without the difference between what is empty and what is not there, which Google's JSON does not
/// make, nor that between a number and its digits: numbers of 64 bits are texts there.
fn plain(value: &Value) -> Value {
    match value {
        Value::Bool(false) => Value::Null,
        Value::Number(number) if number.as_f64() == Some(0.0) => Value::Null,
        Value::Number(number) => number.to_string().into(),
        Value::String(text) if text.is_empty() || text == "0" => Value::Null,
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, it)| (name.clone(), plain(it)));
            let fields: serde_json::Map<_, _> = fields.filter(|(_, it)| !it.is_null()).collect();
            if fields.is_empty() { Value::Null } else { Value::Object(fields) }
        }
        other => other.clone(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
