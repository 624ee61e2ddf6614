//! What rustc and the C compiler are told, so that a binary says nothing about where it was built.

use std::path::Path;

use crate::metadata::Kind;

/// What comes after the folder of the workspace, of cargo or of the toolchain in the path of a source.
const BELOW: [&str; 7] =
    ["functions", "shared", "target", "xtask", "registry", "git", "lib/rustlib"];

/// Folders of a builder's machine, and what stands for them in binaries.
pub(crate) struct Names(Vec<(String, String)>);

impl Names {
    /// The folders of the workspace, of cargo and of the toolchain, whose rustc is of `commit`.
    ///
    /// Of several that fit rustc takes the last; the home of cargo may lie in the workspace.
    pub(crate) fn new(root: &Path, cargo_home: &Path, sysroot: &Path, commit: &str) -> Self {
        let sources = sysroot.join("lib/rustlib/src/rust");
        let mut names = Vec::new();
        for (folder, name) in [
            (root, "/strata".to_owned()),
            (cargo_home, "/cargo".to_owned()),
            (sysroot, "/toolchain".to_owned()),
            // The standard library as it was built says the same.
            (&sources, format!("/rustc/{commit}")),
        ] {
            let given = folder.display().to_string();
            let real = folder.canonicalize().map(|it| it.display().to_string());
            if let Some(real) = real.ok().filter(|real| *real != given) {
                names.push((real, name.clone()));
            }
            names.push((given, name));
        }
        Self(names)
    }

    /// What may not occur in a binary: the folders, or where one is called like a part of many
    /// paths, as `/src` is, what is below it.
    pub(crate) fn traces(&self) -> Vec<String> {
        let folders = self.0.iter().filter(|(folder, name)| folder != name);
        let traces = folders.flat_map(|(folder, _)| {
            let short = folder.trim_start_matches('/').split('/').count() == 1;
            let below =
                BELOW.iter().filter(move |_| short).map(move |it| format!("{folder}/{it}/"));
            below.chain((!short).then(|| folder.clone()))
        });
        traces.collect()
    }

    /// The flags of rustc for `target`, as `CARGO_ENCODED_RUSTFLAGS` takes them.
    pub(crate) fn rustflags(&self, target: &str, kind: Kind) -> String {
        let mut flags: Vec<String> = linkage(target, kind).map(str::to_owned).collect();
        let rename = |(folder, name): &_| format!("--remap-path-prefix={folder}={name}");
        flags.extend(self.0.iter().map(rename));
        flags.join("\u{1f}")
    }

    /// The flags of the C compiler, quoted as a shell reads them.
    pub(crate) fn cflags(&self) -> String {
        let quoted = |text: &str| text.replace('\'', r"'\''");
        let rename = |(folder, name): &(String, String)| {
            format!("'-ffile-prefix-map={}={name}'", quoted(folder))
        };
        self.0.iter().map(rename).collect::<Vec<_>>().join(" ")
    }
}

/// How a binary for `target` is made. A static binary at a fixed address needs no relocation at
/// its start, which halves the time until it listens. The linker is that of the toolchain: it folds
/// functions that have the same code, and the binary does not depend on another one that a machine
/// happens to have.
///
/// With frame pointers a function says once how it is unwound, not after each register that it saves:
/// the tables are a quarter smaller. A job unwinds nothing and has tables of the standard library alone,
/// which is built already; without frame pointers they were larger than what was saved.
pub(crate) fn linkage(target: &str, kind: Kind) -> impl Iterator<Item = &'static str> {
    let fixed = target.contains("-linux-musl");
    let flags = [
        "-Crelocation-model=static",
        "-Ctarget-feature=+crt-static",
        "-Cforce-frame-pointers=yes",
        "-Clinker=rust-lld",
        "-Clink-arg=--icf=all",
    ];
    let without = (kind == Kind::Job).then_some("-Cforce-unwind-tables=no");
    flags.into_iter().chain(without).filter(move |_| fixed)
}
