//! Embeds the entity definitions and JSON Schemas of `schemas/`: what a program needs of each kind
//! before it meets one of its entities, and the texts for when it does, without white space.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde_json::Value;

#[path = "src/digest.rs"]
#[expect(dead_code, unreachable_pub, reason = "the crate has more use for it, and exports it")]
mod digest;

/// One JSON file of a kind.
struct File {
    kind: String,
    name: String,
    text: String,
}

fn main() -> io::Result<()> {
    let manifest_dir = PathBuf::from(required("CARGO_MANIFEST_DIR")?);
    let schemas = manifest_dir.join("../../schemas").canonicalize()?;
    writeln!(io::stdout(), "cargo::rerun-if-changed={}", schemas.display())?;
    let mut files = Vec::new();
    for folder in sorted(&schemas)?.into_iter().filter(|path| path.is_dir()) {
        for path in sorted(&folder)? {
            let text = fs::read_to_string(&path)?;
            files.push(File { kind: file_name(&folder), name: file_name(&path), text });
        }
    }
    let code = code(&files).map_err(io::Error::other)?;
    fs::write(Path::new(&required("OUT_DIR")?).join("definitions.rs"), code)
}

fn code(files: &[File]) -> Result<String, fmt::Error> {
    let mut code = String::from("static KINDS: &[Embedded] = &[\n");
    for file in files.iter().filter(|file| file.name == "entity.json") {
        let (kind, segment, text) = (&file.kind, file.segment(), file.compact());
        writeln!(
            code,
            "    Embedded {{ entity: {kind:?}, segment: {segment:?}, text: {text:?} }},"
        )?;
    }
    code.push_str("];\nstatic SCHEMAS: &[(&str, &str, &str)] = &[\n");
    for file in files {
        if let Some(version) = file.schema_version() {
            writeln!(code, "    ({:?}, {version:?}, {:?}),", file.kind, file.compact())?;
        }
    }
    let paths: Vec<String> = files.iter().map(|it| format!("{}/{}", it.kind, it.name)).collect();
    let named = paths.iter().zip(files);
    let parts: Vec<&[u8]> =
        named.flat_map(|(path, file)| [path.as_bytes(), file.text.as_bytes()]).collect();
    let digest = digest::hex(&digest::sha256(&parts), 16);
    writeln!(code, "];\nconst DIGEST: &str = {digest:?};")?;
    Ok(code)
}

impl File {
    /// A file that is no JSON stays as it is: what is wrong with it is said by whoever reads it,
    /// such as `schema check`, which could not be built otherwise.
    fn compact(&self) -> String {
        let value = serde_json::from_str::<Value>(&self.text);
        value.map_or_else(|_| self.text.clone(), |value| value.to_string())
    }

    fn segment(&self) -> String {
        let value = serde_json::from_str::<Value>(&self.text).unwrap_or_default();
        value["segment"].as_str().unwrap_or_default().to_owned()
    }

    fn schema_version(&self) -> Option<&str> {
        self.name.strip_prefix('v')?.strip_suffix(".schema.json")
    }
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
