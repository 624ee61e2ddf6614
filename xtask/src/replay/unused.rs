//! Which of the prefixes that are granted no request has been about.
//!
//! A class is granted by its prefixes, and may be needed for the sake of one of them.

use std::collections::BTreeSet;

use domain::Definitions;

use super::rights::{CREATE, GET, Request};
use crate::metadata::Function;
use crate::terraform::grants;

/// The prefixes of `functions` below the environment that none of `granted` is about, one line each;
/// and of how many.
pub(crate) fn unused(
    functions: &[Function],
    definitions: &Definitions,
    granted: &BTreeSet<Request>,
) -> (Vec<String>, usize) {
    let (mut unused, mut all) = (Vec::new(), 0);
    for function in functions {
        let metadata = &function.metadata;
        for (verb, permission, classes) in
            [("read", GET, &metadata.reads), ("write", CREATE, &metadata.writes)]
        {
            for prefix in grants::prefixes(function, classes, definitions) {
                all += 1;
                let is_used = granted.iter().any(|it| {
                    it.function == function.name
                        && it.permission == permission
                        && it.name.starts_with(&prefix)
                });
                if !is_used {
                    unused.push(format!("{} {verb} {prefix}", function.name));
                }
            }
        }
    }
    (unused, all)
}
