//! Which object names a function may read and write: prefixes that IAM conditions can test.
//!
//! A class that lies between other classes (manifests beside shards) gets one prefix for each
//! segment, so that a function is refused what its metadata does not name.

use std::collections::{BTreeMap, BTreeSet};

use domain::definitions::IndexKind;
use domain::{Class, Definitions, EntityDefinition, Mark};

use crate::metadata::{Function, Kind, word};

/// Folders that lie where the history of a kind lies too: that of `reports`.
const BESIDE_HISTORY: [&str; 2] = ["reports/alerts/", "reports/quarantine/"];

/// The prefixes below `env/{env}/` of everything in `classes`, in order.
pub(crate) fn prefixes(
    function: &Function,
    classes: &[Class],
    definitions: &Definitions,
) -> Vec<String> {
    let all = classes.iter().flat_map(|class| of_class(function, *class, definitions));
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether objects of `class` are created and then stay as they are: who writes them is granted
/// nothing that replaces or deletes one.
pub(crate) fn is_appended(class: Class) -> bool {
    class == Class::History
}

/// The classes that `function` appends to, and those in which it replaces objects.
pub(crate) fn written(function: &Function) -> (Vec<Class>, Vec<Class>) {
    function.metadata.writes.iter().partition(|class| is_appended(**class))
}

/// What a grant on a prefix leaves out, because it belongs to another class.
pub(crate) fn exceptions(definitions: &Definitions) -> BTreeMap<String, Vec<String>> {
    let mut exceptions = BTreeMap::new();
    for history in histories(definitions) {
        let inside = BESIDE_HISTORY.iter().filter(|it| it.starts_with(&history));
        let inside: Vec<String> = inside.map(|it| (*it).to_owned()).collect();
        if !inside.is_empty() {
            exceptions.insert(history, inside);
        }
    }
    exceptions
}

/// Where the history of each kind lies.
pub(crate) fn histories(definitions: &Definitions) -> Vec<String> {
    per_kind(definitions, |it| vec![format!("{}/", it.segment)])
}

/// The classes of which `function` may delete objects: those that it replaces, and those that it only
/// deletes.
pub(crate) fn deleted(function: &Function) -> Vec<Class> {
    let (_, replaces) = written(function);
    [replaces.as_slice(), &function.metadata.deletes].concat()
}

/// What each function may do with objects, as a table in Markdown.
pub(crate) fn table(functions: &[Function], definitions: &Definitions) -> String {
    let mut lines = vec![
        "| function | lists | reads | appends | writes | deletes | prefixes read, appended, written, deleted |"
            .to_owned(),
        "| --- | --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    lines.extend(functions.iter().map(|function| {
        let (reads, deletes) = (&function.metadata.reads, &function.metadata.deletes);
        let (appends, writes) = written(function);
        let words = |classes: &[Class]| match classes {
            [] => "nothing".to_owned(),
            some => some.iter().map(|it| word(*it)).collect::<Vec<_>>().join(", "),
        };
        let count = |classes: &[Class]| prefixes(function, classes, definitions).len();
        format!(
            "| {} | everything | {} | {} | {} | {} | {}, {}, {}, {} |",
            function.name,
            words(reads),
            words(&appends),
            words(&writes),
            words(deletes),
            count(reads),
            count(&appends),
            count(&writes),
            count(deletes)
        )
    }));
    lines.join("\n")
}

fn of_class(function: &Function, class: Class, definitions: &Definitions) -> Vec<String> {
    let one = |prefix: &str| vec![prefix.to_owned()];
    let segments = |before: &str, after: &str| {
        per_kind(definitions, |it| vec![format!("{before}{}/{after}", it.segment)])
    };
    match class {
        Class::History => histories(definitions),
        Class::Snapshot => one("snapshots/"),
        Class::Manifest => segments("manifests/", "by-id/"),
        Class::Journal => segments("manifests/", "changes/"),
        Class::Shard => segments("manifests/", "_index_shard="),
        Class::ShardIndex => segments("manifests/", "_index.json"),
        Class::Export => segments("manifests/", "export/"),
        Class::Pointer => indices(definitions, IndexKind::Pointers),
        Class::Register => indices(definitions, IndexKind::LatestBy),
        Class::Bundle => indices(definitions, IndexKind::Bundle),
        Class::RepairWanted => one("indices/_repair/"),
        Class::Claim => segments("indices/", "_claims/"),
        Class::AlertState => one("indices/alerts/_state/"),
        Class::Alert => one("reports/alerts/"),
        Class::AlertMark | Class::AlertSilence => {
            let of = Mark::ALL.into_iter();
            let of = of.filter(|mark| mark.is_of_a_person() == (class == Class::AlertSilence));
            of.map(|mark| format!("indices/alerts/{}/", mark.as_str())).collect()
        }
        Class::Quarantine => match function.metadata.kind {
            Kind::Push => vec![format!("reports/quarantine/{}/", function.name)],
            Kind::Job => one("reports/quarantine/"),
        },
        Class::Schema | Class::Definition => one("schemas/"),
        Class::JobProgress => one("manifests/_jobs/"),
        Class::Audit => one("logs/audit/"),
    }
}

fn per_kind(
    definitions: &Definitions,
    prefixes: impl Fn(&EntityDefinition) -> Vec<String>,
) -> Vec<String> {
    definitions.entities().flat_map(prefixes).collect()
}

/// The folders of the indices of one sort; of a bundle, its one object.
fn indices(definitions: &Definitions, sort: IndexKind) -> Vec<String> {
    per_kind(definitions, |kind| {
        let indices = kind.indices.iter().filter(|it| it.kind() == sort);
        let name = |folder: String| match sort {
            IndexKind::Bundle => format!("indices/{}/_bundle.json", kind.segment),
            _ => format!("indices/{}/{folder}/", kind.segment),
        };
        indices.map(|it| name(it.folder())).collect()
    })
}
