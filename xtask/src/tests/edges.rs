//! Which crate may use which: the table of crates, enforced.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Package};

use super::workspace;

/// What a crate of the workspace may use of the workspace. A new edge is an architectural change.
const EDGES: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("projection", &["domain"]),
    ("rules", &["domain"]),
    ("schema", &["domain"]),
    ("store", &["domain"]),
    ("gcp", &["domain", "store"]),
    ("cloud-run", &["domain", "store"]),
    // gcp reads secrets for it, and owns the only client of HTTP.
    ("egress", &["domain", "gcp"]),
    // Apart from cloud-run, so that what is pushed to has no command line.
    ("job", &["domain", "store", "cloud-run"]),
    // Not gcp: two readings of one API check each other.
    ("emulator", &["domain", "store"]),
    // Neither projection nor rules: its oracle shares nothing with what it judges.
    ("simulation", &["domain", "store", "emulator"]),
    // What functions are measured against has nothing of theirs.
    ("floor", &[]),
    // The functions as they ship, in the simulation: simulation itself knows none of them. The
    // jobs bring data along there between two releases, and are run beside everything else.
    (
        "fleet",
        &[
            "domain",
            "store",
            "schema",
            "cloud-run",
            "egress",
            "simulation",
            "alert-dispatcher",
            "index-writer",
            "manifest-compactor",
            "manifest-writer",
            "operator",
            "rules-engine",
            "snapshot-builder",
        ],
    ),
];

/// What a function may use of the workspace.
const FUNCTION: [&str; 9] =
    ["domain", "projection", "rules", "schema", "store", "gcp", "egress", "cloud-run", "job"];

/// What the operator may use besides: it runs the functions' own handlers, so that there is one way
/// in which a snapshot or a pointer comes about. The functions still do not know each other.
const OPERATED: [&str; 5] =
    ["alert-dispatcher", "index-writer", "manifest-writer", "rules-engine", "snapshot-builder"];

/// What only tests may use besides.
const TOOLS: [&str; 2] = ["emulator", "simulation"];

/// Third-party crates that bring a network, a server, a schema engine or a calendar, and the only
/// deployed crate that may use each.
const OWNERS: [(&str, &str); 8] = [
    ("chrono", "domain"),
    ("ulid", "domain"),
    ("jsonschema", "schema"),
    ("hyper", "gcp"),
    ("hyper-util", "gcp"),
    ("tokio-rustls", "gcp"),
    ("gcp_auth", "gcp"),
    ("axum", "cloud-run"),
];

/// Crates that are never deployed, and so may use what they need.
const NOT_DEPLOYED: [&str; 5] = ["emulator", "fleet", "floor", "simulation", "xtask"];

/// The feature that lets handlers take wrong turns.
const PLANTED: &str = "planted-bugs";

/// Crates that are never deployed, and turn [`PLANTED`] on. Others do so for their own tests.
const PLANTING: [&str; 2] = ["fleet", "simulation"];

#[test]
fn no_crate_uses_what_it_must_not() {
    let workspace = workspace();
    let members: BTreeSet<&str> = workspace.packages.iter().map(|it| it.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in workspace.packages.iter().filter(|it| *it.name != "xtask") {
        let name = package.name.as_str();
        let Some(normal) = allowed(&workspace.root, package) else {
            wrong.push(format!("{name} is not in the table of crates"));
            continue;
        };
        for dependency in &package.dependencies {
            let used = dependency.name.as_str();
            let in_tests = dependency.kind == DependencyKind::Development;
            let fine =
                normal.contains(&used) || (in_tests && (TOOLS.contains(&used) || used == name));
            // A pure crate's tests may not reach further than the crate either, tools apart.
            if members.contains(used) && !fine {
                wrong.push(format!("{name} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_heavy_crate_has_one_owner() {
    let workspace = workspace();
    let mut wrong = Vec::new();
    for package in workspace.packages.iter().filter(|it| !NOT_DEPLOYED.contains(&it.name.as_str()))
    {
        let normal =
            package.dependencies.iter().filter(|it| it.kind != DependencyKind::Development);
        for dependency in normal {
            let owner = OWNERS.iter().find(|(heavy, _)| *heavy == dependency.name);
            if let Some((heavy, owner)) = owner
                && *package.name != **owner
            {
                wrong.push(format!("{} uses {heavy}, which {owner} owns", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_that_is_deployed_plants_bugs() {
    let workspace = workspace();
    let mut wrong = Vec::new();
    for package in workspace.packages.iter().filter(|it| !PLANTING.contains(&it.name.as_str())) {
        let normal =
            package.dependencies.iter().filter(|it| it.kind != DependencyKind::Development);
        for dependency in normal.filter(|it| it.features.iter().any(|it| it == PLANTED)) {
            wrong.push(format!("{} turns it on for {}", package.name, dependency.name));
        }
        let by_another_name = |(feature, turns_on): (&String, &Vec<String>)| {
            feature != PLANTED && turns_on.iter().any(|it| it.rsplit('/').next() == Some(PLANTED))
        };
        if package.features.iter().any(by_another_name) {
            wrong.push(format!("{} has another feature that turns it on", package.name));
        }
    }
    assert!(wrong.is_empty(), "{PLANTED}: {wrong:#?}");
}

/// Features of gcp that nothing deployed may have: a large library, and roots of a stand-in.
const NOT_IN_FUNCTIONS: [&str; 2] = ["developer", "stand-in"];

#[test]
fn nothing_that_is_deployed_has_features_of_tools() {
    let workspace = workspace();
    let deployed = |it: &&Package| !NOT_DEPLOYED.contains(&it.name.as_str());
    let mut wrong = Vec::new();
    for package in workspace.packages.iter().filter(deployed) {
        let normal =
            package.dependencies.iter().filter(|it| it.kind != DependencyKind::Development);
        for dependency in normal.filter(|it| it.name == "gcp") {
            let of_tools = |it: &&String| NOT_IN_FUNCTIONS.contains(&it.as_str());
            wrong.extend(
                dependency
                    .features
                    .iter()
                    .filter(of_tools)
                    .map(|it| format!("{} turns {it} on for gcp", package.name)),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_version_is_in_the_root_manifest() {
    let workspace = workspace();
    let manifests = workspace.packages.iter().map(|it| it.manifest_path.as_std_path());
    for manifest in manifests {
        let text = std::fs::read_to_string(manifest).unwrap();
        let dependencies = text.split("dependencies]").skip(1);
        for line in dependencies.flat_map(|section| section.split("\n[").next().unwrap().lines()) {
            let own = line.contains('=') && !line.contains("workspace = true");
            assert!(!own || line.starts_with('#'), "{}: {line}", manifest.display());
        }
    }
}

fn allowed(root: &std::path::Path, package: &Package) -> Option<Vec<&'static str>> {
    if package.manifest_path.starts_with(root.join("functions")) {
        let operated: &[_] = if *package.name == "operator" { &OPERATED } else { &[] };
        return Some([&FUNCTION, operated].concat());
    }
    let edges = EDGES.iter().find(|(name, _)| *package.name == **name)?;
    Some(edges.1.to_vec())
}
