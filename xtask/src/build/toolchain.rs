//! The compilers for a target, and what to do where one is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// Targets that need a C compiler of their own: ring is partly C.
pub(crate) const COMPILERS: [Compiler; 2] = [
    Compiler {
        target: "x86_64-unknown-linux-musl",
        command: "musl-gcc",
        packages: "musl-tools",
        linker: None,
    },
    Compiler {
        target: "aarch64-unknown-linux-musl",
        command: "aarch64-linux-gnu-gcc",
        packages: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
        linker: Some("rust-lld"),
    },
];

/// A C compiler for a target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compiler {
    target: &'static str,
    command: &'static str,
    /// The packages of Debian that it comes with.
    packages: &'static str,
    /// What links instead of the C compiler.
    linker: Option<&'static str>,
}

/// The Rust toolchain, with all that a target takes.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    /// The target triple.
    pub(crate) target: String,
    /// The first line of `rustc --version`.
    pub(crate) version: String,
    /// The commit of rustc.
    pub(crate) commit: String,
    /// The folder of the toolchain.
    pub(crate) sysroot: PathBuf,
    /// Variables by which cargo and the build of ring find C compiler and linker.
    pub(crate) variables: Vec<(String, String)>,
}

impl Toolchain {
    /// Looks for everything that `target` takes.
    ///
    /// # Errors
    ///
    /// What is missing, in one line, with the command that installs it.
    pub(crate) fn find(target: &str) -> Result<Self> {
        let verbose = rustc(&["-vV"])?;
        let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
        let library = rustc(&["--print", "target-libdir", "--target", target]);
        let library = library.with_context(|| {
            format!("no target {target:?}; `rustc --print target-list` says which there are")
        })?;
        let host = line(&verbose, "host: ")?;
        let compiler = COMPILERS.iter().find(|it| it.target == target && host != target);
        let own = format!("CC_{}", target.replace('-', "_"));
        let chosen = std::env::var_os(&own).is_some();
        let compiler_missing = compiler.filter(|it| !chosen && !on_path(it.command));
        if let Some(message) = missing(target, is_there(&library), compiler_missing, &own) {
            bail!("{message}");
        }
        let mut variables = Vec::new();
        if let Some(compiler) = compiler {
            let upper = target.replace('-', "_").to_uppercase();
            let linker = compiler.linker.map(str::to_owned);
            variables.extend(linker.map(|it| (format!("CARGO_TARGET_{upper}_LINKER"), it)));
            variables.extend((!chosen).then(|| (own, compiler.command.to_owned())));
        }
        Ok(Self {
            target: target.to_owned(),
            version: verbose.lines().next().unwrap_or_default().to_owned(),
            commit: line(&verbose, "commit-hash: ")?.to_owned(),
            sysroot,
            variables,
        })
    }
}

/// What is missing for `target`, and the command that installs all of it.
pub(crate) fn missing(
    target: &str,
    has_library: bool,
    compiler: Option<&Compiler>,
    variable: &str,
) -> Option<String> {
    let mut what = Vec::new();
    let mut commands = Vec::new();
    if !has_library {
        what.push("Rust's standard library".to_owned());
        commands.push(format!("rustup target add {target}"));
    }
    if let Some(Compiler { command, packages, .. }) = compiler {
        what.push(format!("the C compiler {command} (another one: set {variable})"));
        commands.push(format!("sudo apt-get install --no-install-recommends {packages}"));
    }
    (!what.is_empty()).then(|| {
        format!("{target} is missing {}; run: {}", what.join(" and "), commands.join(" && "))
    })
}

fn is_there(library: &str) -> bool {
    let entries = std::fs::read_dir(library.trim());
    entries.is_ok_and(|mut entries| entries.next().is_some())
}

fn on_path(command: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::is_file(&folder.join(command)))
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let output = Command::new("rustc").args(arguments).output().context("cannot start rustc")?;
    let problem = String::from_utf8_lossy(&output.stderr);
    let first = problem.lines().next().unwrap_or_default();
    ensure!(output.status.success(), "rustc {}: {first}", arguments.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn line<'a>(text: &'a str, begin: &str) -> Result<&'a str> {
    let found = text.lines().find_map(|line| line.strip_prefix(begin));
    found.with_context(|| format!("rustc -vV has no line {begin:?}"))
}
