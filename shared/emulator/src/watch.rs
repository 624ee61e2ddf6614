//! Watches a folder for what people do to its files.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::buckets::Buckets;
use crate::folder::Folder;
use crate::restore::{adopt, adopt_below};

/// A file is taken up when nothing has happened to it for so long: until then it may be half
/// written.
const QUIET: Duration = Duration::from_millis(200);

/// What could not be taken up is kept to be told, so much of it.
const PROBLEMS_MAX: usize = 100;

/// Takes up files as long as it exists.
pub(crate) struct Watch {
    /// Dropped, it watches no longer.
    _watcher: RecommendedWatcher,
    task: JoinHandle<()>,
    touched: Arc<Touched>,
}

/// Files that something happened to, and when last.
#[derive(Default)]
struct Touched {
    files: Mutex<BTreeMap<String, Instant>>,
    problems: Mutex<Vec<String>>,
    more: Notify,
    ended: AtomicBool,
    /// Whether nothing is taken up yet.
    held: AtomicBool,
}

impl Watch {
    /// Begins, on the runtime that this is called in; takes nothing up before [`Watch::release`]
    /// if it is to be `held`.
    ///
    /// # Errors
    ///
    /// When the system does not let the folder be watched.
    pub(crate) fn begin(
        folder: Arc<Folder>,
        buckets: Arc<Buckets>,
        held: bool,
    ) -> io::Result<Self> {
        let touched = Arc::new(Touched { held: held.into(), ..Touched::default() });
        let ear = touched.clone();
        // Its files may have been there first.
        buckets.on_create(Box::new(move |name| ear.touch(std::iter::once(name.to_owned()))));
        // The system tells of files by their real names.
        let root = folder.root().canonicalize()?;
        let ear = touched.clone();
        let hear = move |event: notify::Result<notify::Event>| match event {
            Ok(event) if is_change(&event.kind) || event.need_rescan() => {
                let paths = event.paths.iter().filter_map(|path| relative(&root, path));
                ear.touch(paths);
                if event.need_rescan() {
                    ear.touch(std::iter::once(String::new()));
                }
            }
            Ok(_) => (),
            Err(err) => ear.problem(err.to_string()),
        };
        let mut watcher = notify::recommended_watcher(hear).map_err(io::Error::other)?;
        let watched = watcher.watch(folder.root(), RecursiveMode::Recursive);
        watched.map_err(io::Error::other)?;
        let task = tokio::spawn(follow(folder, buckets, touched.clone()));
        Ok(Self { _watcher: watcher, task, touched })
    }

    /// Takes up what has been done to files meanwhile, and from here on.
    pub(crate) fn release(&self) {
        if self.touched.held.swap(false, Ordering::Relaxed) {
            self.touched.touch(std::iter::once(String::new()));
        }
    }

    /// Ends, and lets go of the folder: what is being taken up is taken up to its end.
    pub(crate) async fn end(mut self) {
        self.touched.ended.store(true, Ordering::Relaxed);
        self.touched.more.notify_one();
        // It does not panic, and how it ends is all this could tell.
        drop((&mut self.task).await);
    }

    /// What could not be taken up before it began.
    pub(crate) fn add_problems(&self, problems: Vec<String>) {
        problems.into_iter().for_each(|problem| self.touched.problem(problem));
    }

    /// What could not be taken up since this was asked last.
    pub(crate) fn problems(&self) -> Vec<String> {
        std::mem::take(&mut *self.touched.problems.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Touched {
    fn touch(&self, paths: impl Iterator<Item = String>) {
        let now = Instant::now();
        self.files().extend(paths.map(|path| (path, now)));
        self.more.notify_one();
    }

    fn problem(&self, problem: String) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.len() < PROBLEMS_MAX {
            problems.push(problem);
        }
    }

    /// What has been quiet for long enough, and when to look again.
    fn take_quiet(&self) -> (Vec<String>, Option<Instant>) {
        if self.held.load(Ordering::Relaxed) {
            return (Vec::new(), None);
        }
        let mut files = self.files();
        let now = Instant::now();
        let quiet = files.iter().filter(|(_, at)| **at + QUIET <= now);
        let quiet: Vec<String> = quiet.map(|(path, _)| path.clone()).collect();
        files.retain(|_, at| *at + QUIET > now);
        (quiet, files.values().min().map(|at| *at + QUIET))
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn follow(folder: Arc<Folder>, buckets: Arc<Buckets>, touched: Arc<Touched>) {
    while !touched.ended.load(Ordering::Relaxed) {
        let (quiet, next) = touched.take_quiet();
        for path in quiet {
            let (folder, buckets, touched) = (folder.clone(), buckets.clone(), touched.clone());
            let work = move || take_up(&folder, &buckets, &touched, &path);
            // It does not panic, and if it did, the next file would be taken up all the same.
            drop(tokio::task::spawn_blocking(work).await);
        }
        match next {
            // Whether something is quiet or something more has happened: look again.
            Some(at) => drop(tokio::time::timeout_at(at, touched.more.notified()).await),
            None => touched.more.notified().await,
        }
    }
}

/// A file, or everything in or once in a folder.
fn take_up(folder: &Folder, buckets: &Buckets, touched: &Touched, path: &str) {
    let problems = match folder.root().join(path).is_file() {
        true => adopt(folder, buckets, path).err().into_iter().collect(),
        false => adopt_below(folder, buckets, path).unwrap_or_else(|err| vec![err.to_string()]),
    };
    problems.into_iter().for_each(|problem| touched.problem(problem));
}

fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => *kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// The path as the folder spells it; `None` for what is none of its files.
fn relative(root: &Path, path: &Path) -> Option<String> {
    let path = path.strip_prefix(root).ok()?.to_str()?.replace('\\', "/");
    let hidden = path.split('/').next().is_none_or(|first| first.starts_with('.'));
    (!hidden && !path.is_empty()).then_some(path)
}
