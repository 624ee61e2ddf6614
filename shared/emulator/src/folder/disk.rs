//! Everything that a folder does to its files, one step after the other, so that tests can let
//! the process end between any two of them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
#[cfg(test)]
use std::sync::atomic::{AtomicU64, Ordering};

/// Does it.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// The steps that are made before all others fail.
    #[cfg(test)]
    lifetime: Option<AtomicU64>,
}

impl Disk {
    /// Fails after so many steps, and ever after: as if the process had ended.
    #[cfg(test)]
    pub(super) fn with_lifetime(steps: u64) -> Self {
        Self { lifetime: Some(AtomicU64::new(steps)) }
    }

    /// Creates or replaces a file.
    pub(super) fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.step().and_then(|()| fs::write(path, content)).map_err(|err| named(path, &err))
    }

    /// Appends to an open file: all of it, or, when it fails, some of it.
    pub(super) fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if let Err(err) = self.step() {
            // What a process leaves behind that ends in the middle of a write.
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(err);
        }
        file.write_all(bytes)
    }

    /// Cuts off what was appended in part.
    pub(super) fn cut(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.step()?;
        file.set_len(bytes)
    }

    /// Moves a file to its place, at once.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step().and_then(|()| fs::rename(from, to)).map_err(|err| named(to, &err))
    }

    /// Makes a folder and those above it.
    pub(super) fn make_folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        self.step().and_then(|()| fs::create_dir_all(path)).map_err(|err| named(path, &err))
    }

    /// Removes a file if it is there.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        match self.step().and_then(|()| fs::remove_file(path)) {
            Err(err) if !is_missing(&err) => Err(named(path, &err)),
            _ => Ok(()),
        }
    }

    #[cfg(not(test))]
    fn step(&self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self) -> io::Result<()> {
        let Some(lifetime) = &self.lifetime else { return Ok(()) };
        let left =
            lifetime.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| io::Error::other("the process has ended"))
    }
}

/// Nothing is there, perhaps because a file is where a folder would have to be.
pub(super) fn is_missing(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The error with the file that it is about.
pub(super) fn named(path: &Path, err: &io::Error) -> io::Error {
    io::Error::new(err.kind(), format!("{}: {err}", path.display()))
}
