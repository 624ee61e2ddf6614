//! What is linked into a binary, as SPDX 2.3.
//!
//! Of the graph that cargo resolved only what is reached by normal dependencies, and of that only
//! what was built for the target: what the graph has for the sake of other binaries is left out, as
//! are build scripts and procedural macros.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, NodeDep, Package, PackageId};
use serde_json::{Value, json};

use super::assemble::About;
use crate::build::compile::Built;
use crate::build::toolchain::Toolchain;
use crate::workspace::Workspace;

/// The registry that crates come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What is not known here. (SPDX 2.3, "Package information".)
const UNKNOWN: &str = "NOASSERTION";

/// What cargo knows of all packages, and the digests of their archives.
pub(crate) struct Packages {
    metadata: Metadata,
    checksums: BTreeMap<(String, String), String>,
}

impl Packages {
    /// Asks cargo for the graph of `target`.
    pub(crate) fn read(workspace: &Workspace, target: &str) -> Result<Self> {
        let options = ["--locked", "--filter-platform", target].map(str::to_owned);
        let mut command = MetadataCommand::new();
        let metadata = command.current_dir(&workspace.root).other_options(options).exec()?;
        let lock = std::fs::read_to_string(workspace.root.join("Cargo.lock"))?;
        Ok(Self { metadata, checksums: checksums(&lock) })
    }

    /// All packages, by cargo's ids.
    #[cfg(test)]
    pub(crate) fn ids(&self) -> BTreeSet<String> {
        self.metadata.packages.iter().map(|it| it.id.repr.clone()).collect()
    }

    /// What `function` links: its package first, then the others by name.
    ///
    /// `libraries` are the packages that were built for the target.
    pub(crate) fn linked(
        &self,
        function: &str,
        libraries: &BTreeSet<String>,
    ) -> Result<Linked<'_>> {
        let resolved = self.metadata.resolve.as_ref().context("cargo resolved nothing")?;
        let nodes: BTreeMap<&PackageId, _> = resolved.nodes.iter().map(|it| (&it.id, it)).collect();
        let root = self.metadata.workspace_packages().into_iter().find(|it| *it.name == function);
        let root = root.with_context(|| format!("no package {function}"))?;
        let linked = |dependency: &&NodeDep| {
            let normal = dependency.dep_kinds.iter().any(|it| it.kind == DependencyKind::Normal);
            normal && libraries.contains(&dependency.pkg.repr)
        };
        let mut edges = BTreeSet::new();
        let mut seen = BTreeSet::from([&root.id]);
        let mut waiting = vec![&root.id];
        while let Some(id) = waiting.pop() {
            let node = nodes.get(id).with_context(|| format!("{id} is not in the graph"))?;
            for used in node.deps.iter().filter(linked) {
                edges.insert((id, &used.pkg));
                waiting.extend(seen.insert(&used.pkg).then_some(&used.pkg));
            }
        }
        let mut packages: Vec<&Package> = seen.into_iter().map(|id| &self.metadata[id]).collect();
        packages.sort_by_key(|it| (it.id != root.id, it.name.clone(), it.version.clone()));
        Ok(Linked { packages, edges })
    }

    fn describe(&self, package: &Package) -> Value {
        let (name, version) = (package.name.as_str(), package.version.to_string());
        let registry = package.source.as_ref().is_some_and(|it| it.repr == REGISTRY);
        let place = format!("https://static.crates.io/crates/{name}/{name}-{version}.crate");
        let mut text = json!({
            "SPDXID": id(package),
            "name": name,
            "versionInfo": version,
            "downloadLocation": if registry { place.as_str() } else { UNKNOWN },
            "filesAnalyzed": false,
            "licenseConcluded": UNKNOWN,
            // The older way to write a choice is none of SPDX.
            "licenseDeclared":
                package.license.as_ref().map_or(UNKNOWN.to_owned(), |it| it.replace('/', " OR ")),
            "copyrightText": UNKNOWN,
        });
        if registry {
            text["externalRefs"] = json!([{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": format!("pkg:cargo/{name}@{version}"),
            }]);
        }
        if let Some(checksum) = self.checksums.get(&(name.to_owned(), version)) {
            text["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": checksum}]);
        }
        text
    }
}

/// The packages of a binary, and which of them uses which.
pub(crate) struct Linked<'a> {
    pub(crate) packages: Vec<&'a Package>,
    edges: BTreeSet<(&'a PackageId, &'a PackageId)>,
}

/// The document about `built`.
pub(crate) fn document(
    packages: &Packages,
    linked: &Linked<'_>,
    built: &Built,
    about: &About,
    toolchain: &Toolchain,
) -> Value {
    const STANDARD: &str = "SPDXRef-rust-std";
    const BINARY: &str = "SPDXRef-binary";
    let relation = |from: &str, kind: &str, to: &str| json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to});
    let mut list = vec![json!({
        "SPDXID": BINARY,
        "name": format!("/app/{}", built.function),
        "versionInfo": about.version,
        "downloadLocation": about.source.as_deref().unwrap_or(UNKNOWN),
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": about.licenses.as_deref().unwrap_or(UNKNOWN),
        "copyrightText": UNKNOWN,
        "primaryPackagePurpose": "APPLICATION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": built.sha256}],
    })];
    list.extend(linked.packages.iter().map(|it| packages.describe(it)));
    list.push(json!({
        "SPDXID": STANDARD,
        "name": "rust-std",
        "versionInfo": toolchain.version,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": "MIT OR Apache-2.0",
        "copyrightText": UNKNOWN,
        "comment": format!("the standard library for {}, with its C library", toolchain.target),
    }));
    let ids: BTreeMap<_, _> = linked.packages.iter().map(|it| (&it.id, id(it))).collect();
    let mut relations = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", BINARY)];
    relations.extend(linked.packages.first().map(|it| relation(BINARY, "GENERATED_FROM", &id(it))));
    relations.push(relation(BINARY, "STATIC_LINK", STANDARD));
    let edge = |(from, to): &(&_, &_)| relation(&ids[from], "DEPENDS_ON", &ids[to]);
    relations.extend(linked.edges.iter().map(edge));
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": built.function,
        "documentNamespace": format!("https://spdx.org/spdxdocs/{}-{}", built.function, built.sha256),
        "creationInfo": {
            "created": about.created,
            "creators": [concat!("Tool: strata-xtask-", env!("CARGO_PKG_VERSION"))],
        },
        "packages": list,
        "relationships": relations,
    })
}

/// Letters, digits, dots and hyphens are all that an id may have.
fn id(package: &Package) -> String {
    let text = format!("SPDXRef-{}-{}", package.name, package.version);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    text.chars().map(|c| if plain(c) { c } else { '-' }).collect()
}

/// The digests in a `Cargo.lock`, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut checksums = BTreeMap::new();
    for part in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = part.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim_start_matches(" = ").trim_matches('"').to_owned())
        };
        if let (Some(name), Some(version), Some(checksum)) =
            (value("name"), value("version"), value("checksum"))
        {
            checksums.insert((name, version), checksum);
        }
    }
    checksums
}
