//! Cargo in the profiles of what is deployed, and what it says it built.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use cargo_metadata::{Artifact, Message};
use sha2::{Digest as _, Sha256};

use super::flags::Names;
use super::toolchain::Toolchain;
use crate::metadata::{Function, Kind};
use crate::workspace::Workspace;

/// The profile of functions that are pushed to, in the root `Cargo.toml`: a panic ends one delivery.
const PUSH_PROFILE: &str = "image";

/// That of jobs: a panic ends the process in any case, and nothing has to unwind.
const JOB_PROFILE: &str = "image-job";

/// The profile that a function is deployed in.
pub(crate) fn profile(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => PUSH_PROFILE,
        Kind::Job => JOB_PROFILE,
    }
}

/// Variables that no binary may depend on. (Cargo reference, "Environment Variables".)
const OF_A_PERSON: [&str; 3] = ["CARGO_INCREMENTAL", "RUSTC_BOOTSTRAP", "CARGO_BUILD_RUSTFLAGS"];

/// A binary, as it is deployed.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// The function.
    pub(crate) function: String,
    /// How it is started, which decides about the profile.
    pub(crate) kind: Kind,
    /// Where the binary is.
    pub(crate) path: PathBuf,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its digest, in hexadecimal.
    pub(crate) sha256: String,
    /// Nothing of it had changed since it was built.
    pub(crate) fresh: bool,
}

/// Binaries, and the packages whose libraries were built for their target, by cargo's ids.
pub(crate) struct Output {
    pub(crate) built: Vec<Built>,
    pub(crate) libraries: BTreeSet<String>,
}

/// Where something is built.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// The folder that cargo builds in.
    pub(crate) target: PathBuf,
    /// The folder of cargo's registry.
    pub(crate) cargo_home: PathBuf,
}

impl Place {
    /// The workspace, with the cargo of the environment.
    pub(crate) fn of(workspace: &Workspace) -> Result<Self> {
        Ok(Self {
            root: workspace.root.clone(),
            target: workspace.target.clone(),
            cargo_home: cargo_home()?,
        })
    }
}

/// The home of cargo as it finds it itself.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").filter(|it| !it.is_empty()).map(PathBuf::from);
    let usual = || std::env::home_dir().map(|it| it.join(".cargo"));
    set.or_else(usual).context("neither CARGO_HOME nor HOME is set")
}

/// Builds the binaries of `functions`.
///
/// # Errors
///
/// One that does not build, and one with a path of this machine in it.
pub(crate) fn compile(
    workspace: &Workspace,
    place: &Place,
    toolchain: &Toolchain,
    functions: &[Function],
) -> Result<Vec<Built>> {
    Ok(output(workspace, place, toolchain, functions)?.built)
}

/// The same, with what was linked.
pub(crate) fn output(
    workspace: &Workspace,
    place: &Place,
    toolchain: &Toolchain,
    functions: &[Function],
) -> Result<Output> {
    output_with(workspace, place, toolchain, functions, &[])
}

/// The same, with further `arguments` of cargo. What differs from what is deployed must be taken
/// from its place before the next build.
pub(crate) fn output_with(
    workspace: &Workspace,
    place: &Place,
    toolchain: &Toolchain,
    functions: &[Function],
    arguments: &[String],
) -> Result<Output> {
    let mut output = Output { built: Vec::new(), libraries: BTreeSet::new() };
    for kind in [Kind::Push, Kind::Job] {
        let of_kind: Vec<&Function> =
            functions.iter().filter(|it| it.metadata.kind == kind).collect();
        if !of_kind.is_empty() {
            let more = of_profile(workspace, place, toolchain, &of_kind, arguments)?;
            output.built.extend(more.built);
            output.libraries.extend(more.libraries);
        }
    }
    // As they were named.
    let at = |built: &Built| functions.iter().position(|it| it.name == built.function);
    output.built.sort_by_key(at);
    Ok(output)
}

/// The same of functions that have one profile.
fn of_profile(
    workspace: &Workspace,
    place: &Place,
    toolchain: &Toolchain,
    functions: &[&Function],
    arguments: &[String],
) -> Result<Output> {
    let kind = functions.first().map_or(Kind::Push, |it| it.metadata.kind);
    let names = Names::new(&place.root, &place.cargo_home, &toolchain.sysroot, &toolchain.commit);
    let target = &toolchain.target;
    let mut cargo = workspace.cargo();
    cargo.current_dir(&place.root).args(["build", "--locked", "--profile", profile(kind)]);
    cargo.args(["--message-format=json-render-diagnostics", "--target", target]);
    cargo.arg("--target-dir").arg(&place.target);
    // All packages decide about features, whichever are built: else what is built along with a
    // binary would change it.
    for function in workspace.functions()? {
        cargo.args(["--package", &function.name]);
    }
    for function in functions {
        cargo.args(["--bin", &function.name]);
    }
    std::env::vars_os().map(|it| it.0).filter(|it| is_of_a_person(it)).for_each(|name| {
        cargo.env_remove(name);
    });
    cargo.args(arguments);
    cargo.env("CARGO_HOME", &place.cargo_home);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", names.rustflags(target, kind)).env_remove("RUSTFLAGS");
    cargo.env(format!("CFLAGS_{}", target.replace('-', "_")), names.cflags());
    cargo.env("CC_SHELL_ESCAPED_FLAGS", "1");
    cargo.envs(toolchain.variables.iter().map(|(name, value)| (name, value)));
    let child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the functions do not build");
    let artifacts = artifacts(&output.stdout)?;
    let mut built = Vec::new();
    for function in functions {
        built.push(binary((&function.name, kind), &artifacts, &names)?);
    }
    let libraries = libraries(&artifacts, &place.target.join(target));
    Ok(Output { built, libraries })
}

/// Whether a variable changes binaries by what somebody likes: the profile, or features of the
/// compiler that are not released.
pub(crate) fn is_of_a_person(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PROFILE_") || OF_A_PERSON.contains(&&*name)
}

fn artifacts(messages: &[u8]) -> Result<Vec<Artifact>> {
    let mut artifacts = Vec::new();
    for message in Message::parse_stream(messages) {
        if let Message::CompilerArtifact(artifact) = message? {
            artifacts.push(artifact);
        }
    }
    Ok(artifacts)
}

fn binary((function, kind): (&str, Kind), artifacts: &[Artifact], names: &Names) -> Result<Built> {
    let found = artifacts.iter().find(|it| it.executable.is_some() && it.target.name == function);
    let found = found.and_then(|it| Some((it.executable.as_ref()?, it.fresh)));
    let (path, fresh) =
        found.with_context(|| format!("function {function} has no binary of its own name"))?;
    let path = PathBuf::from(path);
    let content = fs::read(&path).with_context(|| path.display().to_string())?;
    let traces = names.traces();
    if let Some(folder) = first_of(traces.iter().map(String::as_str), &content) {
        bail!("{function}: the binary has the path {folder} of this machine in it");
    }
    Ok(Built {
        function: function.to_owned(),
        kind,
        path,
        bytes: content.len() as u64,
        sha256: hex(&Sha256::digest(&content)),
        fresh,
    })
}

/// The packages with a library below `folder`: those built for the host are elsewhere.
fn libraries(artifacts: &[Artifact], folder: &Path) -> BTreeSet<String> {
    let here = |it: &&Artifact| it.filenames.iter().any(|file| file.starts_with(folder));
    artifacts.iter().filter(here).map(|it| it.package_id.repr.clone()).collect()
}

/// Digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The one of `paths` that is somewhere in `content`. All of them begin alike, and most bytes do
/// not.
pub(crate) fn first_of<'a>(
    paths: impl Iterator<Item = &'a str>,
    content: &[u8],
) -> Option<&'a str> {
    let paths: Vec<&str> = paths.filter(|it| !it.is_empty()).collect();
    let firsts: BTreeSet<u8> = paths.iter().map(|it| it.as_bytes()[0]).collect();
    let mut places = Vec::new();
    for first in firsts {
        places.extend(content.iter().enumerate().filter(|(_, it)| **it == first).map(|it| it.0));
    }
    paths.into_iter().find(|it| places.iter().any(|at| content[*at..].starts_with(it.as_bytes())))
}

/// Two digests that should be equal, by function.
pub(crate) type Differences = BTreeMap<String, (String, String)>;

/// What differs between two lists of binaries of the same functions.
pub(crate) fn differences(here: &[Built], there: &[Built]) -> Differences {
    let there: BTreeMap<_, _> = there.iter().map(|it| (&it.function, &it.sha256)).collect();
    let pairs = here.iter().map(|it| (it, there.get(&it.function).map_or("", |it| it.as_str())));
    let different = pairs.filter(|(here, there)| here.sha256 != *there);
    different
        .map(|(it, there)| (it.function.clone(), (it.sha256.clone(), there.to_owned())))
        .collect()
}
