//! Tests of the commands, and of the repository as a whole.

mod added_kind;
mod bench;
mod build;
mod captured;
mod conditions;
mod conform;
mod container;
mod contents;
mod costs;
mod dag;
mod dev_lines;
#[cfg(unix)]
mod dev_runs;
#[cfg(unix)]
mod dev_stand_in;
mod dev_subscriptions;
mod dev_touch;
mod doctor;
mod edges;
mod emulator;
mod ends;
mod feeding;
mod fuzz;
mod help;
mod image;
mod interleavings;
mod invariants;
mod kills;
mod metadata;
mod mistakes;
mod modes;
mod new;
mod plan;
mod policies;
mod push;
mod registry;
mod registry_wire;
mod rights;
mod routes;
#[cfg(unix)]
mod runbooks;
mod scenarios;
mod schema;
mod settings;
mod size;
mod smoke;
#[cfg(unix)]
mod staged;
mod terraform;
mod tidy;
mod workflows;

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::Workspace;

/// The workspace that this crate belongs to.
fn workspace() -> Workspace {
    Workspace::read().unwrap()
}

/// Every file below the folder `below` of the workspace, by its name relative to the workspace
/// with `/` between the parts, in order.
fn files(root: &Path, below: &str) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    let mut folders = vec![root.join(below)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative = path.strip_prefix(root).unwrap();
                let parts = relative.iter().map(|part| part.to_str().unwrap());
                files.push((parts.collect::<Vec<_>>().join("/"), path.clone()));
            }
        }
    }
    files.sort();
    files
}
