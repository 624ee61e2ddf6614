//! Watches the sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// The folders whose files count, all of them; of the root its own files do.
const WATCHED: [&str; 3] = ["functions", "shared", "schemas"];

/// Saving many files at once is one change.
const QUIET: Duration = Duration::from_millis(300);

/// Watches as long as it exists.
pub(crate) struct Watch {
    _watcher: RecommendedWatcher,
    changed: Arc<Mutex<Changed>>,
}

#[derive(Default)]
struct Changed {
    files: BTreeSet<PathBuf>,
    last: Option<Instant>,
}

impl Watch {
    /// Watches the workspace at `root`.
    pub(crate) fn begin(root: &Path) -> Result<Self> {
        let changed = Arc::new(Mutex::new(Changed::default()));
        let base = root.canonicalize()?;
        let ear = changed.clone();
        let hear = move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            let mut changed = ear.lock().unwrap_or_else(PoisonError::into_inner);
            let files = event.paths.iter().filter_map(|path| path.strip_prefix(&base).ok());
            changed.files.extend(files.map(Path::to_owned));
            changed.last = Some(Instant::now());
        };
        let mut watcher = notify::recommended_watcher(hear).context("sources are not watched")?;
        let folders = WATCHED.iter().map(|folder| (root.join(folder), RecursiveMode::Recursive));
        for (folder, mode) in folders.chain([(root.to_owned(), RecursiveMode::NonRecursive)]) {
            watcher.watch(&folder, mode).with_context(|| folder.display().to_string())?;
        }
        Ok(Self { _watcher: watcher, changed })
    }

    /// The files that changed, relative to the workspace, once nothing more happens to them.
    pub(crate) fn quiet(&mut self) -> Vec<PathBuf> {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.last.is_none_or(|last| last.elapsed() < QUIET) {
            return Vec::new();
        }
        changed.last = None;
        std::mem::take(&mut changed.files).into_iter().collect()
    }
}
