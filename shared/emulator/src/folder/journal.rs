//! The journal: one file to which every change is appended before it is made.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::disk::Disk;
use super::frame::{self, Found};
use super::record::Record;

/// The version of the format that is written and read.
const FORMAT: u64 = 1;

/// An open journal.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Why nothing can be appended any more.
    broken: Option<String>,
    disk: Arc<Disk>,
}

impl Journal {
    /// Opens or begins the journal at `path`, and reads what it says. The beginning of a record
    /// whose rest was never written is cut off: nobody was told that it was made.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written, is damaged, or was written by another version.
    pub(super) fn open(path: &Path, disk: Arc<Disk>) -> io::Result<(Self, Vec<Record>)> {
        let bytes = match fs::read(path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Bytes::new(),
            Err(err) => return Err(err),
        };
        let (records, end) = read(&bytes, path)?;
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        if end < bytes.len() {
            disk.cut(&file, end as u64)?;
        }
        let (path, bytes) = (path.to_owned(), end as u64);
        let mut journal = Self { path, file, bytes, broken: None, disk };
        if records.is_empty() {
            journal.append(&Record::Format(FORMAT))?;
        }
        Ok((journal, records))
    }

    /// Appends `record`: it is there wholly when this returns, and not at all when it fails.
    ///
    /// # Errors
    ///
    /// When it cannot be written. If the end of the file cannot be put right after that, all
    /// further calls fail too.
    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        if let Some(why) = &self.broken {
            return Err(io::Error::other(why.clone()));
        }
        let frame = encode(record);
        if let Err(err) = self.disk.append(&mut self.file, &frame) {
            if let Err(worse) = self.disk.cut(&self.file, self.bytes) {
                self.refuse(&format!("the journal cannot be written: {err}; {worse}"));
            }
            return Err(err);
        }
        self.bytes += frame.len() as u64;
        Ok(())
    }

    /// Lets all further calls fail.
    pub(super) fn refuse(&mut self, why: &str) {
        self.broken = Some(why.to_owned());
    }

    /// How long it is.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Replaces what it says by `records`, at once.
    pub(super) fn replace(&mut self, records: impl Iterator<Item = Record>) -> io::Result<()> {
        let path = self.path.with_extension("new");
        let mut bytes = 0;
        self.disk.write(&path, b"")?;
        let mut writer = io::BufWriter::new(File::create(&path)?);
        for record in std::iter::once(Record::Format(FORMAT)).chain(records) {
            let frame = encode(&record);
            bytes += frame.len() as u64;
            writer.write_all(&frame)?;
        }
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        drop(file);
        let file = OpenOptions::new().append(true).open(&path)?;
        self.disk.rename(&path, &self.path)?;
        (self.file, self.bytes) = (file, bytes);
        Ok(())
    }
}

fn encode(record: &Record) -> Vec<u8> {
    let (head, bodies) = record.encode();
    let bodies: Vec<&[u8]> = bodies.iter().map(AsRef::as_ref).collect();
    frame::encode(&head, &bodies)
}

/// Every record, without the first that says the format, and where the last one ends.
fn read(bytes: &Bytes, path: &Path) -> io::Result<(Vec<Record>, usize)> {
    let refused = |why: String| {
        let text = format!("{}: {why}; move the folder away, or begin a new one", path.display());
        io::Error::new(io::ErrorKind::InvalidData, text)
    };
    let mut records = Vec::new();
    let mut at = 0;
    loop {
        let (frame, next) = match frame::decode(bytes, at) {
            Found::Frame(frame, next) => (frame, next),
            Found::End | Found::Torn => return Ok((records, at)),
            Found::Damaged => return Err(refused(format!("damaged at byte {at}"))),
        };
        let record = Record::decode(&frame);
        let record = record.ok_or_else(|| refused(format!("not understood at byte {at}")))?;
        match (&record, at) {
            (Record::Format(FORMAT), 0) => (),
            (Record::Format(other), _) => {
                return Err(refused(format!("of format {other}, and not of format {FORMAT}")));
            }
            (_, 0) => return Err(refused("no journal of an emulator".to_owned())),
            _ => (),
        }
        records.push(record);
        at = next;
    }
}
