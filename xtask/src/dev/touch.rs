//! What a changed file touches: which functions are to be built, and why. Reads nothing but what
//! cargo says about the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Package};

/// Where entity definitions are.
pub(crate) const SCHEMAS: &str = "schemas";

/// Parts of a crate that no binary is made of.
const NOT_BUILT: [&str; 4] = ["tests", "tests.rs", "benches", "examples"];

/// The workspace as a watcher needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    /// Members by the folder that they are in, relative to the workspace.
    members: BTreeMap<PathBuf, String>,
    /// The members that each member is built with, directly or through others, itself included.
    uses: BTreeMap<String, BTreeSet<String>>,
    /// The functions that run.
    functions: BTreeSet<String>,
}

/// What changed files ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// Why each of these functions is built again.
    pub(crate) functions: BTreeMap<String, String>,
    /// The file because of which all functions start again with other definitions.
    pub(crate) definitions: Option<String>,
    /// The file because of which cargo is asked again what the workspace is.
    pub(crate) manifest: Option<String>,
}

impl Map {
    /// Reads what `packages` depend on.
    pub(crate) fn new<'a>(
        root: &Path,
        packages: &[Package],
        functions: impl Iterator<Item = &'a str>,
    ) -> Self {
        let name = |package: &Package| package.name.to_string();
        let names: BTreeSet<String> = packages.iter().map(name).collect();
        let direct = packages.iter().map(|package| {
            let built = package.dependencies.iter();
            let built = built.filter(|it| it.kind != DependencyKind::Development);
            // A path makes it a member, whatever else has the same name.
            let used = built.filter(|it| it.path.is_some() && names.contains(&it.name));
            (name(package), used.map(|it| it.name.clone()).collect())
        });
        let direct: BTreeMap<String, BTreeSet<String>> = direct.collect();
        let folder = |package: &Package| {
            let folder = package.manifest_path.parent()?.as_std_path();
            Some((folder.strip_prefix(root).ok()?.to_owned(), name(package)))
        };
        Self {
            members: packages.iter().filter_map(folder).collect(),
            uses: names.iter().map(|it| (it.clone(), closure(it, &direct))).collect(),
            functions: functions.map(str::to_owned).collect(),
        }
    }

    /// What the change of `file`, relative to the workspace, touches.
    pub(crate) fn touch(&self, file: &Path, touched: &mut Touched) {
        let shown = file.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        if is_noise(file) {
            return;
        }
        if file == Path::new("Cargo.toml") || file == Path::new("Cargo.lock") {
            touched.manifest.get_or_insert(shown);
            return;
        }
        if file.starts_with(SCHEMAS) {
            if name.ends_with(".json") {
                touched.definitions.get_or_insert(shown);
            }
            return;
        }
        let member = file.ancestors().find_map(|folder| Some((folder, self.members.get(folder)?)));
        let Some((folder, member)) = member else { return };
        let inside = file.strip_prefix(folder).unwrap_or(file);
        if inside == Path::new("Cargo.toml") {
            touched.manifest.get_or_insert(shown.clone());
        } else if !is_built(inside) {
            return;
        }
        for function in &self.functions {
            if self.uses.get(function).is_some_and(|uses| uses.contains(member)) {
                let because = format!("{shown} changed: {function} is built again");
                let because = match function == member {
                    true => because,
                    false => format!("{because} (it uses {member})"),
                };
                touched.functions.entry(function.clone()).or_insert(because);
            }
        }
    }
}

impl Touched {
    /// Whether there is anything to do.
    pub(crate) fn is_something(&self) -> bool {
        *self != Self::default()
    }
}

/// Whether something inside a crate becomes part of a binary.
fn is_built(inside: &Path) -> bool {
    let hidden = |part: &std::ffi::OsStr| NOT_BUILT.iter().any(|it| part == *it);
    let source = inside.starts_with("src") || inside == Path::new("build.rs");
    source && !inside.iter().any(hidden)
}

/// What editors and systems leave behind.
fn is_noise(file: &Path) -> bool {
    file.iter().any(|part| {
        let part = part.to_string_lossy();
        part.starts_with('.') || part.starts_with('#') || part.ends_with('~')
    })
}

/// Everything that `of` uses, directly or through others, and itself.
fn closure(of: &str, direct: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next = vec![of.to_owned()];
    // Ends: each member is entered once.
    while let Some(name) = next.pop() {
        if found.insert(name.clone()) {
            next.extend(direct.get(&name).into_iter().flatten().cloned());
        }
    }
    found
}
