//! `cargo xtask new`: a function that builds, is tested and is routed at once.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// The longest name: Cloud Run takes 49 characters, and an environment stands in front of it.
/// (Cloud Run documentation, "Deploying container images".)
const NAME_BYTES_MAX: usize = 40;

/// Words that no crate can be called. (The Rust Reference, "Keywords".)
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates of the toolchain.
const TOOLCHAIN: [&str; 5] = ["alloc", "core", "proc_macro", "std", "test"];

/// The files of a function and what is in them, with `{{…}}` to be replaced.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("new/Cargo.toml.template")),
    ("src/main.rs", include_str!("new/main.rs.template")),
    ("src/handler.rs", include_str!("new/handler.rs.template")),
    ("src/tests.rs", include_str!("new/tests.rs.template")),
];

/// Makes a function that builds, is tested and is routed at once.
///
/// Writes functions/<NAME>: its manifest with the metadata that routing and deployment follow
/// from, a handler that reads the object and finds nothing to do, and a test.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask new score-keeper                      fed with snapshots
  cargo xtask new alert-counter --fed-with alert
  cargo test -p score-keeper                        passes
  cargo xtask replay specification                  delivers to it")]
pub(crate) struct Options {
    /// The name: a noun of lower-case letters, digits and single hyphens.
    name: String,
    /// The class of objects whose finalization is delivered to it.
    #[arg(long, value_enum, default_value = "snapshot")]
    fed_with: Feed,
}

/// Classes that a topic carries.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Feed {
    /// Records that writers append.
    History,
    /// The derived state of each entity.
    Snapshot,
    /// What rules found.
    Alert,
}

impl Feed {
    /// The word for the class, and an object of it, for the metadata and the test.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::History => (
                "history",
                "env/dev/ventures/V1/history/2025/11/06/2025-11-06T10:21:23.000Z_A.json",
            ),
            Self::Snapshot => ("snapshot", "env/dev/snapshots/ventures/V1.json"),
            Self::Alert => ("alert", "env/dev/reports/alerts/low-mrr/V1/A.json"),
        }
    }
}

/// Writes the function that `options` describe.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let workspace = Workspace::read()?;
    let name = &options.name;
    check_name(name)?;
    let taken = workspace.packages.iter().any(|package| *package.name == **name);
    ensure!(!taken, "there is a crate {name} already");
    let folder = write(&workspace.root, name, options.fed_with)?;
    // The order of `use` lines depends on the name.
    let formatted = workspace.cargo().args(["fmt", "--package", name]).status()?;
    ensure!(formatted.success(), "{} is there, but cargo fmt fails", folder.display());
    terminal.say(&format!(
        "{} is there. Next:\n  \
         cargo test -p {name}              passes\n  \
         cargo xtask replay specification   delivers to it\n  \
         cargo xtask terraform generate     deploys it\n  \
         cargo xtask terraform check --update\n\
         Then say in its Cargo.toml what it reads and writes and which scenario needs that \
         (needed-by),\nand in src/handler.rs what it does.\n\
         cargo xtask sim runs it once shared/fleet starts it and the oracle knows what it derives.",
        folder.display()
    ))?;
    Ok(true)
}

/// Writes `functions/{name}` below `root`; refuses one that is there.
pub(crate) fn write(root: &Path, name: &str, fed_with: Feed) -> Result<PathBuf> {
    let folder = root.join("functions").join(name);
    ensure!(!folder.exists(), "{} is there already", folder.display());
    let (class, object) = fed_with.words();
    for (file, template) in FILES {
        let text = template
            .replace("{{name}}", name)
            .replace("{{crate}}", &name.replace('-', "_"))
            .replace("{{type}}", &type_name(name))
            .replace("{{class}}", class)
            .replace("{{Class}}", &type_name(class))
            .replace("{{object}}", object);
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(folder)
}

/// Refuses what cargo, Cloud Run or an object name of quarantine would refuse.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || !name.split('-').all(plain) {
        bail!(
            "{name:?} is no name for a function: lower-case letters, digits and single hyphens, \
             beginning with a letter, such as score-keeper"
        );
    }
    ensure!(name.len() <= NAME_BYTES_MAX, "{name} is longer than {NAME_BYTES_MAX} characters");
    let reserved = KEYWORDS.contains(&name) || TOOLCHAIN.contains(&name);
    ensure!(!reserved, "{name} means something in Rust; no crate can be called that");
    Ok(())
}

/// `score-keeper` as the name of a type: `ScoreKeeper`.
fn type_name(name: &str) -> String {
    let capital = |part: &str| {
        let mut chars = part.chars();
        let first = chars.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    };
    name.split('-').map(capital).collect()
}
