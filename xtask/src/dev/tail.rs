//! New lines of a file that another process appends to.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// A line that is longer is shown in pieces.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The most that is read at a time.
const READ_BYTES_MAX: u64 = 1024 * 1024;

/// Reads what comes.
pub(crate) struct Tail {
    path: PathBuf,
    read: u64,
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
}

impl Tail {
    /// From the beginning of `path`, which does not have to be there yet.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: 0, begun: Vec::new() }
    }

    /// The lines that have come since.
    pub(crate) fn lines(&mut self) -> io::Result<Vec<String>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(err) => return Err(err),
        };
        file.seek(SeekFrom::Start(self.read))?;
        self.read += file.take(READ_BYTES_MAX).read_to_end(&mut self.begun)? as u64;
        let mut lines = Vec::new();
        while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
            let rest = self.begun.split_off(end + 1);
            let line = std::mem::replace(&mut self.begun, rest);
            lines.push(String::from_utf8_lossy(&line[..end]).into_owned());
        }
        if self.begun.len() > LINE_BYTES_MAX {
            lines.push(String::from_utf8_lossy(&std::mem::take(&mut self.begun)).into_owned());
        }
        Ok(lines)
    }
}
