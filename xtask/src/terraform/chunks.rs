//! The prefixes of grants, in chunks that fit a condition and that functions have in common.
//!
//! A bucket has one binding for all members with the same role under the same condition, title
//! included, and the size of its policy has a limit. So a class with a prefix for each segment or
//! index is cut in the same way whoever is granted it, and what is read and replaced is granted by
//! one role. One member has at most 20 conditional bindings of a role: small classes share chunks.
//! (IAM documentation, "Overview of IAM Conditions", "Limitations".)

use std::collections::{BTreeMap, BTreeSet};

use domain::{Class, Definitions};

use crate::metadata::{Function, word};
use crate::terraform::condition::OPERATORS_MAX;
use crate::terraform::grants::{exceptions, histories, prefixes, written};

/// Prefixes by the title of the condition that tests them.
pub(crate) type Chunks = BTreeMap<String, Vec<String>>;

/// A class with more prefixes has chunks of its own.
const POOLED_MAX: usize = 3;

/// The title of what is left: the small classes of a function.
const REST: &str = "rest";

/// What `function` is granted by each of the roles of `terraform/identities.tf`.
pub(crate) fn by_role(
    function: &Function,
    definitions: &Definitions,
) -> BTreeMap<&'static str, Chunks> {
    let reads = &function.metadata.reads;
    let (appends, writes) = written(function);
    let (rewrites, writes): (Vec<Class>, _) = writes.into_iter().partition(|it| reads.contains(it));
    let reads = reads.iter().copied().filter(|it| !rewrites.contains(it)).collect();
    let deletes = function.metadata.deletes.clone();
    let roles: [(&str, Vec<Class>); 5] = [
        ("append", appends),
        ("delete", deletes),
        ("read", reads),
        ("rewrite", rewrites),
        ("write", writes),
    ];
    let chunks = roles.map(|(role, classes)| (role, of(function, &classes, definitions)));
    chunks.into_iter().filter(|(_, it)| !it.is_empty()).collect()
}

/// The chunks of all history, for whoever appends to it from outside.
pub(crate) fn history(definitions: &Definitions) -> Chunks {
    let prefixes: BTreeSet<String> = histories(definitions).into_iter().collect();
    cut(word(Class::History), prefixes, definitions).collect()
}

fn of(function: &Function, classes: &[Class], definitions: &Definitions) -> Chunks {
    let mut chunks = Chunks::new();
    let mut rest = BTreeSet::new();
    for class in classes {
        let prefixes = prefixes(function, &[*class], definitions);
        if prefixes.len() > POOLED_MAX {
            chunks.extend(cut(word(*class), prefixes, definitions));
        } else {
            rest.extend(prefixes);
        }
    }
    chunks.extend(cut(REST, rest, definitions));
    chunks
}

/// As few chunks as take no more logical operators than a condition has.
fn cut(
    title: &str,
    prefixes: impl IntoIterator<Item = String>,
    definitions: &Definitions,
) -> impl Iterator<Item = (String, Vec<String>)> {
    let exceptions = exceptions(definitions);
    let mut chunks: Vec<Vec<String>> = Vec::new();
    let mut operators = 0;
    for prefix in prefixes {
        // `||` before it, but for the first; `&&` and `!` for each exception.
        let more = 1 + 2 * exceptions.get(&prefix).map_or(0, Vec::len);
        match chunks.last_mut() {
            Some(last) if operators + more <= OPERATORS_MAX => {
                last.push(prefix);
                operators += more;
            }
            _ => {
                chunks.push(vec![prefix]);
                operators = more - 1;
            }
        }
    }
    chunks.into_iter().enumerate().map(move |(at, some)| (format!("{title}-{at}"), some))
}
