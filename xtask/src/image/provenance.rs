//! How an image came about: in-toto Statement 1 with the predicate of SLSA Provenance 1.
//!
//! It says nothing of the hour or the machine, so that the same build says the same.

use anyhow::Result;
use serde_json::{Value, json};

use super::assemble::{Base, Image};
use super::blob::digest;
use super::choice::Choice;
use crate::build::compile::{Built, profile};
use crate::build::flags::linkage;
use crate::build::toolchain::Toolchain;
use crate::workspace::Workspace;

/// Says what is built how.
const BUILD_TYPE: &str = "urn:strata:xtask:image:v1";

/// The statement about `image`, which `builder` made.
pub(crate) fn statement(
    workspace: &Workspace,
    image: &Image,
    built: &Built,
    toolchain: &Toolchain,
    base: (&Choice, &Base),
    (source, builder): (Option<&str>, &str),
) -> Result<Value> {
    let lock = std::fs::read(workspace.root.join("Cargo.lock"))?;
    let mut materials = vec![
        json!({"uri": "Cargo.lock", "digest": sha256(&digest(&lock))}),
        json!({"uri": "pkg:generic/rustc", "name": toolchain.version,
            "digest": {"gitCommit": toolchain.commit}}),
    ];
    if let Some((name, digest)) = &base.1.origin {
        materials.push(json!({"uri": name, "digest": sha256(digest)}));
    }
    if let Some(revision) = &image.revision {
        let uri = source.map_or("git".to_owned(), |it| format!("git+{it}"));
        let (commit, dirty) =
            revision.strip_suffix("-dirty").map_or((&**revision, false), |it| (it, true));
        materials.push(json!({"uri": uri, "digest": {"gitCommit": commit},
            "annotations": {"changedSince": dirty}}));
    }
    let target = &toolchain.target;
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": image.function, "digest": sha256(&image.manifest.digest)},
            {"name": format!("/app/{}", built.function), "digest": {"sha256": built.sha256}},
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"function": built.function, "target": target, "base": base.0.to_string()},
                "internalParameters": {"profile": profile(built.kind), "rustflags": linkage(target, built.kind).collect::<Vec<_>>()},
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": builder}},
        },
    }))
}

fn sha256(digest: &str) -> Value {
    json!({"sha256": digest.trim_start_matches("sha256:")})
}
