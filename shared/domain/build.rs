//! Embeds the entity definitions and JSON Schemas of `schemas/` as a list of path and text.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest_dir = PathBuf::from(required("CARGO_MANIFEST_DIR")?);
    let schemas = manifest_dir.join("../../schemas").canonicalize()?;
    writeln!(io::stdout(), "cargo::rerun-if-changed={}", schemas.display())?;
    let mut code = String::from("const FILES: &[(&str, &str)] = &[\n");
    for kind in sorted(&schemas)?.iter().filter(|path| path.is_dir()) {
        for file in sorted(kind)? {
            let name = format!("{}/{}", file_name(kind), file_name(&file));
            writeln!(code, "    ({name:?}, include_str!({:?})),", file.display().to_string())
                .map_err(io::Error::other)?;
        }
    }
    code.push_str("];\n");
    fs::write(Path::new(&required("OUT_DIR")?).join("definitions.rs"), code)
}

fn required(variable: &str) -> io::Result<String> {
    #[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts this way")]
    env::var(variable).map_err(io::Error::other)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.is_dir() || path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
