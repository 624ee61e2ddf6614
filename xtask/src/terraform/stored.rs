//! The IAM policy of the bucket as it is stored, and how large that is.
//!
//! There is one binding for all members with the same role under the same condition, title and
//! description included: so the provider sends it. (Google provider, sources: `MergeBindings`.)

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::terraform::planned::{Planned, Resource};

/// The largest policy that the plan of one environment may make. Google says "a few 10s of KB" and no
/// number: this is the upper end of what that can mean. Environments that share a bucket add up, and
/// whether it takes them only a real one can say. While a condition changes, its bindings are there
/// twice.
/// (Cloud Storage documentation, "Buckets: setIamPolicy".)
pub(crate) const BYTES_MAX: usize = 64 * 1024;

/// Stands for a member whom only the apply tells: an account that Google makes.
const LATER: &str =
    "serviceAccount:bqcx-100000000000-0000@gcp-sa-bigquery-condel.iam.gserviceaccount.com";

/// The policy in the JSON of the API, with what this plan grants and nothing else.
pub(crate) fn policy(planned: &Planned) -> Value {
    let mut bindings: BTreeMap<(&str, [&str; 3]), BTreeSet<&str>> = BTreeMap::new();
    let mut bucket = "";
    for it in grants(planned) {
        bucket = it.text("/bucket");
        let condition = ["title", "description", "expression"];
        let condition = condition.map(|field| it.text(&format!("/condition/0/{field}")));
        let member = Some(it.text("/member")).filter(|it| !it.is_empty());
        bindings.entry((it.text("/role"), condition)).or_default().insert(member.unwrap_or(LATER));
    }
    let bindings =
        bindings.into_iter().map(|((role, [title, description, expression]), members)| {
            let mut binding = json!({ "role": role, "members": members });
            if !expression.is_empty() {
                binding["condition"] = json!({ "title": title, "expression": expression });
            }
            if !description.is_empty() {
                binding["condition"]["description"] = json!(description);
            }
            binding
        });
    json!({
        "kind": "storage#policy",
        "resourceId": format!("projects/_/buckets/{bucket}"),
        "version": 3,
        "etag": "CAE=",
        "bindings": bindings.collect::<Vec<_>>(),
    })
}

/// The bytes of [`policy`].
pub(crate) fn bytes(planned: &Planned) -> usize {
    policy(planned).to_string().len()
}

/// How large it is, for people.
pub(crate) fn text(planned: &Planned) -> String {
    let policy = policy(planned);
    let bindings = policy["bindings"].as_array().map_or(0, Vec::len);
    format!("bucket's IAM policy: {bindings} bindings, {} KB", kilobytes(planned))
}

/// [`bytes`] in thousands.
pub(crate) fn kilobytes(planned: &Planned) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a policy has less than 2^52 bytes")]
    let thousands = bytes(planned) as f64 / 1000.0;
    format!("{thousands:.1}")
}

fn grants(planned: &Planned) -> impl Iterator<Item = &Resource> {
    planned.bucket_grants()
}
