//! One object name of every class, for every kind of entity where the class belongs to one.

use domain::definitions::IndexKind;
use domain::{Class, Definitions, EntityDefinition, Env, ObjectName};

/// Names with their classes.
pub(crate) fn names(env: Env, definitions: &Definitions) -> Vec<(Class, ObjectName)> {
    let kinds = definitions.entities().flat_map(of_kind);
    let names = kinds.chain(SINGLE.map(str::to_owned));
    let parsed = names.filter_map(|name| ObjectName::parse(&format!("env/{env}/{name}")).ok());
    parsed.map(|name| (name.class(), name)).collect()
}

/// Of the classes that belong to no kind.
const SINGLE: [&str; 9] = [
    "indices/alerts/claim/c/a.json",
    "indices/alerts/sent/c/a.json",
    "indices/alerts/undelivered/c/a.json",
    "indices/alerts/ack/a.json",
    "indices/alerts/mute/a.json",
    "reports/alerts/r/e/a.json",
    "schemas/venture/v1.0.0.schema.json",
    "manifests/_jobs/index-build/r.json",
    "logs/audit/2025/01/02/a.json",
];

fn of_kind(kind: &EntityDefinition) -> Vec<String> {
    let EntityDefinition { segment, entity, .. } = kind;
    let mut names = vec![
        format!("{segment}/e/history/2025/01/02/a_b.json"),
        format!("snapshots/{segment}/e.json"),
        format!("manifests/{segment}/by-id/e.json"),
        format!("manifests/{segment}/changes/2025-01-02T03/e.json"),
        format!("manifests/{segment}/_index_shard=0a.ndjson"),
        format!("manifests/{segment}/_index.json"),
        format!("manifests/{segment}/export/part-0a.ndjson"),
        format!("indices/_repair/{segment}/e.json"),
        format!("indices/{segment}/_claims/e/p.json"),
        format!("indices/alerts/_state/{segment}/e.json"),
        format!("schemas/{entity}/entity.json"),
    ];
    names.extend(kind.indices.iter().map(|index| match index.kind() {
        IndexKind::Pointers => format!("indices/{segment}/{}/k/e.json", index.folder()),
        IndexKind::LatestBy => format!("indices/{segment}/{}/k.json", index.folder()),
        IndexKind::Bundle => format!("indices/{segment}/_bundle.json"),
    }));
    let functions = ["snapshot-builder", "index-writer"];
    names.extend(functions.map(|it| format!("reports/quarantine/{it}/{segment}/e/d.json")));
    names
}
