//! A plan that is kept, so that policies can be tested where there is no Terraform.
//!
//! One resource for each line: what a change of `terraform/` does shows in its difference.

use anyhow::Result;
use domain::Env;
use serde_json::Value;

use crate::terraform::planned::{Planned, Resource};

/// The environment that uses everything.
pub(crate) const ENV: Env = Env::Prod;

/// Where it is, from the root.
pub(crate) const FILE: &str = "xtask/src/tests/plans/prod.jsonl";

/// The kinds whose tables are kept; all others are alike.
const KINDS: [&str; 2] = ["kpis", "reports"];

/// Of what there is one for each kind.
const PER_KIND: [&str; 2] = ["google_bigquery_table", "google_bigquery_data_transfer_config"];

/// The text of the file.
pub(crate) fn text(planned: &Planned) -> Result<String> {
    let mut text = String::new();
    for resource in planned.resources.iter().filter(|it| is_kept(it)) {
        let kept = Resource { values: reduced(resource.values.clone()), ..resource.clone() };
        text.push_str(&serde_json::to_string(&kept)?);
        text.push('\n');
    }
    Ok(text)
}

/// Reads it.
pub(crate) fn read(text: &str) -> Result<Planned> {
    let lines = text.lines().map(serde_json::from_str);
    Ok(Planned { resources: lines.collect::<Result<_, _>>()? })
}

fn is_kept(resource: &Resource) -> bool {
    !PER_KIND.contains(&resource.sort.as_str())
        || KINDS.iter().any(|it| resource.address.contains(&format!("[\"{it}")))
}

/// Without what is null or empty. An empty text stays: it means "never" for a subscription.
fn reduced(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().map(|(name, it)| (name, reduced(it)));
            let empty = |it: &Value| match it {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(fields) => fields.is_empty(),
                _ => false,
            };
            Value::Object(kept.filter(|(_, it)| !empty(it)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(reduced).collect()),
        other => other,
    }
}
